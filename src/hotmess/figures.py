"""Figures of one group of questions, from their terms."""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.asked import Asked
from hotmess.decompose import Terms
from hotmess.doubt import doubt_about
from hotmess.groups import Group, Questions
from hotmess.infer import Interval, effective_questions
from hotmess.rows import Method, Row
from hotmess.sums import Loss

__all__ = ["FEW_ERRORS", "row_of"]

FEW_ERRORS = 20  # questions with an error, below which nothing is said about their kind
_RARE = 0.1  # of the questions at most, where errors are too rare to say more
_WIDEST = 0.5  # an interval across one half that is wider than this says nothing


def row_of(asked: Asked, group: Group) -> Row:
    """Figures of the questions of a group that can be measured, with intervals, and what was left out."""
    table, method, chosen = asked.table, asked.method, asked.usable(group)
    terms, rows = table.terms, table.table[group.members]
    counted = float((rows["rows"] - rows["excluded"]).sum())
    used = int(terms.samples[chosen].sum())
    doubt = doubt_about(table, chosen, method)
    error, bias, variance = (doubt.of_mean(getattr(terms, name)[chosen], name) for name in ("error", "bias", "variance"))
    shared = method.loss not in ("zero_one", "spread") and len(chosen) > 0
    undefined = Interval(np.nan, np.nan, np.nan, method.level)
    ratio = doubt.of_ratio(terms.variance[chosen], terms.error[chosen]) if shared else undefined
    inputs, outputs = _shares(table, chosen, nested=group.nested)
    return Row(
        group=group.name,
        questions=len(chosen),
        samples=used,
        questions_left_out=len(group.members) - len(chosen),
        left_out=int(rows["rows"].sum()) - used,
        invalid_rate=float(rows["invalid"].sum()) / counted if counted else 0.0,
        error=error,
        bias2=bias,
        variance=variance,
        incoherence=ratio,
        input_variance=inputs,
        output_variance=outputs,
        effective_questions=effective_questions(terms.error[chosen]) if method.loss != "spread" else float(len(chosen)),
        interval=doubt.name if shared else "none",
        verdict=_verdict(terms.error[chosen], error, ratio, method.loss),
        more=_more(terms, chosen, method),
    )


def _shares(table: Questions, chosen: Int[ndarray, " member"], *, nested: bool) -> tuple[float | None, float | None]:
    """The input and the output part of the variance, where contexts tell them apart."""
    if "context_id" not in table.cells.inner or not len(chosen):
        return None, None
    output = table.terms.output[chosen]
    known = np.isfinite(output)
    if not known.all():
        return None, None
    variance, inside = float(table.terms.variance[chosen].mean()), float(output.mean())
    return (variance - inside if nested else None), inside


def _more(terms: Terms, chosen: Int[ndarray, " member"], method: Method) -> dict[str, float]:
    found = {name: float(values[chosen].mean()) if len(chosen) else np.nan for name, values in terms.more.items()}
    return found | ({"log_delta": float(-np.log(method.delta))} if method.loss == "kl" else {})


def _verdict(errors: Float[ndarray, " member"], error: Interval, ratio: Interval, loss: Loss) -> str | None:
    """What may be said in a word; only where the whole interval lies on one side of one half."""
    if loss in ("zero_one", "spread"):
        return None
    rare = len(errors) >= FEW_ERRORS and error.low <= 0 and (errors > 0).mean() <= _RARE
    if rare:
        return "almost never wrong here"
    if (errors > 0).sum() < FEW_ERRORS or np.isnan(ratio.low):
        return "too little to tell"
    if ratio.high < 0.5:
        return "systematic"
    if ratio.low > 0.5:
        return "hot mess"
    return "mixed" if ratio.high - ratio.low <= _WIDEST else "too little to tell"
