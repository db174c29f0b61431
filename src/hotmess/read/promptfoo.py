"""Results of promptfoo (`-o out.json` or `out.jsonl`): repeats are rows with the same variables, prompt and provider."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec.json import encode

from hotmess.errors import AggregatedOnly, UnreadableFile
from hotmess.read.files import File
from hotmess.read.log import How, Log, digest, mapping, number, setting, table, without
from hotmess.read.records import Malformed, json_lines, json_text
from hotmess.read.texts import spoken, texts

__all__ = ["NAME", "fits", "read_log"]

NAME = "promptfoo"
_SHORT = 40  # characters of a name
_FAILED_BY_ERROR = 2  # ResultFailureReason.ERROR
_STRIPPED = "[prompt stripped]"


class Result(NamedTuple):
    """One output of one provider."""

    found: Mapping[str, Any]
    task: str
    asked: Mapping[str, Mapping[str, Any]]
    place: int
    run: str
    file: File


COLUMNS = {
    "task": lambda r: r.task,
    "model": lambda r: _part(r, "provider").get("label") or _part(r, "provider").get("id") or r.found.get("provider"),
    "setting": lambda r: setting({"prompt": _prompt(r), **_asked(r)}),
    "question_id": lambda r: _question(r),
    "sample_id": lambda r: r.found.get("id") or f"{r.run}/{r.place}",
    "target": lambda r: _expected(r),
    "score": lambda r: _score(r),
    "status": lambda r: _status(r),
    "reason": lambda r: r.found.get("error") if _status(r) != "ok" else None,
    "completion": lambda r: _output(r),
    "answer": lambda r: _answer(r),
    "output_tokens": lambda r: _usage(r).get("completion") or None,
    "reasoning_tokens": lambda r: mapping(_usage(r).get("completionDetails")).get("reasoning") or None,
    "temperature": lambda r: number(_asked(r).get("temperature")),
    "cached": lambda r: _part(r, "response").get("cached") is True,
    "source": lambda r: r.file.shown,
    "source_ref": lambda r: f"testIdx {r.found.get('testIdx')}, promptIdx {r.found.get('promptIdx')}",
}


def fits(file: File, head: bytes) -> bool:
    """Whether a file holds results of promptfoo."""
    if file.name.endswith(".jsonl"):
        return all(key in head for key in (b'"promptIdx"', b'"testIdx"', b'"vars"'))
    keys = (b'"results"', b'"prompt"', b'"provider"', b'"vars"')
    return file.name.endswith(".json") and (b'"evalId"' in head[:2000] or all(key in head for key in keys))


def read_log(file: File, how: How) -> Log:
    """The outputs of one evaluation.

    Raises:
        UnreadableFile: it is no file of promptfoo.
        AggregatedOnly: it holds a summary only.
    """
    bad: list[str] = []
    try:
        lined = file.name.endswith(".jsonl")
        found = {"results": [one for _, one in json_lines(file, bad)]} if lined else mapping(json_text(file))
    except Malformed as problem:
        raise UnreadableFile(f"`{file.shown}` cannot be read: {problem}") from problem
    every = found.get("results")
    every = every.get("results") if isinstance(every, Mapping) else every
    if not every or not isinstance(every, list):
        raise AggregatedOnly(
            f"`{file.shown}` holds no single outputs", why="single answers are needed", hint="promptfoo eval -o out.json"
        )
    config = mapping(found.get("config"))
    asked = {
        str(p.get("label") or p.get("id")): mapping(p.get("config"))
        for p in config.get("providers") or ()
        if isinstance(p, Mapping)
    }
    run = digest(file.head() + str(file.size).encode())
    task = str(config.get("description") or "promptfoo")
    rows = sorted(filter(None, map(mapping, every)), key=_order)  # the file has them as they came in
    results = [Result(one, task, asked, place, run, file) for place, one in enumerate(rows)]
    if not any(_part(result, "vars") or _part(result, "prompt").get("raw") != _STRIPPED for result in results):
        raise AggregatedOnly(
            f"the variables of `{file.shown}` were stripped",
            why="nobody can tell one question from another",
            hint="write it again without PROMPTFOO_STRIP_*",
        )
    if how.keep is not None:
        return texts(results, COLUMNS, _sent, how.keep, file.shown)
    equal = all(_equals(result) is not None for result in results)  # else some questions would have no answer to compare
    columns = {name: get for name, get in COLUMNS.items() if equal or name not in {"answer", "target"}}
    return without(table(results, columns, file.shown, how.pattern), bad, file.shown)


def _order(row: Mapping[str, Any]) -> tuple[float, float]:
    return (number(row.get("testIdx")) or 0.0, number(row.get("promptIdx")) or 0.0)


def _part(result: Result, name: str) -> Mapping[str, Any]:
    return mapping(result.found.get(name))


def _asked(result: Result) -> dict[str, Any]:
    provider = _part(result, "provider")
    asked = result.asked.get(str(provider.get("label") or provider.get("id")), {})
    return {name: asked.get(name) for name in ("temperature", "max_tokens", "reasoning_effort", "top_p")}


def _prompt(result: Result) -> str:
    """A short name of the prompt as it was before the variables were put in."""
    prompt = _part(result, "prompt")
    name = str(prompt.get("label") or str(result.found.get("promptId") or "")[:6] or result.found.get("promptIdx"))
    return name if len(name) <= _SHORT else f"{name[: _SHORT - 7]} {digest(name.encode('utf-8', 'replace'))[:6]}"


def _sent(result: Result) -> str:
    """The prompt with its variables put in, or these."""
    raw = _part(result, "prompt").get("raw")
    variables = _part(result, "vars") or mapping(_part(result, "testCase").get("vars"))
    return spoken(raw) if raw and raw != _STRIPPED else "\n".join(f"{name}: {value}" for name, value in variables.items())


def _question(result: Result) -> str:
    """The variables and what is asserted tell one question from another; each repeat has a number of its own."""
    case = _part(result, "testCase")
    variables = result.found.get("vars") or case.get("vars") or {}
    written = encode([variables, case.get("assert"), case.get("description")], order="sorted")
    said = case.get("description") or next((v for v in mapping(variables).values() if isinstance(v, str)), "")
    return f"{str(said)[:40]} {digest(written)[:6]}".strip()


def _usage(result: Result) -> Mapping[str, Any]:
    return mapping(_part(result, "response").get("tokenUsage")) or _part(result, "tokenUsage")


def _output(result: Result) -> str | None:
    output = _part(result, "response").get("output")
    return output if isinstance(output, str) or output is None else encode(output).decode()


def _equals(result: Result) -> Mapping[str, Any] | None:
    """The one assertion that gives the right answer, where there is one."""
    checks = _part(result, "testCase").get("assert") or ()
    found = [check for check in checks if isinstance(check, Mapping) and check.get("type") == "equals"]
    return found[0] if len(found) == 1 else None


def _expected(result: Result) -> str | None:
    check = _equals(result)
    return None if check is None else str(check.get("value")).strip()


def _answer(result: Result) -> str | None:
    output = _output(result)
    return output.strip() if output is not None and _equals(result) is not None and _status(result) != "error" else None


def _score(result: Result) -> float | None:
    """The score, a weighted mean over assertions; without assertions it says nothing."""
    if not _part(result, "testCase").get("assert") and not mapping(result.found.get("gradingResult")).get("componentResults"):
        return None
    score = number(result.found.get("score"))
    return number(result.found.get("success")) if score is None or not 0 <= score <= 1 else score


def _status(result: Result) -> str:
    """Wrong answers have an `error`, too; only the reason tells a failure of the machinery."""
    grading = mapping(result.found.get("gradingResult"))
    judged = [mapping(mapping(part).get("metadata")).get("graderError") for part in grading.get("componentResults") or ()]
    if result.found.get("failureReason") == _FAILED_BY_ERROR or (_part(result, "response").get("error") and not grading):
        return "error"
    return "missing" if any(judged) or _output(result) is None else "ok"
