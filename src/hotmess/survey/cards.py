"""What is to be ranked: a table with a column `entity`, perhaps `kind` and `about`; or a text with a name per line."""

from collections import Counter
from dataclasses import dataclass

import polars as pl

from hotmess.errors import BadShape, MissingColumn, NothingToCompare, safe
from hotmess.read.files import files
from hotmess.survey.text import separated, separator, text_of

__all__ = ["Card", "cards_of"]

_MOST = 500  # cards; nobody sorts more


@dataclass(frozen=True, slots=True)
class Card:
    """A card to be ranked.

    Attributes:
        entity: its name.
        kind: what it is; not shown, since it would anchor.
        about: a line of explanation.
    """

    entity: str
    kind: str | None = None
    about: str | None = None


def cards_of(path: str) -> list[Card]:
    """Read cards from a file, or from standard input (`-`).

    Raises:
        MissingColumn: a table has no column `entity`.
        BadShape: two cards have one name.
        NothingToCompare: there are fewer than two cards, or more than anybody can sort.
        HotmessError: the file cannot be read.
    """
    (file,) = files([path])
    text = text_of(file)
    rows = _table(text, file.shown) if _is_table(text, file.name) else [{"entity": line} for line in text.splitlines()]
    cleaned = [{name: _clean(cell) for name, cell in row.items()} for row in rows]
    cards = [Card(row["entity"], row.get("kind"), row.get("about")) for row in cleaned if row["entity"]]
    if not 2 <= len(cards) <= _MOST:
        raise NothingToCompare(f"`{file.shown}` holds {len(cards):,} cards", hint=f"2 to {_MOST} can be ranked")
    counts = Counter(card.entity.casefold() for card in cards)
    twice = [card.entity for card in cards if counts[card.entity.casefold()] > 1]
    if twice:
        raise BadShape(f"more than one card has the name `{twice[0]}`", where=file.shown, hint="remove one, or tell them apart")
    return cards


def _is_table(text: str, name: str) -> bool:
    first = text.partition("\n")[0].lower()
    return name.lower().endswith((".csv", ".tsv")) or "entity" in [cell.strip(' "\r') for cell in first.split(separator(first))]


def _table(text: str, shown: str) -> list[dict[str, str | None]]:
    """The rows of a table, with names in lower case."""
    frame = separated(text, shown)
    names = {name.strip().lower(): name for name in reversed(frame.columns)}
    if "entity" not in names:
        raise MissingColumn(f"`{shown}` has no column `entity`; found: {', '.join(frame.columns)}", hint="entity,kind,about")
    chosen = [name for name in ("entity", "kind", "about") if name in names]
    return frame.select(pl.col(names[name]).alias(name) for name in chosen).to_dicts()


def _clean(cell: str | None) -> str | None:
    """In one line, without control codes."""
    return safe(" ".join((cell or "").split())) or None
