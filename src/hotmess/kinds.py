"""Which kind of prediction a table holds."""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import polars as pl

from hotmess.errors import BadStatus, EmptyTable, MissingColumn, MixedKinds, NoPrediction, Notice
from hotmess.frames import count, distinct
from hotmess.samples import Kind, Label

__all__ = ["check_status", "kind_of", "require_question"]

_STATUSES = ("ok", "invalid", "limit", "error", "missing")
_PREDICTIONS: dict[Kind, str] = {
    "tests": "tests",
    "vector": "vector",
    "probabilities": "probs",
    "answers": "answer",
    "score": "score",
}
_FOREIGN = {
    "question_id": ("question", "id", "qid", "doc_id", "instance_id", "task_id", "item", "problem", "puzzle", "prompt_id"),
    "answer": ("pred", "prediction", "response", "output", "parsed", "extracted", "choice"),
    "target": ("gold", "label", "key", "truth", "reference", "expected", "ground_truth", "y"),
    "score": ("passed", "reward", "success", "accuracy", "is_correct", "grade"),
}


def require_question(names: Sequence[str]) -> None:
    """See that there is a column for the question.

    Raises:
        MissingColumn: there is none; the hint guesses which one is meant.
    """
    if "question_id" not in names:
        raise MissingColumn(
            f"there is no column for the question (`question_id`); found: {', '.join(names) or 'no columns'}",
            why="bias and variance are properties of the answers to one question",
            hint="--columns " + (_guesses(names) or "question_id=NAME"),
        )


def _guesses(names: Sequence[str]) -> str:
    """Which of the columns could be ours, as `--columns` takes them."""
    plain = {name.strip().lower().replace(" ", "_"): name for name in reversed(names)}
    found = {}
    for ours, theirs in _FOREIGN.items():
        hit = next((plain[word] for word in (ours, *theirs) if word in plain), None)
        if ours not in names and hit is not None and not (ours == "score" and "answer" in found):
            found[ours] = hit
    return ",".join(f"{ours}={theirs}" for ours, theirs in found.items())


def check_status(frame: nw.LazyFrame[Any]) -> None:
    """See that the words of `status` are known.

    Raises:
        BadStatus: some are not.
    """
    strange = sorted({str(value) for value in distinct(frame, "status")} - set(_STATUSES))
    if strange:
        raise BadStatus(
            f"`status` holds {', '.join(f'`{word}`' for word in strange[:5])}; known are {', '.join(_STATUSES)}",
            why="rows of status error and missing are left out, so the words must be understood",
            hint="--columns status=    (to ignore the column)",
        )


def kind_of(frame: nw.LazyFrame[Any], names: Sequence[str], label: Label | None) -> tuple[Kind, tuple[Notice, ...]]:
    """Decide what is measured: the finest label there is, or the one that was asked for."""
    present: dict[Kind, list[str]] = {kind: [column] for kind, column in _PREDICTIONS.items() if column in names}
    stated = [name for name in names if name.startswith("prob_")]
    if stated and "probs" not in names:
        present["probabilities"] = stated
    if "test_id" in names:
        present = {"tests": ["test_id"]}
    if not present:
        raise _no_prediction(names)
    kind = _chosen(present, label)
    if len(present) == 1:
        return kind, ()
    present = _not_empty(frame, names, present, kind, label)
    kind = _chosen(present, label)
    return kind, _label_notice(kind, present)


def _chosen(present: Mapping[Kind, list[str]], label: Label | None) -> Kind:
    wanted: Kind | None = None if label is None else "answers" if label == "answer" else "score"
    if wanted is None:
        return next(kind for kind in _PREDICTIONS if kind in present)
    if wanted not in present:
        raise NoPrediction(
            f"`--label {label}` was asked for, but the table holds {', '.join(present)} only",
            hint="leave --label out, or name the column with --columns",
        )
    return wanted


def _no_prediction(names: Sequence[str]) -> NoPrediction:
    return NoPrediction(
        f"no column holds what the model said; found: {', '.join(names)}",
        why="one of answer, probs (or prob_A, prob_B, …), tests, score, vector is needed",
        hint="--columns " + (_guesses(names) or "answer=NAME"),
    )


def _not_empty(
    frame: nw.LazyFrame[Any], names: Sequence[str], present: dict[Kind, list[str]], chosen: Kind, label: Label | None
) -> dict[Kind, list[str]]:
    """Keep the kinds that have values, and see that one kind serves every task."""
    filled_rows = [(~nw.col(columns[0]).is_null()).sum().alias(kind) for kind, columns in present.items()]
    if "task" in names:
        table = frame.group_by("task").agg(*filled_rows).collect("polars").to_native().sort("task")
    else:
        table = frame.select(*filled_rows).collect("polars").to_native().with_columns(task=pl.lit("the table"))
    filled: dict[Kind, list[str]] = {kind: columns for kind, columns in present.items() if table[kind].sum() > 0}
    if not filled:
        if count(frame) == 0:
            raise EmptyTable("the table has no rows")
        raise NoPrediction("every prediction in the table is empty", hint="look at the columns: " + ", ".join(names))
    holds = {row["task"]: _held(row, label and chosen) for row in table.to_dicts()}
    filled = {
        kind: columns
        for kind, columns in filled.items()
        if kind == "score" or kind in {k for held in holds.values() for k in held}
    }
    finest = {
        task: next((kind for kind in _PREDICTIONS if kind in held and kind != "score"), "score") for task, held in holds.items()
    }
    if chosen != "score" and len(set(finest.values())) > 1:
        found = "; ".join(
            f"{kind} in {', '.join(t for t in finest if finest[t] == kind)}" for kind in dict.fromkeys(finest.values())
        )
        raise MixedKinds(
            f"the tasks hold predictions of different kinds: {found}",
            tasks=tuple(finest),
            why="their errors have no common scale",
            hint=f"--task {next(iter(finest))}" + ("    or --label score" if "score" in filled else ""),
        )
    return filled


def _held(row: Mapping[str, Any], wanted: Kind | None) -> set[Kind]:
    """The kinds that a task has values of. A stray value or two of a finer kind do not turn it."""
    most = max(row[kind] for kind in _PREDICTIONS if kind in row and kind != "score") if len(row) > 1 else 0
    return {kind for kind in _PREDICTIONS if row.get(kind) and (kind in {"score", wanted} or row[kind] >= most / 2)}


def _label_notice(kind: Kind, present: Mapping[Kind, list[str]]) -> tuple[Notice, ...]:
    others = [_PREDICTIONS[other] for other in present if other != kind]
    if not others:
        return ()
    hint = "--label score measures right/wrong" if kind == "answers" and "score" in present else ""
    return (Notice("label", f"{kind} were measured; the table also has {', '.join(others)}", hint),)
