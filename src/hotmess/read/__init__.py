"""Any log or table in, one `Samples` out: each format has a file of its own in this folder, and `gather` puts them together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike, fspath
from typing import Any, get_args

import polars as pl

from hotmess.engines import HERE, Engine, EngineName, engine_of
from hotmess.errors import MixedKinds, Notice, UnreadableFile, UsageError, one_of
from hotmess.frames import lazy, named, polars, selected, typed
from hotmess.kinds import require_question
from hotmess.prepare import prepare, with_answers, with_texts
from hotmess.read.files import File
from hotmess.read.gather import Logs, Progress, gather
from hotmess.read.log import How, OnLimit
from hotmess.read.store import Store, is_store, stacked, with_kept_texts
from hotmess.read.transcripts import chosen, told, with_texts_apart
from hotmess.samples import Label, Samples

__all__ = ["Reading", "read"]


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
    engine: Engine | EngineName = HERE,
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
        engine: what adds up stores and files of Parquet: ``"duckdb"``, ``"spark"``, ``"ray"``, or an `Engine` that says where.
        processes: how many files to read at once. More than one needs `if __name__ == "__main__":` in a script.
        progress: called with the bytes that were read and those there are.

    Raises:
        HotmessError: nothing can be read, or it is not a sample table; the message says what to type.
    """
    how = How(text, pattern, scorer, on_limit)
    engine = engine if isinstance(engine, Engine) else engine_of(engine)
    reading = Reading.of(sources, columns or {}, how, engine=engine, processes=processes, progress=progress)
    return reading.samples(label, task, model)


@dataclass(frozen=True, slots=True)
class Reading:
    """Sources that were read once, to be prepared in one way or another."""

    frame: Any
    columns: Mapping[str, str]
    how: How
    notices: tuple[Notice, ...] = ()
    source: str = "table"
    logs: Logs | None = None
    processes: int = 1
    stores: tuple[Store, ...] = ()

    @classmethod
    def of(
        cls,
        sources: Sequence[Any],
        columns: Mapping[str, str],
        how: How,
        *,
        engine: Engine = HERE,
        processes: int = 1,
        progress: Progress | None = None,
    ) -> "Reading":
        """Read paths, or take one frame.

        Raises:
            UsageError: it is neither.
            HotmessError: nothing can be read.
        """
        if len(sources) == 1 and isinstance(sources[0], list | tuple) and all(map(_is_path, sources[0])):
            sources = sources[0]
        if not sources:
            raise UsageError("nothing to read", hint="hotmess.read(path)")
        one_of("on_limit", how.on_limit, get_args(OnLimit))
        stores = [source for source in sources if isinstance(source, str | PathLike) and is_store(fspath(source))]
        if stores and all(map(_is_path, sources)):
            return cls._of_stores(stores, [source for source in sources if source not in stores], columns, how, engine)
        if not engine.is_here:
            return cls._of_parquet(sources, columns, how, engine)
        if all(map(_is_path, sources)):
            found = gather(sources, how, columns, processes=processes, progress=progress)
            return cls(found.frame, columns if found.raw else {}, how, found.notices, found.source, found.logs, processes)
        if len(sources) > 1:
            raise UsageError("give paths, or one frame", hint="hotmess.read(frame)")
        return cls(sources[0], columns, how)

    @classmethod
    def _of_parquet(cls, sources: Sequence[Any], columns: Mapping[str, str], how: How, engine: Engine) -> "Reading":
        """Files that an engine reads by itself."""
        other = next((source for source in sources if not (_is_path(source) and fspath(source).endswith(".parquet"))), None)
        if other is not None:
            raise UsageError(
                f"{engine.name} reads stores and files of Parquet; `{other}` is neither",
                hint=f"hotmess ingest {other} -o STORE" if _is_path(other) else "",
            )
        return cls(engine.scan([fspath(source) for source in sources]), columns, how, source=" and ".join(map(fspath, sources)))

    @classmethod
    def _of_stores(
        cls, sources: Sequence[Any], logs: Sequence[Any], columns: Mapping[str, str], how: How, engine: Engine
    ) -> "Reading":
        if logs:
            raise UsageError(
                f"`{logs[0]}` is no store, and stands beside one",
                why="what is in both would count twice",
                hint=f"hotmess ingest {logs[0]} -o STORE",
            )
        stores = tuple(Store.open(fspath(source)) for source in sources)
        frames, notices, words = zip(*(store.samples(engine) for store in stores), strict=True)
        frame = stacked(frames).to_native()
        said = tuple(notice for some in notices for notice in some)
        return cls(frame, columns, how, said, " and ".join(words), stores=stores)

    def samples(
        self, label: Label | None = None, task: str | None = None, model: str | None = None, only: Sequence[Any] = ()
    ) -> Samples:
        """The samples, of one kind of prediction.

        Raises:
            UnreadableFile: columns hold what no sample table holds there.
        """
        given: dict[str, Any] = {"columns": self.columns, "source": self.source, "pattern": self.how.pattern}
        try:
            return prepare(self.frame, label=label, task=task, model=model, only=only, notices=self.notices, **given)
        except pl.exceptions.PolarsError as problem:
            found = f"{self.source} is no sample table: {str(problem).strip().splitlines()[0][:160]}"
            raise UnreadableFile(found, hint="look at the types of its columns") from problem

    def each(self, label: Label | None = None, task: str | None = None, model: str | None = None) -> list[Samples]:
        """The samples of each kind of prediction by themselves."""
        try:
            return [self.samples(label, task, model)]
        except MixedKinds as mixed:
            return [self.samples(label, task, model, groups) for groups in mixed.parts]

    def transcripts(
        self, questions: Collection[str], *, label: Label | None = None, task: str | None = None, model: str | None = None
    ) -> pl.DataFrame:
        """What was said to some questions; logs are read once more for it, only where they hold these.

        One row per sample, named as `samples` and `each` name it when they are asked for the same `label`, `task` and `model`; a
        table without `sample_id` gets that of `Samples.with_sample_ids`. The columns are those of `task`, `model` and `setting`
        that there are, `question_id`, `context_id` if there is one, `sample_id`, and as text `completion` (all that the model
        said, with its reasoning where the log has it), `prompt` (what was asked), `source` and `source_ref`, null where they
        are not known. Without any text there are no rows.

        Args:
            questions: their `question_id`, as text.
            label: as in `samples`.
            task: as in `samples`.
            model: as in `samples`.

        Raises:
            HotmessError: `samples` would, too.
        """
        frame = with_kept_texts(lazy(self.frame), self.stores, questions) if self.stores else self.frame
        apart = replace(self, frame=with_texts_apart(frame, self.columns, self.logs))
        found = [chosen(samples, questions) for samples in apart.each(label, task, model)]
        return told(pl.concat(found, how="diagonal_relaxed"), self.logs, self.how, self.processes)

    def table(self, task: str | None = None, model: str | None = None) -> pl.DataFrame:
        """One sample table: a row per response, answers by their text.

        Raises:
            MissingColumn: it has no question.
        """
        frame = selected(typed(named(lazy(self.frame), self.columns)), task=task, model=model)
        frame = with_answers(frame, self.how.pattern)
        require_question(frame.collect_schema().names())
        return with_texts(polars(frame)).collect()


def _is_path(source: Any) -> bool:
    return isinstance(source, str | PathLike | File)
