"""The result of a measurement: figures that carry how they were made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from hotmess.blocks import Invalid
from hotmess.errors import Notice
from hotmess.infer import Interval
from hotmess.samples import GROUPS, Kind
from hotmess.sums import Loss

__all__ = ["Measurement", "Method", "Row"]

_DIGITS = 12  # of a number in JSON: more than any estimate means, fewer than the noise of adding in another order


@dataclass(frozen=True, slots=True)
class Method:
    """How figures were made; it travels with them.

    Attributes:
        loss: the loss.
        estimator: unbiased; midpoint (of plug-in and leave-one-out, for kl and mode); plugin, as in the paper.
        invalid: what a sample is from which no answer could be read.
        label: the kind of prediction that was measured.
        about: the interval is for questions like these (population) or for exactly these (benchmark).
        level: the level of confidence.
        delta: the smoothing of kl.
        cluster: the column by which questions were left out together, if any.
        length: the column that served as length, if any.
    """

    loss: Loss
    estimator: str
    invalid: Invalid
    label: Kind
    about: str
    level: float
    delta: float
    cluster: str | None = None
    length: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One group of questions.

    Attributes:
        group: task, model, setting and the `--by` columns.
        questions: how many questions entered.
        samples: how many samples they had.
        questions_left_out: how many had too few samples or contexts.
        left_out: how many samples did not enter, for whatever reason.
        invalid_rate: share of the answers that could not be read.
        error: mean over questions, in units of the loss.
        bias2: the part that repeats.
        variance: the part that does not.
        incoherence: sum of variance / sum of error; not clipped; NaN without error.
        input_variance: the part of the variance that is due to the context; None where it cannot be told.
        output_variance: the part that is left inside a context.
        effective_questions: how many questions the error is spread over.
        interval: how the interval of the incoherence was made.
        verdict: systematic, mixed, hot mess, almost never wrong here, or too little to tell; none for 0/1 and spread.
        more: further figures, by name.
    """

    group: Mapping[str, Any]
    questions: int
    samples: int
    questions_left_out: int
    left_out: int
    invalid_rate: float
    error: Interval
    bias2: Interval
    variance: Interval
    incoherence: Interval
    input_variance: float | None
    output_variance: float | None
    effective_questions: float
    interval: str
    verdict: str | None
    more: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The row with the keys and the order of the JSON contract."""
        first = {name: self.group.get(name) for name in GROUPS} | dict(self.group)
        ends = {
            f"{name}_{end}": getattr(getattr(self, name), end)
            for name in ("error", "bias2", "variance")
            for end in ("low", "high")
        }
        return {
            **first,
            "questions": self.questions,
            "samples": self.samples,
            "left_out": self.left_out,
            "invalid_rate": self.invalid_rate,
            "error": self.error.value,
            "bias2": self.bias2.value,
            "variance": self.variance.value,
            "incoherence": self.incoherence.value,
            "low": self.incoherence.low,
            "high": self.incoherence.high,
            "input_variance": self.input_variance,
            "output_variance": self.output_variance,
            **self.more,
            **ends,
            "questions_left_out": self.questions_left_out,
            "effective_questions": self.effective_questions,
            "interval": self.interval,
            "verdict": self.verdict,
        }


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
        from hotmess import __version__

        method = self.method
        whole = {
            "hotmess": __version__,
            "loss": method.loss,
            "estimator": method.estimator,
            "invalid": method.invalid,
            "rows": [row.as_dict() for row in self.rows],
            "label": method.label,
            "delta": method.delta if method.loss == "kl" else None,
            "level": method.level,
            "about": method.about,
            "cluster": method.cluster,
            "length": method.length,
            "source": self.source,
            "notices": [{"code": notice.code, "found": notice.found} for notice in self.notices],
        }
        return json.dumps(_plain(whole), indent=1, ensure_ascii=False, allow_nan=False)

    def __str__(self) -> str:
        """Return the figures as the command line shows them, without colour."""
        from hotmess.show import as_text, show

        return as_text(show(self, width=160))


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
