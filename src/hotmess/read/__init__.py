"""Any log or table in, one `Samples` out: each format has a file of its own in this folder, and `gather` puts them together."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

from hotmess.errors import UsageError
from hotmess.prepare import prepare
from hotmess.read.gather import Progress, gather
from hotmess.read.rows import How, OnLimit
from hotmess.samples import Label, Samples

__all__ = ["read"]


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
    if not sources:
        raise UsageError("nothing to read", hint="hotmess measure FILE")
    if not all(isinstance(source, str | PathLike) for source in sources):
        if len(sources) > 1:
            raise UsageError("give paths, or one frame", hint="hotmess.read(frame)")
        return prepare(sources[0], columns=columns, label=label, task=task, model=model, pattern=pattern)
    how = How(text, pattern, scorer, on_limit)
    found = gather(sources, how, columns or {}, processes=processes, progress=progress)
    return prepare(
        found.frame,
        columns=columns if found.raw else None,
        label=label,
        task=task,
        model=model,
        source=found.source,
        pattern=pattern,
        notices=found.notices,
    )
