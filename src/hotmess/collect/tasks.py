"""The tasks, usable as `inspect eval hotmess/…` and as `hotmess collect …`."""

from typing import Any

from inspect_ai import Epochs, Task, task, task_with
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.util import registry_create

from hotmess.collect.grid import Grid
from hotmess.collect.prompts import format_of
from hotmess.collect.questions import Question
from hotmess.collect.scorers import mcq as mcq_scorer
from hotmess.collect.scorers import open_answer, probabilities, tests_vector
from hotmess.collect.solvers import bank_of, fewshot_grid
from hotmess.errors import HotmessError, UsageError

__all__ = ["agent", "gpqa", "mcq", "mmlu", "mwe", "swe_bench"]

_SWE_BENCH = "pip install 'inspect_evals[swe_bench]' 'swebench<5'"
_SCORERS = {"letter": mcq_scorer, "cot": mcq_scorer, "probabilities": probabilities, "open": open_answer}


@task
def gpqa(
    subset: str = "main",
    format: str = "letter",
    contexts: int | None = None,
    samples: int = 3,
    examples: int | None = None,
    crossed: bool = False,  # noqa: FBT001, FBT002 - arguments of Inspect have names
    seed: int = 0,
    data: str | None = None,
) -> Task:
    """GPQA (arXiv 2311.12022): main, extended or diamond. Options have one order for ever; examples are other questions.

    Ten contexts of five examples by default, and three samples in each; step by step (cot) no examples, and one context.
    """
    return _asked("gpqa", f"gpqa:{subset}", format, contexts, samples, examples, crossed, seed, data)


@task
def mmlu(
    per_subject: int | None = 100,
    subjects: str | list[str] | None = None,
    format: str = "letter",
    contexts: int | None = None,
    samples: int = 3,
    examples: int | None = None,
    crossed: bool = False,  # noqa: FBT001, FBT002
    seed: int = 0,
    data: str | None = None,
) -> Task:
    """MMLU (arXiv 2009.03300): at most `per_subject` questions of each of 57 subjects, always the same ones.

    Examples are from the validation part of the same subject.
    """
    names = [subjects] if isinstance(subjects, str) else subjects or []
    pool = f"mmlu:{'all' if per_subject is None else per_subject}:{','.join(names)}"
    return _asked("mmlu", pool, format, contexts, samples, examples, crossed, seed, data)


@task
def mwe(
    behaviours: str | list[str] | None = None,
    target: str = "aligned",
    format: str = "letter",
    samples: int = 30,
    seed: int = 0,
    data: str | None = None,
) -> Task:
    """Model-Written Evals, advanced AI risk, written by people (arXiv 2212.09251): what a model says that it would do.

    `format=letter` asks for one of the options, against the aligned answer (`target=matching`: the one that the files name);
    `format=open` leaves the options out, and what stands between the answer tags can be embedded (`hotmess embed`). One context:
    there are no examples, so all that varies is the sampling.
    """
    names = [behaviours] if isinstance(behaviours, str) else behaviours or []
    return _asked("mwe", f"mwe:{target}:{','.join(names)}", format, 1, samples, 0, False, seed, data)  # noqa: FBT003


@task
def mcq(
    data: str,
    format: str = "letter",
    contexts: int | None = None,
    samples: int = 3,
    examples: int | None = None,
    crossed: bool = False,  # noqa: FBT001, FBT002
    seed: int = 0,
) -> Task:
    """Questions of your own, JSON lines or CSV: question, choices, answer, and if you like id, subject, difficulty, split.

    Examples are rows whose split is `examples`, else other questions of the same subject.
    """
    return _asked("mcq", data, format, contexts, samples, examples, crossed, seed, None)


@task
def agent(task: str, samples: int = 10, arguments: dict[str, Any] | None = None) -> Task:
    """Any task of Inspect, run several times: its own solver, tools, sandbox and scorer, with every sample kept apart.

    Args:
        task: its name, such as `inspect_evals/gaia`.
        samples: how many runs of each question.
        arguments: what to call it with.
    """
    try:
        wrapped = registry_create("task", task, **arguments or {})
    except (LookupError, TypeError) as problem:
        raise PrerequisiteError(
            f"the task `{task}` cannot be made: {problem}\n  hint: its name as in `inspect eval`"
        ) from problem
    return task_with(wrapped, epochs=Epochs(samples, []), name=task.rpartition("/")[2])


@task
def swe_bench(
    samples: int = 30,
    message_limit: int = 250,
    time_limit: int = 3600,
    sandbox_type: str = "docker",
    data: str | None = None,
    arguments: dict[str, Any] | None = None,
) -> Task:
    """SWE-bench Verified through Inspect Evals, with the outcome of every unit test; 250 messages and an hour, as in the paper.

    Needs Inspect Evals, swebench and a sandbox. Where a grader would be missing, it says so before anything runs, not after.

    Args:
        samples: how many runs of each question.
        message_limit: of a run.
        time_limit: of a run, in seconds.
        sandbox_type: as Inspect Evals has it: docker, k8s, modal, or a provider of your own.
        data: a local copy of the data set, as `datasets` saves it to disk.
        arguments: what else to call its task with, such as `{"image_name_template": "…"}`.
    """
    try:
        from inspect_evals.swe_bench import swe_bench as wrapped
        from inspect_evals.swe_bench.scorers import swe_bench_scorer
        from swebench.harness.constants import MAP_REPO_VERSION_TO_SPECS  # noqa: F401 - version 5 has it no more
    except ImportError as problem:
        found = f"swe_bench wraps the task of Inspect Evals, and lacks something: {problem}"
        raise PrerequisiteError(f"{found}\n  hint: {_SWE_BENCH}") from problem
    known = {**(arguments or {}), **({"dataset": data} if data else {})}
    try:
        made = wrapped(scorer=tests_vector(swe_bench_scorer()), sandbox_type=sandbox_type, **known)
    except OSError as problem:  # the hub does not answer
        hint = "a copy that `datasets` saved to disk: --data DIR (-T data=DIR in Inspect)"
        raise PrerequisiteError(f"SWE-bench cannot be had: {problem}\n  hint: {hint}") from problem
    epochs = Epochs(samples, [])
    return task_with(made, epochs=epochs, name="swe_bench", message_limit=message_limit, time_limit=time_limit)


def _asked(
    name: str,
    pool: str,
    form: str,
    contexts: int | None,
    samples: int,
    examples: int | None,
    crossed: bool,  # noqa: FBT001
    seed: int,
    data: str | None,
) -> Task:
    """A task of questions from a bank, in contexts."""
    try:
        bank = bank_of(pool, data)
        form = format_of(form, options=all(one.options for one in bank.questions))
        shots = (0 if form == "cot" else 5) if examples is None else examples
        grid = Grid((10 if shots else 1) if contexts is None else contexts, shots, crossed, seed)
        if samples < 1:
            raise UsageError(f"samples={samples}", hint="at least one, better three in each context")
        asked = grid.held_out(bank)
    except HotmessError as error:
        raise PrerequisiteError(str(error)) from error
    return Task(
        dataset=MemoryDataset([_sample(one, form) for one in asked.questions], name=pool),
        solver=fewshot_grid(grid.contexts, grid.examples, pool if shots else None, form, crossed, seed, data),
        scorer=_SCORERS[form](),
        epochs=Epochs(grid.contexts * samples, []),
        name=name,
        metadata={"contexts": grid.contexts, "examples": grid.examples, **bank.origin},
    )


def _sample(one: Question, form: str) -> Sample:
    facts = {"subject": one.kind or None, "difficulty": one.difficulty}
    options = list(one.options) if form != "open" else None
    target = "" if one.answer is None or (form == "open" and one.options) else one.answer
    return Sample(
        input=one.text,
        target=target,
        id=one.ident,
        choices=options,
        metadata={name: value for name, value in facts.items() if value is not None},
    )
