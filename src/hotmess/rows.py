"""Figures of one group of questions, and how they were made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hotmess.blocks import Invalid
from hotmess.infer import Interval
from hotmess.samples import GROUPS, Kind
from hotmess.sums import Loss

__all__ = ["Method", "Row"]


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

    group: dict[str, Any]
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
