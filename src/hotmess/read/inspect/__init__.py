"""Inspect logs: `.eval` (a zip archive) and `.json`, finished or not, without `inspect_ai`.

The summaries of a log hold a row for each sample. They suffice unless the samples themselves say more about what is measured
(older summaries lack options or answers; none holds unit tests), which a look at a few samples tells. Then, or when the text is
wanted, every sample is read, a few at a time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from io import BufferedReader
from itertools import islice
from typing import Any

import polars as pl
from msgspec.json import Decoder

from hotmess.errors import AggregatedOnly, Notice, UnreadableFile, UsageError
from hotmess.frames import SCHEMA
from hotmess.read.archive import Archive
from hotmess.read.files import File
from hotmess.read.inspect.columns import COLUMNS, Response, response, run_of
from hotmess.read.inspect.link import place_of
from hotmess.read.inspect.samples import Header, Sample, digested, header, places, summaries, whole
from hotmess.read.log import How, Log, skipped, table
from hotmess.read.records import LARGE, Malformed, converted, decode, streamed
from hotmess.read.texts import texts
from hotmess.read.unit_tests import FAIL_TO_PASS, PASS_TO_PASS

__all__ = ["NAME", "fits", "read_log"]

NAME = "Inspect"
_BATCH = 4 << 20  # characters of text that are held at once
_GRADED = "model_graded"
_LOOKS = 3  # so many samples tell whether summaries suffice
_FIRST, _LATER = 50, 16  # samples whose calls are looked at: so many, then every so manieth


def fits(file: File, head: bytes) -> bool:
    """Whether a file is a log of Inspect."""
    if file.name.endswith(".eval") or (head.startswith(b"PK\x03\x04") and (b"_journal/" in head or b"header.json" in head)):
        return True
    keys = (b'"status"', b'"eval"', b'"run_id"', b'"task"', b'"model"')
    return head.lstrip().startswith(b"{") and all(key in head for key in keys)


def read_log(file: File, how: How) -> Log:
    """The samples of one log.

    Raises:
        UnreadableFile: the log is damaged, or not one of Inspect.
        AggregatedOnly: it has no samples.
        UsageError: `how.scorer` is not in it.
    """
    seen: Counter[str] = Counter()
    with file.open() as stream:
        try:
            log, samples = _opened(file, stream, how, seen)
            if how.keep is not None:
                return _texts(file, log, samples, how, how.keep)
            frames, scorers, told = _frames(file, log, samples, how, seen)
        except Malformed as problem:
            raise UnreadableFile(f"`{file.shown}` cannot be read as a log of Inspect: {problem}") from problem
    if not frames:
        raise AggregatedOnly(
            f"`{file.shown}` has no samples (status {log.status})",
            why="single answers are needed, not their averages",
            hint="leave out --no-log-samples when you run Inspect" if log.status == "success" else "inspect eval-retry",
        )
    if how.scorer and not scorers & {how.scorer, how.scorer.partition(".")[0]}:
        found = ", ".join(sorted(scorers)) or "none"
        raise UsageError(
            f"there is no scorer `{how.scorer}` in `{file.shown}`; found: {found}",
            hint=f"--scorer {min(scorers, default='NAME')}",
        )
    frame = pl.concat(frames, how="diagonal_relaxed")
    return Log(frame, (*told, *_notices(file.shown, log, len(frame), scorers, seen)))


def _opened(file: File, stream: BufferedReader, how: How, seen: Counter[str]) -> tuple[Header, Iterable[Sample]]:
    if not _is_json(file):
        archive = Archive(stream, file.shown)
        log = header(archive)
        return log, _of_archive(archive, log, how, seen)
    if 0 <= file.size <= LARGE:
        found = decode(stream.read(), _WHOLE_LOG)
        return found, _of_json(found.samples or (), how)
    facts = {name: value for name in ("eval", "plan", "status") for value in _at(file, name)}
    return converted(facts, _HEADER), _of_json((converted(sample, _SAMPLE) for sample in streamed(stream, "samples.item")), how)


def _is_json(file: File) -> bool:
    return file.head(1) not in {b"P", b""}


class _WholeLog(Header):
    """A log in one JSON text."""

    samples: list[Sample] | None = None


_WHOLE_LOG, _HEADER, _SAMPLE = Decoder(_WholeLog), Decoder(Header), Decoder(Sample)


def _at(file: File, name: str) -> Iterator[Any]:
    """One value of a JSON text of any size."""
    with file.open() as stream:
        yield from islice(streamed(stream, name), 1)


def _of_json(samples: Iterable[Sample], how: How) -> Iterator[Sample]:
    for sample in samples:
        if how.keep is None:
            yield digested(sample)
        elif f"{sample.id} epoch {sample.epoch}" in how.keep:
            yield digested(sample, calls=False, asked_too=True)


def _of_archive(archive: Archive, log: Header, how: How, seen: Counter[str]) -> Iterator[Sample]:
    """The samples of an archive: whole ones where they are wanted or say more than their summaries."""
    inside = places(archive)
    if how.keep is not None:
        yield from _kept(archive, inside, how.keep)
        return
    whole_ones = bool(inside) and (log.invalidated or how.text or how.pattern is not None)
    known = {} if whole_ones else _summaries(archive, seen)
    if known and not _say_more(archive, inside, known):
        yield from known.values()
        return
    lost = set[str]()
    telling = False  # whether calls tell of seeds or caches; if the first do not, a few of the others are looked at
    for count, place in enumerate(inside):
        try:
            sample = whole(archive, place, calls=telling or count < _FIRST or count % _LATER == 0)
        except Malformed as problem:
            lost.add(place.removesuffix(".json").removesuffix("/"))
            seen["unreadable"] += 1
            seen[f"unreadable:{place}: {problem}"] += 1
            continue
        telling = telling or bool(sample.text and (sample.text.seed or sample.text.cached))
        yield sample
    if lost:  # the summary of a sample is better than nothing
        known = known or _summaries(archive, seen)
        yield from (sample for sample in known.values() if f"samples/{sample.id}_epoch_{sample.epoch}" in lost)


def _kept(archive: Archive, inside: Sequence[str], keep: Set[str]) -> Iterator[Sample]:
    """The samples whose entries, or summaries, stand at the places to keep; names of entries tell, and no other is opened."""
    for entry in inside:
        place = place_of(entry)
        if entry in keep or (place is not None and place.summarized in keep):
            with suppress(Malformed):
                sample = whole(archive, entry, calls=False, asked_too=True)
                sample.place = entry if entry in keep else ""
                yield sample


def _texts(file: File, log: Header, samples: Iterable[Sample], how: How, keep: Set[str]) -> Log:
    run = run_of(log, file.name, file.shown, how)
    responses = [Response(run, sample, None, None, None, "ok") for sample in samples]
    return texts(responses, COLUMNS, lambda r: r.sample.text and r.sample.text.asked, keep, file.shown)


def _summaries(archive: Archive, seen: Counter[str]) -> dict[tuple[str, int], Sample]:
    every = summaries(archive)
    known = {(str(sample.id), sample.epoch): sample for sample in every}
    seen["twice"] += len(every) - len(known)
    return known


def _say_more(archive: Archive, inside: Sequence[str], known: Mapping[tuple[str, int], Sample]) -> bool:
    """Whether whole samples hold answers, options or tests that their summaries lack."""
    for place in inside[:: max(1, len(inside) // _LOOKS)][:_LOOKS]:
        try:
            sample = whole(archive, place)
        except Malformed:
            continue
        summary = known.get((str(sample.id), sample.epoch))
        if summary is None or (sample.choices and not summary.choices) or _holds_tests(sample):
            return True
        less = summary.scores or {}
        for name, score in (sample.scores or {}).items():
            if name not in less or (score.answer is not None and less[name].answer is None):
                return True
    return False


def _holds_tests(sample: Sample) -> bool:
    scores = (sample.scores or {}).values()
    return {PASS_TO_PASS, FAIL_TO_PASS} <= set(sample.metadata or ()) or any("tests" in (s.metadata or ()) for s in scores)


def _frames(
    file: File, log: Header, samples: Iterable[Sample], how: How, seen: Counter[str]
) -> tuple[list[pl.DataFrame], set[str], list[Notice]]:
    """Rows, made of a few samples at a time so that little text is in memory at once; the scorers; what must be said."""
    run, scorer, scorers = run_of(log, file.name, file.shown, how), how.scorer, set[str]()
    frames, told = list[pl.DataFrame](), list[Notice]()
    known = {name: getattr(run, name) for name in ("task", "model", "setting", "temperature", "source")}
    facts = [pl.lit(value, dtype=SCHEMA[name]).alias(name) for name, value in known.items() if value is not None]
    for batch in _batches(samples):
        scorer = scorer or _first_scorer(log, batch)
        graded = scorer is not None and scorer.startswith(_GRADED)  # a judge's word; what it judged is free text
        columns = {name: get for name, get in COLUMNS.items() if name != "answer"} if graded else COLUMNS
        scorers.update(name for sample in batch for name in sample.scores or ())
        responses = [response(run, sample, scorer) for sample in batch]
        seen["invalidated"] += sum(bool(r.sample.invalidation) for r in responses)
        seen["edited"] += sum(bool(r.score and r.score.history) for r in responses)
        made = table(responses, columns, file.shown, how.pattern)
        frames.append(made.frame.with_columns(facts))
        told += made.notices
    return frames, scorers, told


def _batches(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    """Samples until they hold so many characters of text."""
    batch: list[Sample] = []
    held = 0
    for sample in samples:
        batch.append(sample)
        held += 1000 + (len(sample.text.completion) if sample.text else 0)
        if held > _BATCH:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def _first_scorer(log: Header, batch: Sequence[Sample]) -> str | None:
    """The scorer that decides where none was asked for: the first that the log lists, or that a sample has."""
    there = {name: None for sample in batch for name in sample.scores or ()}
    listed = [str(scorer.get("name", "")) for scorer in log.eval.scorers or ()]
    return next((name for name in (*listed, *there) if name in there), None)


def _notices(shown: str, log: Header, count: int, scorers: set[str], seen: Counter[str]) -> tuple[Notice, ...]:
    found = []
    if log.status != "success":
        what = f"`{shown}` did not finish (status {log.status}); its {count:,} finished samples are used"
        found.append(Notice("unfinished", what, "inspect eval-retry finishes it"))
    if seen["invalidated"]:
        found.append(Notice("invalidated", f"{seen['invalidated']:,} samples of `{shown}` were invalidated; they are left out"))
    if seen["edited"]:
        found.append(Notice("edited", f"{seen['edited']:,} scores of `{shown}` were edited; the last word counts"))
    if seen["twice"]:
        found.append(
            Notice("copies", f"{seen['twice']:,} samples of `{shown}` have an id and epoch that a later one has; the last counts")
        )
    if seen["unreadable"]:
        first = next(key.partition(":")[2] for key in seen if key.startswith("unreadable:"))
        found.append(skipped(f"{seen['unreadable']:,} samples of `{shown}`", first))
    if len(scorers) > 1:
        found.append(Notice("several-scorers", f"`{shown}` has the scorers {', '.join(sorted(scorers))}", "--scorer NAME"))
    return tuple(found)
