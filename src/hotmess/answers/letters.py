"""Letters as the text of their options.

Option B of one run may be option D of the next: graders shuffle. The text stays. So wherever the options of a response are
known, an answer such as ``B``, ``(b)``, ``B.`` or ``B) Paris`` becomes the text of that option, and ``A, C`` the texts of both.
"""

from collections.abc import Sequence

import polars as pl

__all__ = ["are_letters", "by_text", "in_one_order", "letters_and_texts", "stands_for_option"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ALONE = r"^\s*[(\[]?\s*([A-Za-z])\s*[)\].:]*\s*$"
_BEFORE_TEXT = r"^\s*[(\[]?([A-Za-z])[)\].:]+\s+\S"
_SEVERAL = r"^\s*[(\[]?[A-Za-z][)\]]?((\s*[,;]\s*(and\s+)?|\s+and\s+|\s*&\s*)[(\[]?[A-Za-z][)\]]?)+\s*\.?\s*$"
_AND = r"\band\b"


def by_text(name: str, *, letters: pl.Expr) -> pl.Expr:
    """Column `name` (text) with letters replaced by the options of `choices` (list of text) that they stand for.

    Args:
        name: the column.
        letters: where answers are letters, by `are_letters`; elsewhere what is an option already stays as it is.

    What stands for no option stays as it is. Several letters become the options in alphabetical order, joined by ``; ``.
    """
    options, text = pl.col("choices"), pl.col(name)
    trimmed = text.str.strip_chars()
    letter = pl.coalesce(text.str.extract(_ALONE), text.str.extract(_BEFORE_TEXT))
    option = options.list.get(_place(letter), null_on_oob=True)
    stands = option.is_not_null() & (text.str.contains(_ALONE) | trimmed.str.ends_with(option))
    several = text.str.replace_all(_AND, ",").str.extract_all(r"[A-Za-z]").list.eval(_place(pl.element()))
    many = options.list.gather(several, null_on_oob=True)
    listed = text.str.contains(_SEVERAL) & ~many.list.contains(None)
    labels = text.str.replace_all(_AND, ",").str.to_uppercase().str.extract_all(r"[A-Z]")
    own = text.str.contains(_SEVERAL) & (labels.list.set_difference(options).list.len() == 0)
    return (
        pl.when(_labels() & own)
        .then(labels.list.unique().list.sort().list.join("; "))
        .when(options.is_null() | _labels())
        .then(_own_label(text, letter))
        .when(letters & stands)
        .then(option)
        .when(options.list.contains(text))
        .then(text)
        .when(options.list.contains(trimmed))
        .then(trimmed)
        .when(stands)
        .then(option)
        .when(listed)
        .then(many.list.unique().list.sort().list.join("; "))
        .otherwise(text)
        .alias(name)
    )


def letters_and_texts(names: Sequence[str]) -> dict[str, pl.Expr]:
    """How many values of each column can only be letters, and how many can only be texts; those of parts of a table add up."""
    return {_count(name, letters=side): _only(name, letters=side).sum() for name in names for side in (True, False)}


def are_letters(name: str, names: Sequence[str], by: pl.Expr | str | None = None) -> pl.Expr:
    """Whether a column of a task speaks of options by letter rather than by text.

    Options may look like letters (C and N, the elements), so all values of the task decide: those that can only be letters
    against those that can only be texts. A column that shows neither follows the others.

    Args:
        name: the column that is asked about.
        names: all columns that speak of options.
        by: what a task is; without it, columns hold the sums of `letters_and_texts` over the task of each row.
    """
    sums = {known: pl.col(known) if by is None else count.over(by) for known, count in letters_and_texts(names).items()}
    letters, texts = (sums[_count(name, letters=side)] for side in (True, False))
    every = [sum(sums[_count(other, letters=side)] for other in names) for side in (True, False)]
    return pl.when(letters + texts > 0).then(letters > texts).otherwise(every[0] > every[1])


def _count(name: str, *, letters: bool) -> str:
    return f"_{name}_{'letters' if letters else 'texts'}"


def _only(name: str, *, letters: bool) -> pl.Expr:
    """Rows whose value can only be a letter (or only a text)."""
    options, value = pl.col("choices"), pl.col(name)
    stands = _place(value.str.extract(_ALONE)) < options.list.len()
    option = options.list.contains(value)
    return ((stands & ~option) if letters else (option & ~stands.fill_null(value=False))).fill_null(value=False)


def _labels() -> pl.Expr:
    """Whether the options are nothing but labels, such as A, B, C."""
    return pl.col("choices").list.eval(pl.element().str.contains(r"^[A-J]$")).list.all().fill_null(value=False)


def stands_for_option(text: pl.Expr) -> pl.Expr:
    """Whether a text that is no option may stand for one (or for several), as `by_text` reads it."""
    patterns = [text.str.contains(pattern) for pattern in (_ALONE, _BEFORE_TEXT, _SEVERAL)]
    return pl.any_horizontal(*patterns, text.str.strip_chars() != text).fill_null(value=False)


def _place(letter: pl.Expr) -> pl.Expr:
    """The place of an option: 0 for A."""
    return letter.str.to_uppercase().replace_strict(list(_LETTERS), list(range(26)), default=None, return_dtype=pl.Int64)


def _own_label(text: pl.Expr, letter: pl.Expr) -> pl.Expr:
    """Of labels ``(b)`` is ``B``; without options all stays."""
    upper = letter.str.to_uppercase()
    return pl.when(pl.col("choices").list.contains(upper).fill_null(value=False)).then(upper).otherwise(text)


def in_one_order() -> tuple[pl.Expr, pl.Expr]:
    """`choices` and the `probs` beside them, both in alphabetical order of the options."""
    order = pl.col("choices").list.eval(pl.element().arg_sort())
    return pl.col("choices").list.gather(order), pl.col("probs").list.gather(order, null_on_oob=True)
