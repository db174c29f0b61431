"""Every question of a table with its terms, and the answers to the messiest as strips of small cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from hotmess.asked import Asked
from hotmess.errors import safe
from hotmess.frames import polars
from hotmess.groups import Bucket, Group, buckets_of
from hotmess.prepare import CORRECT
from hotmess.samples import GROUPS, Samples

__all__ = ["Answer", "Strip", "answers_of", "questions_of", "strips"]

_BUCKETS = 8
_SHORT = 2  # characters of an answer that fits into a cell
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOOKS = 7  # wrong answers that look different; the others look like the last
_RIGHT, _UNREAD = 7, 8  # the looks of right answers, and of none
_CELLS = 200  # of a strip; a longer one says how many more there are


@dataclass(frozen=True, slots=True)
class Answer:
    """One sample of a question, as its strip shows it.

    Attributes:
        right: whether that is right; None where nobody can say.
        letter: what stands in its cell.
        look: how its cell looks: by the place of a wrong answer among those of its question; right ones look alike everywhere.
    """

    right: bool | None
    letter: str
    look: int


@dataclass(frozen=True, slots=True)
class Strip:
    """The answers to one question.

    Attributes:
        contexts: the answers, those of a context together.
        more: how many are not shown.
        legend: what each letter means, where that is not the answer itself: letter, answer, whether right, how often.
        key: the right answer; empty where nobody can say, or where all right ones look alike.
        said: the strip in a sentence.
    """

    contexts: tuple[tuple[Answer, ...], ...]
    more: int
    legend: tuple[tuple[str, str, bool | None, int], ...]
    key: str
    said: str


def questions_of(asked: Asked, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The questions of these rows, those with the largest variance first: what makes a model incoherent.

    Returns:
        The columns that name a question, `row` (the place of its row), samples, error, bias2, variance, share (variance of the
        error; null without error), way, length (mean; null where unknown) and bucket (by length, from 1; null without).
    """
    places = [(list(rows).index(group.name), group) for group in asked.wholes if group.name in rows]
    parts = [_of_group(asked, group).with_columns(row=pl.lit(place, dtype=pl.Int64)) for place, group in places]
    names = [name for name in (*GROUPS, "question_id") if name in asked.table.table.columns]
    return pl.concat(parts).sort("variance", "share", *names, descending=[True, True, *(False for _ in names)], nulls_last=True)


def _of_group(asked: Asked, group: Group) -> pl.DataFrame:
    chosen, terms = asked.usable(group), asked.table.terms
    names = [name for name in (*GROUPS, "question_id") if name in asked.table.table.columns]
    found = (
        asked.table.table[chosen]
        .select(names)
        .with_columns(
            samples=pl.Series(terms.samples[chosen]).cast(pl.Int64),
            error=pl.Series(terms.error[chosen]),
            bias2=pl.Series(terms.bias[chosen]),
            variance=pl.Series(terms.variance[chosen]),
        )
    )
    share = pl.when(pl.col("error") > 0).then(pl.col("variance") / pl.col("error"))
    found = found.with_columns(share=share.fill_nan(None), length=_lengths(asked)[chosen], bucket=_buckets(asked, group)[chosen])
    return found.with_columns(way=_WAY)


_WAY = (
    pl.when(pl.col("error").is_nan())
    .then(None)
    .when(pl.col("error") <= 0)
    .then(pl.lit("never wrong"))
    .when(pl.col("share") > 0.5)
    .then(pl.lit("scattered"))
    .otherwise(pl.lit("the same way"))
)


def _lengths(asked: Asked) -> pl.Series:
    if "lengths" not in asked.table.table.columns:
        return pl.Series([None] * asked.table.table.height, dtype=pl.Float64)
    return pl.Series(asked.length()).fill_nan(None)


def _buckets(asked: Asked, group: Group) -> pl.Series:
    """The bucket of each question of a group, the same as those of the chart."""
    place = np.zeros(asked.table.table.height, dtype=np.int64)
    if "lengths" in asked.table.table.columns:
        for part in buckets_of(asked.table, group, Bucket(asked.length_column, _BUCKETS, "length")):
            place[part.members] = part.name["length"]["bucket"]
    return pl.Series(place).replace(0, None)


# ---------------------------------------------------------------------------------------------- answers


def answers_of(samples: Samples, chosen: pl.DataFrame, length: str = "") -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    """The samples of these questions, in the order of the table, by what names a question.

    Returns:
        Of each, `_context`, `sample_id`, `_status`, `_said`, `_right`, `_target` and `_length`.
    """
    if not chosen.height:
        return {}
    samples = samples.with_sample_ids()
    size = pl.col(length).cast(pl.Float64) if length else pl.lit(None, dtype=pl.Float64)
    keys = list(samples.keys)
    frame = polars(samples.frame).join(chosen.select(keys).lazy(), on=keys, how="semi", nulls_equal=True, maintain_order="left")
    status = pl.col("status") if samples.has("status") else pl.lit("ok")
    context = pl.col("context_id").cast(pl.String) if samples.has("context_id") else pl.lit(None, dtype=pl.String)
    frame = frame.with_columns(_context=context.fill_null(""), _status=status, _length=size)
    if samples.kind == "tests":
        frame = _runs(frame, keys)
    else:
        said, right = _said(samples)
        options = samples.has_target and samples.kind in ("answers", "probabilities")
        target = pl.col("target").max().over(keys).cast(pl.String) if options else pl.lit(None, dtype=pl.String)
        right = right.fill_null(value=False) if options else right
        sample = pl.col("sample_id").cast(pl.String)
        frame = frame.select(*keys, "_context", sample, "_status", "_length", _said=said, _right=right, _target=target)
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in frame.collect().iter_rows(named=True):
        found.setdefault(tuple(row[key] for key in keys), []).append(row)
    return found


def _said(samples: Samples) -> tuple[pl.Expr, pl.Expr]:
    """What was answered, as text or number, and whether that is right."""
    if samples.kind == "vector":
        return pl.lit(None, dtype=pl.String), pl.lit(None, dtype=pl.Boolean)
    if samples.kind == "score":
        unread = pl.col("unanswered") if samples.has("unanswered") else pl.lit(value=False)
        return pl.when(~unread).then("score"), pl.when(~unread).then(pl.col("score") >= 1)
    target = pl.col("target").max().over(samples.keys) if samples.has_target else pl.lit(None)
    if samples.kind == "probabilities":
        options = [name for name in samples.columns if name.startswith("prob_")]
        classes = [str(name) for name in samples.classes]
        place = pl.concat_list(options).list.arg_max().cast(pl.Int64)
        said = place.replace_strict(list(range(len(classes))), classes, default=None, return_dtype=pl.String)
        known = pl.all_horizontal(pl.col(name).is_finite() for name in options)
        said = pl.when(known).then(said)
        return said, said == target.cast(pl.String)
    said = pl.when(pl.col("_status") != "invalid").then("answer")
    said = pl.when(~pl.col("answer_not_option")).then(said) if samples.has("answer_not_option") else said
    return said.cast(pl.String), said.cast(pl.String) == target.cast(pl.String)


def _runs(frame: pl.LazyFrame, keys: Sequence[str]) -> pl.LazyFrame:
    """Unit tests as runs: how many of each passed."""
    score = pl.col("score").fill_null(0.0)
    runs = frame.with_columns(pl.col("sample_id").cast(pl.String)).group_by(*keys, "_context", "sample_id", maintain_order=True)
    passed = runs.agg(pl.col("_status", "_length").first(), _said=(score >= 1).sum(), _of=pl.len())
    return passed.with_columns(_right=pl.col("_said") == pl.col("_of"), _said=pl.format("{}/{}", "_said", "_of"))


def strips(answers: Mapping[tuple[Any, ...], Sequence[Mapping[str, Any]]]) -> dict[tuple[Any, ...], Strip]:
    """The strip of each question."""
    return {key: _strip(rows) for key, rows in answers.items()}


def _strip(rows: Sequence[Mapping[str, Any]]) -> Strip:
    counted = [row for row in rows if row["_status"] not in ("error", "missing")]
    words = [None if row["_said"] is None else _word(row["_said"]) for row in counted]
    often: dict[str, int] = {}
    for word in words:
        if word is not None:
            often[word] = often.get(word, 0) + 1
    order = sorted(often, key=lambda word: (-often[word], word))
    right = {word: row["_right"] for row, word in zip(counted, words, strict=True) if word is not None}
    short = all(len(word) <= _SHORT for word in order)
    letters = dict(zip(order, order if short else _LETTERS, strict=False))
    looks = {word: min(place, _LOOKS - 1) for place, word in enumerate(word for word in order if not right[word])}
    looks |= {word: _RIGHT for word in order if right[word]}
    contexts: dict[str, list[Answer]] = {}
    for row, word in list(zip(counted, words, strict=True))[:_CELLS]:
        letter, look = ("?", _UNREAD) if word is None else (letters.get(word, "*"), looks[word])
        contexts.setdefault(row["_context"], []).append(Answer(row["_right"], letter, look))
    legend = () if short else tuple((letters.get(word, "*"), word, right[word], often[word]) for word in order[:_LOOKS])
    shown = tuple(tuple(group) for group in contexts.values())
    key = next((safe(str(row["_target"])) for row in counted if row.get("_target") is not None), "")
    said = _sentence(order, often, right, len(contexts), words.count(None))
    return Strip(shown, max(0, len(counted) - _CELLS), legend, "" if key == CORRECT else key, said)


def _word(value: Any) -> str:
    """An answer in few characters; grades as marks and tenths."""
    if isinstance(value, float):
        return "✓" if value >= 1 else "✗" if value <= 0 else f".{round(10 * value)}" if round(10 * value) < 10 else ".9"
    return safe(str(value))


def _sentence(
    order: Sequence[str], often: Mapping[str, int], right: Mapping[str, bool | None], contexts: int, unread: int
) -> str:
    parts = [f"{often[word]} × {word}" + (" (right)" if right[word] else "") for word in order[:_LOOKS]]
    parts += [f"{len(order) - _LOOKS} other answers"] if len(order) > _LOOKS else []
    parts += [f"{unread} × no answer"] if unread else []
    return ("" if contexts < 2 else f"in {contexts} contexts ") + ", ".join(parts)
