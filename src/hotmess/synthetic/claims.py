"""The paper's claims about the synthetic optimizer, and whether they hold in a run."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from hotmess.infer import holm
from hotmess.result import Result
from hotmess.synthetic.results import EXPERT
from hotmess.synthetic.scaling import FALLS_FASTER

__all__ = ["Finding", "findings"]

_CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim of the paper, whether it holds here, and by which figures; `holds` is None where it cannot be told."""

    claim: str
    holds: bool | None
    figures: str


def findings(found: dict[str, Result]) -> list[Finding]:
    """The paper's claims, each by its test. What a test says of these models only decides nothing."""
    laws = {(row["replicates"], row["target"], row["what"]): row for row in found["scaling"].tests.iter_rows(named=True)}
    loss = found["loss"].tests.row(0, named=True)
    out = [
        _rising(found["steps"].tests, "the optimum", "the exact expert"),
        _rising(found["departures"].tests, "the expert", "the expert in tokens"),
        Finding("the loss on what was held out falls with size", _sign(loss, -1), f"exponent {_exponent(loss)}"),
    ]
    for (sort, target, what), row in laws.items():
        if what == FALLS_FASTER:
            parts = (f"bias² {_exponent(laws[sort, target, 'bias2'])}", f"variance {_exponent(laws[sort, target, 'variance'])}")
            figures = f"exponents: {', '.join(parts)}; apart by {_exponent(row)}"
            figures += "" if row["general"] or row["value"] is None else f" ({row['how'].partition('; ')[2]})"
            claim = f"bias² falls faster with size than variance, against the {target}, replicates: {sort}"
            out.append(Finding(claim, _sign(row, 1), figures))
    return out


def _rising(tests: pl.DataFrame, target: str, control: str) -> Finding:
    """Whether incoherence rises for every size; that it falls for one needs Holm's correction, that it rises for all does not."""
    models, expert = tests.filter(pl.col("model") != EXPERT), tests.filter(pl.col("model") == EXPERT).row(0, named=True)
    up = (models["value_low"] > 0).fill_null(value=False)
    p = holm(models["p"].cast(pl.Float64).fill_null(np.nan).to_numpy())
    down = ((p < _CHANCE) & (models["value"].fill_null(0.0) < 0).to_numpy()).any()
    said = "; ".join(f"{row['model']} {_points_of(row)}" for row in models.iter_rows(named=True))
    claim = f"incoherence against {target} rises along the steps, for every size"
    return Finding(claim, True if up.all() else False if down else None, f"{said}; {control} {_points_of(expert)}")


def _sign(row: dict[str, Any], sign: int) -> bool | None:
    """Whether the whole interval lies on that side of 0; None where 0 is in it, or it is for these models only."""
    low, high = row["value_low"], row["value_high"]
    if low is None or not row["general"] or low <= 0 <= high:
        return None
    return bool(np.sign(low) == sign)


def _exponent(row: dict[str, Any]) -> str:
    if row["value"] is None:
        return f"not defined ({row['how']})"
    low, high = row["value_low"], row["value_high"]
    p = "" if row["p"] is None else ", p < 0.001" if row["p"] < 0.001 else f", p = {row['p']:.2g}"
    return f"{row['value']:.2f}" + ("" if low is None else f" [{low:.2f}, {high:.2f}]{p}")


def _points_of(row: dict[str, Any]) -> str:
    low = "" if row["value_low"] is None else f" [{100 * row['value_low']:+.0f}, {100 * row['value_high']:+.0f}]"
    return f"{100 * (row['value'] or 0):+.0f} points{low}"
