"""Runs of HELM: `scenario_state.json` with `per_instance_stats.json` and `run_spec.json` beside it.

`train_trial_index` is an independent draw of the few-shot examples, so it is the context; completions of one request are samples.
Where each option was a request of its own, HELM's own choice among them is the answer.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import polars as pl

from hotmess.errors import AggregatedOnly, UnreadableFile, UsageError
from hotmess.read.files import File
from hotmess.read.log import How, Log, digest, mapping, number, setting, table
from hotmess.read.records import Malformed, json_text
from hotmess.read.texts import spoken, texts

__all__ = ["NAME", "fits", "read_log"]

NAME = "HELM"
_STATE = "scenario_state.json"
_BESIDE = ("per_instance_stats.json", "run_spec.json", "stats.json", "instances.json", "scenario.json")
_METRICS = ("exact_match", "quasi_exact_match", "prefix_exact_match", "math_equiv", "f1_score")


class Completion(NamedTuple):
    """One completion of one request."""

    state: Mapping[str, Any]
    place: int
    best: bool
    found: Mapping[str, Any]
    stats: Mapping[str, float]
    spec: Mapping[str, Any]
    metric: str | None
    run: str
    file: File


COLUMNS = {
    "task": lambda c: _task(c.spec),
    "model": lambda c: _adapter(c).get("model") or _adapter(c).get("model_deployment"),
    "setting": lambda c: setting(
        {name: _adapter(c).get(name) for name in ("method", "max_train_instances", "temperature", "max_tokens")}
    ),
    "question_id": lambda c: _instance(c).get("id"),
    "context_id": lambda c: _context(c.state),
    "sample_id": lambda c: f"{c.run}/{mapping(c.state.get('request')).get('random') or ''}{_context(c.state)}/{c.place}",
    "answer": lambda c: _answer(c),
    "target": lambda c: next(iter(_references(c, correct=True)), None),
    "choices": lambda c: _references(c) if _is_choice(c) else None,
    "score": lambda c: c.stats.get(c.metric or "") if c.best else None,
    "status": lambda c: "error" if _result(c).get("error") or not _result(c).get("success", True) else "ok",
    "reason": lambda c: _result(c).get("error"),
    "output_tokens": lambda c: None if "reference_index" in c.state else len(c.found.get("tokens") or ()) or None,
    "completion": lambda c: _text(mapping(c.found.get("thinking"))) + _text(c.found),
    "temperature": lambda c: number(mapping(c.state.get("request")).get("temperature")),
    "seed": lambda c: mapping(c.state.get("request")).get("random"),
    "cached": lambda c: _result(c).get("cached") is True,
    "source": lambda c: c.file.shown,
    "source_ref": lambda c: f"{_instance(c).get('id')} {_context(c.state)}",
}


def fits(file: File, head: bytes) -> bool:
    """Whether a file belongs to a run."""
    if file.name == _STATE:
        return True
    beside = file.name in _BESIDE or (file.name.startswith("display_") and file.name.endswith(".json"))
    return beside and (b'"instance_id"' in head or b'"adapter_spec"' in head or file.beside(_STATE) is not None)


def read_log(file: File, how: How) -> Log:
    """The completions of one run.

    Raises:
        AggregatedOnly: the file has no completions, and none are beside it.
        UsageError: `how.scorer` is no metric of it.
    """
    if file.name != _STATE:
        if file.beside(_STATE) is None:
            raise AggregatedOnly(
                f"`{file.shown}` has no completions", why="single answers are needed", hint=f"give the folder with {_STATE}"
            )
        return Log(pl.DataFrame())
    state = mapping(_read(file))
    beside = file.beside("run_spec.json")
    spec = {"adapter_spec": state.get("adapter_spec"), **mapping(beside and _read(beside))}
    stats = _stats(file)
    known = {name for found in stats.values() for name in found}
    if how.scorer and how.scorer not in known:
        there = ", ".join(sorted(known)) or "none"
        raise UsageError(
            f"there is no metric `{how.scorer}` in `{file.shown}`; found: {there}", hint=f"--scorer {min(known, default='NAME')}"
        )
    metric = how.scorer or next((name for name in _METRICS if name in known), None)
    run = digest(file.head() + str(file.size).encode())
    found = [
        Completion(one, place, best, said, stats.get(_key(one), {}), spec, metric, run, file)
        for one in map(mapping, state.get("request_states") or ())
        if one.get("reference_index") in {None, 0} and one.get("request_mode") != "calibration"
        for place, best, said in _completions(one)
    ]
    if not found:
        raise UnreadableFile(f"`{file.shown}` holds no completions")
    if how.keep is not None:
        return texts(found, COLUMNS, _prompt, how.keep, file.shown)
    return table(found, COLUMNS, file.shown, how.pattern)


def _read(file: File) -> Any:
    try:
        return json_text(file)
    except Malformed as problem:
        raise UnreadableFile(f"`{file.shown}` cannot be read: {problem}") from problem


def _completions(state: Mapping[str, Any]) -> Iterator[tuple[int, bool, Mapping[str, Any]]]:
    """The completions of a request, and which is the likeliest, for HELM's metrics are of that one. None is a row as well."""
    found = [mapping(said) for said in mapping(state.get("result")).get("completions") or [{}]]
    best = max(range(len(found)), key=lambda place: number(found[place].get("logprob")) or 0.0)
    yield from ((place, place == best, said) for place, said in enumerate(found))


def _stats(file: File) -> dict[tuple[Any, ...], dict[str, float]]:
    """The metrics of each request."""
    beside = file.beside("per_instance_stats.json")
    found = _read(beside) if beside else ()
    return {
        (one.get("instance_id"), one.get("train_trial_index"), mapping(one.get("perturbation")).get("name")): {
            str(mapping(stat.get("name")).get("name")): float(stat["mean"])
            for stat in one.get("stats") or ()
            if isinstance(stat, Mapping) and number(stat.get("mean")) is not None
        }
        for one in found
        if isinstance(one, Mapping)
    }


def _key(state: Mapping[str, Any]) -> tuple[Any, ...]:
    instance = mapping(state.get("instance"))
    return (instance.get("id"), state.get("train_trial_index"), mapping(instance.get("perturbation")).get("name"))


def _adapter(completion: Completion) -> Mapping[str, Any]:
    return mapping(completion.spec.get("adapter_spec"))


def _task(spec: Mapping[str, Any]) -> str:
    """The scenario and its arguments, without the model and the way of asking."""
    name, _, arguments = str(spec.get("name") or "HELM").partition(":")
    kept = [part for part in arguments.split(",") if part.partition("=")[0] not in {"model", "model_deployment", "method", ""}]
    return f"{name}:{','.join(kept)}" if kept else name


def _result(completion: Completion) -> Mapping[str, Any]:
    return mapping(completion.state.get("result"))


def _instance(completion: Completion) -> Mapping[str, Any]:
    return mapping(completion.state.get("instance"))


def _context(state: Mapping[str, Any]) -> str:
    changed = mapping(mapping(state.get("instance")).get("perturbation")).get("name")
    return f"train_trial={state.get('train_trial_index', 0)}" + (f" perturbation={changed}" if changed else "")


def _references(completion: Completion, *, correct: bool = False) -> list[str]:
    found = [mapping(reference) for reference in _instance(completion).get("references") or ()]
    return [_text(mapping(one.get("output"))) for one in found if not correct or "correct" in (one.get("tags") or ())]


def _is_choice(completion: Completion) -> bool:
    return str(_adapter(completion).get("method") or "").startswith("multiple_choice")


def _text(found: Mapping[str, Any]) -> str:
    return str(found.get("text") or "")


def _prompt(completion: Completion) -> str:
    """The question, as a perturbation left it, without the examples before it; where that is not told, all that was sent."""
    request = mapping(completion.state.get("request"))
    return spoken(_instance(completion).get("input")) or spoken(request.get("prompt") or request.get("messages"))


def _answer(completion: Completion) -> str | None:
    """What was said: of options the text of the one that was named, or that HELM found the likeliest."""
    if completion.state.get("reference_index") is not None:
        place, references = completion.stats.get("predicted_index"), _references(completion)
        return references[int(place)] if place is not None and 0 <= int(place) < len(references) else None
    said = _text(completion.found).strip()
    options = mapping(completion.state.get("output_mapping"))
    if options:
        return str(options[said]) if said in options else None
    return said or None
