"""The task `hotmess/chains`: the questions that our own small models were made for."""

from inspect_ai import Epochs, Task, task
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from hotmess.collect.metrics import incoherence, unread
from hotmess.errors import HotmessError
from hotmess.reasoners.chains import Dials, ends, read
from hotmess.reasoners.grid import Grid

__all__ = ["chains"]


@task
def chains(
    questions: int = 200,
    contexts: int = 10,
    samples: int = 3,
    steps: str | int = "1-6",
    distractors: str | int = "0-3",
    shown: str | int = 2,
    options: int = 0,
    seed: int = 0,
    name: str = "chains",
) -> Task:
    """Chains of arithmetic, each asked in several contexts and several times in each.

    A context is a draw of answered questions that stand before the one that is asked; which it is, and the seed of a sample,
    follow from the epoch. `steps`, `distractors` and `shown` (how many answered questions) are a number or a range, `1-6`.
    """
    try:
        grid = Grid(questions, contexts, samples, seed, Dials(ends(steps), ends(distractors), ends(shown), options))
    except HotmessError as error:
        raise PrerequisiteError(str(error)) from error
    dataset = [
        Sample(
            input=one.text,
            target=one.answer,
            id=one.ident,
            choices=[str(value) for value in one.options] or None,
            metadata={
                "question": one.ident,
                "number": number,
                "difficulty": one.difficulty,
                "steps": len(one.chain),
                "mistaken": one.said(one.value(mistaken=True)),
            },
        )
        for number, one in enumerate(grid.asked())
    ]
    return Task(
        dataset=dataset,
        solver=_in_context(grid),
        scorer=_said(),
        epochs=Epochs(contexts * samples, []),
        name=name,
        metadata={"contexts": contexts, "examples": sum(ends(shown)) / 2},
    )


@solver
def _in_context(grid: Grid) -> Solver:
    """Show answered questions and ask, with a seed of its own for each sample."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        told = grid.told(grid.question(int(state.metadata["number"])), state.epoch - 1, str(state.model))
        state.messages = [ChatMessageUser(content=told.prompt)]
        ids = [one.ident for one in told.shown]
        state.metadata["hotmess"] = {"context": told.context, "draw": told.draw, "fewshot_ids": ids}
        return await generate(state, seed=told.seed)

    return solve


@scorer(metrics=[accuracy(), incoherence(), unread()], name="said")
def _said() -> Scorer:
    """Whether the answer is the right one; no answer where the model came to none."""

    async def score(state: TaskState, target: Target) -> Score:
        said = state.output.completion
        if said.startswith("<think>"):  # as Inspect's `hf/` leaves it
            said = said.partition("</think>")[2]
        answer = read(said.strip("\n"), len(state.choices)) or ""
        facts = {"target": target.text, "options": len(state.choices) or 10, "context": state.metadata["hotmess"]["context"]}
        return Score(value=CORRECT if answer == target.text else INCORRECT, answer=answer, metadata={"hotmess": facts})

    return score
