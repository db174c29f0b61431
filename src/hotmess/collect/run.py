"""A plan carried out by Inspect's `eval_set`: one log for each cell, in one folder, which is also what is known of it so far."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai import Epochs, Task, eval_set, task_with
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.util import DisplayType, registry_create
from pydantic import ValidationError

from hotmess.collect.budgets import config_of, preset
from hotmess.collect.grid import random_enough
from hotmess.collect.plan import Cell, Plan
from hotmess.errors import UnreadableFile, UsageError, one_of
from hotmess.read.archive import Archive
from hotmess.read.inspect.samples import Header, Sample, header, summaries
from hotmess.read.log import digest
from hotmess.read.records import Malformed

__all__ = ["Done", "collected", "done", "prepared"]

_OURS = ("agent", "chains", "gpqa", "mcq", "mmlu", "mwe", "swe_bench")
_BAD = 0.05  # of the samples may end in an error; with more, the log is unfinished and the same command tries them again
_TRIES = 3
_LEAST = 5  # samples of a question, before the width of an interval may end a run (statistics 6.2)
_SHUFFLE = 0  # the order in which a limited number of questions is drawn
_FLUSH = 10  # samples are written in packets of so many


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
        random_enough(config.temperature, config.seed, config.top_k)
        model = get_model(cell.model, **plan.model_args)
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
        finished = _run([prepared(plan, cell, samples) for cell, samples in goal.items()], plan, folder, display)
        if plan.until_width is None or not finished:
            return finished
        known = done(plan, folder)
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
    found = {str(cell): Done() for cell in plan.cells()}
    for path in sorted(folder.glob("*.eval")) if folder.is_dir() else ():
        try:
            with path.open("rb") as stream:
                archive = Archive(stream, str(path))
                log = header(archive)
                facts = log.eval.metadata or {}
                if facts.get("cell") in found and facts.get("plan") == _mark(plan):
                    found[facts["cell"]] = _with(found[facts["cell"]], str(path), log, summaries(archive))
        except (Malformed, UnreadableFile):
            continue  # one that was killed while it was begun; Inspect begins it again
    return {cell: found[str(cell)] for cell in plan.cells()}


def _with(known: Done, path: str, log: Header, samples: Sequence[Sample]) -> Done:
    usage = [one for sample in samples for one in (sample.model_usage or {}).values()]
    contexts = int((log.eval.metadata or {}).get("contexts") or 1)
    errors = [_error(sample) for sample in samples if sample.error]
    return Done(
        known.samples + len(samples) - len(errors),
        known.errors + len(errors),
        known.input_tokens + sum(int(one.input_tokens or 0) for one in usage),
        known.output_tokens + sum(int(one.output_tokens or 0) for one in usage),
        (*known.logs, path),
        contexts,
        max(known.rounds, int((log.eval.config or {}).get("epochs") or 1) // contexts),
        known.first_error or next(iter(errors), ""),
    )


def _error(sample: Sample) -> str:
    said = sample.error.get("message") if isinstance(sample.error, dict) else sample.error
    return str(said).strip().partition("\n")[0][:200]


def _run(tasks: list[Task], plan: Plan, folder: Path, display: DisplayType) -> bool:
    with _told(), redirect_stdout(sys.stderr):
        finished, _ = eval_set(
            tasks,
            log_dir=str(folder),
            display=display,
            fail_on_error=_BAD,
            continue_on_fail=True,
            retry_on_error=_TRIES - 1,
            retry_attempts=_TRIES,
            log_realtime=False,
            score_display=False,
            log_format="eval",
            log_buffer=_FLUSH,
            limit=plan.limit,
            sample_shuffle=None if plan.limit is None else _SHUFFLE,
        )
    return finished


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


def _config(plan: Plan, cell: Cell) -> GenerateConfig:
    """What is asked of a model: the preset, over it what the plan says, over that the budget."""
    asked = preset(plan.preset, cell.model) if plan.preset else GenerateConfig()
    known = GenerateConfig.model_fields
    for name in plan.config:
        one_of("setting of a model", name, tuple(known))
    return asked.merge(GenerateConfig.model_validate(dict(plan.config))).merge(config_of(cell.budget, cell.model))


def _mark(plan: Plan) -> str:
    """What logs of one plan have in common, whatever their cell and their number of samples."""
    name, arguments = _called(plan)
    told = {"task": name, **arguments, "limit": plan.limit, "preset": plan.preset, "config": dict(plan.config)}
    return digest(json.dumps(told, sort_keys=True, default=str).encode())


@contextmanager
def _told() -> Iterator[None]:
    """What Inspect, or a provider, says of a call that cannot be made, in our words."""
    try:
        yield
    except (PrerequisiteError, ValidationError, LookupError) as problem:
        raise UsageError(f"Inspect says: {_plain(problem)}", hint="hotmess collect --help") from problem


def _plain(problem: Exception) -> str:
    text = problem.message if isinstance(problem, PrerequisiteError) else str(problem)
    return re.sub(r"\[/?\w[^\]]*\]", "", str(text)).strip()
