"""How a question is put: the solver that gives each sample its context and its seed."""

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from inspect_ai._util.error import PrerequisiteError  # how Inspect says that a call is at fault; it has no public name
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.model._generate_config import active_generate_config  # what was asked for on the command line; likewise
from inspect_ai.solver import Generate, Solver, TaskState, solver

from hotmess.collect.banks import gpqa, mmlu, mwe
from hotmess.collect.grid import Grid, random_enough, seed_of
from hotmess.collect.own import own
from hotmess.collect.prompts import format_of, prompt
from hotmess.collect.questions import Bank, Question
from hotmess.errors import HotmessError, UsageError

__all__ = ["bank_of", "fewshot_grid"]


def bank_of(pool: str, data: str | None = None) -> Bank:
    """A bank by name, or a path to your own: a solver's arguments stand in every sample of a log, so they must be short.

    `gpqa:main` (extended, diamond), `mmlu:100` and `mmlu:all:anatomy,virology` (so many a subject, these subjects),
    `mwe:aligned` and `mwe:matching:survival-instinct`.

    Raises:
        HotmessError: there is none, or it cannot be had.
    """
    return _bank(pool, data, _stamp(pool), _stamp(data))


def _stamp(path: str | None) -> tuple[str, int] | None:
    """What is at a path, as far as it can be told at a glance: a file that was edited is read again."""
    place = Path(path or "")
    try:
        return (str(place.resolve()), place.stat().st_mtime_ns) if path else None
    except OSError:
        return None


@lru_cache(maxsize=16)
def _bank(pool: str, data: str | None, *_: Any) -> Bank:
    name, part, listed = [*pool.split(":", 2), "", ""][:3]
    names = [one for one in listed.split(",") if one]
    match name:
        case "gpqa":
            return gpqa(part or "main", data)
        case "mmlu":
            return mmlu(None if part in ("", "all") else _count(part), names, data)
        case "mwe":
            return mwe(names, part or "aligned", data)
    return own(pool)


def _count(said: str) -> int:
    if not (said.isdecimal() and int(said)):
        raise UsageError(f"`{said}` questions of each subject", hint="a number from 1, or all")
    return int(said)


@solver
def fewshot_grid(
    contexts: int = 10,
    examples: int = 5,
    pool: str | None = None,
    format: str = "letter",
    crossed: bool = False,  # noqa: FBT001, FBT002 - arguments of Inspect have names
    seed: int = 0,
    data: str | None = None,
) -> Solver:
    """Ask in several contexts, and with a seed of its own for every sample; both follow from the epoch.

    Epochs go round the contexts, so `contexts × samples` epochs make so many samples in each, and more can be added later. Which
    examples were shown is stored in `metadata.hotmess` of the sample.

    Args:
        contexts: how many draws of examples each question is asked in.
        examples: answered questions that stand before it; 0 only with one context.
        pool: where examples come from, as `bank_of` names it.
        format: letter, probabilities, cot (step by step), or open.
        crossed: whether all questions share the contexts.
        seed: of examples and samples.
        data: a local copy of what `pool` names.
    """
    try:
        grid = Grid(contexts, examples, crossed, seed)
        if examples and pool is None:
            raise UsageError(f"{examples} examples, and no pool to draw them from", hint="pool=PATH, or examples=0, contexts=1")
    except HotmessError as error:
        raise PrerequisiteError(str(error)) from error

    @cache
    def bank() -> Bank:  # once, when the first sample needs it: a file that is edited meanwhile changes no context
        return Bank((), (), {}) if pool is None else grid.held_out(bank_of(pool, data))

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        config = get_model().config.merge(active_generate_config())
        try:
            random_enough(config.temperature, config.seed, config.top_k, config.top_p)
            form = format_of(format, options=bool(state.choices))
            one, place = _question(state), grid.place(state.epoch)
            shown = grid.shown(bank(), one, place)
        except HotmessError as error:
            raise PrerequisiteError(str(error)) from error
        sent = seed_of(seed, one.ident, f"{_way(str(state.model), config)}\n{grid}\n{form}", state.epoch)
        state.user_prompt.text = prompt(one, form, shown)
        ids = [other.ident for other in shown]
        context = grid.context_id(one.ident, place)
        state.metadata["hotmess"] = {"context": context, "draw": place.draw, "seed": sent, "fewshot_ids": ids}
        return await generate(state, seed=sent)

    return solve


def _question(state: TaskState) -> Question:
    options = tuple(choice.value for choice in state.choices)
    return Question(str(state.sample_id), state.input_text, options, None, str(state.metadata.get("subject") or ""))


def _way(model: str, config: GenerateConfig) -> str:
    """What samples have in common that were asked for in one way."""
    return "\n".join(
        map(str, (model, config.temperature, config.top_p, config.top_k, config.reasoning_effort, config.reasoning_tokens))
    )
