"""The filters of lm-eval, which read an answer out of a response, taken step by step on every repeat."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from hotmess.answers import PATTERNS, from_completions
from hotmess.answers.completions import by_patterns, can_use, nth_match
from hotmess.errors import Notice
from hotmess.read.lm_eval.columns import Run
from hotmess.read.log import How, mapping

__all__ = ["answered", "rules"]


def rules(run: Run, chosen: str, how: How) -> tuple[list[Mapping[str, Any]] | None, list[Notice]]:
    """The steps of the chosen filter, or nothing where they cannot be taken here."""
    if not run.known:
        what = f"no results file lies beside `{run.file.shown}`; answers and targets are read by hotmess' own patterns"
        return None, [Notice("no-results", what, "put results_*.json of the same time beside it")]
    steps = [step for step in _few(run.filters.get(chosen)) if mapping(step).get("function") not in _LAST_STEPS]
    if how.pattern or all(
        mapping(step).get("function") in _STEPS and can_use(str(step.get("regex_pattern", ""))) for step in steps
    ):
        return steps, []
    own = ", ".join(PATTERNS)
    found = f"the filter `{chosen}` of {run.task} cannot be repeated here; answers are read by hotmess' own patterns ({own})"
    return None, [Notice("own-patterns", found, "--pattern 'ANSWER: (.*)', or another filter: --scorer NAME")]


_MOST = 30  # steps of a filter, or patterns to ignore
_SHORT = 20  # characters of a text that may be the answer itself
_LAST_STEPS = ("take_first", "take_first_k", "majority_vote")  # which of the repeats are kept: here all are
_STEPS = ("regex", "remove_whitespace", "lowercase", "uppercase")


def answered(frame: pl.DataFrame, rules: list[Mapping[str, Any]] | None, run: Run, how: How) -> pl.DataFrame:
    """The frame with answers read from what was `said`, written the way that the metric compares them."""
    if "said" not in frame.columns:
        return frame
    frame = frame.rename({"said": "completion"})
    if how.pattern is None and rules is not None:
        answer = pl.col("completion")
        for step in rules:
            answer = _step(answer, step)
        unread = pl.when(answer.is_null()).then(pl.lit("the filter found nothing"))
        frame = frame.with_columns(answer=answer.str.strip_chars(), reason=unread)
    elif not run.known and "target" in frame.columns:
        frame = frame.with_columns(target=pl.coalesce(by_patterns(pl.col("target")), "target"))
    short = pl.when(pl.col("completion").str.len_chars() <= _SHORT).then(pl.col("completion").str.strip_chars())
    frame = from_completions(frame.with_columns(_short=short).lazy(), how.pattern).collect()
    if not run.known and how.pattern is None:
        frame = frame.with_columns(answer=pl.coalesce("answer", "_short"))
    frame = frame.drop("_short")
    alike = [_alike(pl.col(name), run.metric).alias(name) for name in ("answer", "target") if name in frame.columns]
    status = pl.when(pl.col("answer").is_null()).then(pl.lit("invalid")).otherwise(pl.lit("ok"))
    return frame.with_columns(*alike).with_columns(status=status)


def _few(listed: Any) -> list[Any]:
    """What a task lists, if it is a list; each item nests an expression, which a hostile log could do without end."""
    return listed[:_MOST] if isinstance(listed, list) else []


def _step(text: pl.Expr, step: Mapping[str, Any]) -> pl.Expr:
    """One step of a filter."""
    match step["function"]:
        case "regex":
            return nth_match(text, str(step.get("regex_pattern", r"#### (\-?[0-9\.\,]+)")), int(step.get("group_select", 0)))
        case "lowercase":
            return text.str.to_lowercase()
        case "uppercase":
            return text.str.to_uppercase()
        case _:
            return text.str.strip_chars_start()


def _alike(text: pl.Expr, metric: Mapping[str, Any]) -> pl.Expr:
    """Text as the metric sees it: exact_match may ignore patterns, case and punctuation."""
    for pattern in _few(metric.get("regexes_to_ignore")):
        if can_use(str(pattern)):
            text = text.str.replace_all(str(pattern), "")
    text = text.str.to_lowercase() if metric.get("ignore_case") else text
    text = text.str.replace_all(r"[[:punct:]]", "") if metric.get("ignore_punctuation") else text
    return text.str.strip_chars()
