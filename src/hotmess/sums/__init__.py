"""Of what a tally is the sum: one function for each kind of prediction.

Each says, in expressions that any engine behind narwhals can run, which rows count, which could not be read, and which
numbers of a row are added up. A kind whose units are the same for every question (few classes, coordinates) gets a column
per unit; others (free-form answers, unit tests) a row per cell and unit.
"""

from hotmess.samples import Samples
from hotmess.sums.classes import answers, probabilities, right_or_wrong
from hotmess.sums.crossfit import crossfit
from hotmess.sums.points import scores, tests
from hotmess.sums.query import DELTA, HIGHS, LOWS, Loss, Query, Space, Sums, first_rows, is_sum
from hotmess.sums.vectors import vectors

__all__ = ["DELTA", "HIGHS", "LOWS", "Loss", "Query", "Space", "Sums", "crossfit", "first_rows", "is_sum", "sums"]

_CLASS_LOSSES = ("brier", "kl", "mode", "zero_one", "spread")


def sums(samples: Samples, loss: Loss, *, where: tuple[str, ...], length: str | None, delta: float) -> Sums:
    """Add up what `loss` needs of `samples`, for each different value of the columns `where`."""
    query = Query(samples, loss, where, length, delta)
    if samples.kind == "score":
        return right_or_wrong(query) if loss in _CLASS_LOSSES else scores(query)
    kinds = {"answers": answers, "probabilities": probabilities, "tests": tests, "vector": vectors}
    return kinds[samples.kind](query)
