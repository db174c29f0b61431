"""The result of a measurement: figures that carry how they were made."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from hotmess.errors import Notice
from hotmess.rows import Method, Row
from hotmess.show import as_text, show

__all__ = ["Measurement", "as_json", "how_made"]

_DIGITS = 12  # of a number in JSON: more than any estimate means, fewer than the noise of adding in another order


@dataclass(frozen=True, slots=True)
class Measurement:
    """Figures for each group of questions, how they were made, and what must be known about them."""

    rows: tuple[Row, ...]
    method: Method
    notices: tuple[Notice, ...]
    source: str

    def table(self) -> pl.DataFrame:
        """One row per group, tidy, with the columns of the JSON rows; buckets are unfolded into columns."""
        return pl.DataFrame([_flat(row.as_dict()) for row in self.rows], infer_schema_length=None)

    def to_json(self) -> str:
        """One JSON object. The same samples give the same bytes; numbers have 12 significant digits."""
        made = how_made(self.method)
        first = {name: made.pop(name) for name in ("loss", "estimator", "invalid")}
        rows = {"rows": [row.as_dict() for row in self.rows]}
        return as_json(first | rows | made, self.source, self.notices)

    def chart(self) -> Any:
        """Bias² and variance of each row as a picture, an Altair chart."""
        from hotmess.charts import measured

        return measured(self)

    def _repr_html_(self) -> str:
        """The picture and the figures, for Jupyter and marimo."""
        from hotmess.charts.notebook import of_measurement

        return of_measurement(self)

    def __str__(self) -> str:
        """Return the figures as the command line shows them, without colour."""
        return as_text(show(self.rows, self.method, self.source, width=160))


def how_made(method: Method) -> dict[str, Any]:
    """How figures were made, as JSON has it."""
    return {
        "loss": method.loss,
        "estimator": method.estimator,
        "invalid": method.invalid,
        "label": method.label,
        "delta": method.delta if method.loss == "kl" else None,
        "level": method.level,
        "about": method.about,
        "cluster": method.cluster,
        "length": method.length,
    }


def as_json(figures: Mapping[str, Any], source: str, notices: Sequence[Notice]) -> str:
    """Figures as one JSON object, with the version before them, and their source and what must be known behind them."""
    from hotmess import __version__

    said = [{"code": notice.code, "found": notice.found} for notice in notices]
    whole = {"hotmess": __version__, **figures, "source": source, "notices": said}
    return json.dumps(_plain(whole), indent=1, ensure_ascii=False, allow_nan=False)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        flat |= {f"{name}_{key}": inner for key, inner in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def _plain(value: Any) -> Any:
    """Numbers as JSON has them: undefined ones as null, others with a fixed number of digits."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None
    if isinstance(value, str | int | bool) or value is None:
        return value
    return str(value)
