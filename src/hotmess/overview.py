"""What is in a sample table, and is it usable: what `hotmess check` shows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from hotmess.checks import notices, problems
from hotmess.copies import identical, refusal
from hotmess.errors import HotmessError, Notice
from hotmess.samples import GROUPS, Samples
from hotmess.sums import Loss
from hotmess.tally import tally
from hotmess.traps import traps, unseen

__all__ = ["Group", "Overview", "overview"]


_MADE = ("unanswered", "answer_not_option", "target_not_option")  # columns that reading adds


@dataclass(frozen=True, slots=True)
class Group:
    """One task, model and setting.

    Attributes:
        name: task, model, setting.
        questions: how many questions.
        contexts: fewest and most contexts of a question.
        samples: fewest and most samples of a question that were read.
        unread: share of answers that could not be read.
        excluded: samples that cannot count.
        usable: questions with two samples (or contexts) or more.
    """

    name: dict[str, Any]
    questions: int
    contexts: tuple[int, int]
    samples: tuple[int, int]
    unread: float
    excluded: int
    usable: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What a table holds, why it cannot be measured, what must be known about it, and which traps it could hide."""

    source: str
    kind: str
    columns: tuple[str, ...]
    classes: tuple[str, ...]
    length: str | None
    groups: tuple[Group, ...]
    problems: tuple[HotmessError, ...]
    notices: tuple[Notice, ...]
    unseen: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The overview as JSON has it."""
        named = ("questions", "contexts", "samples", "unread", "excluded", "usable")
        return {
            "source": self.source,
            "label": self.kind,
            "columns": list(self.columns),
            "classes": list(self.classes),
            "length": self.length,
            "groups": [{**group.name, **{name: getattr(group, name) for name in named}} for group in self.groups],
            "problems": [{"code": p.code, "found": p.found, "where": p.where, "hint": p.hint} for p in self.problems],
            "notices": [{"code": n.code, "found": n.found, "hint": n.hint} for n in self.notices],
            "not_looked_for": list(self.unseen),
        }


def overview(samples: Samples) -> Overview:
    """Look at a table without measuring it.

    Raises:
        HotmessError: the rows cannot even be counted, since one has no question or is there twice.
    """
    losses: dict[str, Loss] = {"tests": "coverage", "score": "coverage", "vector": "squared"}
    loss = losses.get(samples.kind, "brier") if samples.has_target else "spread"
    made = tally(samples, loss)
    table = made.questions()
    names = [name for name in GROUPS if name in table.columns]
    parts = table.partition_by(names, maintain_order=True) if names else [table]
    told = [*notices(made, samples, invalid="class"), *traps(samples)]
    classes = tuple(map(str, samples.classes))
    groups = tuple(_group(part, names) for part in parts)
    copies = identical(samples)
    found = (*problems(made, samples, loss), *([refusal(copies)] if copies else []))
    spread = {f"prob_{place}" for place in range(len(classes))} if samples.has("probs") else set()
    shown = tuple(name for name in samples.columns if name not in {*_MADE, *spread})
    hidden = tuple(unseen(samples))
    return Overview(samples.source, samples.kind, shown, classes, samples.length, groups, found, tuple(told), hidden)


def _group(table: pl.DataFrame, names: list[str]) -> Group:
    samples, contexts = table["samples"].to_numpy() + table["invalid"].to_numpy(), table["contexts"].to_numpy()
    counted = float((table["rows"] - table["excluded"]).sum())
    nested = contexts.max() > 1
    return Group(
        name={name: table[name][0] for name in names},
        questions=table.height,
        contexts=(int(contexts.min()), int(contexts.max())),
        samples=(int(samples.min()), int(samples.max())),
        unread=float(table["invalid"].sum()) / counted if counted else 0.0,
        excluded=int(table["excluded"].sum()),
        usable=int(np.sum((contexts >= 2) if nested else (samples >= 2))),
    )
