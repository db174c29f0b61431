"""The columns of an Inspect log: each a function of one response."""

from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from hotmess.answers import stated
from hotmess.read.inspect.samples import Config, Header, Sample, Score, asked
from hotmess.read.log import How, digest, number, setting, text
from hotmess.read.unit_tests import FAIL_TO_PASS, from_explanation, unchanged

__all__ = ["COLUMNS", "Response", "Run", "response", "run_of"]


class Run(NamedTuple):
    """What a log says of all its samples."""

    task: str
    model: str
    setting: str | None
    context: str | None
    seed: str | None
    temperature: float | None
    name: str
    source: str
    how: How


class Response(NamedTuple):
    """A sample of a log, and what was decided about it."""

    run: Run
    sample: Sample
    score: Score | None
    value: float | None
    tests: dict[str, bool] | None
    status: str


def _one_line(said: Any) -> str:
    """Text with single blanks, as summaries have it, so that a summary and its sample agree."""
    return " ".join(str(said).split())


@lru_cache(maxsize=4096)
def _choices(choices: tuple[str, ...]) -> tuple[str, ...]:
    """The options, as answers and targets are written."""
    return tuple(map(_one_line, choices))


COLUMNS = {
    "question_id": lambda r: r.sample.id,
    "context_id": lambda r: _context(r),
    "sample_id": lambda r: r.sample.uuid or f"{r.run.name}/{r.sample.epoch}",
    "answer": lambda r: _answer(r),
    "target": lambda r: _target(r.sample),
    "choices": lambda r: _choices(tuple(map(str, r.sample.choices or ()))) or None,
    "probs": lambda r: _probs(r),
    "tests": lambda r: r.tests and list(r.tests.values()),
    "test_names": lambda r: r.tests and list(r.tests),
    "score": lambda r: r.value,
    "status": lambda r: r.status,
    "reason": lambda r: _reason(r),
    "reasoning_tokens": lambda r: _tokens(r, "reasoning_tokens"),
    "output_tokens": lambda r: _tokens(r, "output_tokens"),
    "actions": lambda r: r.sample.text and r.sample.text.actions,
    "difficulty": lambda r: _difficulty(r.sample),
    "turns": lambda r: r.sample.turn_count,
    "completion": lambda r: r.sample.text and r.sample.text.completion,
    "seed": lambda r: (r.sample.text and r.sample.text.seed) or r.run.seed,
    "cached": lambda r: r.sample.text and r.sample.text.cached,
    "question_hash": lambda r: digest(asked(r.sample.input)),
    "source_ref": lambda r: r.sample.place or f"{r.sample.id} epoch {r.sample.epoch}",
}


def run_of(log: Header, name: str, source: str, how: How) -> Run:
    """The facts of a log."""
    config, seeds = _config(log), {key: value for key, value in _arguments(log).items() if "seed" in key}
    return Run(
        task=log.eval.task,
        model=log.eval.model,
        setting=_setting(log),
        context=setting(seeds),
        seed=text(config.get("seed")),
        temperature=number(config.get("temperature")),
        name=text(log.eval.eval_id or log.eval.run_id or log.eval.created) or name,
        source=source,
        how=how,
    )


def response(run: Run, sample: Sample, scorer: str | None) -> Response:
    """A sample with the score of a scorer, and the unit tests that this score stands for."""
    score = _decided(sample, scorer)
    value = None if score is None or _ungraded(score) else number(score.value)
    return Response(run, sample, score, value, _tests(sample, score, run.how), _status(sample, score, value, run.how))


def _decided(sample: Sample, scorer: str | None) -> Score | None:
    """The score of a scorer; of one that gives several values the first number, or the one after a dot: `scorer.value`."""
    name, _, key = (scorer or "").partition(".")
    score = (sample.scores or {}).get(scorer or "") or (sample.scores or {}).get(name)
    if score is None or not isinstance(score.value, dict):
        return score
    values = score.value
    chosen = values.get(key) if key else next((value for value in values.values() if number(value) is not None), None)
    return msgspec.structs.replace(score, value=chosen)


def _tests(sample: Sample, score: Score | None, how: How) -> dict[str, bool] | None:
    metadata = sample.metadata or {}
    if sample.limit and how.on_limit == "paper" and (found := unchanged(metadata)):
        return found
    if score is None:
        return None
    said = (score.metadata or {}).get("tests")
    if isinstance(said, dict) and said:
        return {str(name): bool(outcome) for name, outcome in said.items()}
    explained = from_explanation(score.explanation) if isinstance(score.explanation, str) else None
    return explained or (unchanged(metadata, broken=not sample.limit) if FAIL_TO_PASS in metadata else None)


# ---------------------------------------------------------------------------------------------- one value each


def _config(log: Header) -> dict[str, Any]:
    """What was asked of the model: by the log, and over it by the task."""
    asked = msgspec.to_builtins(log.eval.model_generate_config or Config()) | msgspec.to_builtins(log.plan.config)
    return {name: value for name, value in asked.items() if value is not None}


_SHORT = 40  # characters of an argument
_HUGE = 1e300
_DRAWS = ("contexts", "samples", "data", "sandbox_type")  # of our own tasks: how much was asked, and where, not how
_LIMITS = ("message_limit", "token_limit", "turn_limit", "time_limit", "working_limit", "cost_limit")


def _setting(log: Header) -> str | None:
    """What was asked for beside the task and the model. Seeds are none of it: they name draws, not ways to ask."""
    asked = {name: value for name, value in _config(log).items() if name != "seed"}
    limits = {name: (log.eval.config or {}).get(name) for name in _LIMITS}
    ours = str(log.eval.task_registry_name).startswith("hotmess/")
    arguments = {name: value for name, value in _arguments(log).items() if "seed" not in name and not (ours and name in _DRAWS)}
    return setting({"solver": log.eval.solver, **asked, **limits, **arguments})


def _arguments(log: Header) -> dict[str, Any]:
    """What the task and its solver were called with."""
    given = (log.eval.task_args_passed or {}) | (log.eval.solver_args or {})
    return {name: _short(value) for name, value in given.items()}


def _short(value: Any) -> Any:
    """A value as it is, or a mark of one that is long."""
    if isinstance(value, dict | list) or len(str(value)) > _SHORT:
        return digest(msgspec.json.encode(value, order="sorted"))[:6]
    return value


def _context(response: Response) -> str | None:
    """The draw of the input: as our own solvers note it, else the seeds that the task was called with."""
    facts = (response.sample.metadata or {}).get("hotmess")
    return text(facts.get("context")) if isinstance(facts, dict) else response.run.context


def _difficulty(sample: Sample) -> float | None:
    """How hard a question is, where a number says it."""
    said = (sample.metadata or {}).get("difficulty")
    return float(said) if isinstance(said, (int, float)) and not isinstance(said, bool) and abs(said) < _HUGE else None


def _target(sample: Sample) -> str | None:
    """The right answer: of several right options all, of several accepted texts the first."""
    if not isinstance(sample.target, list):
        return None if sample.target is None or sample.target == "" else _one_line(sample.target)
    targets = [_one_line(target) for target in sample.target]
    return ", ".join(targets) if sample.choices else next(iter(targets), None)


def _answer(response: Response) -> str | None:
    """The answer; one that the scorer took as right, however it was written, is the target."""
    score, sample = response.score, response.sample
    if response.status in {"invalid", "error"} or score is None or score.answer is None or not str(score.answer).strip():
        return None
    right = not sample.choices and response.value == 1
    return _target(sample) if right else _one_line(score.answer)


def _probs(response: Response) -> list[float] | None:
    score = response.score
    if score is None:
        return None
    facts = score.metadata or {}
    said = facts.get("probs") or facts.get("probabilities") or score.answer
    structured = isinstance(said, dict | list) or str(said).lstrip().startswith("{")
    return stated(said, response.sample.choices) if said and structured else None


def _status(sample: Sample, score: Score | None, value: float | None, how: How) -> str:
    if sample.error:
        return "error"
    if sample.invalidation or score is None or (sample.limit and how.on_limit == "drop"):
        return "missing"
    if _ungraded(score):
        return "ok" if str(score.answer or "").strip() else "invalid"
    if value is None and score.value != "N" and not score.reason:
        return "missing"  # NaN, or no value at all
    if score.reason or score.value == "N" or (isinstance(score.answer, str) and not score.answer.strip()):
        return "limit" if sample.limit else "invalid"
    return "limit" if sample.limit else "ok"


def _ungraded(score: Score) -> bool:
    """Whether our scorer noted that nothing is right or wrong in the answer."""
    facts = (score.metadata or {}).get("hotmess")
    return isinstance(facts, dict) and bool(facts.get("ungraded"))


def _reason(response: Response) -> str | None:
    sample, score = response.sample, response.score
    if sample.error:
        return "error"
    if sample.invalidation:
        return "invalidated"
    if score is None or (score.reason is None and response.status == "missing"):
        return "not scored"
    stopped = sample.text and sample.text.stopped
    return None if response.status == "ok" else text(score.reason or _kind(sample.limit) or stopped or "no answer")


def _kind(limit: Any) -> Any:
    """Which limit stopped a sample."""
    return limit.get("type") if isinstance(limit, dict) else limit


def _tokens(response: Response, name: str) -> int | None:
    """Tokens of the model that is evaluated over all its calls; a judge's are not counted where the two can be told apart."""
    usage = response.sample.model_usage or {}
    own = usage.get(response.run.model)
    known = [int(count) for one in ([own] if own else usage.values()) if number(count := getattr(one, name)) is not None]
    return sum(known) if known else None
