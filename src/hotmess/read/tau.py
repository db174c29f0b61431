"""Results of tau-bench (a list of trials) and tau2-bench (`simulations` beside `info` and `tasks`)."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import polars as pl

from hotmess.errors import UnreadableFile
from hotmess.read.files import File
from hotmess.read.log import How, Log, digest, mapping, number, setting, table
from hotmess.read.records import Malformed, json_text
from hotmess.read.texts import calls, first_asked, texts

__all__ = ["NAME", "fits", "read_log"]

NAME = "tau-bench"
_LIMITS = ("max_steps", "timeout", "context_window_exceeded")
_ERRORS = ("infrastructure_error", "unexpected_error", "user_error")  # of tau2; an agent's own errors are its own fault
_CHECKS = (
    ("ENV_ASSERTION", "env_assertions", "met"),
    ("COMMUNICATE", "communicate_checks", "met"),
    ("NL_ASSERTION", "nl_assertions", "met"),
    ("ACTION", "action_checks", "action_match"),
)
_FILE = re.compile(r"^(?:tool-calling|act|react|few-shot)-(?P<model>.+)-(?P<temperature>\d+(?:\.\d+)?)_range_")


class Trial(NamedTuple):
    """One attempt at one task."""

    found: Mapping[str, Any]
    info: Mapping[str, Any]
    run: str
    file: File
    on_limit: str


COLUMNS = {
    "task": lambda t: _domain(t),
    "model": lambda t: _agent(t).get("llm") or _named(t)[0],
    "setting": lambda t: setting(_asked(t)),
    "question_id": lambda t: t.found.get("task_id"),
    "sample_id": lambda t: t.found.get("id") or f"{t.run}/{t.found.get('trial')}",
    "tests": lambda t: (checks := _checks(t)) and list(checks.values()),
    "test_names": lambda t: (checks := _checks(t)) and list(checks),
    "score": lambda t: number(t.found.get("reward", _reward(t).get("reward"))),
    "status": lambda t: _status(t),
    "reason": lambda t: _stopped(t) if _status(t) != "ok" else None,
    "output_tokens": lambda t: _tokens(t),
    "actions": lambda t: sum(len(message.get("tool_calls") or ()) for message in _said(t)),
    "completion": lambda t: "\n\n".join(_words(message) for message in _said(t)) or None,
    "seed": lambda t: t.found.get("seed"),
    "temperature": lambda t: number(_asked(t).get("temperature")),
    "source": lambda t: t.file.shown,
    "source_ref": lambda t: f"task {t.found.get('task_id')} trial {t.found.get('trial')}",
}


def fits(file: File, head: bytes) -> bool:
    """Whether a file holds trials of either benchmark."""
    if not file.name.endswith(".json"):
        return False
    if _in_folder(file):
        return True
    if head.lstrip().startswith(b"["):
        return b'"task_id"' in head and b'"reward"' in head and b'"info"' in head
    return b'"agent_info"' in head and b'"user_info"' in head


def read_log(file: File, how: How) -> Log:
    """The trials of one results file.

    Raises:
        UnreadableFile: it is no results file.
    """
    if _in_folder(file):
        return Log(pl.DataFrame())  # read with the results.json above it
    found = _read(file)
    info = found.get("info") if isinstance(found, dict) else {}
    every = _simulations(file, found) if isinstance(found, dict) else found
    run = digest(file.head() + str(file.size).encode())
    trials = [Trial(one, mapping(info), run, file, how.on_limit) for one in every or () if isinstance(one, dict)]
    if not trials:
        raise UnreadableFile(f"`{file.shown}` holds no trials")
    if how.keep is not None:
        return texts(trials, COLUMNS, lambda trial: first_asked(_messages(trial)), how.keep, file.shown)
    return table(trials, COLUMNS, file.shown)


def _in_folder(file: File) -> bool:
    """Whether a file is one simulation of a results.json that keeps each in a file of its own."""
    return file.parts[-2:-1] == ("simulations",) and file.beside("../results.json") is not None


def _read(file: File) -> Any:
    try:
        return json_text(file)
    except Malformed as problem:
        raise UnreadableFile(f"`{file.shown}` cannot be read: {problem}") from problem


def _simulations(file: File, found: Mapping[str, Any]) -> list[Any]:
    """The simulations of a results file, which may keep them beside itself."""
    if found.get("simulations"):
        return list(found["simulations"])
    listed = [mapping(one).get("id") for one in found.get("simulation_index") or ()]
    apart = [file.beside(f"simulations/{one}.json") for one in listed if isinstance(one, str) and "/" not in one]
    return [_read(one) for one in apart if one is not None]


def _named(trial: Trial) -> tuple[str, float | None]:
    """The model and the temperature, which tau-bench writes in the name of the file only."""
    found = _FILE.match(trial.file.name)
    if found:
        return found["model"], float(found["temperature"])
    return re.sub(r"[-_](airline|retail|telecom)$", "", trial.file.name.removesuffix(".json")), None


def _agent(trial: Trial) -> Mapping[str, Any]:
    return mapping(trial.info.get("agent_info"))


def _asked(trial: Trial) -> dict[str, Any]:
    """What was asked of the agent's model, and of the simulated user, who is a part of the task."""
    wanted = ("temperature", "reasoning_effort", "top_p", "max_tokens")
    asked = mapping(_agent(trial).get("llm_args")) or {"temperature": _named(trial)[1]}
    user = mapping(trial.info.get("user_info")).get("llm")
    agent = _agent(trial).get("implementation")
    retrieval = trial.info.get("retrieval_config")
    return {**{name: asked.get(name) for name in wanted}, "agent": agent, "retrieval": retrieval, "user": user}


def _domain(trial: Trial) -> str:
    """The domain: said by tau2; in the name of a file of tau-bench."""
    said = mapping(trial.info.get("environment_info")).get("domain_name")
    name = trial.file.name.lower()
    return str(said or next((domain for domain in ("airline", "retail", "telecom") if domain in name), "tau-bench"))


def _reward(trial: Trial) -> Mapping[str, Any]:
    return mapping(trial.found.get("reward_info"))


def _checks(trial: Trial) -> dict[str, bool] | None:
    """The checks that the reward is made of, by name; of tau-bench, which has a reward only, none."""
    reward = _reward(trial)
    basis = {str(part) for part in reward.get("reward_basis") or ()}
    found: dict[str, bool] = {}
    if "DB" in basis and reward.get("db_check"):
        found["DB"] = mapping(reward["db_check"]).get("db_match") is True
    for part, name, outcome in _CHECKS:
        for place, check in enumerate(reward.get(name) or () if part in basis else ()):
            found[f"{part}:{place}"] = mapping(check).get(outcome) is True
    return found or None


def _stopped(trial: Trial) -> str | None:
    """Why a trial ended: said by tau2; tau-bench leaves an error in place of its facts, or no reward where steps ran out."""
    if trial.info or "termination_reason" in trial.found:
        return str(trial.found.get("termination_reason"))
    facts = mapping(trial.found.get("info"))
    if "error" in facts and "task" not in facts:
        return _ERRORS[0]
    return "max_steps" if "reward_info" in facts and facts["reward_info"] is None else None


def _status(trial: Trial) -> str:
    stopped = _stopped(trial)
    if stopped in _ERRORS:
        return "error"
    if stopped in _LIMITS:
        return "missing" if trial.on_limit == "drop" else "limit"
    return "missing" if number(trial.found.get("reward", _reward(trial).get("reward"))) is None else "ok"


def _messages(trial: Trial) -> Iterable[Any]:
    return trial.found.get("traj") or trial.found.get("messages") or ()


def _said(trial: Trial) -> list[Mapping[str, Any]]:
    return [message for message in _messages(trial) if isinstance(message, dict) and message.get("role") == "assistant"]


def _words(message: Mapping[str, Any]) -> str:
    """What a message says and which tools it calls."""
    return "\n".join(filter(None, [str(message.get("content") or ""), *calls(message)]))


def _tokens(trial: Trial) -> int | None:
    counts = [mapping(message.get("usage")).get("completion_tokens") for message in _said(trial)]
    known = [int(count) for count in counts if isinstance(count, int | float)]
    return sum(known) or None
