"""Tallies as dense arrays: questions of one shape, stacked, so that no formula sees ragged data or a missing value.

Whatever is uneven in a tally is settled here and nowhere else: how many contexts a question has, how many options, which of
them nobody chose, and what becomes of samples from which no answer could be read.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from numpy import ndarray

from hotmess.tally import Tally, asked_by, question_codes

__all__ = ["Block", "Invalid", "blocks"]

Invalid = Literal["class", "uniform", "drop"]

_NUMBERS = 1 << 20  # in a block, so that temporaries stay in cache and memory stays bounded


@dataclass(frozen=True, slots=True)
class Block:
    """Questions of one shape. Axes: question, context (or sample), unit.

    Attributes:
        question: where the question stands among the questions of the tally.
        cell: where the cell stands among its cells.
        samples: how many samples a cell has.
        total: sum of their predictions.
        square: sum of the squared norms of their predictions.
        target: the right prediction.
        weight: how much a unit counts in the inner product: 1 for an option, 1/T for one of T tests, r for r options that
            nobody chose, 0 for a place that the question does not use.
        log: sum of the log of the smoothed predictions, where it was taken.
        guesses: how many of the samples are uniform guesses.
        votes: whether all other samples are one class each.
        crossfit: mean over the samples of a cell of what leaving one out costs, where the engine has found it.
    """

    question: Int[ndarray, " question"]
    cell: Int[ndarray, "question context"]
    samples: Float[ndarray, "question context"]
    total: Float[ndarray, "question context unit"]
    square: Float[ndarray, "question context"]
    target: Float[ndarray, "question unit"]
    weight: Float[ndarray, "question unit"]
    log: Float[ndarray, "question context unit"] | None
    guesses: Float[ndarray, "question context"]
    votes: bool
    crossfit: Float[ndarray, "question context"] | None = None

    @property
    def mean(self) -> Float[ndarray, "question context unit"]:
        """The mean prediction of each cell."""
        return self.total / self.samples[..., None]

    @property
    def guess(self) -> Float[ndarray, "question unit"]:
        """The uniform guess: 1/C for each of C options."""
        return (self.weight > 0) / self.weight.sum(1, keepdims=True)

    def pooled(self) -> "Block":
        """The same samples in one cell per question, each sample with equal weight."""
        return replace(
            self,
            cell=self.cell[:, :1],
            samples=self.samples.sum(1, keepdims=True),
            total=self.total.sum(1, keepdims=True),
            square=self.square.sum(1, keepdims=True),
            log=None if self.log is None else self.log.sum(1, keepdims=True),
            guesses=self.guesses.sum(1, keepdims=True),
            crossfit=None,
        )

    def each_cell(self) -> "Block":
        """Every cell as a question of its own."""
        contexts = self.cell.shape[1]
        shape = (-1, 1, self.total.shape[2])
        return replace(
            self,
            question=np.repeat(self.question, contexts),
            cell=self.cell.reshape(-1, 1),
            samples=self.samples.reshape(-1, 1),
            total=self.total.reshape(shape),
            square=self.square.reshape(-1, 1),
            target=np.repeat(self.target, contexts, axis=0),
            weight=np.repeat(self.weight, contexts, axis=0),
            log=None if self.log is None else self.log.reshape(shape),
            guesses=self.guesses.reshape(-1, 1),
        )


def blocks(tally: Tally, *, invalid: Invalid = "class", delta: float = 0.0, pairs: bool = False) -> Iterator[Block]:
    """Stack the questions of a tally by shape, a bounded number at a time.

    Args:
        tally: the sums, sorted by question. Cells without a sample that counts are left out, and with them questions that
            have no other.
        invalid: what a sample is from which no answer could be read: `class`, one more class that is always wrong (a score
            of 0, a failure of every test); `uniform`, a guess over the options; `drop`, nothing.
        delta: the smoothing with which sums of logarithms were taken.
        pairs: make room for arrays over pairs of units.
    """
    question = question_codes(tally)
    places = _Columns(tally, question) if tally.entries is None else _Entries(tally, question)
    scalars = _Scalars(tally, invalid)
    alive = np.flatnonzero(scalars.samples > 0)
    counts = np.bincount(question[alive], minlength=len(places.width))
    start = np.concatenate([[0], np.cumsum(counts)[:-1]])
    shape = counts * (places.width.max() + 1) + places.width
    for one in np.unique(shape[counts > 0]):
        members = np.flatnonzero(shape == one)
        contexts, width = int(counts[members[0]]), int(places.width[members[0]])
        step = max(1, _NUMBERS // (contexts * max(1, width) * (width + 3 if pairs else 1)))
        for chosen in np.split(members, range(step, len(members), step)):
            cell = alive[start[chosen][:, None] + np.arange(contexts)]
            yield _block(tally, chosen, cell, places, scalars, delta)


class _Scalars:
    """What is known of a cell apart from its units."""

    def __init__(self, tally: Tally, invalid: Invalid) -> None:
        cells = tally.cells
        self.policy: Invalid = "drop" if tally.kind == "vector" else invalid
        # Once some answer could not be read, that class is open to every question: C is one number per table.
        self.extra_class = self.policy == "class" and tally.kind != "score" and bool(cells["invalid"].sum() > 0)
        # Of two classes, right and wrong, an answer that cannot be read is wrong.
        self.unread_place = 1 if tally.kind == "score" else -1
        self.unread = cells["invalid"].to_numpy() * (self.policy != "drop")
        self.samples = cells["samples"].to_numpy() + self.unread
        self.square = cells["square"].to_numpy() if "square" in cells.columns else cells["samples"].to_numpy()
        options = cells["options"] if "options" in cells.columns else None
        self.crossfit = cells["crossfit"].to_numpy() if "crossfit" in cells.columns else None
        self.options = None if options is None else options.cast(pl.Float64).fill_null(0.0).to_numpy()


class _Columns:
    """Where the sums of a unit are: in a column of their own."""

    def __init__(self, tally: Tally, question: Int[ndarray, " cell"]) -> None:
        first = np.flatnonzero(np.diff(question, prepend=-1))
        self.totals = _matrix(tally.cells, "total:")
        self.logs = _matrix(tally.cells, "log:")
        self.width = np.full(len(first), len(tally.units))
        self.target = np.full(len(first), -1)
        if "target_low" in tally.cells.columns:
            place = {unit: at for at, unit in enumerate(tally.units)}
            found = tally.cells["target_low"].replace_strict(place, default=-1, return_dtype=pl.Int64).to_numpy()
            self.target = np.maximum.reduceat(found, first)  # one cell that has it tells the target of its question

    def dense(self, cell: Int[ndarray, "question context"], width: int) -> Float[ndarray, "question context unit"]:
        return self.totals[cell][..., :width]


def _matrix(cells: pl.DataFrame, prefix: str) -> Float[ndarray, "cell unit"]:
    names = [name for name in cells.columns if name.startswith(prefix)]
    return cells.select(names).to_numpy() if names else np.zeros((cells.height, 0))


class _Entries:
    """Where the sums of a unit are: in a row of their own.

    The units of a question are numbered in the order of their names, its target among them.
    """

    def __init__(self, tally: Tally, question: Int[ndarray, " cell"]) -> None:
        cells = tally.cells.with_columns(cell=pl.Series(np.arange(len(question))), question=pl.Series(question))
        assert tally.entries is not None  # noqa: S101 - what distinguishes this class; for the type checker
        rows = tally.entries.join(cells.select(*tally.where, "cell", "question"), on=tally.where, nulls_equal=True)
        units = _tests(tally, cells, rows) if tally.kind == "tests" else rows.select("question", "unit")
        goals = pl.DataFrame(schema={"question": pl.Int64, "unit": pl.String})
        if "target_low" in cells.columns:
            goals = cells.select("question", unit="target_low").drop_nulls().unique("question", keep="first")
        units = pl.concat([units, goals]).unique().sort("question", "unit")
        units = units.with_columns(place=pl.int_range(pl.len()).over("question"))
        on = ["question", "unit"]
        rows = rows.join(units, on=on).sort("cell")
        self.offset = np.searchsorted(rows["cell"].to_numpy(), np.arange(len(question) + 1))
        self.place, self.total = rows["place"].to_numpy(), rows["total"].to_numpy()
        self.width = np.maximum(np.bincount(units["question"].to_numpy(), minlength=int(question[-1]) + 1), 1)
        self.target = np.full(len(self.width), -1)
        goals = goals.join(units, on=on)
        self.target[goals["question"].to_numpy()] = goals["place"].to_numpy()

    def dense(self, cell: Int[ndarray, "question context"], width: int) -> Float[ndarray, "question context unit"]:
        flat = cell.ravel()
        many = self.offset[flat + 1] - self.offset[flat]
        row = np.repeat(np.arange(len(flat)), many)
        at = np.arange(len(row)) - np.repeat(np.cumsum(many) - many, many) + np.repeat(self.offset[flat], many)
        out = np.zeros((len(flat), width))
        out[row, self.place[at]] = self.total[at]
        return out.reshape(*cell.shape, width)


def _tests(tally: Tally, cells: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The unit tests of a question are those that any model was given, so that none passes by being left away."""
    asked = asked_by(tally)
    known = rows.select(*asked, "unit").unique()
    return cells.select("question", *asked).unique().join(known, on=asked, nulls_equal=True).select("question", "unit")


def _block(
    tally: Tally,
    chosen: Int[ndarray, " question"],
    cell: Int[ndarray, "question context"],
    places: "_Columns | _Entries",
    known: _Scalars,
    delta: float,
) -> Block:
    total = places.dense(cell, int(places.width[chosen[0]]))
    block = Block(
        question=chosen,
        cell=cell,
        samples=known.samples[cell],
        total=total,
        square=known.square[cell],
        target=np.zeros((len(chosen), total.shape[2])),
        weight=np.ones((len(chosen), total.shape[2])),
        log=places.logs[cell] if isinstance(places, _Columns) and places.logs.size else None,
        guesses=np.zeros(cell.shape),
        votes=tally.space == "votes",
        crossfit=None if known.crossfit is None else known.crossfit[cell],
    )
    if tally.kind == "vector":
        return block
    unread = known.unread[cell]
    options = None if known.options is None else known.options[cell].max(1)
    if tally.space == "points":
        return _outcomes(block, tally, unread, options, known.policy)
    return _classes(block, places.target[chosen], unread, options, known, delta)


def _outcomes(
    block: Block,
    tally: Tally,
    unread: Float[ndarray, "question context"],
    options: Float[ndarray, " question"] | None,
    policy: Invalid,
) -> Block:
    """Scores and unit tests: the target is 1 everywhere, and an outcome that is not there is 0."""
    weight = block.weight / max(1, block.weight.shape[1])
    square = block.square / max(1, block.weight.shape[1])
    if policy == "uniform" and tally.kind == "score":
        guess = 1.0 / _at_least_two(options, len(weight))[:, None]
        return replace(
            block,
            target=np.ones_like(weight),
            total=block.total + (unread * guess)[..., None],
            square=square + unread * guess**2,
            guesses=unread,
        )
    return replace(block, target=np.ones_like(weight), weight=weight, square=square)


def _at_least_two(options: Float[ndarray, " question"] | None, questions: int) -> Float[ndarray, " question"]:
    return np.full(questions, 2.0) if options is None else np.where(options >= 2, options, 2.0)


def _classes(
    block: Block,
    target: Int[ndarray, " question"],
    unread: Float[ndarray, "question context"],
    options: Float[ndarray, " question"] | None,
    known: _Scalars,
    delta: float,
) -> Block:
    """Classes: two more places, for the options that nobody chose and for samples that could not be read."""
    questions, contexts, width = block.total.shape
    policy = known.policy
    right = np.zeros((questions, width + 2))
    aimed = target >= 0
    right[np.flatnonzero(aimed), target[aimed]] = 1.0
    if block.votes:
        seen = ((block.total > 0).any(1) | (right[:, :width] > 0)).astype(float)
    else:
        given = np.full(questions, width) if options is None else np.where(options > 0, options, width)
        seen = ((np.arange(width) < given[:, None]) | (right[:, :width] > 0)).astype(float)
    if known.unread_place == 1:  # right and wrong are always both possible
        seen[:, :2] = 1.0
    hidden = np.maximum((options if options is not None else 0.0) - seen.sum(1), 0.0)
    extra = np.full((questions, 1), float(known.extra_class))
    weight = np.concatenate([seen, hidden[:, None], extra], axis=1)
    total = np.concatenate([block.total, np.zeros((questions, contexts, 2))], axis=2)
    square, log = block.square.copy(), block.log
    if policy == "class":
        total[..., known.unread_place] += unread
        square += unread
    elif policy == "uniform":
        guess = (weight > 0) / weight.sum(1, keepdims=True)
        total += unread[..., None] * guess[:, None]
        square += unread / weight.sum(1, keepdims=True)
    if log is not None:
        log = _logs(block, unread, weight, policy, delta)
    guesses = unread if policy == "uniform" else block.guesses
    return replace(block, total=total, square=square, target=right, weight=weight, log=log, guesses=guesses)


def _logs(
    block: Block,
    unread: Float[ndarray, "question context"],
    weight: Float[ndarray, "question unit"],
    policy: Invalid,
    delta: float,
) -> Float[ndarray, "question context unit"]:
    """Sums of log((f + delta) / (1 + C delta)) with the samples that could not be read put in."""
    assert block.log is not None  # noqa: S101 - the caller has looked; for the type checker
    count = weight.sum(1)[:, None, None]  # C
    read = (block.samples - unread)[..., None]
    nothing = np.log(delta) if delta > 0 else -np.inf
    with np.errstate(invalid="ignore"):
        beyond = np.where(read > 0, read * nothing, 0.0)
    log = np.concatenate([block.log, beyond, beyond], axis=2)
    if policy == "class":
        with np.errstate(invalid="ignore"):
            log += np.where(unread[..., None] > 0, unread[..., None] * nothing, 0.0)
            log[..., -1] = beyond[..., 0] + unread * np.log1p(delta)
    elif policy == "uniform":
        log += unread[..., None] * np.log(1.0 / count + delta)
    log -= block.samples[..., None] * np.log1p(count * delta)
    return np.where(weight[:, None] > 0, log, 0.0)
