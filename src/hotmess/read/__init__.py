"""Any log or table in, one `Samples` out: each format has a file of its own in this folder, and `gather` puts them together."""

from collections.abc import Callable, Mapping
from os import PathLike
from typing import Any, get_args

import narwhals as nw
import polars as pl

from hotmess.errors import MixedKinds, Notice, UsageError, one_of
from hotmess.frames import named, polars, selected, typed
from hotmess.kinds import require_question
from hotmess.prepare import prepare, with_answers, with_texts
from hotmess.read.gather import Progress, gather
from hotmess.read.log import How, OnLimit
from hotmess.samples import Label, Samples

__all__ = ["read", "read_each", "sample_table"]


def read(
    *sources: str | PathLike[str] | Any,
    columns: Mapping[str, str] | None = None,
    label: Label | None = None,
    task: str | None = None,
    model: str | None = None,
    text: bool = False,
    pattern: str | None = None,
    scorer: str | None = None,
    on_limit: OnLimit = "as-scored",
    processes: int = 1,
    progress: Progress | None = None,
) -> Samples:
    """Read repeated samples.

    Args:
        sources: files, folders, patterns and addresses (`s3://`, `gs://`, `https://`, …) of logs or tables; or one frame
            (pandas, Polars, PyArrow, DuckDB, …). What a file holds is told from the file.
        columns: our column names to theirs, where they differ.
        label: `"score"` to measure right/wrong where there are answers as well.
        task: keep this task only.
        model: keep this model only.
        text: read whole transcripts where summaries would do: lengths in characters, "Wait" counts, repeated completions.
        pattern: a regular expression that reads the answer out of a completion, instead of the log's own way.
        scorer: which scorer (Inspect), filter (lm-eval) or metric (HELM) decides, where there are several.
        on_limit: unit tests of a run that a limit stopped: as they were scored, as the paper has it (the code counts as
            unchanged), or not at all.
        processes: how many files to read at once. More than one needs `if __name__ == "__main__":` in a script.
        progress: called with the bytes that were read and those there are.

    Raises:
        HotmessError: nothing can be read, or it is not a sample table; the message says what to type.
    """
    return _prepared(sources, columns, How(text, pattern, scorer, on_limit), processes, progress)(label, task, model)


def read_each(
    *sources: str | PathLike[str] | Any,
    columns: Mapping[str, str] | None = None,
    label: Label | None = None,
    task: str | None = None,
    model: str | None = None,
    text: bool = False,
    pattern: str | None = None,
    scorer: str | None = None,
    on_limit: OnLimit = "as-scored",
    processes: int = 1,
    progress: Progress | None = None,
) -> list[Samples]:
    """Read repeated samples as `read` does, each task by itself where tasks hold different kinds of predictions."""
    prepared = _prepared(sources, columns, How(text, pattern, scorer, on_limit), processes, progress)
    try:
        return [prepared(label, task, model)]
    except MixedKinds as mixed:
        return [prepared(label, task, model, only=groups) for groups in mixed.parts]


def _prepared(
    sources: tuple[Any, ...], columns: Mapping[str, str] | None, how: How, processes: int, progress: Progress | None
) -> Callable[..., Samples]:
    """What prepares samples of sources that are read once: a function of label, task and model."""
    if not sources:
        raise UsageError("nothing to read", hint="hotmess.read(path)")
    one_of("on_limit", how.on_limit, get_args(OnLimit))
    if len(sources) == 1 and isinstance(sources[0], list | tuple) and all(isinstance(one, str | PathLike) for one in sources[0]):
        sources = tuple(sources[0])
    frame: Any = sources[0] if sources else None
    names, notices, source = columns, tuple[Notice, ...](), "table"
    if all(isinstance(source, str | PathLike) for source in sources):
        found = gather(sources, how, columns or {}, processes=processes, progress=progress)
        frame, notices, source = found.frame, found.notices, found.source
        names = columns if found.raw else None
    elif len(sources) > 1:
        raise UsageError("give paths, or one frame", hint="hotmess.read(frame)")
    given: dict[str, Any] = {"columns": names, "source": source, "pattern": how.pattern, "notices": notices}
    return lambda label, task, model, only=(): prepare(frame, label=label, task=task, model=model, only=only, **given)


def sample_table(
    *sources: str | PathLike[str],
    columns: Mapping[str, str] | None = None,
    task: str | None = None,
    model: str | None = None,
    text: bool = False,
    pattern: str | None = None,
    scorer: str | None = None,
    on_limit: OnLimit = "as-scored",
    processes: int = 1,
    progress: Progress | None = None,
) -> tuple[pl.DataFrame, tuple[Notice, ...]]:
    """Logs as one sample table: a row per response, answers by their text; and what must be said about them.

    Raises:
        HotmessError: nothing can be read.
        MissingColumn: a table has no question.
    """
    found = gather(sources, How(text, pattern, scorer, on_limit), columns or {}, processes=processes, progress=progress)
    frame = nw.from_native(found.frame)
    frame = typed(named(frame, columns or {})) if found.raw else frame
    frame = with_answers(selected(frame, task=task, model=model), pattern)
    require_question(frame.collect_schema().names())
    return with_texts(polars(frame)).collect(), found.notices
