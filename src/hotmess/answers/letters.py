"""Letters as the text of their options.

Option B of one run may be option D of the next: graders shuffle. The text stays. So wherever the options of a response are
known, an answer such as ``B``, ``(b)``, ``B.`` or ``B) Paris`` becomes the text of that option, and ``A, C`` the texts of both.
"""

import polars as pl

__all__ = ["by_text", "in_one_order"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ALONE = r"^\s*[(\[]?\s*([A-Za-z])\s*[)\].:]*\s*$"
_BEFORE_TEXT = r"^\s*[(\[]?([A-Za-z])[)\].:]+\s+\S"
_SEVERAL = r"^\s*[(\[]?[A-Za-z][)\]]?(\s*[,;]\s*[(\[]?[A-Za-z][)\]]?)+\s*$"


def by_text(name: str) -> pl.Expr:
    """Column `name` (text) with letters replaced by the options of `choices` (list of text) that they stand for.

    What is an option already, and what stands for none, stays as it is. Several letters become the options in
    alphabetical order, joined by ``; ``.
    """
    options, text = pl.col("choices"), pl.col(name)
    lettered = (options.list.eval(pl.element().str.len_chars()).list.max() <= 1).fill_null(value=True)  # A, B, C are the options
    letter = pl.coalesce(text.str.extract(_ALONE), text.str.extract(_BEFORE_TEXT))
    option = options.list.get(_place(letter), null_on_oob=True)
    only = text.str.contains(_ALONE) | (text.str.strip_chars().str.ends_with(option))
    several = text.str.extract_all(r"[A-Za-z]").list.eval(_place(pl.element()))
    many = options.list.gather(several, null_on_oob=True)
    trimmed = text.str.strip_chars()
    return (
        pl.when(options.is_null() | lettered | options.list.contains(text))
        .then(pl.when(lettered & letter.is_not_null() & ~options.list.contains(text)).then(_own_letter(letter)).otherwise(text))
        .when(options.list.contains(trimmed))
        .then(trimmed)
        .when(option.is_not_null() & only)
        .then(option)
        .when(text.str.contains(_SEVERAL) & ~many.list.contains(None))
        .then(many.list.sort().list.join("; "))
        .otherwise(text)
        .alias(name)
    )


def _place(letter: pl.Expr) -> pl.Expr:
    """The place of an option: 0 for A."""
    return letter.str.to_uppercase().replace_strict(list(_LETTERS), list(range(26)), default=None, return_dtype=pl.Int64)


def _own_letter(letter: pl.Expr) -> pl.Expr:
    """Options that are letters themselves: ``(b)`` is ``B`` where that is one of them."""
    options = pl.col("choices")
    upper = letter.str.to_uppercase()
    return pl.when(options.list.contains(letter)).then(letter).when(options.list.contains(upper)).then(upper).otherwise(letter)


def in_one_order() -> tuple[pl.Expr, pl.Expr]:
    """`choices` and the `probs` beside them, both in alphabetical order of the options."""
    order = pl.col("choices").list.eval(pl.element().arg_sort())
    return pl.col("choices").list.gather(order), pl.col("probs").list.gather(order, null_on_oob=True)
