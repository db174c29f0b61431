"""From any frame to `Samples`: which kind of prediction it holds, and that kind in its canonical columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

import narwhals as nw
import polars as pl

from hotmess.answers import are_letters, by_text, from_completions, in_one_order, letters_and_texts
from hotmess.errors import BadShape, MissingColumn, NoTarget, Notice, UsageError
from hotmess.frames import collect, distinct, is_polars, lazy, named, polars, selected, typed
from hotmess.kinds import check_status, kind_of, of_groups, require_question
from hotmess.lists import among_options, row_per_test, uneven_options, unlisted
from hotmess.samples import GROUPS, Label, Samples, added

__all__ = ["letters_counted", "prepare", "with_answers", "with_texts"]

CORRECT = "<correct>"  # the class of every answer of score 1 where no target is known
_FIRST_ROWS = 100_000
FEW_CLASSES = 32  # up to so many different answers, counting them is one column each


def prepare(
    table: Any,
    *,
    columns: Mapping[str, str] | None = None,
    label: Label | None = None,
    task: str | None = None,
    model: str | None = None,
    source: str = "table",
    pattern: str | None = None,
    notices: Sequence[Notice] = (),
    only: Sequence[Mapping[str, Any]] = (),
) -> Samples:
    """Check a table and find out what it holds.

    Args:
        table: a pandas, Polars, PyArrow, DuckDB, … frame; lazy ones stay lazy.
        columns: our names to theirs, where they differ; theirs may be empty to ignore a column.
        label: `"score"` to measure right/wrong where the table has answers as well.
        task: keep this task only.
        model: keep this model only.
        source: what to call the table in messages.
        pattern: a regular expression that reads answers out of a column `completion`.
        notices: what the reader of the rows has to say.
        only: the tasks, models and settings to keep, where these are not all.

    Raises:
        HotmessError: see `hotmess.errors` for each case; the message says what was found and what to type.
    """
    frame = with_answers(typed(named(lazy(table), columns or {})), pattern)
    frame = selected(frame, task=task, model=model)
    frame = frame.filter(of_groups(only)) if only else frame
    frame = frame if is_polars(frame) else unlisted(frame)
    names = frame.collect_schema().names()
    require_question(names)
    if "status" in names:
        check_status(frame)
    kind, more, frame = kind_of(frame, names, label)
    samples = Samples(frame, kind, tuple(names), notices=(*notices, *more), source=source)
    return _PREPARE[kind](samples)


def with_answers(frame: nw.LazyFrame[Any], pattern: str | None) -> nw.LazyFrame[Any]:
    """The frame with answers read out of completions, where it has some.

    Raises:
        UsageError: the pattern is no regular expression, or there are no completions to use it on.
    """
    names = frame.collect_schema().names()
    if "completion" not in names:
        if pattern is not None and "completion_hash" not in names:  # of logs, completions were read and are gone
            raise UsageError("`--pattern` has no completions to read answers from", hint="--columns completion=NAME")
        return frame
    return nw.from_native(from_completions(polars(frame), pattern))


def with_texts(frame: pl.LazyFrame, counted: pl.DataFrame | None = None) -> pl.LazyFrame:
    """The frame with letters of options replaced by the options, and these in one order beside their probabilities.

    Args:
        frame: the rows.
        counted: what `letters_counted` says of the whole table, if the rows are a part of it.
    """
    schema = frame.collect_schema()
    if "choices" not in schema:
        return frame
    frame = frame.with_columns(pl.col("choices").cast(pl.List(pl.String)))
    if texts := _speaking(schema):
        by = None if counted is not None else "task" if "task" in schema else pl.lit(0)
        frame = frame if counted is None else _with_counted(frame, counted)
        letters = [are_letters(name, texts, by).alias(f"_{name}_is_letter") for name in texts]
        frame = frame.with_columns(letters).with_columns(by_text(name, letters=pl.col(f"_{name}_is_letter")) for name in texts)
        known = [f"_{name}_is_letter" for name in texts]
        frame = frame.drop(known if counted is None else [*known, *letters_and_texts(texts)])
    return frame.with_columns(in_one_order()) if "probs" in schema else frame


def letters_counted(parts: Iterable[pl.LazyFrame]) -> pl.DataFrame | None:
    """What decides, for each task of a table, whether its answers are letters of options; None if nothing has to be decided.

    Args:
        parts: the rows of the table; no more than one part is held at a time.
    """
    sums: list[pl.DataFrame] = []
    for part in parts:
        schema = part.collect_schema()
        texts = _speaking(schema)
        if "choices" not in schema or not texts:
            return None
        rows = part.with_columns(pl.col("choices").cast(pl.List(pl.String)))
        counts = letters_and_texts(texts)
        sums.append((rows.group_by("task").agg(**counts) if "task" in schema else rows.select(**counts)).collect())
    if not sums:
        return None
    found = pl.concat(sums)
    return found.group_by("task").agg(pl.all().sum()) if "task" in found.columns else found.sum()


def _with_counted(frame: pl.LazyFrame, counted: pl.DataFrame) -> pl.LazyFrame:
    if "task" in counted.columns:
        return frame.join(counted.lazy(), on="task", how="left", nulls_equal=True, maintain_order="left")
    return frame.with_columns(pl.lit(value).alias(name) for name, value in counted.row(0, named=True).items())


def _speaking(schema: Mapping[str, Any]) -> list[str]:
    """The columns that may speak of options by letter."""
    return [name for name in ("answer", "target", "intended") if schema.get(name) == pl.String]


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
        answer = nw.col("answer")
        real = answer.is_finite() | (answer == inf) | (answer == -inf)
        frame = frame.with_columns(nw.when(real).then(answer).alias("answer"))
        samples = replace(samples, frame=frame)
    known = samples.has("target") and not _all_null(frame, "target")
    if samples.has("score") and not known:
        return _with_correct(samples, nw.lit(value=True), "")
    if samples.has("score", "task") and (without := _without_target(samples)):
        there = nw.col("task").is_in([task for task in without if task is not None])
        there = nw.when(nw.col("task").is_null()).then(nw.lit(None in without)).otherwise(there)
        return _with_correct(samples, there, f" in {', '.join(map(str, without[:3]))}")
    if not known:
        columns = tuple(name for name in samples.columns if name != "target")
        return replace(samples, frame=frame.drop("target", strict=False), columns=columns)
    if schema["answer"] != schema["target"]:
        numbers = schema["answer"].is_numeric() and schema["target"].is_numeric()
        dtype = nw.Float64 if numbers else nw.String
        if not (numbers or is_polars(frame)) and any(schema[name].is_float() for name in ("answer", "target")):
            raise BadShape(
                f"`answer` is {schema['answer']} and `target` {schema['target']}",
                why="every engine writes fractions as text in a way of its own",
                hint="give both one type",
            )
        frame = frame.with_columns(nw.col("answer").cast(dtype), nw.col("target").cast(dtype))
    return replace(samples, frame=frame)


def _without_target(samples: Samples) -> list[Any]:
    """The tasks that have no target at all."""
    filled = collect(samples.frame.group_by("task").agg(nw.col("target").count().alias("n")))
    return sorted(filled.filter(pl.col("n") == 0)["task"].to_list(), key=str)


def _with_correct(samples: Samples, there: nw.Expr, where: str) -> Samples:
    """Where there is no target, the answers of score 1 become one class."""
    right, answer = nw.col("score") == 1.0, nw.col("answer").cast(nw.String)
    target = nw.col("target").cast(nw.String) if samples.has("target") else nw.lit(None, dtype=nw.String)
    frame = samples.frame.with_columns(
        answer=nw.when(there & right).then(nw.lit(CORRECT)).otherwise(answer),
        target=nw.when(there).then(nw.lit(CORRECT)).otherwise(target),
    )
    found = f"there is no target{where}; every answer of score 1 counts as one class, {CORRECT}"
    notices = (*samples.notices, Notice("label", found))
    return replace(samples, frame=frame, columns=added(samples.columns, "target"), notices=notices)


def _all_null(frame: nw.LazyFrame[Any], name: str) -> bool:
    return int(collect(frame.select(nw.col(name).count())).item()) == 0


def _with_choices(samples: Samples) -> Samples:
    """Count the options of each question, and mark answers and targets that are not among them."""
    if not samples.has("choices"):
        return samples
    if not is_polars(samples.frame):
        frame = among_options(samples.frame, CORRECT)
        return replace(samples, frame=frame, columns=tuple(frame.collect_schema().names()))
    options = pl.col("choices").cast(pl.List(pl.String))
    listed = options.list.len() > 0
    native = with_texts(polars(samples.frame))
    more: dict[str, pl.Expr] = {}
    several = pl.lit(value=False)
    for name in ("answer", "target"):
        if samples.has(name):
            text = pl.col(name).cast(pl.String)
            parts = text.str.split("; ").list.set_difference(options).list.len() > 0  # several options may be right together
            foreign = listed & text.is_not_null() & ~options.list.contains(text) & parts & (text != CORRECT)
            more[f"{name}_not_option"] = foreign.fill_null(value=False)
            several = several | (text.str.contains("; ", literal=True) & ~options.list.contains(text) & ~parts).any()
    more["n_choices"] = pl.when(listed & ~several).then(options.list.len())  # of n options there are more than n sets
    return replace(samples, frame=nw.from_native(native.with_columns(**more)), columns=added(samples.columns, *more))


def _classes(samples: Samples) -> tuple[Any, ...]:
    """The different answers and targets of the first rows, or nothing where they are too many to give each a column.

    The tally notices if others turn up further down.
    """
    names = [name for name in ("answer", "target") if samples.has(name)]
    first = samples.frame.select(*names).head(_FIRST_ROWS)
    rows = collect(first.group_by(*names).agg(nw.len().alias("n")))
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
    if samples.has("probs"):  # Polars has them: of other engines, `unlisted` did it
        return _with_places(samples)
    stated = [name for name in samples.columns if name.startswith("prob_")]
    frame, names = samples.frame, [name.removeprefix("prob_") for name in stated]
    classes: list[Any] = names
    if frame.collect_schema()["target"].is_integer() or _all_places(frame, names):
        frame = frame.with_columns(nw.col("target").cast(nw.Int64))
        classes = [int(name) for name in names] if all(name.isdigit() for name in names) else list(range(len(names)))
    frame = frame.with_columns(**{f"prob_{place}": nw.col(name).cast(nw.Float64) for place, name in enumerate(stated)})
    numbered = [f"prob_{place}" for place in range(len(stated))]
    return replace(samples, frame=frame, columns=added(samples.columns, *numbered), classes=tuple(classes))


def _with_places(samples: Samples) -> Samples:
    """Probabilities in lists, in the order of the options where these are known."""
    chosen, frame = samples.has("choices"), polars(samples.frame)
    if chosen:
        uneven = pl.col("probs").list.len() != pl.col("choices").list.len()
        if rows := int(frame.select(uneven.sum()).collect().item() or 0):
            raise uneven_options(rows)
        frame = with_texts(frame)
    width = int(frame.select(pl.col("probs").list.len().max()).collect().item() or 0)
    spread = {f"prob_{c}": _number(pl.col("probs").list.get(c, null_on_oob=True)) for c in range(width)}
    names = [str(c) for c in range(width)] if chosen or width > len(_LETTERS) else list(_LETTERS[:width])
    classes: list[Any] = names
    if chosen:
        frame = frame.with_columns(target=_place_among_choices(len(names)))
    elif frame.collect_schema()["target"].is_integer() or _all_places(nw.from_native(frame), names):
        frame, classes = frame.with_columns(pl.col("target").cast(pl.Int64)), list(range(len(names)))
    frame = frame.with_columns(**spread)
    return replace(samples, frame=nw.from_native(frame), columns=added(samples.columns, *spread), classes=tuple(classes))


def _all_places(frame: nw.LazyFrame[Any], names: Sequence[str]) -> bool:
    """Whether targets are places written as text, as a CSV file has them, rather than names."""
    if frame.collect_schema()["target"] != nw.String:
        return False
    seen = set(distinct(frame.head(_FIRST_ROWS), "target"))
    return bool(seen) and all(value.isdigit() for value in seen) and not seen <= set(names)


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
    if not is_polars(samples.frame):
        rows = row_per_test(samples.frame)
        return replace(samples, frame=rows, columns=tuple(rows.collect_schema().names()))
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
    unread = nw.lit(value=False)
    if samples.has("status"):  # a log says what it could not read; a task may have no answers at all
        unread = (nw.col("status") == "invalid").fill_null(value=False)
    elif samples.has("answer") and not samples.has("test_id"):
        said, groups = (~nw.col("answer").is_null()).cast(nw.Int64), [name for name in GROUPS if samples.has(name)]
        some = said.max().over(*groups) == 1 if groups else nw.lit(value=not _all_null(samples.frame, "answer"))
        unread = nw.col("answer").is_null() & some  # where nothing has an answer, none was asked for
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
