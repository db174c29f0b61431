"""Every Eval Ever: one JSON line per response (`*_samples.jsonl`), beside a JSON file of aggregates.

The schema has a field for most of ours; what it has none for is in `metadata`, whose values are text: `epoch`, `context_id`.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from hotmess.errors import AggregatedOnly, UnreadableFile
from hotmess.read.files import File
from hotmess.read.log import How, Log, digest, mapping, number, table, without
from hotmess.read.records import json_lines
from hotmess.read.texts import spoken, texts

__all__ = ["NAME", "fits", "read_log"]

NAME = "Every Eval Ever"
_OURS = "hotmess_sample"  # in the metadata of records that `hotmess convert` wrote


class Response(NamedTuple):
    """One output of one line."""

    found: Mapping[str, Any]
    place: int
    line: int
    file: File


COLUMNS = {
    "task": lambda r: str(r.found.get("evaluation_name") or ""),
    "model": lambda r: r.found.get("model_id"),
    "setting": lambda r: _metadata(r).get("setting"),
    "question_id": lambda r: r.found.get("sample_id"),
    "context_id": lambda r: _metadata(r).get("context_id"),
    "sample_id": lambda r: _sample_id(r),
    "answer": lambda r: _answer(r),
    "target": lambda r: next(iter(_listed(_part(r, "input").get("reference"))), None),
    "choices": lambda r: _listed(_part(r, "input").get("choices")) or None,
    "score": lambda r: _score(r) if r.place == 0 else None,
    "status": lambda r: _status(r),
    "reason": lambda r: r.found.get("error"),
    "completion": lambda r: _said(r),
    "reasoning_tokens": lambda r: _part(r, "token_usage").get("reasoning_tokens"),
    "output_tokens": lambda r: _part(r, "token_usage").get("output_tokens"),
    "actions": lambda r: _kept(r, "actions") or number(_part(r, "evaluation").get("tool_calls_count")),
    "probs": lambda r: _kept(r, "probs"),
    "tests": lambda r: _kept(r, "tests"),
    "test_names": lambda r: _kept(r, "test_names"),
    "n_choices": lambda r: _kept(r, "n_choices"),
    "output_chars": lambda r: _kept(r, "output_chars"),
    "wait_count": lambda r: _kept(r, "wait_count"),
    "seed": lambda r: _metadata(r).get("seed"),
    "temperature": lambda r: number(_metadata(r).get("temperature")),
    "source": lambda r: r.file.shown,
    "source_ref": lambda r: f"line {r.line}",
}


def fits(file: File, head: bytes) -> bool:
    """Whether a file holds records of this schema."""
    if file.name.endswith(".jsonl"):
        return all(key in head for key in (b'"schema_version"', b'"evaluation_id"', b'"sample_id"'))
    return file.name.endswith(".json") and b'"schema_version"' in head and b'"evaluation_results"' in head


def read_log(file: File, how: How) -> Log:
    """The responses of one file.

    Raises:
        AggregatedOnly: it holds aggregates, and no responses are beside it.
        UnreadableFile: no line is JSON.
    """
    if file.name.endswith(".json"):
        if file.beside(file.name.removesuffix(".json") + "_samples.jsonl"):
            return Log(pl.DataFrame())
        raise AggregatedOnly(
            f"`{file.shown}` has only averages", why="single answers are needed", hint="give its *_samples.jsonl"
        )
    bad: list[str] = []
    found = [(line, mapping(one)) for line, one in json_lines(file, bad, how.keep)]
    if not found:
        raise UnreadableFile(f"`{file.shown}` has no line that can be read" + (f": {bad[0]}" if bad else ""))
    responses = [Response(one, place, line, file) for line, one in found for place in range(max(1, len(_outputs(one))))]
    if how.keep is not None:
        return texts(responses, COLUMNS, lambda r: spoken(_part(r, "input").get("raw")), how.keep, file.shown)
    return without(table(responses, COLUMNS, file.shown, how.pattern), bad, file.shown)


def _part(response: Response, name: str) -> Mapping[str, Any]:
    return mapping(response.found.get(name))


def _kept(response: Response, name: str) -> Any:
    """What a record of our own keeps as JSON text where the schema has no field."""
    said = _metadata(response).get(name)
    try:
        return json.loads(said) if isinstance(said, str) and _OURS in _metadata(response) else None
    except (ValueError, RecursionError):
        return None


def _sample_id(response: Response) -> str:
    if _OURS in _metadata(response):
        return str(_metadata(response)[_OURS])
    run = digest(str(response.found.get("evaluation_id")).encode())[:8]
    return f"{run}/{_metadata(response).get('epoch') or response.line}/{response.place}"


def _metadata(response: Response) -> Mapping[str, Any]:
    return _part(response, "metadata")


def _listed(found: Any) -> list[str]:
    return [str(one).strip() for one in found] if isinstance(found, list) else []


def _outputs(found: Mapping[str, Any]) -> list[Any]:
    raw = mapping(found.get("output")).get("raw")
    return raw if isinstance(raw, list) else [] if raw is None else [raw]


def _said(response: Response) -> str | None:
    """The trace of reasoning and the output."""
    outputs, traces = _outputs(response.found), _part(response, "output").get("reasoning_trace")
    traces = traces if isinstance(traces, list) else [traces]
    parts = [*traces[response.place : response.place + 1], *outputs[response.place : response.place + 1]]
    return "\n\n".join(str(part) for part in parts if part) if outputs else None


def _answer(response: Response) -> str | None:
    """The last value that was extracted; the output itself where none was, or where there are several."""
    if response.found.get("error"):
        return None
    extracted = [mapping(one).get("extracted_value") for one in response.found.get("answer_attribution") or ()]
    outputs = _outputs(response.found)
    if len(outputs) > 1 or (outputs and not extracted):
        return str(outputs[response.place]).strip()
    return str(extracted[-1]).strip() if extracted and extracted[-1] is not None else None


def _score(response: Response) -> float | None:
    """The score of a response; where Inspect was converted, every epoch has their mean, which is nobody's score."""
    if response.found.get("error") or _is_mean(response) or _metadata(response).get("graded") == "no":
        return None
    evaluation = _part(response, "evaluation")
    score = number(evaluation.get("score"))
    return score if score is not None and 0 <= score <= 1 else number(evaluation.get("is_correct"))


def _is_mean(response: Response) -> bool:
    """Whether the score is that of all epochs together, while the answer and its reference say more."""
    metadata, reference = _metadata(response), _part(response, "input").get("reference")
    return bool(reference) and "epoch" in metadata and _OURS not in metadata and _answer(response) is not None


def _status(response: Response) -> str:
    said = _metadata(response).get("status")
    return (
        str(said) if said in {"ok", "invalid", "limit", "error", "missing"} else "error" if response.found.get("error") else "ok"
    )
