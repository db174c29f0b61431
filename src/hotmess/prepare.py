"""From any frame to `Samples`: which kind of prediction it holds, and that kind in its canonical columns."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import narwhals as nw
import polars as pl

from hotmess.errors import BadStatus, EmptyTable, MissingColumn, MixedKinds, NoPrediction, NoTarget, Notice
from hotmess.frames import count, distinct, lazy, named, polars, selected, typed
from hotmess.samples import Kind, Label, Samples, added

__all__ = ["prepare"]

CORRECT = "<correct>"  # the class of every answer of score 1 where no target is known
_FIRST_ROWS = 100_000
FEW_CLASSES = 32  # up to so many different answers, counting them is one column each

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


def prepare(
    table: Any,
    *,
    columns: Mapping[str, str] | None = None,
    label: Label | None = None,
    task: str | None = None,
    model: str | None = None,
    source: str = "table",
) -> Samples:
    """Check a table and find out what it holds.

    Args:
        table: a pandas, Polars, PyArrow, DuckDB, … frame; lazy ones stay lazy.
        columns: our names to theirs, where they differ; theirs may be empty to ignore a column.
        label: `"score"` to measure right/wrong where the table has answers as well.
        task: keep this task only.
        model: keep this model only.
        source: what to call the table in messages.

    Raises:
        HotmessError: see `hotmess.errors` for each case; the message says what was found and what to type.
    """
    frame = typed(named(lazy(table), columns or {}))
    frame = selected(frame, task=task, model=model)
    names = frame.collect_schema().names()
    _require_question(names)
    if "status" in names:
        _check_status(frame)
    kind, notices = _kind(frame, names, label)
    samples = Samples(frame, kind, tuple(names), notices=notices, source=source)
    return _PREPARE[kind](samples)


# ---------------------------------------------------------------------------------------------- what a table holds


def _require_question(names: Sequence[str]) -> None:
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


def _check_status(frame: nw.LazyFrame[Any]) -> None:
    strange = sorted({str(value) for value in distinct(frame, "status")} - set(_STATUSES))
    if strange:
        raise BadStatus(
            f"`status` holds {', '.join(f'`{word}`' for word in strange[:5])}; known are {', '.join(_STATUSES)}",
            why="rows of status error and missing are left out, so the words must be understood",
            hint="--columns status=    (to ignore the column)",
        )


def _kind(frame: nw.LazyFrame[Any], names: Sequence[str], label: Label | None) -> tuple[Kind, tuple[Notice, ...]]:
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
    # A stray value or two of a finer kind do not turn the table; answers that could not be read leave no doubt about theirs.
    most = max((table[kind].sum() for kind in filled if kind != "score"), default=0)
    filled = {
        kind: columns
        for kind, columns in filled.items()
        if kind == "score" or (label and kind == chosen) or table[kind].sum() >= most / 2
    }
    rich = [kind for kind in _PREDICTIONS if kind in filled and kind != "score"]
    holds = {row["task"]: next((kind for kind in rich if row[kind]), "score") for row in table.to_dicts()}
    if chosen != "score" and len(set(holds.values())) > 1:
        found = "; ".join(
            f"{kind} in {', '.join(t for t in holds if holds[t] == kind)}" for kind in dict.fromkeys(holds.values())
        )
        raise MixedKinds(
            f"the tasks hold predictions of different kinds: {found}",
            why="their errors have no common scale",
            hint=f"--task {next(iter(holds))}" + ("    or --label score" if "score" in filled else ""),
        )
    return filled


def _label_notice(kind: Kind, present: Mapping[Kind, list[str]]) -> tuple[Notice, ...]:
    others = [_PREDICTIONS[other] for other in present if other != kind]
    if not others:
        return ()
    hint = "--label score measures right/wrong" if kind == "answers" and "score" in present else ""
    return (Notice("label", f"{kind} were measured; the table also has {', '.join(others)}", hint),)


# ---------------------------------------------------------------------------------------------- one function a kind


def _prepare_answers(samples: Samples) -> Samples:
    samples = _with_choices(_with_target(samples))
    if not samples.has("target"):
        return replace(samples, has_target=False, classes=_classes(samples))
    return replace(samples, classes=_classes(samples), notices=(*samples.notices, *_open_notice(samples)))


def _with_target(samples: Samples) -> Samples:
    """Give answers and targets one type; without a target, answers of score 1 become one class."""
    schema, frame = samples.frame.collect_schema(), samples.frame
    if schema["answer"].is_float():
        frame = frame.with_columns(nw.when(~nw.col("answer").is_nan()).then(nw.col("answer")).alias("answer"))
        samples = replace(samples, frame=frame)
    known = samples.has("target") and not _all_null(frame, "target")
    if not known and samples.has("score"):
        right = nw.col("score") == 1.0
        answer = nw.when(right).then(nw.lit(CORRECT)).otherwise(nw.col("answer").cast(nw.String))
        frame = frame.with_columns(answer=answer, target=nw.lit(CORRECT))
        found = f"there is no target; every answer of score 1 counts as one class, {CORRECT}"
        notices = (*samples.notices, Notice("label", found))
        return replace(samples, frame=frame, columns=added(samples.columns, "target"), notices=notices)
    if not known:
        columns = tuple(name for name in samples.columns if name != "target")
        return replace(samples, frame=frame.drop("target", strict=False), columns=columns)
    if schema["answer"] != schema["target"]:
        numbers = schema["answer"].is_numeric() and schema["target"].is_numeric()
        dtype = nw.Float64 if numbers else nw.String
        frame = frame.with_columns(nw.col("answer").cast(dtype), nw.col("target").cast(dtype))
    return replace(samples, frame=frame)


def _all_null(frame: nw.LazyFrame[Any], name: str) -> bool:
    return bool(frame.select(nw.col(name).is_null().all()).collect("polars").item())


def _with_choices(samples: Samples) -> Samples:
    """Count the options of each question, and mark answers and targets that are not among them."""
    if not samples.has("choices"):
        return samples
    options = pl.col("choices").cast(pl.List(pl.String))
    listed = options.list.len() > 0
    more: dict[str, pl.Expr] = {"n_choices": pl.when(listed).then(options.list.len())}
    for name in ("answer", "target"):
        if samples.has(name):
            text = pl.col(name).cast(pl.String)
            foreign = listed & text.is_not_null() & ~options.list.contains(text) & (text != CORRECT)
            more[f"{name}_not_option"] = foreign.fill_null(value=False)
    frame = nw.from_native(polars(samples.frame).with_columns(**more))
    return replace(samples, frame=frame, columns=added(samples.columns, *more))


def _classes(samples: Samples) -> tuple[Any, ...]:
    """The different answers and targets of the first rows, or nothing where they are too many to give each a column.

    The tally notices if others turn up further down.
    """
    names = [name for name in ("answer", "target") if samples.has(name)]
    rows = samples.frame.select(*names).head(_FIRST_ROWS).unique().collect("polars").to_native()
    found = {value for name in names for value in rows[name].unique().to_list() if value is not None}
    return tuple(sorted(found, key=lambda value: (str(type(value)), value))) if len(found) <= FEW_CLASSES else ()


def _open_notice(samples: Samples) -> tuple[Notice, ...]:
    if samples.has("n_choices"):
        return ()
    found = "no options are given: the classes of a question are the answers seen and its target"
    return (Notice("open-answers", found, "give a column `choices` or `n_choices`"),) if not samples.classes else ()


def _prepare_probabilities(samples: Samples) -> Samples:
    """Spread stated probabilities over columns `prob_0, prob_1, …`; the target becomes the name of one of them."""
    if not samples.has("target"):
        raise NoTarget("probabilities need a column `target`", hint="--columns target=NAME")
    frame = polars(samples.frame)
    if samples.has("probs"):
        width = int(frame.select(pl.col("probs").list.len().max()).collect().item() or 0)
        spread = {f"prob_{c}": _number(pl.col("probs").list.get(c, null_on_oob=True)) for c in range(width)}
        names = [str(c) for c in range(width)] if samples.has("choices") or width > len(_LETTERS) else list(_LETTERS[:width])
    else:
        stated = [name for name in samples.columns if name.startswith("prob_")]
        spread = {f"prob_{c}": _number(pl.col(name)) for c, name in enumerate(stated)}
        names = [name.removeprefix("prob_") for name in stated]
    classes: list[Any] = names
    if frame.collect_schema()["target"].is_integer():  # targets are the numbers that the columns have as names, or places
        classes = [int(name) for name in names] if all(name.isdigit() for name in names) else list(range(len(names)))
    elif not samples.has("choices") and _all_places(frame, names):
        frame, classes = frame.with_columns(pl.col("target").cast(pl.Int64)), list(range(len(names)))
    if samples.has("probs", "choices"):
        frame, classes = frame.with_columns(target=_place_among_choices(len(names))), names
    frame = frame.with_columns(**spread)
    return replace(samples, frame=nw.from_native(frame), columns=added(samples.columns, *spread), classes=tuple(classes))


def _all_places(frame: pl.LazyFrame, names: Sequence[str]) -> bool:
    """Whether targets are places written as text, as a CSV file has them, rather than names."""
    if frame.collect_schema()["target"] != pl.String:
        return False
    seen = [value for value in frame.select("target").head(_FIRST_ROWS).unique().collect()["target"] if value is not None]
    return bool(seen) and all(value.isdigit() for value in seen) and not set(seen) <= set(names)


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _place_among_choices(width: int) -> pl.Expr:
    """The place of the target among the options, or -1."""
    options, target = pl.col("choices").cast(pl.List(pl.String)), pl.col("target").cast(pl.String)
    places = [pl.when(options.list.get(c, null_on_oob=True) == target).then(pl.lit(str(c))) for c in range(width)]
    return pl.when(target.is_not_null()).then(pl.coalesce(*places, pl.lit("-1")))


def _number(column: pl.Expr) -> pl.Expr:
    return column.cast(pl.Float64, strict=False)


def _prepare_tests(samples: Samples) -> Samples:
    """Unfold lists of outcomes into one row per unit test, the form in which long tables come."""
    if samples.has("test_id"):
        if not samples.has("score"):
            raise MissingColumn("a table with a row per `test_id` needs the outcome in `score`", hint="--columns score=passed")
        if not samples.has("sample_id"):
            raise MissingColumn(
                "a table with a row per `test_id` needs `sample_id`",
                why="it says which tests belong to one run",
                hint="--columns sample_id=run",
            )
        return replace(samples, frame=samples.frame.with_columns(nw.col("score").cast(nw.Float64)))
    samples = samples.with_sample_ids()
    frame = polars(samples.frame)
    named = "test_names" in samples.columns
    names = pl.col("test_names") if named else pl.int_ranges(0, pl.col("tests").list.len())
    frame = frame.with_columns(test_id=names.cast(pl.List(pl.String)), score=pl.col("tests").cast(pl.List(pl.Float64)))
    ran = pl.col("tests").list.len() > 0  # a run without outcomes keeps a row of its own
    frame = frame.with_columns(pl.when(ran).then(pl.col(name)).alias(name) for name in ("test_id", "score"))
    frame = frame.drop("tests", "test_names", strict=False).explode("test_id", "score")
    columns = tuple(frame.collect_schema().names())
    return replace(samples, frame=nw.from_native(frame), columns=columns)


def _prepare_score(samples: Samples) -> Samples:
    score = nw.col("score").cast(nw.Float64)
    unread = nw.col("answer").is_null() if samples.has("answer") and not samples.has("test_id") else nw.lit(value=False)
    frame = samples.frame.with_columns(score=score, unanswered=unread)
    return replace(samples, frame=frame, columns=added(samples.columns, "unanswered"))


def _prepare_vector(samples: Samples) -> Samples:
    known = samples.has("target_vector") and not _all_null(samples.frame, "target_vector")
    return replace(samples, has_target=known)


_PREPARE = {
    "answers": _prepare_answers,
    "probabilities": _prepare_probabilities,
    "tests": _prepare_tests,
    "score": _prepare_score,
    "vector": _prepare_vector,
}
