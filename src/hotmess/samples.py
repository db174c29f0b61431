"""The sample table: one row per model response, lazy, checked, with one meaning per column.

Every reader makes a `Samples`; everything else starts from one. A row says which question was answered (`question_id`,
inside `task`, `model`, `setting`), under which draw of input randomness (`context_id`), which response it is
(`sample_id`), and what the model said in one of five kinds of prediction:

    answers         answer, target, choices or n_choices     one class of the question's options
    probabilities   probs or prob_A, prob_B, …, target       a probability for each option
    tests           tests, or a row per test_id with score   unit-test outcomes; the target is all true
    score           score (or correct)                       a grade in 0 to 1; the target is 1
    vector          vector, target_vector or none            an embedding or a point

`hotmess.prepare` makes one of any frame. The frame stays lazy: any engine that narwhals can drive.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import narwhals as nw

from hotmess.errors import Notice
from hotmess.frames import polars

__all__ = ["GROUPS", "LENGTHS", "Kind", "Label", "Samples"]

Kind = Literal["answers", "probabilities", "tests", "score", "vector"]
Label = Literal["answer", "score"]

GROUPS = ("task", "model", "setting")
LENGTHS = ("reasoning_tokens", "output_tokens", "output_chars", "actions")


@dataclass(frozen=True, slots=True)
class Samples:
    """A checked sample table.

    Attributes:
        frame: the rows, lazy, with the column names of this module.
        kind: what the model's prediction is.
        columns: the names in `frame`.
        classes: for answers of which there are few different ones, these; for probabilities the options, in order.
        has_target: whether bias can be measured.
        notices: what the reader of a number must know about how the table was read.
        source: where the rows came from, for people.
    """

    frame: nw.LazyFrame[Any]
    kind: Kind
    columns: tuple[str, ...]
    classes: tuple[Any, ...] = ()
    has_target: bool = True
    notices: tuple[Notice, ...] = ()
    source: str = "table"

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that name a question: task, model, setting where present, and question_id."""
        return (*(name for name in GROUPS if name in self.columns), "question_id")

    @property
    def length(self) -> str | None:
        """The default length: the first of `LENGTHS` that the table has."""
        return next((name for name in LENGTHS if name in self.columns), None)

    def has(self, *names: str) -> bool:
        """Whether the table has all these columns."""
        return all(name in self.columns for name in names)

    def with_sample_ids(self) -> "Samples":
        """The same samples, each with a `sample_id`: its row number where the table has none."""
        if self.has("sample_id"):
            return self
        frame = nw.from_native(polars(self.frame).with_row_index("sample_id"))
        return replace(self, frame=frame, columns=(*self.columns, "sample_id"))

    def without_contexts(self) -> "Samples":
        """The same samples, whatever their context: each counts alike, however many others its context has."""
        if not self.has("context_id"):
            return self
        gone = [name for name in ("context_id", "sample_id") if self.has(name)]
        columns = tuple(name for name in self.columns if name not in gone)
        return replace(self, frame=self.frame.drop(gone), columns=columns)

    def right_or_wrong(self) -> "Samples":
        """Answers as scores: 1 where the answer is the target, 0 where it is another."""
        if self.kind != "answers":
            return self
        target = nw.col("target").max().over(*self.keys)  # one row that has it tells the target of its question
        unread, known = nw.col("answer").is_null(), ~target.is_null()
        if self.has("answer_not_option"):
            unread = unread | nw.col("answer_not_option")
        status = nw.col("status") if self.has("status") else nw.lit("ok")
        frame = self.frame.with_columns(
            score=(nw.col("answer") == target).cast(nw.Float64),
            unanswered=unread,
            status=nw.when(known).then(status).otherwise(nw.lit("missing")),
        )
        return replace(self, frame=frame, kind="score", columns=added(self.columns, "score", "unanswered", "status"), classes=())


def added(columns: tuple[str, ...], *names: str) -> tuple[str, ...]:
    """The columns and those of the names that are not among them."""
    return (*columns, *(name for name in names if name not in columns))
