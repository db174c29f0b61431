"""What a folder of logs holds of a plan: all that is known of it, so that a plan can be gone on with at any time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hotmess.collect.plan import Cell, Plan
from hotmess.errors import UnreadableFile
from hotmess.read.archive import Archive
from hotmess.read.inspect.samples import Header, Sample, header, summaries
from hotmess.read.records import Malformed

__all__ = ["Done", "done", "tidied"]


@dataclass(frozen=True, slots=True)
class Done:
    """What a folder holds of a cell.

    Attributes:
        samples: that have a score.
        errors: that ended in an error.
        input_tokens: of all that have a score.
        output_tokens: of the same, with reasoning.
        logs: where they are.
        contexts: of each question.
        rounds: how many samples in each context its logs were meant to hold.
        questions: how many.
        sha256: of the questions, where it is known.
        cancelled: whether the last run was interrupted.
        first_error: the first of the errors.
    """

    samples: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    logs: tuple[str, ...] = ()
    contexts: int = 1
    rounds: int = 0
    questions: int = 0
    sha256: str | None = None
    cancelled: bool = False
    first_error: str = ""


def done(plan: Plan, folder: Path) -> dict[Cell, Done]:
    """What a folder holds of each cell of a plan; of a cell of which it holds nothing, nothing."""
    logs = _logs(plan, folder)
    return {cell: _done(logs.get(str(cell), [])) for cell in plan.cells()}


def tidied(plan: Plan, folder: Path) -> dict[Cell, Done]:
    """The same, once the logs are gone of which a later one holds every sample: Inspect begins a new one whenever it goes on."""
    for logs in _logs(plan, folder).values():
        held = {sample.uuid for sample in logs[-1].samples}
        tried = {(str(sample.id), sample.epoch) for sample in logs[-1].samples}  # an error that was tried again has a new name
        for log in logs[:-1]:
            if all(one.uuid in held or (one.error and (str(one.id), one.epoch) in tried) for one in log.samples):
                Path(log.path).unlink()
    return done(plan, folder)


class _Log(NamedTuple):
    path: str
    head: Header
    samples: Sequence[Sample]


def _logs(plan: Plan, folder: Path) -> dict[str, list[_Log]]:
    """The logs of a plan by the name of their cell, the earlier first."""
    mark, found = plan.mark(), dict[str, list[_Log]]()
    for path in sorted(folder.glob("*.eval")) if folder.is_dir() else ():
        try:
            with path.open("rb") as stream:
                archive = Archive(stream, str(path))
                log = header(archive)
                facts = log.eval.metadata or {}
                if facts.get("plan") == mark:
                    found.setdefault(facts.get("cell", ""), []).append(_Log(str(path), log, summaries(archive)))
        except (Malformed, UnreadableFile):
            continue  # one that was killed while it was begun; Inspect begins it again
    return found


def _done(logs: Sequence[_Log]) -> Done:
    """What some logs hold together; a later one holds what it took over from one that was killed."""
    if not logs:
        return Done()
    every = {(str(sample.id), sample.epoch): sample for log in logs for sample in log.samples}.values()
    usage = [one for sample in every if not sample.error for one in (sample.model_usage or {}).values()]
    facts = logs[-1].head.eval.metadata or {}
    contexts = int(facts.get("contexts") or 1)
    errors = [_error(sample) for sample in every if sample.error]
    return Done(
        samples=len(every) - len(errors),
        errors=len(errors),
        input_tokens=sum(int(one.input_tokens or 0) for one in usage),
        output_tokens=sum(int(one.output_tokens or 0) for one in usage),
        logs=tuple(log.path for log in logs),
        contexts=contexts,
        rounds=max(int((log.head.eval.config or {}).get("epochs") or 1) for log in logs) // contexts,
        questions=len({str(sample.id) for sample in every}),
        sha256=facts.get("sha256"),
        cancelled=logs[-1].head.status == "cancelled",
        first_error=next(iter(errors), ""),
    )


def _error(sample: Sample) -> str:
    said = sample.error.get("message") if isinstance(sample.error, dict) else sample.error
    return str(said).strip().partition("\n")[0][:200]
