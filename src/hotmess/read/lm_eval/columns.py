"""The columns of lm-eval samples: each a function of one repeat."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hotmess.read.files import File
from hotmess.read.log import digest, mapping, number, setting
from hotmess.read.texts import spoken

__all__ = ["COLUMNS", "Repeat", "Run", "by_place", "id_field", "listed", "prompt"]

_QUESTION = (
    "question",
    "Question",
    "query",
    "problem",
    "prompt",
    "input",
    "goal",
    "ctx",
    "sentence",
    "text",
    "passage",
    "premise",
)
_ID = ("Record ID", "id", "question_id", "qid", "task_id", "problem_id", "uid", "idx", "ind")


class Repeat(NamedTuple):
    """One response to one line."""

    run: "Run"
    line: Mapping[str, Any]
    doc: Mapping[str, Any]
    options: list[str] | None
    place: int
    said: str | None
    probs: list[float] | None
    where: str


class Run(NamedTuple):
    """What the results file says of one task."""

    file: File
    task: str
    model: str
    source: str
    asked: Mapping[str, Any]
    shots: Any
    filters: Mapping[str, Sequence[Mapping[str, Any]]]
    metric: Mapping[str, Any]
    request_seed: Any
    run_seed: Any
    known: bool
    name: str
    ids: str | None = None  # the field of a question that names it
    by_place: bool = True  # whether the number of a target is a place among options that are numbers themselves


COLUMNS = {
    "task": lambda r: r.run.task,
    "model": lambda r: r.run.model,
    "setting": lambda r: _setting(r),
    "question_id": lambda r: _question_id(r),
    "context_id": lambda r: str(r.line.get("prompt_hash") or "")[:12] or None,
    "sample_id": lambda r: f"{r.run.name}/{r.place}",
    "target": lambda r: _target(r),
    "choices": lambda r: r.options,
    "probs": lambda r: r.probs,
    "said": lambda r: r.said,
    "score": lambda r: _metric(r),
    "seed": lambda r: _seed(r),
    "temperature": lambda r: number(_sampling(r.line).get("temperature")),
    "question_hash": lambda r: digest(str(r.line.get("doc_hash")).encode()) if r.options is None else None,
    "source": lambda r: r.run.file.shown,
    "source_ref": lambda r: r.where,
}


def id_field(docs: Sequence[Mapping[str, Any]]) -> str | None:
    """The field that names each question: there in all, and different in all."""
    for name in _ID:
        named = [doc.get(name) for doc in docs]
        if all(isinstance(one, str | int) for one in named) and len(set(named)) == len(named):
            return name
    return None


def by_place(repeats: Sequence[Repeat]) -> bool:
    """Whether targets are places among the options: where both could be, the harness's own verdicts tell."""
    votes = 0
    for repeat in repeats:
        target, options = str(repeat.line.get("target")).strip(), repeat.options or []
        if repeat.place == 0 and repeat.probs and target in options and target.isdecimal() and len(target) < 4:
            likeliest = options[max(range(len(options)), key=repeat.probs.__getitem__)]
            placed = options[int(target)] if int(target) < len(options) else None
            votes += ((placed == likeliest) - (target == likeliest)) * (1 if _metric(repeat) == 1 else 0)
    return votes >= 0


def _question_id(repeat: Repeat) -> str:
    """The id that the question brings, else its number with a mark of its text, for numbers move when sets change."""
    if repeat.run.ids is not None:
        return str(repeat.doc.get(repeat.run.ids))
    asked = _asked(repeat)
    mark = digest(asked.encode("utf-8", "replace")) if asked else str(repeat.line.get("doc_hash") or "")
    return f"{repeat.line.get('doc_id')}-{mark[:6]}"


def _asked(repeat: Repeat) -> str | None:
    return next((repeat.doc[name] for name in _QUESTION if isinstance(repeat.doc.get(name), str)), None)


def prompt(repeat: Repeat) -> str | None:
    """What was sent, with the examples before it; of options that were requests of their own, what was sent for the first."""
    first = mapping(next(iter(mapping(repeat.line.get("arguments")).values()), None))
    return spoken(first.get("arg_0")) or _asked(repeat)


def _target(repeat: Repeat) -> str | None:
    """The right answer: a place among the options becomes the text there."""
    target, options = repeat.line.get("target"), repeat.options
    found = None if target is None else str(target).strip()
    if not options or found is None:
        return found
    place = int(found) if found.isdecimal() and len(found) < 4 else None
    named = options[place] if place is not None and place < len(options) else None
    if named is not None and found in options and named != found:
        return named if repeat.run.by_place else found
    if found in options or named is not None:
        return found if found in options else named
    chosen = str(repeat.doc.get("answer"))  # where the options stand in the contexts, their number in the question tells
    return options[int(chosen) - 1] if repeat.probs and chosen.isdecimal() and 0 < int(chosen) <= len(options) else found


def _sampling(line: Mapping[str, Any]) -> dict[str, Any]:
    """How the first request of a line asked for samples; greedy decoding is temperature 0."""
    first = mapping(next(iter(mapping(line.get("arguments")).values()), None))
    asked = dict(mapping(first.get("arg_1")))
    if asked and not asked.get("do_sample", asked.get("temperature")):
        asked["temperature"] = 0.0
    return asked


def _setting(repeat: Repeat) -> str | None:
    asked = _sampling(repeat.line)
    wanted = {name: asked.get(name) for name in ("temperature", "top_p", "top_k", "max_gen_toks", "reasoning_effort")}
    return setting({"num_fewshot": repeat.run.shots, **wanted})


def _seed(repeat: Repeat) -> str | None:
    """The seed of a response: APIs get one with every request, other models one at the start of a run."""
    if repeat.said is None:
        return None  # log-probabilities are not drawn
    if repeat.run.request_seed is not None:
        return str(repeat.run.request_seed)
    return None if repeat.run.run_seed is None else f"{repeat.run.run_seed}, repeat {repeat.place}"


def _metric(repeat: Repeat) -> float | None:
    """The harness's own verdict, which is on the first repeat alone."""
    names = repeat.line.get("metrics") or ()
    return next((value for name in names if (value := number(repeat.line.get(name))) is not None and 0 <= value <= 1), None)


def listed(doc: Mapping[str, Any]) -> list[str] | None:
    """The options that a question lists, under one of the names that tasks use."""
    for name in ("choices", "options", "endings"):
        found = doc.get(name)
        found = found.get("text") if isinstance(found, Mapping) else found
        if isinstance(found, list) and len(found) > 1:
            return [str(option) for option in found]
    for names in (("choice1", "choice2", "choice3", "choice4"), ("sol1", "sol2"), ("option1", "option2")):
        if all(name in doc for name in names):
            return [str(doc[name]) for name in names]
    return None
