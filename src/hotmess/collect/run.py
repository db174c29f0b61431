"""A plan carried out by Inspect's `eval_set`: one log for each cell, in one folder."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

from inspect_ai import Epochs, Task, eval_set, task_with
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.model import GenerateConfig, Model, get_model
from inspect_ai.util import DisplayType, registry_create
from pydantic import ValidationError

from hotmess.collect.budgets import config_of, preset
from hotmess.collect.grid import random_enough
from hotmess.collect.held import Done, done, tidied
from hotmess.collect.plan import Cell, Plan
from hotmess.errors import HotmessError, OtherVersion, UsageError, one_of

__all__ = ["collected", "prepared"]

_BAD = 0.05  # of the samples may end in an error; with more, the figures would be of those that happened to pass
_TRIES = 2  # of a sample that ended in an error, and of a log that has too many of them
_RETRIES = 7  # of a call, each after twice the time: six minutes in all; Inspect alone would try for ever
_LEAST = 5  # samples of a question, before the width of an interval may end a run (statistics 6.2)
_SHUFFLE = 1  # the order of questions, always the same, so that a limit takes more of them; Inspect takes 0 for no order
_FLUSH = 1  # samples that are held before they are written, so that to be killed loses none that came to its end
_MARKUP = re.compile(r"\[/?(?:bold|italic|red|blue|green|yellow|dim)?\]")


def prepared(plan: Plan, cell: Cell, have: Done) -> Task:
    """The task of a cell, with its model, what is asked of it, and its samples: never fewer than there are.

    Raises:
        UsageError: there is no such task or model, or it cannot be asked like this.
        NoRandomness: all samples would be copies.
        OtherVersion: what is there was asked of other questions.
    """
    with _told():
        name, arguments = plan.called()
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
        facts = {**facts, "cell": str(cell), "plan": plan.mark()}
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
            known = tidied(plan, folder)
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
