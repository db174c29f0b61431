"""Which kind of prediction a table holds."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_, or_
from shlex import quote
from typing import Any, NamedTuple

import narwhals as nw

from hotmess.errors import BadStatus, EmptyTable, MissingColumn, MixedKinds, NoPrediction, Notice
from hotmess.frames import collect, count, distinct, number
from hotmess.samples import GROUPS, Kind, Label

__all__ = ["check_status", "kind_of", "of_groups", "require_question"]

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


def kind_of(
    frame: nw.LazyFrame[Any], names: Sequence[str], label: Label | None
) -> tuple[Kind, tuple[Notice, ...], nw.LazyFrame[Any]]:
    """Decide what is measured: the finest label there is, or the one that was asked for.

    Returns:
        The kind, what must be said about it, and the frame without the groups that hold no prediction at all.

    Raises:
        NoPrediction: nothing holds one.
        MixedKinds: tasks, models or settings hold predictions of different kinds.
    """
    present: dict[Kind, list[str]] = {kind: [column] for kind, column in _PREDICTIONS.items() if column in names}
    stated = [name for name in names if name.startswith("prob_")]
    if stated and "probs" not in names:
        present["probabilities"] = stated
    if "test_id" in names:
        present = {"tests": ["test_id"]}
    if not present:
        raise _no_prediction(names)
    kind = _chosen(present, label)
    if len(present) == 1 and kind != "score" and not set(GROUPS) & set(names):
        return kind, (), frame
    groups = _groups(frame, names, present, label and kind)
    bare = [group for group in groups if not group.held]
    groups = [group for group in groups if group.held]
    if not groups:
        if count(frame) == 0:
            raise EmptyTable("the table has no rows")
        raise NoPrediction("every prediction in the table is empty", hint="look at the columns: " + ", ".join(names))
    held: dict[Kind, list[str]] = {one: present[one] for one in present if any(one in group.held for group in groups)}
    kind = _chosen(held, label)
    if kind != "score":
        _same_kind(groups)
    return kind, (*_label_notice(kind, held), *_bare_notice(bare)), _without(frame, bare)


class _Group(NamedTuple):
    """A task, model and setting, and the kinds of prediction that it holds."""

    name: dict[str, Any]
    rows: int
    held: tuple[Kind, ...]

    @property
    def finest(self) -> Kind:
        """The finest kind there is."""
        return next((kind for kind in self.held if kind != "score"), "score")

    @property
    def label(self) -> str:
        """Its name, for people."""
        return " ".join(str(value) for value in self.name.values() if value is not None) or "the table"


def _groups(
    frame: nw.LazyFrame[Any], names: Sequence[str], present: Mapping[Kind, list[str]], wanted: Kind | None
) -> list[_Group]:
    by = [name for name in GROUPS if name in names]
    filled = [nw.len().alias("rows"), *(number(_given(columns)).alias(kind) for kind, columns in present.items())]
    counted = frame.group_by(by).agg(*filled) if by else frame.select(*filled)
    table = collect(counted)
    rows = (table.sort(by) if by else table).to_dicts()
    return [_Group({name: row[name] for name in by}, row["rows"], _held(row, wanted)) for row in rows]


def _given(columns: Sequence[str]) -> nw.Expr:
    return reduce(or_, [~nw.col(name).is_null() for name in columns])


def _held(row: Mapping[str, Any], wanted: Kind | None) -> tuple[Kind, ...]:
    """The kinds that a group has values of. A stray value or two of a finer kind do not turn it."""
    most = max((row[kind] for kind in _PREDICTIONS if kind in row and kind != "score"), default=0)
    return tuple(kind for kind in _PREDICTIONS if row.get(kind) and (kind in {"score", wanted} or row[kind] >= most / 2))


def _same_kind(groups: Sequence[_Group]) -> None:
    """See that one kind serves all groups.

    Raises:
        MixedKinds: it does not; with the groups of each kind.
    """
    kinds: dict[Kind, list[_Group]] = {}
    for group in groups:
        kinds.setdefault(group.finest, []).append(group)
    if len(kinds) == 1:
        return
    apart = next((name for name in GROUPS if len(_values(kinds, name)) == sum(map(len, _by_kind(kinds, name)))), None)
    shown = [f"{kind} in {', '.join(dict.fromkeys(_of(group, apart) for group in members))}" for kind, members in kinds.items()]
    first = next(iter(kinds.values()))[0]
    hint = f"--{apart} {quote(str(first.name[apart]))}" if apart in {"task", "model"} else "give them to hotmess one at a time"
    raise MixedKinds(
        f"the predictions are of different kinds: {'; '.join(shown)}",
        parts=tuple(tuple(group.name for group in members) for members in kinds.values()),
        why="their errors have no common scale",
        hint=hint + ("    or --label score" if all("score" in group.held for group in groups) else ""),
    )


def _by_kind(kinds: Mapping[Kind, Sequence[_Group]], name: str) -> list[set[Any]]:
    return [{group.name.get(name) for group in members} for members in kinds.values()]


def _values(kinds: Mapping[Kind, Sequence[_Group]], name: str) -> set[Any]:
    return set().union(*_by_kind(kinds, name))


def _of(group: _Group, name: str | None) -> str:
    return group.label if name is None else str(group.name.get(name))


def _bare_notice(bare: Sequence[_Group]) -> tuple[Notice, ...]:
    if not bare:
        return ()
    shown = ", ".join(group.label for group in bare[:3]) + (" …" if len(bare) > 3 else "")
    found = f"{sum(group.rows for group in bare):,} samples hold no prediction at all and are left out: {shown}"
    return (Notice("nothing-held", found, "look at the log: was it scored?"),)


def _without(frame: nw.LazyFrame[Any], bare: Sequence[_Group]) -> nw.LazyFrame[Any]:
    groups = [group.name for group in bare if group.name]
    return frame.filter(~of_groups(groups)) if groups else frame


def of_groups(groups: Sequence[Mapping[str, Any]]) -> nw.Expr:
    """Whether a row is of one of these tasks, models and settings; a name that is null is one, too."""
    return reduce(or_, [reduce(and_, [_is(name, value) for name, value in group.items()]) for group in groups])


def _is(name: str, value: Any) -> nw.Expr:
    return nw.col(name).is_null() if value is None else (nw.col(name) == value).fill_null(value=False)


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


def _label_notice(kind: Kind, present: Mapping[Kind, list[str]]) -> tuple[Notice, ...]:
    others = [_PREDICTIONS[other] for other in present if other != kind]
    if not others:
        return ()
    hint = "--label score measures right/wrong" if kind == "answers" and "score" in present else ""
    measured = "scores" if kind == "score" else kind
    return (Notice("label", f"{measured} were measured; the table also has {', '.join(others)}", hint),)
