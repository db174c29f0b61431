"""Questions of a user's own: JSON lines or CSV, a row each.

question (or input, text, prompt)    what is asked
choices (or options)                 a list; in CSV columns A, B, C, … instead; none for an open question
answer (or target, label)            the right option: its text, its letter, or its number from 0
id, subject, difficulty, split       if there are any; rows whose split is `examples` are shown and never asked
"""

import json
from collections.abc import Iterator
from hashlib import sha256
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
    every = [(_question(row, number, path), _value(row, "split")) for number, row in rows]
    idents = [one.ident for one, _ in every]
    if len(set(idents)) < len(idents):
        twice = next(ident for ident in idents if idents.count(ident) > 1)
        raise UnreadableFile(f"`{path}` has the id `{twice}` twice", hint="a different id for each question")
    asked = tuple(one for one, split in every if split != "examples")
    if not asked:
        raise EmptyTable(f"`{path}` holds only examples", hint="rows to ask, without `split`")
    pool = tuple(one for one, split in every if split == "examples")
    return Bank(asked, pool, {"data": path.name, "sha256": sha256(path.read_bytes()).hexdigest()})


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows, each with the number of its line."""
    if path.suffix in {".jsonl", ".ndjson"}:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if line.strip():
                yield number, _object(line, number, path)
    elif path.suffix == ".csv":
        try:
            table = pl.read_csv(path, infer_schema=False)
        except (pl.exceptions.PolarsError, ValueError) as problem:
            raise UnreadableFile(f"`{path}` cannot be read as CSV: {str(problem).splitlines()[0][:120]}") from problem
        yield from enumerate(table.to_dicts(), 2)
    else:
        raise NotATable(f"`{path}` is no file of questions", hint="JSON lines (.jsonl) or .csv")


def _object(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as problem:
        raise UnreadableFile(f"line {number} of `{path}` is no JSON: {problem}") from problem
    if not isinstance(found, dict):
        raise UnreadableFile(f"line {number} of `{path}` is no JSON object", hint=f"such as {_LAYOUT}")
    return found


def _value(row: dict[str, Any], name: str) -> Any:
    return next((row[other] for other in _NAMES[name] if row.get(other) is not None), None)


def _question(row: dict[str, Any], number: int, path: Path) -> Question:
    text, answer = _value(row, "question"), _value(row, "answer")
    if text is None or not str(text).strip():
        found = f"line {number} of `{path}` has no question; it has {', '.join(map(str, row)) or 'nothing'}"
        raise MissingColumn(found, hint=f"such as {_LAYOUT}")
    options = _options(row)
    right = None if answer is None else _right(answer, options)
    if options and right is None:
        said = "no answer" if answer is None else f"the answer `{answer}`, which is none of its {len(options)} options"
        raise TargetNotOption(
            f"line {number} of `{path}` has {said}", hint="the text of an option, its letter, or its number from 0"
        )
    difficulty = _value(row, "difficulty")
    return Question(
        str(_value(row, "id") or f"{path.stem}/{number}"),
        str(text).strip(),
        options,
        right,
        str(_value(row, "subject") or ""),
        _number(difficulty),
    )


def _options(row: dict[str, Any]) -> tuple[str, ...]:
    listed = _value(row, "choices")
    if isinstance(listed, str) and listed.lstrip().startswith("["):
        listed = json.loads(listed)
    if isinstance(listed, dict):
        listed = list(listed.values())
    if not isinstance(listed, list):
        listed = [row[name] for name in ascii_uppercase if row.get(name) not in (None, "")]
    return tuple(str(option).strip() for option in listed)


def _right(answer: Any, options: tuple[str, ...]) -> str | None:
    """The option that is meant, by text before letter before number; of an open question the answer as it is."""
    said = str(answer).strip()
    if not options or said in options:
        return said
    place = ascii_uppercase.find(said.strip("().").upper()) if len(said.strip("().")) == 1 else -1
    if place < 0 and said.isdecimal():
        place = int(said)
    return options[place] if 0 <= place < len(options) else None


def _number(said: Any) -> float | None:
    try:
        return None if said is None else float(said)
    except (TypeError, ValueError):
        return None
