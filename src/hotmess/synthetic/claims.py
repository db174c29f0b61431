"""The paper's claims about the synthetic optimizer, and whether they hold in a run."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from hotmess.result import Result
from hotmess.synthetic.results import EXPERT
from hotmess.synthetic.scaling import FALLS_FASTER

__all__ = ["Finding", "findings"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim of the paper, whether it holds here, and by which figures; `holds` is None where it cannot be told."""

    claim: str
    holds: bool | None
    figures: str


def findings(found: dict[str, Result]) -> list[Finding]:
    """The paper's claims, each by its test."""
    laws = {(row["replicates"], row["target"], row["what"]): row for row in found["scaling"].tests.iter_rows(named=True)}
    rises = found["steps"].tests.filter(pl.col("model") != EXPERT)
    control = found["steps"].tests.filter(pl.col("model") == EXPERT).row(0, named=True)
    clear, back = (rises["value_low"] > 0).fill_null(value=False), (rises["value_high"] < 0).fill_null(value=False)
    said = "; ".join(f"{row['model']} {_points_of(row)}" for row in rises.iter_rows(named=True))
    yes = True if clear.all() else False if back.any() else None
    loss = found["loss"].tests.row(0, named=True)
    out = [
        Finding("incoherence rises along the steps, for every size", yes, f"{said}; the exact expert {_points_of(control)}"),
        Finding("the loss on what was held out falls with size", _sign(loss, -1), f"exponent {_exponent(loss)}"),
    ]
    for (sort, target, what), row in laws.items():
        if what == FALLS_FASTER:
            parts = (f"bias² {_exponent(laws[sort, target, 'bias2'])}", f"variance {_exponent(laws[sort, target, 'variance'])}")
            claim = f"bias² falls faster with size than variance, against the {target}, replicates: {sort}"
            out.append(Finding(claim, _sign(row, 1), f"exponents: {', '.join(parts)}; apart by {_exponent(row)}"))
    return out


def _sign(row: dict[str, Any], sign: int) -> bool | None:
    """Whether the whole interval lies on that side of 0; None where 0 is in it."""
    low, high = row["value_low"], row["value_high"]
    if low is None or low <= 0 <= high:
        return None
    return bool(np.sign(low) == sign)


def _exponent(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return "not defined (a mean is not above 0)"
    low, high = row["value_low"], row["value_high"]
    p = "" if row["p"] is None else ", p < 0.001" if row["p"] < 0.001 else f", p = {row['p']:.2g}"
    return f"{row['value']:.2f}" + ("" if low is None else f" [{low:.2f}, {high:.2f}]{p}")


def _points_of(row: dict[str, Any]) -> str:
    low = "" if row["value_low"] is None else f" [{100 * row['value_low']:+.0f}, {100 * row['value_high']:+.0f}]"
    return f"{100 * (row['value'] or 0):+.0f} points{low}"
