"""A plan carried out by Inspect's `eval_set`: one log for each cell, in one folder, which is also what is known of it so far."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
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
from hotmess.errors import HotmessError, UnreadableFile, UsageError, one_of
from hotmess.read.archive import Archive
from hotmess.read.inspect.samples import Header, Sample, header, summaries
from hotmess.read.log import digest
from hotmess.read.records import Malformed

__all__ = ["Done", "collected", "done", "prepared"]

_OURS = ("agent", "chains", "gpqa", "mcq", "mmlu", "mwe", "swe_bench")
_BAD = 0.05  # of the samples may end in an error; with more, the figures would be of those that happened to pass
_TRIES = 2  # of a sample that ended in an error, and of a log that has too many of them
_RETRIES = 7  # of a call, each after twice the time: six minutes in all; Inspect alone would try for ever
_TRANSPORT = {"max_retries", "max_connections", "adaptive_connections", "timeout", "attempt_timeout", "batch", "cache"}
_LEAST = 5  # samples of a question, before the width of an interval may end a run (statistics 6.2)
_SHUFFLE = 0  # the order in which a limited number of questions is drawn
_FLUSH = 1  # samples that are held before they are written, so that to be killed loses none that came to its end
_MARKUP = re.compile(r"\[/?(?:bold|italic|red|blue|green|yellow|dim)?\]")


@dataclass(frozen=True, slots=True)
class Done:
    """What a folder holds of a cell.

    Attributes:
        samples: that have a score.
        errors: that ended in an error.
        input_tokens: of them all.
        output_tokens: of them all, with reasoning.
        logs: where they are.
        contexts: of each question.
        rounds: how many samples in each context its logs were meant to hold.
        first_error: the first of the errors.
    """

    samples: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    logs: tuple[str, ...] = ()
    contexts: int = 1
    rounds: int = 0
    first_error: str = ""


def prepared(plan: Plan, cell: Cell, samples: int) -> Task:
    """The task of a cell, with its model, what is asked of it, and so many samples in each context.

    Raises:
        UsageError: there is no such task or model, or it cannot be asked like this.
        NoRandomness: all samples would be copies.
    """
    with _told():
        name, arguments = _called(plan)
        made = _made(name, arguments)
        config = made.config.merge(_config(plan, cell))
        random_enough(config.temperature, config.seed, config.top_k, config.top_p)
        model = _model(cell.model, plan.model_args)
        contexts = (made.metadata or {}).get("contexts", 1)
        facts = {**(made.metadata or {}), "cell": str(cell), "plan": _mark(plan)}
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
        width: half of the width of the interval of incoherence that some logs give, for these very questions.
        told: is told what happens between rounds.

    Returns:
        Whether every cell came to its end, with few errors.

    Raises:
        UsageError: the plan cannot be carried out as it is.
    """
    goal = {cell: max(plan.samples, known.rounds) for cell, known in done(plan, folder).items()}
    while True:
        _run([prepared(plan, cell, samples) for cell, samples in goal.items()], plan, folder, display)
        known = done(plan, folder)
        finished = all(have.samples and have.errors <= _BAD * have.samples for have in known.values())
        if plan.until_width is None or not finished:
            return finished
        more = {cell: _next(goal[cell], width(known[cell].logs), plan, known[cell].contexts) for cell in goal}
        if more == goal:
            return True
        for cell, samples in more.items():
            if samples > goal[cell]:
                told(f"{cell}: from {goal[cell]} to {samples} samples in each context")
        goal = more


def _next(samples: int, width: float, plan: Plan, contexts: int) -> int:
    """How many samples a context should have next: as many, if that is enough, else half of the way to what seems needed."""
    wanted = plan.until_width or 0.0
    if samples * contexts >= _LEAST and width <= wanted:
        return samples
    needed = samples * (width / wanted) ** 2 if width > wanted else samples + 1  # the width falls as one over the root
    return min(max(samples + 1, int(samples + (needed - samples) / 2)), plan.max_samples)


def done(plan: Plan, folder: Path) -> dict[Cell, Done]:
    """What a folder holds of each cell of a plan; of a cell of which it holds nothing, nothing."""
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
    return {cell: _done(found.get(str(cell), [])) for cell in plan.cells()}


class _Log(NamedTuple):
    path: str
    head: Header
    samples: Sequence[Sample]


def _done(logs: Sequence[_Log]) -> Done:
    """What some logs hold together; a later one holds what it took over from one that was killed."""
    if not logs:
        return Done()
    every = {(str(sample.id), sample.epoch): sample for log in logs for sample in log.samples}.values()
    usage = [one for sample in every for one in (sample.model_usage or {}).values()]
    contexts = int((logs[0].head.eval.metadata or {}).get("contexts") or 1)
    errors = [_error(sample) for sample in every if sample.error]
    return Done(
        len(every) - len(errors),
        len(errors),
        sum(int(one.input_tokens or 0) for one in usage),
        sum(int(one.output_tokens or 0) for one in usage),
        tuple(log.path for log in logs),
        contexts,
        max(int((log.head.eval.config or {}).get("epochs") or 1) for log in logs) // contexts,
        next(iter(errors), ""),
    )


def _error(sample: Sample) -> str:
    said = sample.error.get("message") if isinstance(sample.error, dict) else sample.error
    return str(said).strip().partition("\n")[0][:200]


def _run(tasks: list[Task], plan: Plan, folder: Path, display: DisplayType) -> None:
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
            limit=plan.limit,
            sample_shuffle=None if plan.limit is None else _SHUFFLE,
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
    config = {key: value for key, value in plan.config.items() if key not in _TRANSPORT}
    told = {"task": name, **arguments, "preset": plan.preset, "config": config, "model": dict(plan.model_args)}
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
