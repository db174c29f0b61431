"""Tables as text: in UTF-8, with cells between commas, semicolons (as Excel writes them in much of Europe) or tabs."""

import csv
from typing import Any

import polars as pl

from hotmess.errors import EmptyTable, UnreadableFile

__all__ = ["separated", "separator", "text_of"]


def text_of(file: Any) -> str:
    """The text of a file.

    Raises:
        UnreadableFile: it is in another encoding than UTF-8; letters are not guessed.
    """
    data: bytes = file.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        found = f"`{file.shown}` is not in UTF-8: byte {problem.start + 1:,} is no letter of it"
        raise UnreadableFile(found, hint="save it as UTF-8    (Excel: CSV UTF-8)") from problem


def separator(line: str) -> str:
    """What stands between the cells of a line: a tab, if there is one; else the one of `,` and `;` that makes more cells."""
    if "\t" in line:
        return "\t"
    commas, semicolons = (len(next(csv.reader([line], delimiter=mark), [])) for mark in ",;")
    return ";" if semicolons > commas else ","


def separated(text: str, shown: str) -> pl.DataFrame:
    """The table that a text holds, every cell as text.

    Raises:
        EmptyTable: there is nothing in it.
        UnreadableFile: rows have more cells than the first, or quotes are not closed.
    """
    if not text.strip():
        raise EmptyTable(f"`{shown}` is empty")
    try:
        return pl.read_csv(text.encode(), separator=separator(text.partition("\n")[0]), infer_schema=False)
    except pl.exceptions.PolarsError as problem:
        raise UnreadableFile(f"`{shown}` cannot be read: {str(problem).splitlines()[0][:160]}") from problem
