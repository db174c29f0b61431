"""Limits that a gate holds figures to: as they are written, and where they are kept."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import inf
from pathlib import Path
from typing import Any

from hotmess.errors import UnreadableFile, UsageError

__all__ = ["MOST", "Limit", "Limits", "amount", "kept_limits"]

MOST = {"brier": 2.0, "coverage": 1.0, "mode": 1.0}
"""The largest error that a loss can have, where there is a largest."""

_WRITTEN = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(%|pt|pts|points?)?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that a figure may be, or may have risen by.

    Attributes:
        figure: error, bias2, variance or incoherence.
        most: in the unit of the figure; shares as 0.5.
        increase: whether it is about the second of two runs less the first.
    """

    figure: str
    most: float
    increase: bool

    def __str__(self) -> str:
        """Return the limit in words, like ``error <= 0.3`` or ``rise of error <= 0.02``."""
        return f"{'rise of ' if self.increase else ''}{self.figure} <= {self.most:g}"


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that each figure may be, and may have risen by since the baseline: 0.5, "50%" or "2pt"; None is no limit."""

    max_error: float | str | None = None
    max_bias2: float | str | None = None
    max_variance: float | str | None = None
    max_incoherence: float | str | None = None
    max_error_increase: float | str | None = None
    max_bias2_increase: float | str | None = None
    max_variance_increase: float | str | None = None
    max_incoherence_increase: float | str | None = None

    def each(self, loss: str) -> list[Limit]:
        """The limits that are set.

        Args:
            loss: in whose unit they are; none may lie where its figures cannot.

        Raises:
            UsageError: none is, or one is no number, or says nothing.
        """
        found = []
        for name in (field.name for field in fields(self)):
            most = getattr(self, name)
            if most is not None:
                figure = name.removeprefix("max_").removesuffix("_increase")
                found.append(_within(Limit(figure, amount(most, name), increase=name.endswith("_increase")), most, loss))
        if not found:
            raise UsageError(
                "the gate has no limit to hold anything to",
                hint="--max-incoherence 50% --max-error 0.3 --max-error-increase 2pt; or [tool.hotmess.gate] in pyproject.toml",
            )
        return found


def _within(limit: Limit, written: float | str, loss: str) -> Limit:
    """The limit, if a figure could be on either side of it."""
    top = 1.0 if limit.figure in ("incoherence", "variance") else MOST.get(loss, inf)
    least = -top if limit.increase else 0.0
    if not least <= limit.most < top:
        raise UsageError(
            f"the limit of {limit.figure} is `{written}`; under the loss {loss} it {'rises' if limit.increase else 'lies'} "
            f"between {least:g} and {top:g}",
            why="nothing could be beyond it, or within it",
            hint=f"{written}% ?" if 1 <= limit.most <= 100 and "%" not in str(written) else "a limit between the two",
        )
    return limit


def amount(written: float | str, name: str) -> float:
    """A number as people write it: 0.5, 50% or 5pt (percentage points).

    Raises:
        UsageError: it is none.
    """
    found = _WRITTEN.fullmatch(str(written))
    if found is None or isinstance(written, bool):
        raise UsageError(f"{name.replace('_', '-')} is `{written}`, which is no number", hint="0.5, 50% or 5pt")
    return float(found[1]) / (100.0 if found[2] else 1.0)


def kept_limits(folder: Path, known: tuple[str, ...]) -> dict[str, Any]:
    """What `[tool.hotmess.gate]` says in the pyproject.toml of a folder, or of the nearest one above that has it.

    Args:
        folder: where to start.
        known: the names that may be there, with underscores.

    Raises:
        UnreadableFile: the file is no TOML.
        UsageError: it says something that is not known.
    """
    for place in (folder, *folder.parents):
        path = place / "pyproject.toml"
        if path.is_file():
            return _said(path, known)
    return {}


def _said(path: Path, known: tuple[str, ...]) -> dict[str, Any]:
    try:
        table: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as problem:
        raise UnreadableFile(
            f"`{path}` cannot be read as TOML: {problem}", hint="mend it, or name the limits on the command line"
        ) from problem
    for name in ("tool", "hotmess", "gate"):
        table = table.get(name, {}) if isinstance(table, Mapping) else {}
    if not isinstance(table, Mapping):
        raise UsageError(f"`{path}`: [tool.hotmess.gate] is `{table}`, which is no table", hint="max-error = 0.3")
    found = {name.replace("-", "_"): value for name, value in table.items()}
    for name in found:
        if name not in known:
            raise UsageError(f"`{path}`: [tool.hotmess.gate] says `{name}`, which is not known", hint=", ".join(known))
    if not isinstance(found.get("baseline", ""), str):
        raise UsageError(f"`{path}`: the baseline is `{found['baseline']}`, which is no path", hint='baseline = "baseline.json"')
    if "baseline" in found and "://" not in found["baseline"]:
        found["baseline"] = str(path.parent / found["baseline"])  # as the file says, wherever the command is typed
    return found
