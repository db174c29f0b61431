"""A plan carried out by Inspect's `eval_set`: one log for each cell, in one folder, which is also what is known of it so far."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from inspect_ai import Epochs, Task, eval_set, task_with
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.model import GenerateConfig, Model, get_model
from inspect_ai.util import DisplayType, registry_create
from pydantic import ValidationError

from hotmess.collect.budgets import config_of, preset
from hotmess.collect.grid import random_enough
from hotmess.collect.plan import Cell, Plan
from hotmess.errors import HotmessError, OtherVersion, UnreadableFile, UsageError, one_of
from hotmess.read.archive import Archive
from hotmess.read.inspect.samples import Header, Sample, header, summaries
from hotmess.read.log import digest
from hotmess.read.records import Malformed

__all__ = ["Done", "collected", "done", "prepared"]

_OURS = ("agent", "chains", "gpqa", "mcq", "mmlu", "mwe", "swe_bench")
_BAD = 0.05  # of the samples may end in an error; with more, the figures would be of those that happened to pass
_TRIES = 2  # of a sample that ended in an error, and of a log that has too many of them
_RETRIES = 7  # of a call, each after twice the time: six minutes in all; Inspect alone would try for ever
_LEAST = 5  # samples of a question, before the width of an interval may end a run (statistics 6.2)
_SHUFFLE = 1  # the order of questions, always the same, so that a limit takes more of them; Inspect takes 0 for no order
_FLUSH = 1  # samples that are held before they are written, so that to be killed loses none that came to its end
_MARKUP = re.compile(r"\[/?(?:bold|italic|red|blue|green|yellow|dim)?\]")
_HOW_SENT = {  # what does not change what a model says: logs that differ in it are of one plan
    *("adaptive_connections", "attempt_timeout", "batch", "cache", "cache_prompt", "max_connections", "max_retries"),
    *("stream_idle_timeout", "timeout"),
}
_WHERE_SENT = {"api_key", "base_url"}


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


def prepared(plan: Plan, cell: Cell, have: Done) -> Task:
    """The task of a cell, with its model, what is asked of it, and its samples: never fewer than there are.

    Raises:
        UsageError: there is no such task or model, or it cannot be asked like this.
        NoRandomness: all samples would be copies.
        OtherVersion: what is there was asked of other questions.
    """
    with _told():
        name, arguments = _called(plan)
        made = _made(name, arguments)
        facts = made.metadata or {}
        if have.sha256 not in (None, facts.get("sha256")):
            raise OtherVersion(
                f"the questions are not those of {have.logs[-1]}: their SHA-256 is {facts.get('sha256')}, it was {have.sha256}",
                why="answers to one question would be taken for answers to another",
                hint="another folder: -o",
            )
        config = made.config.merge(_config(plan, cell))
        _check_random(plan, cell, config)
        model = _model(cell.model, plan.model_args)
        for number, sample in enumerate(made.dataset, 1):
            sample.id = number if sample.id is None else sample.id  # or Inspect would not know them again in another order
        contexts = int(facts.get("contexts", 1))
        samples = max(plan.samples or (made.epochs or 1) // contexts, have.rounds)
        facts = {**facts, "cell": str(cell), "plan": _mark(plan)}
        return task_with(made, model=model, config=config, epochs=Epochs(contexts * samples, []), metadata=facts)


def collected(
    plan: Plan,
    folder: Path,
    *,
    display: DisplayType = "none",
    width: Callable[[Sequence[str]], float] = lambda _: float("nan"),
    told: Callable[[str], None] = lambda _: None,
) -> bool:
    """Make the calls that are missing; with `plan.until_width`, whole rounds of them until no cell is wider than that.

    A round is one more sample of every context of every question of a cell: no question's own answers ever set its number.

    Args:
        plan: what is to be collected.
        folder: of the logs, one for each cell.
        display: as Inspect has it: rich, plain, none.
        width: half of the width of the interval of incoherence that some logs give, for these very questions; infinite, or not a
            number, where they give none.
        told: is told what happens between rounds.

    Returns:
        Whether every cell came to its end, with few errors.

    Raises:
        UsageError: the plan cannot be carried out as it is, or is being carried out.
    """
    known, without = done(plan, folder), set[Cell]()
    with _alone(folder):
        while True:
            tasks = {cell: prepared(plan, cell, have) for cell, have in known.items()}
            _run(list(tasks.values()), plan, folder, display, known.values())
            known = _tidied(plan, folder)
            if any(have.cancelled for have in known.values()):  # Inspect takes Ctrl-C for itself, and only notes it
                raise KeyboardInterrupt
            finished = all(have.samples and have.errors <= _BAD * have.samples for have in known.values())
            if plan.until_width is None or not finished:
                return finished
            more = {}
            for cell, have in known.items():
                half = width(have.logs)
                more[cell] = have.rounds if cell in without else _next(half, plan, have)
                if not isfinite(half) and have.rounds * have.contexts >= _LEAST and cell not in without:
                    without.add(cell)  # one more round may give an interval; two without are enough
                    told(f"{cell}: no interval of incoherence (no errors, or fewer than three contexts)")
            if all(more[cell] == have.rounds for cell, have in known.items()):
                return True
            for cell, samples in more.items():
                if samples > known[cell].rounds:
                    told(f"{cell}: from {known[cell].rounds} to {samples} samples in each context")
            known = {cell: replace(have, rounds=more[cell]) for cell, have in known.items()}


def _next(half: float, plan: Plan, have: Done) -> int:
    """How many samples a context should have next: as many, if that is enough, else half of the way to what seems needed."""
    wanted, samples = plan.until_width or 0.0, have.rounds
    if samples >= plan.max_samples or (samples * have.contexts >= _LEAST and half <= wanted):
        return samples
    if not isfinite(half) or half <= wanted:
        return samples + 1
    needed = samples * (half / wanted) ** 2  # the width falls as one over the root
    return min(max(samples + 1, int(samples + (needed - samples) / 2)), plan.max_samples)


def done(plan: Plan, folder: Path) -> dict[Cell, Done]:
    """What a folder holds of each cell of a plan; of a cell of which it holds nothing, nothing."""
    logs = _logs(plan, folder)
    return {cell: _done(logs.get(str(cell), [])) for cell in plan.cells()}


def _tidied(plan: Plan, folder: Path) -> dict[Cell, Done]:
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
    mark, found = _mark(plan), dict[str, list[_Log]]()
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


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others from carrying out a plan in the same folder: both would pay for the same samples."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".collecting").open("w") as lock:
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # gone with the process, however that ends
        except ImportError:
            pass  # Windows has no such lock
        except OSError as problem:
            raise UsageError(f"something else collects into `{folder}`", hint="wait for it, or -o another folder") from problem
        yield


def _run(tasks: list[Task], plan: Plan, folder: Path, display: DisplayType, known: Iterable[Done]) -> None:
    with _told(), redirect_stdout(sys.stderr):
        eval_set(
            tasks,
            log_dir=str(folder),
            display=display,
            fail_on_error=True,  # a log with an error is not complete: the next time, its errors are tried again
            continue_on_fail=True,
            retry_on_error=_TRIES - 1,
            retry_attempts=_TRIES - 1,
            log_realtime=False,
            score_display=False,
            log_format="eval",
            log_buffer=_FLUSH,
            limit=None if plan.limit is None else max([plan.limit, *(have.questions for have in known)]),
            sample_shuffle=_SHUFFLE,
            retry_cleanup=False,  # it would delete a log that holds more than what is asked for now
            log_dir_allow_dirty=True,  # other models and plans may stand beside this one
        )


def _called(plan: Plan) -> tuple[str, dict[str, Any]]:
    """The task of a plan, as it is registered, and its arguments; tasks of others are run as they are, several times."""
    asked = {"format": plan.format, "contexts": plan.contexts, "data": plan.data}
    known = {name: value for name, value in asked.items() if value is not None}
    name = plan.task.removeprefix("hotmess/")
    if name in _OURS:
        return f"hotmess/{name}", {**known, **plan.arguments}
    if known:
        raise UsageError(f"`{plan.task}` has no {', '.join(known)}", hint="its own arguments: -T name=value")
    return "hotmess/agent", {"task": plan.task, "arguments": dict(plan.arguments)}


def _made(name: str, arguments: dict[str, Any]) -> Task:
    try:
        return registry_create("task", name, **arguments)
    except TypeError as problem:
        raise UsageError(f"`{name}` cannot be called like this: {problem}", hint="its arguments: -T name=value") from problem


def _check_random(plan: Plan, cell: Cell, config: GenerateConfig) -> None:
    """Refuse what would make all samples of a context copies, by itself or by what a provider makes of it."""
    unasked = cell.model.partition("/")[0].endswith("-completions") and config.temperature is None
    greedy = plan.model_args.get("do_sample") is False
    random_enough(0 if unasked or greedy else config.temperature, config.seed, config.top_k, config.top_p)


def _model(name: str, arguments: Mapping[str, Any]) -> Model:
    try:
        return get_model(name, **arguments)
    except (ValueError, TypeError, ImportError) as problem:
        hint = "as Inspect names them: openai/o4-mini, vllm/Qwen/Qwen3-8B, hotmess/reasoner-0.8m"
        raise UsageError(f"the model `{name}` cannot be had: {problem}", hint=hint) from problem


def _config(plan: Plan, cell: Cell) -> GenerateConfig:
    """What is asked of a model: the preset, over it what the plan says, over that the budget."""
    asked = GenerateConfig(max_retries=_RETRIES).merge(preset(plan.preset, cell.model) if plan.preset else GenerateConfig())
    known = GenerateConfig.model_fields
    for name in plan.config:
        one_of("setting of a model", name, tuple(known))
    return asked.merge(GenerateConfig.model_validate(dict(plan.config))).merge(config_of(cell.budget, cell.model))


def _mark(plan: Plan) -> str:
    """What logs of one plan have in common, whatever their cell and their number of samples."""
    name, arguments = _called(plan)
    config = {key: value for key, value in plan.config.items() if key not in _HOW_SENT}
    where = {key: value for key, value in plan.model_args.items() if key not in _WHERE_SENT}
    told = {"task": name, **arguments, "preset": plan.preset, "config": config, "model": where}
    return digest(json.dumps(told, sort_keys=True, default=str).encode())


@contextmanager
def _told() -> Iterator[None]:
    """What Inspect, or a provider, says of a call that cannot be made, as an error of ours; what we told Inspect, as we did."""
    try:
        yield
    except (PrerequisiteError, ValidationError, LookupError) as problem:
        if isinstance(problem.__cause__, HotmessError):
            raise problem.__cause__ from None
        text = str(problem.message if isinstance(problem, PrerequisiteError) else problem)
        found, _, hint = _MARKUP.sub("", text).partition("\n  hint: ")
        raise UsageError(" ".join(found.split()), hint=hint or "hotmess collect --help") from problem
