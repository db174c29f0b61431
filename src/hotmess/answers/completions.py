r"""Answers read from raw completions, by patterns that are tried in this order; the last match of the first that matches counts.

    answer-tags    ``<answer> … </answer>``
    answer-line    ``ANSWER: …`` to the end of its line, in any case, with or without bold
    boxed          ``\boxed{…}``
    hashes         ``#### …``, as GSM8K has it
    answer-is      ``the answer is …`` to the end of its sentence
    letter         the last letter that stands for itself, such as ``(B)`` or ``B.``: only where there are options
    pattern        your own, instead of all these: its first group, or all of it

The regular expressions are those of Rust: their time is linear in the text, so neither a hostile log nor a hasty pattern can
hang the reader. What could not be read has a `reason`; it is never dropped.
"""

from typing import Any

import polars as pl

from hotmess.errors import UsageError

__all__ = ["MARKERS", "PATTERNS", "WRAPPED", "by_patterns", "can_use", "from_completions", "nth_match"]

PATTERNS = {
    "answer-tags": r"(?is)<answer>\s*(.*?)\s*</answer>",
    "answer-line": r"(?im)\banswer\b\**\s*:\s*\**\s*(\S[^\n]*?)\s*$",
    "boxed": r"\\boxed\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}",
    "hashes": r"(?m)^\s*####\s*(\S[^\n]*?)\s*$",
    "answer-is": r"(?im)\banswer\s+is\b\s*:?\s*\**\s*(\S[^\n]*?)\s*(?:[.;,](?:\s|$)|\bbecause\b|\bsince\b|$)",
}
_LETTER = r"(?m)(?:^|[\s(\[*\"'])([A-Z])(?:[)\].,:*\"']|\s*$)"
MARKERS = (  # upper and lower case are spelt out, which is twice as fast as a search without case
    r"\b(?:[Ww]ait\b|[Hh]mm+\b|[Hh]old on|[Oo]n second thought|[Aa]ctually,"
    r"|[Ll]et me (?:re-?check|double.?check|reconsider|re-?think))"
)
_WAIT = r"\bWait\b"
WRAPPED = r"\\(?:boxed|text|textbf|mathrm)\s*\{([^{}]*)\}"  # TeX around an answer, at most two deep
TRIMMED = " \t\r\n*_`\"'$.,;"


def nth_match(text: pl.Expr, pattern: str, place: int) -> pl.Expr:
    """The first group that holds something (or all) of match number `place` of a pattern, negative ones from the end."""
    match = text.str.extract_all(pattern).list.get(place, null_on_oob=True)
    groups = [match.str.extract(pattern, group) for group in range(1, _groups(pattern) + 1)]
    held = [pl.when(group != "").then(group) for group in groups]
    return pl.coalesce(held) if held else match


def can_use(pattern: str) -> bool:
    """Whether a regular expression has no look-around and no back-reference."""
    try:
        _groups(pattern)
    except UsageError:
        return False
    return True


def _groups(pattern: str) -> int:
    try:
        found: dict[str, Any] = pl.Series([""]).str.extract_groups(pattern).struct.schema
    except (pl.exceptions.PolarsError, ValueError) as problem:
        raise UsageError(
            f"`{pattern}` is no regular expression that can be used: {str(problem).splitlines()[0][:120]}",
            why="look-around and back-references have no linear time",
            hint=r"--pattern 'ANSWER: ([A-J])'",
        ) from problem
    return len(found)


_FACTS = {
    "completion_hash": pl.col("completion").hash(),
    "output_chars": pl.col("completion").str.len_chars().cast(pl.Int64),
    "wait_count": pl.col("completion").str.count_matches(_WAIT).cast(pl.Int64),
    "backtrack_count": pl.col("completion").str.count_matches(MARKERS).cast(pl.Int64),
}


def from_completions(frame: pl.LazyFrame, pattern: str | None = None, *, answers: bool = True) -> pl.LazyFrame:
    """The frame with what its column `completion` tells: answers where there are none yet, lengths, markers, a hash.

    With `answers`, they are read where the frame has none; with a `pattern`, in any case.

    Adds `completion_hash`, `output_chars`, `wait_count`, `backtrack_count`, and `answer` with the `reason` where none could be
    read; drops `completion`, so that no text is kept.
    """
    names = frame.collect_schema().names()
    if "completion" not in names:
        return frame
    text = pl.col("completion")
    known = {name: pl.col(name) if name in names else pl.lit(None) for name in ("answer", "reason", *_FACTS)}
    facts = {name: pl.when(text.is_not_null()).then(fact).alias(name) for name, fact in _FACTS.items()}
    for name in ("output_chars", "wait_count"):  # what was counted before stands
        facts[name] = pl.coalesce(known[name].cast(pl.Int64), facts[name]).alias(name)
    for name in ("completion_hash", "backtrack_count"):  # rows without a text may have been told by a log of theirs
        facts[name] = pl.coalesce(facts[name], known[name]).alias(name)
    frame = frame.with_columns(facts.values())
    if pattern is not None or (answers and "answer" not in names):
        frame = frame.with_columns(_answer(names, pattern).alias("answer"))
        unread = pl.col("answer").is_null()
        empty = text.is_null() | (text.str.strip_chars() == "")
        why = pl.when(empty).then(pl.lit("empty completion")).otherwise(pl.lit("no pattern matched"))
        frame = frame.with_columns(reason=pl.when(unread).then(pl.coalesce(known["reason"].cast(pl.String), why)))
    return frame.drop("completion")


def by_patterns(text: pl.Expr) -> pl.Expr:
    """The answer in a text by the first of the patterns that matches, without letters of options."""
    return _clean(pl.coalesce(nth_match(text, known, -1) for known in PATTERNS.values()))


def _answer(names: list[str], pattern: str | None) -> pl.Expr:
    text = pl.col("completion")
    if pattern is not None:
        return _clean(nth_match(text, pattern, -1))
    found = [nth_match(text, known, -1) for known in PATTERNS.values()]
    if "choices" in names or "n_choices" in names:
        options = pl.col("choices").list.len() if "choices" in names else pl.col("n_choices")
        letter = nth_match(text, _LETTER, -1)
        place = letter.replace_strict(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), list(range(26)), default=None, return_dtype=pl.Int64)
        found.append(pl.when(place < options).then(letter))
    return _clean(pl.coalesce(found))


def _clean(answer: pl.Expr) -> pl.Expr:
    """Without the marks around it; nothing is no answer."""
    plain = answer.str.replace_all(WRAPPED, "$1").str.replace_all(WRAPPED, "$1").str.strip_chars(TRIMMED)
    return pl.when(plain != "").then(plain)
