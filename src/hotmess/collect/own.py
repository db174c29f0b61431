"""Questions of a user's own: JSON lines or CSV, a row each.

question (or input, text, prompt)    what is asked
choices (or options)                 a list; in CSV columns A, B, C, … instead; none for an open question
answer (or target, label)            the right option: its text, its letter, or its number from 0
id, subject, difficulty, split       if there are any; rows whose split is `examples` are shown and never asked
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from io import StringIO
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import polars as pl

from hotmess.collect.questions import Bank, Question
from hotmess.errors import EmptyTable, MissingColumn, NoSuchPath, NotATable, TargetNotOption, UnreadableFile

__all__ = ["own"]

_NAMES = {
    "question": ("question", "input", "text", "prompt"),
    "choices": ("choices", "options"),
    "answer": ("answer", "target", "label"),
    "id": ("id", "question_id"),
    "subject": ("subject", "category"),
    "difficulty": ("difficulty",),
    "split": ("split",),
}
_LAYOUT = '{"question": "…", "choices": ["…", "…"], "answer": "B"}'


def own(data: str) -> Bank:
    """The questions of a file.

    Raises:
        HotmessError: it cannot be read, or a row is no question; the message names the row.
    """
    path = Path(data)
    if not path.is_file():
        raise NoSuchPath(f"there is no `{path}`", hint=f"a file of questions, a line each such as {_LAYOUT}")
    rows = list(_rows(path))
    if not rows:
        raise EmptyTable(f"`{path}` holds no question", hint=f"a line each, such as {_LAYOUT}")
    every = [(_question(row, number, place, path), _value(row, "split")) for number, (place, row) in enumerate(rows, 1)]
    idents = [one.ident for one, _ in every]
    if len(set(idents)) < len(idents):
        twice = next(ident for ident in idents if idents.count(ident) > 1)
        raise UnreadableFile(f"`{path}` has the id `{twice}` twice", hint="a different id for each question")
    asked = tuple(one for one, split in every if split != "examples")
    if not asked:
        raise EmptyTable(f"`{path}` holds only examples", hint="rows to ask, without `split`")
    pool = tuple(one for one, split in every if split == "examples")
    return Bank(asked, pool, {"data": path.name, "sha256": sha256(path.read_bytes()).hexdigest()})


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows, each with what to call its place."""
    if path.suffix in {".jsonl", ".ndjson"}:
        for number, line in enumerate(_text(path).split("\n"), 1):
            if line.strip():
                yield f"line {number} of `{path}`", _object(line, f"line {number} of `{path}`")
    elif path.suffix == ".csv":
        try:
            table = pl.read_csv(StringIO(_text(path)), infer_schema=False)
        except (pl.exceptions.PolarsError, ValueError) as problem:
            raise UnreadableFile(f"`{path}` cannot be read as CSV: {str(problem).splitlines()[0][:120]}") from problem
        for number, row in enumerate(table.to_dicts(), 1):
            yield f"row {number} of `{path}`", row
    else:
        raise NotATable(f"`{path}` is no file of questions", hint="JSON lines (.jsonl) or .csv")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise UnreadableFile(f"`{path}` cannot be read: {problem}", hint="UTF-8 text") from problem


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise UnreadableFile(f"{place} is no JSON: {problem}") from problem
    if not isinstance(found, dict):
        raise UnreadableFile(f"{place} is no JSON object", hint=f"such as {_LAYOUT}")
    return found


def _value(row: dict[str, Any], name: str) -> Any:
    return next((row[other] for other in _NAMES[name] if row.get(other) is not None), None)


def _question(row: dict[str, Any], number: int, place: str, path: Path) -> Question:
    text, answer, ident, subject = (_value(row, name) for name in ("question", "answer", "id", "subject"))
    if text is None or not str(text).strip():
        found = f"{place} has no question; it has {', '.join(map(str, row)) or 'nothing'}"
        raise MissingColumn(found, hint=f"such as {_LAYOUT}")
    labels, options = _options(row, place)
    right = None if answer is None else _right(str(answer).strip(), labels, options)
    if options and right is None:
        said = "no answer" if answer is None else f"the answer `{answer}`, which is none of its {len(options)} options"
        if str(answer) in options:
            said = f"the answer `{answer}`, which is the text of one option and the number of another"
        raise TargetNotOption(f"{place} has {said}", hint="the text of an option, its letter, or its number from 0")
    named = f"{path.stem}/{number}" if ident is None else str(ident)
    return Question(named, str(text).strip(), options, right, str(subject or ""), _number(_value(row, "difficulty")))


def _options(row: dict[str, Any], place: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the options are called, and what they are.

    Raises:
        UnreadableFile: they are no list of different texts.
    """
    listed = _value(row, "choices")
    if isinstance(listed, str):
        listed = _list_of(listed, place)
    if listed is None:
        there = [name for name in ascii_uppercase if row.get(name) not in (None, "")]
        listed = [row[name] for name in there]
        if there != list(ascii_uppercase[: len(there)]):
            raise UnreadableFile(
                f"{place} has options {', '.join(there)}, and not those before", hint="fill the columns from A on"
            )
    labels = tuple(map(str, listed)) if isinstance(listed, dict) else tuple(ascii_uppercase[: len(listed)])
    values = listed.values() if isinstance(listed, dict) else listed
    options = tuple(" ".join(str(value).split()) for value in values if value is not None)
    if (
        len(options) != len(listed)
        or len(set(options)) < len(options)
        or "" in options
        or not len(options) <= len(ascii_uppercase)
    ):
        raise UnreadableFile(f"{place} has options that are empty, equal, or more than 26", hint="each once")
    return labels, options


def _list_of(said: str, place: str) -> Any:
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list | dict):
        raise UnreadableFile(f"{place} has choices that are no list: `{said[:40]}`", hint='["…", "…"], or columns A, B, C, …')
    return found


def _right(said: str, labels: tuple[str, ...], options: tuple[str, ...]) -> str | None:
    """The option that is meant, by text before label before number; of an open question the answer as it is."""
    plain = " ".join(said.split())
    number = int(plain) if plain.isdecimal() and int(plain) < len(options) else None
    if number is not None and plain in options and options[number] != plain:
        return None  # its text, or its number: nobody can tell
    if not options or plain in options:
        return plain
    if (label := plain.strip("(). ").casefold()) in (known := [name.casefold() for name in labels]):
        return options[known.index(label)]
    return None if number is None else options[number]


def _number(said: Any) -> float | None:
    try:
        return None if said is None else float(said)
    except (TypeError, ValueError):
        return None
