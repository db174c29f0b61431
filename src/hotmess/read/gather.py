"""From paths to one table: what each file holds, its rows, and what must be said about them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from hashlib import file_digest
from multiprocessing import get_context
from os import PathLike
from os.path import commonpath
from types import ModuleType
from typing import Any

import polars as pl

from hotmess.errors import AggregatedOnly, FileError, HotmessError, MissingColumn, NotATable, Notice, UnreadableFile
from hotmess.frames import named, typed
from hotmess.kinds import check_status
from hotmess.read import every_eval_ever, helm, inspect, lm_eval, promptfoo, swe_bench, tau
from hotmess.read import table as tables
from hotmess.read.files import File, files, is_remote
from hotmess.read.log import NO_SHAPE, How, Log, comparable, skipped
from hotmess.read.unit_tests import with_failed_tests

__all__ = ["Gathered", "Logs", "Progress", "gather", "read_all", "together"]

FORMATS: tuple[ModuleType, ...] = (inspect, lm_eval, swe_bench, tau, promptfoo, helm, every_eval_ever)
"""The formats that are told apart by what is in a file, in this order; what fits none may be a table."""

Progress = Callable[[int, int], None]

_LISTS = {"eval-set.json", "logs.json"}
_SHOWN = 3
_AT_ONCE = 16  # files that are looked into at once
_UNREADABLE = object()  # the format of a file that cannot be opened
_WORTH = 64 << 20  # bytes of logs that make it worth while to start more processes
_KEYS = ("task", "model", "setting", "question_id", "context_id", "sample_id")


@dataclass(frozen=True, slots=True)
class Logs:
    """What it takes to read logs again: the files, and where in them each row stands.

    Attributes:
        files: each with its reader.
        places: `source`, `source_ref` and `sample_id` of each row as its reader gave them, in the order of the rows.
    """

    files: tuple[tuple[File, ModuleType], ...]
    places: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Gathered:
    """All rows, lazy: under our names, unless they are `raw`, a table that nobody has looked into yet; those of `logs` first."""

    frame: pl.LazyFrame
    notices: tuple[Notice, ...]
    source: str
    raw: bool = False
    logs: Logs | None = None


def gather(
    sources: Sequence[str | PathLike[str] | File],
    how: How,
    columns: Mapping[str, str],
    *,
    processes: int = 1,
    progress: Progress | None = None,
) -> Gathered:
    """Read files, folders, patterns and addresses.

    Raises:
        NoSuchPath: a path does not exist.
        NotATable: nothing of it is in a format that is known.
        UnreadableFile: a file that was named is damaged; damaged files of a folder are said and left out.
    """
    every = _without_lists(_without_shards(files(sources)))
    if not every:
        raise NotATable(f"there is no file in `{', '.join(map(str, sources))}`", hint="look at what `ls` shows")
    kinds = {file: _format(file) for file in every}
    unknown = [file for file, kind in kinds.items() if kind is None]
    if len(unknown) == len(every) or any(file.asked for file in unknown):
        raise _unknown(every, [file for file in unknown if file.asked] or unknown)
    kinds, notices = _once(kinds)
    if unknown:
        found = f"{len(unknown)} of {len(every)} files are in no format that hotmess knows (first: `{unknown[0].shown}`)"
        notices.append(Notice("left-aside", found))
    logs = [(file, kind) for file, kind in kinds.items() if kind is not None and kind is not tables]
    rows, places, told = _logs(logs, how, processes, progress)
    notices += told
    plain = [file for file, kind in kinds.items() if kind is tables]
    names = Counter("table" if kind is tables else str(kind.NAME) for kind in kinds.values() if kind is not None)
    if not logs:
        frame, source = tables.read_tables(plain, columns)
        return Gathered(frame, tuple(notices), source, raw=True)
    frames = [rows] if rows is not None else []
    for file in plain:
        frames += _with_logs(file, columns, notices)
    if not frames:
        raise NotATable("nothing that was read holds single answers", hint="hotmess check FILE says more of one file")
    if rows is not None and columns:
        frames[0] = _named_rows(rows, columns, tables_too=bool(plain))
    source = _files_read(every, names)
    again = None if places is None else Logs(tuple(logs), places)
    return Gathered(pl.concat(frames, how="diagonal_relaxed").lazy(), _merged(notices), source, logs=again)


def together(every: Sequence[File]) -> dict[str, list[File]]:
    """Logs as a store takes them in, each with a name that stays: a file alone, or those that only say something together.

    Files in no format that is known are left out, unless nothing else is there, or one of them was named.

    Raises:
        NotATable: one was named.
    """
    every = _without_lists(_without_shards(list(every)))
    units: dict[str, list[File]] = {}
    unknown = []
    with ThreadPoolExecutor(_AT_ONCE) as threads:  # of files at an address the first bytes take a while each
        kinds = list(threads.map(_format_if_readable, every))
    for file, kind in zip(every, kinds, strict=True):
        folder = file.path.rpartition("/")[0]
        if kind is _UNREADABLE:  # who reads it says why
            units[file.path] = [file]
        elif kind is None:
            unknown.append(file)
        elif kind is swe_bench:  # reports, and trajectories in other folders
            units.setdefault(str(kind.NAME), []).append(file)
        elif kind is tau:  # trials may lie in a folder below what says whose they are
            units.setdefault(f"{kind.NAME} in {folder.removesuffix('/simulations')}", []).append(file)
        elif kind in (lm_eval, helm, every_eval_ever):  # samples, beside the file that says what they are
            units.setdefault(f"{kind.NAME} in {folder}", []).append(file)
        else:
            units[file.path] = [file]
    if any(file.asked for file in unknown) or (unknown and not units):
        raise _unknown(every, [file for file in unknown if file.asked] or unknown)
    runs = units.pop(str(swe_bench.NAME), [])
    return units | ({f"{swe_bench.NAME} in {commonpath([file.path for file in runs])}": runs} if runs else {})


def _files_read(every: Sequence[File], names: Mapping[str, int]) -> str:
    """What was read, in a few words."""
    if len(every) == 1:
        return f"{every[0].name}, {next(iter(names))}"
    return f"{sum(names.values()):,} files: " + ", ".join(f"{name} ({count:,})" for name, count in names.items())


def _named_rows(rows: pl.DataFrame, columns: Mapping[str, str], *, tables_too: bool) -> pl.DataFrame:
    """Log rows under other names, where the caller gave some that they have.

    Raises:
        MissingColumn: neither they nor a table beside them have it.
    """
    import narwhals as nw

    there = {ours: theirs for ours, theirs in columns.items() if not theirs or theirs in rows.columns}
    if len(there) < len(columns) and not tables_too:
        ours, theirs = next((ours, theirs) for ours, theirs in columns.items() if ours not in there)
        raise MissingColumn(
            f"`--columns {ours}={theirs}` names a column that these logs do not have; they have {', '.join(rows.columns)}",
            hint="leave it out: the columns of logs are known",
        )
    return named(nw.from_native(rows.lazy()), there).to_native().collect() if there else rows


def _without_lists(every: Sequence[File]) -> list[File]:
    """Without the lists that Inspect keeps beside the logs of a set: they hold no samples."""
    return [file for file in every if file.asked or file.name not in _LISTS] or list(every)


def _without_shards(every: list[File]) -> list[File]:
    """Without the shards of a log that is there as a whole: `x.eval` holds what `x.shards/0/….eval` holds."""
    there = {file.path for file in every}
    merged = {path.removesuffix(".eval") + ".shards/" for path in there if path.endswith(".eval")}
    return [file for file in every if not any(file.path.startswith(folder) for folder in merged)]


def _format(file: File) -> ModuleType | None:
    """The reader of a file, by its name and its first bytes."""
    head = file.head() if file.size else b""
    for kind in FORMATS:
        if kind.fits(file, head):
            return kind
    return tables if tables.is_table(file, head) else None


def _format_if_readable(file: File) -> Any:
    """The reader of a file; a file that cannot be opened, and was not named, stops nobody."""
    try:
        return _format(file)
    except FileError:
        if file.asked:
            raise
        return _UNREADABLE


def _unknown(every: Sequence[File], unknown: Sequence[File]) -> NotATable:
    formats = ", ".join(str(kind.NAME) for kind in FORMATS)
    return NotATable(
        f"{len(unknown)} of {len(every)} files are in no format that hotmess knows"
        if len(every) > 1
        else f"`{every[0].shown}` is in no format that hotmess knows",
        where=", ".join(file.shown for file in unknown[:_SHOWN]) + (" …" if len(unknown) > _SHOWN else ""),
        why=f"looked for logs of {formats}, and for tables ({' '.join(tables.SUFFIXES)})",
        hint="give a table one of these endings",
    )


def _logs(
    logs: Sequence[tuple[File, ModuleType]], how: How, processes: int, progress: Progress | None
) -> tuple[pl.DataFrame | None, pl.DataFrame | None, list[Notice]]:
    """The rows of all logs, and where each stands; what is wrong with one file of a folder is said, and the others are read."""
    frames, notices, failed = [], list[Notice](), list[HotmessError]()
    total, done = sum(max(file.size, 0) for file, _ in logs), 0
    for (file, _), found in zip(logs, read_all([(*log, how) for log in logs], processes), strict=True):
        if isinstance(found, HotmessError):
            if file.asked and not isinstance(found, AggregatedOnly):
                raise found
            failed.append(found)
        else:
            frames += [found.frame] if len(found.frame) else []
            notices += found.notices
        done += max(file.size, 0)
        if progress is not None:
            progress(done, total)
    if failed and not frames:
        raise failed[0]
    notices += [skipped(f"{len(failed)} of {len(logs)} files", failed[0].found)] if failed else []
    if not frames:
        return None, None, notices
    rows = swe_bench.put_together(pl.concat(frames, how="diagonal_relaxed"))
    if not len(rows):
        raise NotATable("these files hold no answers: trajectories need the reports of their patches", hint="give both folders")
    rows = with_failed_tests(_without_copies(rows.with_columns(_given="sample_id"), notices))
    rows, told = (rows, []) if how.long_answers else comparable(rows)
    ref = "source_ref" if "source_ref" in rows.columns else pl.lit(None, dtype=pl.String).alias("source_ref")
    return rows.drop("_given"), rows.select("source", ref, sample_id="_given"), [*notices, *told]


def read_all(logs: Sequence[tuple[File, ModuleType, How]], processes: int) -> Iterator[Log | HotmessError]:
    """What is in each file, or what is wrong with it, in their order."""
    work = [(file, kind.__name__, how) for file, kind, how in logs]
    if processes <= 1 or len(work) < 2 or sum(file.size for file, _, _ in work) < _WORTH:
        yield from map(_read_one, work)
        return
    done = 0
    with ProcessPoolExecutor(min(processes, len(work)), mp_context=get_context("spawn")) as pool:
        try:
            for found in pool.map(_read_one, work, chunksize=1 + len(work) // (processes * 16)):
                yield found
                done += 1
        except BrokenProcessPool:  # somebody killed one of them; the rest is read here
            yield from map(_read_one, work[done:])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _read_one(work: tuple[File, str, How]) -> Log | HotmessError:
    """Read one file; what is wrong with it comes back as a value, for the others go on."""
    file, name, how = work
    kind = next(kind for kind in FORMATS if kind.__name__ == name)
    try:
        found: Log = kind.read_log(file, how)
    except FileError as problem:
        return problem
    except (*NO_SHAPE, pl.exceptions.PolarsError) as problem:  # a log can hold anything, in any place
        return UnreadableFile(f"`{file.shown}` has not the shape of a log of {kind.NAME}: {str(problem)[:120]}")
    return found


def _without_copies(rows: pl.DataFrame, notices: list[Notice]) -> pl.DataFrame:
    """Each response once: retried logs hold the finished samples of the log before, and people copy files.

    An id that the tool gave names one response, of which the last version counts, as after scoring again. Ids that are made here
    (they hold a slash) may meet by accident: responses that share one but nothing else are told apart by their files.
    """
    keys = [name for name in _KEYS if name in rows.columns]
    said = [name for name in ("answer", "score", "completion_hash", "output_tokens", "tests", "probs") if name in rows.columns]
    given = ~pl.col("sample_id").str.contains("/", literal=True)
    made = pl.when(~given).then(pl.struct(said).hash()) if said else pl.lit(None)
    kept = rows.with_columns(_made=made).unique([*keys, "_made"], keep="last", maintain_order=True).drop("_made")
    if len(kept) < len(rows):
        twice = rows.filter(rows.select(keys).is_duplicated())["source"].unique().sort().to_list()
        found = f"{len(rows) - len(kept):,} of {len(rows):,} samples were read more than once, and are counted once"
        notices.append(Notice("copies", f"{found}: {', '.join(twice[:_SHOWN])}{' …' if len(twice) > _SHOWN else ''}"))
    alike = kept.select(keys).is_duplicated()
    own = pl.concat_str("sample_id", pl.lit(" in "), "source", pl.lit(" "), pl.int_range(pl.len()).over(keys).cast(pl.String))
    return kept.with_columns(sample_id=pl.when(alike).then(own).otherwise("sample_id")) if alike.any() else kept


def _once(kinds: Mapping[File, ModuleType | None]) -> tuple[dict[File, ModuleType | None], list[Notice]]:
    """Files of which no other is a copy, byte for byte; the small files of one SWE-bench or HELM run are alike by nature."""
    sizes = Counter((file.size, kind) for file, kind in kinds.items())
    seen: dict[object, File] = {}
    copies = []
    for file, kind in kinds.items():
        key: object = file.path
        if file.size > 0 and sizes[file.size, kind] > 1 and kind not in {None, swe_bench, helm} and not is_remote(file.path):
            with file.open() as stream:
                key = file_digest(stream, "blake2b").digest()
        if key in seen:
            copies.append(f"`{file.shown}` is a copy of `{seen[key].shown}`, byte for byte; it is counted once")
        else:
            seen[key] = file
    return {file: kinds[file] for file in seen.values()}, [Notice("copies", found) for found in copies]


def _with_logs(file: File, columns: Mapping[str, str], notices: list[Notice]) -> list[pl.DataFrame]:
    """A table that lies among logs: its rows if it is a sample table, else a word."""
    import narwhals as nw

    try:
        frame, _ = tables.read_tables([file], columns)
        there = {ours: theirs for ours, theirs in columns.items() if not theirs or theirs in frame.collect_schema().names()}
        ours = typed(named(nw.from_native(frame), there))
        found = ours.to_native()
        if "question_id" in found.collect_schema().names():
            if "status" in found.collect_schema().names():
                check_status(ours)
            rows = found.with_columns(source=pl.lit(file.shown)).collect()
            own = pl.concat_str(pl.lit(f"{file.shown} row "), pl.int_range(pl.len()).cast(pl.String))
            return [rows if "sample_id" in rows.columns else rows.with_columns(sample_id=own)]
        notices.append(Notice("left-aside", f"`{file.shown}` is a table without a column `question_id`; it is left aside"))
    except HotmessError as problem:
        if file.asked:
            raise
        notices.append(Notice("left-aside", f"`{file.shown}` is no sample table: {problem.found}"))
    return []


def _merged(notices: Iterable[Notice]) -> tuple[Notice, ...]:
    """Notices of one code together: the first few, and how many more."""
    groups: dict[str, list[Notice]] = {}
    for notice in notices:
        groups.setdefault(notice.code, []).append(notice)
    made = []
    for group in groups.values():
        found = "; ".join(dict.fromkeys(notice.found for notice in group[:_SHOWN]))
        more = len(group) - _SHOWN
        made.append(replace(group[0], found=found + (f"; and {more:,} more like these" if more > 0 else "")))
    return tuple(made)
