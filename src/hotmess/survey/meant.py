"""What numbers are meant as: ranks, of which 1 is the most, or ratings, of which the highest mostly is; or the numbers of rows.

Ranks are the ranks of themselves, in one of the ways to number ties. Ratings of 1 to 10 mostly are not, and to read them as ranks
turns everything upside down: it must be said what they are.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import polars as pl

from hotmess.errors import BadShape, Notice, UsageError

__all__ = ["check_ranks", "counting", "named_only"]

_WAYS: tuple[Literal["min", "average", "max", "dense"], ...] = ("min", "average", "max", "dense")  # to number ties
_ROUNDING = 1e-6
_SHOWN = 3
_ENOUGH = 6  # ranks, from which on many ties look like ratings
_TIED = 2 / 3  # numbers that differ, as a share of all, up to which ranks without gaps can be ratings of which all were used
_HINT = "--high-first, if the highest number is the most{score}; --low-first, if the lowest is"
_ROWS = 4  # from which on a column that counts them is no accident


def check_ranks(frame: pl.DataFrame, place: str, columns: Sequence[str]) -> Iterator[Notice]:
    """Look at numbers that were given as ranks; a word on those that could also be ratings.

    Args:
        frame: a row per rater, entity and attribute, with a `value`.
        place: the table.
        columns: those that were taken for raters.

    Raises:
        UsageError: the numbers of a rater are no ranks.
    """
    one = pl.col("attribute", "rater").str.replace_all(r"\s+", " ").str.strip_chars()
    ranks = frame.drop_nulls("value").with_columns(one).with_columns(pl.col("attribute").str.to_lowercase())
    ranks = ranks.unique(["attribute", "rater", "entity", "value"], maintain_order=True)
    gaps = ((pl.col("value").rank(way) - pl.col("value")).abs().max() < _ROUNDING for way in _WAYS)
    each = ranks.group_by("attribute", "rater", maintain_order=True).agg(
        *(gap.alias(way) for gap, way in zip(gaps, _WAYS, strict=True)),
        pl.col("value").min().alias("least"),
        pl.col("value").max().alias("most"),
        pl.col("value").n_unique().alias("levels"),
        pl.len().alias("ranked"),
    )
    hint = _HINT.format(score="" if columns else " (or call the column `score`)")
    wrong = each.filter(~pl.any_horizontal(_WAYS))
    if wrong.height:
        first = wrong["rater"][0]
        leave = f"; --columns '{first}=', if that is no rater" if first in columns else ""
        raise UsageError(
            f"`{place}`: the numbers of {wrong.height} of {each.height} raters are no ranks: {_named(wrong)}",
            why="ratings have the highest for the most, and ranks the lowest; to mistake them turns everything upside down",
            hint=f"{hint}{leave}",
        )
    few = (pl.col("levels") <= _TIED * pl.col("ranked")) & (pl.col("ranked") >= _ENOUGH)
    odd = each.filter(~pl.any_horizontal(_WAYS[:3]) & few)
    if odd.height:
        words = f"`{place}`: the numbers of {odd.height} of {each.height} raters could be ratings as well as ranks with many ties"
        yield Notice("not-ranks", f"{words}: {_named(odd)}; the lowest number is taken for the most", hint)


def _named(raters: pl.DataFrame) -> str:
    shown = [f"`{row['rater']}` ({row['least']:g} to {row['most']:g})" for row in raters.head(_SHOWN).iter_rows(named=True)]
    return ", ".join(shown) + (f" and {raters.height - _SHOWN} more" if raters.height > _SHOWN else "")


def named_only(frame: pl.DataFrame, place: str) -> tuple[pl.DataFrame, list[Notice]]:
    """The frame without columns that have no name, if they are empty or number the rows, as R and pandas write them.

    Raises:
        BadShape: one holds something else.
    """
    nameless = [name for name in frame.columns if not name.strip() or name.startswith(("Unnamed: ", "_duplicated_"))]
    full = [name for name in nameless if not frame[name].cast(pl.String).fill_null("").str.strip_chars().eq("").all()]
    for name in full:
        if not _counts(frame[name]):
            number = frame.columns.index(name) + 1
            hint = "give it a name: `entity`, if it holds what was ranked"
            raise BadShape(f"column {number} of `{place}` has no name", where=f"its first cell is `{frame[name][0]}`", hint=hint)
    said = f"`{place}`: a column without a name numbers the rows, and is left out"
    return frame.drop(nameless), [Notice("row-numbers", said)] if full else []


def counting(frame: pl.DataFrame, columns: Sequence[str], place: str) -> Iterator[Notice]:
    """A word on columns that were taken for raters, and number the rows."""
    for name in columns:
        if frame.height >= _ROWS and _counts(frame[name]):
            said = f"`{place}`: the column `{name}` was taken for a rater; its numbers are those of the rows, 1 to {frame.height}"
            yield Notice("row-numbers", said, f"--columns '{name}=', if that is no rater")


def _counts(column: pl.Series) -> bool:
    numbers = column.cast(pl.String).cast(pl.Float64, strict=False)
    return any(numbers.eq_missing(pl.int_range(first, len(numbers) + first, eager=True)).all() for first in (0, 1))
