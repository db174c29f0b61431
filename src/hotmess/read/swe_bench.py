"""SWE-bench: `report.json` trees of the harness, a run id for each sample, and trajectories of mini-swe-agent.

A report says which tests passed; `patch.diff` beside it is what was tested. A patch that does not apply leaves no report, and an
empty one not even a folder: only the summary of its run, `<model>.<run_id>.json`, knows it. A trajectory belongs to the report
of its patch, for nothing else links the two.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import polars as pl

from hotmess.errors import UnreadableFile
from hotmess.frames import SCHEMA
from hotmess.read.files import File
from hotmess.read.log import How, Log, digest, mapping, number, setting, table
from hotmess.read.records import Malformed, json_text
from hotmess.read.texts import calls, first_asked, spoken, texts
from hotmess.read.unit_tests import FAIL_TO_PASS, from_status

__all__ = ["NAME", "fits", "put_together", "read_log"]

NAME = "SWE-bench"
_BESIDE = ("test_output.txt", "run_instance.log", "eval.sh", "preds.json", "run.json", "minisweagent.log")
_NOT_APPLIED, _NOT_TESTED = b">>>>> Patch Apply Failed", b"Test timed out after"


class Report(NamedTuple):
    """One instance of one run."""

    instance: str
    run: str
    model: str | None
    found: Mapping[str, Any]
    patch: str
    file: File


COLUMNS = {
    "task": lambda _: "SWE-bench",
    "model": lambda r: r.model,
    "question_id": lambda r: r.instance,
    "sample_id": lambda r: f"{r.run}/{r.model}",
    "tests": lambda r: (outcomes := from_status(r.found.get("tests_status"))) and list(outcomes.values()),
    "test_names": lambda r: (outcomes := from_status(r.found.get("tests_status"))) and list(outcomes),
    "new_tests": lambda r: "\n".join(from_status(r.found.get("tests_status"), FAIL_TO_PASS) or ()) or None,
    "score": lambda r: float(r.found.get("resolved") is True),
    "status": lambda r: "error" if r.found.get("infra_failure") is True else "ok",
    "reason": lambda r: _reason(r),
    "patch_hash": lambda r: _patch_hash(r.patch),
    "run": lambda r: r.run,
    "source": lambda r: r.file.shown,
}


class Trajectory(NamedTuple):
    """What an agent did for one instance."""

    found: dict[str, Any]
    file: File


TRAJECTORY = {
    "question_id": lambda t: t.found.get("instance_id") or t.file.name.removesuffix(".traj.json"),
    "patch_hash": lambda t: _patch_hash(_info(t).get("submission")),
    "run": lambda t: t.file.parts[-3] if len(t.file.parts) > 2 else None,
    "actions": lambda t: _actions(t.found),
    "stopped": lambda t: _info(t).get("exit_status"),
    "trajectory": lambda t: t.file.shown,
    "agent_setting": lambda t: setting(_asked(t)),
    "temperature": lambda t: number(_asked(t).get("temperature")),
}


def fits(file: File, head: bytes) -> bool:
    """Whether a file belongs to a tree of reports or of trajectories."""
    if file.name == "report.json":
        return not head or b'"resolved"' in head
    if file.name == "patch.diff":
        return len(file.parts) > 2
    if file.name in {"preds.json", "run.json"}:
        return not file.asked and (b'"model_patch"' in head or b'"task_repo"' in head)
    return file.name.endswith(".traj.json") or _is_summary(head) or (file.name in _BESIDE and not file.asked)


def _is_summary(head: bytes) -> bool:
    return b'"resolved_ids"' in head and b'"empty_patch_ids"' in head


TEXTS = {"source_ref": lambda t: t.file.shown, "completion": lambda t: _completion(t)}


def read_log(file: File, how: How) -> Log:
    """One report, the instances of a summary that left no report, or a trajectory, which becomes a row beside its report."""
    if how.keep is not None:  # text stands in trajectories only
        agents = [Trajectory(_object(file), file)] if file.name.endswith(".traj.json") else []
        return texts(agents, TEXTS, lambda t: first_asked(t.found.get("messages") or ()), how.keep, file.shown)
    if file.name == "report.json":
        found = _object(file) if file.size else {}
        reports = [_report(instance, facts, file) for instance, facts in found.items() if isinstance(facts, dict)]
        return table(reports, COLUMNS, file.shown)
    if file.name == "patch.diff":
        report = file.beside("report.json")
        ungraded = [] if report and report.size else [_report(file.parts[-2], _ungraded(file), file)]
        return table(ungraded, COLUMNS, file.shown)
    if file.name.endswith(".traj.json"):
        return table([Trajectory(_object(file), file)], TRAJECTORY, file.shown)
    return table([] if file.name in _BESIDE else _without_patch(file), COLUMNS, file.shown)


def _report(instance: str, facts: Mapping[str, Any], file: File) -> Report:
    above = (*(None,) * 4, *file.parts)
    beside = file if file.name == "patch.diff" else file.beside("patch.diff")
    patch = beside.read().decode("utf-8", "replace") if beside else ""
    return Report(instance, str(above[-4]), above[-3], facts, patch, file)


def _ungraded(file: File) -> dict[str, Any]:
    """What to say of an instance without a report: a patch that did not apply is the model's fault, anything else is not."""
    if not file.size:
        return {"reason": "no patch"}
    log = file.beside("run_instance.log")
    said = log.read() if log else b""
    if _NOT_APPLIED in said:
        return {"reason": "patch did not apply"}
    return {"infra_failure": True, "reason": "tests timed out" if _NOT_TESTED in said else "no report"}


def _without_patch(file: File) -> list[Report]:
    """The instances that a run left empty, by its summary: wrong, and in no folder."""
    found = _object(file)
    model, _, run = file.name.removesuffix(".json").partition(".")
    empty = found.get("empty_patch_ids")
    return [Report(str(one), run, model, {"reason": "no patch"}, "", file) for one in (empty if isinstance(empty, list) else ())]


def put_together(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with what other files tell: the trajectory of the same patch, and the tests that a run without results had to pass."""
    if "patch_hash" not in rows.columns:
        return rows
    if "status" not in rows.columns:
        return pl.DataFrame()  # trajectories without a report
    lacking = [name for name in ("reason", "setting", "tests", "test_names", "source_ref") if name not in rows.columns]
    rows = rows.with_columns(pl.lit(None, dtype=SCHEMA[name]).alias(name) for name in lacking)
    return _with_tests(_with_trajectories(rows))


_UNCHANGED = ("no patch", "patch did not apply")


def _with_tests(rows: pl.DataFrame) -> pl.DataFrame:
    """Code that was not changed passes the old tests of its instance and fails the new ones."""
    if "new_tests" not in rows.columns:
        return rows
    lists = (pl.col("test_names"), pl.col("new_tests").str.split("\n"))
    old, new = (names.explode().drop_nulls().unique(maintain_order=True) for names in lists)
    listed = rows.group_by("question_id").agg(every=old.implode(), fresh=new.implode())
    rows = rows.join(listed, on="question_id", how="left", maintain_order="left")
    kept = pl.col("every").list.set_difference("fresh")
    passed = pl.concat_list(kept.list.eval(pl.lit(value=True)), pl.col("fresh").list.eval(pl.lit(value=False)))
    unchanged = pl.col("tests").is_null() & pl.col("reason").is_in(_UNCHANGED) & (pl.col("every").list.len() > 0)
    rows = rows.with_columns(
        tests=pl.when(unchanged).then(passed).otherwise("tests"),
        test_names=pl.when(unchanged).then(pl.concat_list(kept, "fresh")).otherwise("test_names"),
    )
    return rows.drop("every", "fresh", "new_tests")


def _with_trajectories(rows: pl.DataFrame) -> pl.DataFrame:
    """Trajectories are no rows of their own; each tells about the report of its patch."""
    hashed = pl.when(pl.col("patch_hash") != _patch_hash("")).then(pl.col("patch_hash").hash())
    known = [name for name in ("completion_hash",) if name in rows.columns]
    rows = rows.with_columns(completion_hash=pl.coalesce(*known, hashed))
    if "trajectory" not in rows.columns:
        return rows.drop("patch_hash", "run")
    facts = [name for name in TRAJECTORY if name not in {"question_id", "patch_hash", "run"}]
    lacking = [name for name in facts if name not in rows.columns]
    rows = rows.with_columns(pl.lit(None, dtype=SCHEMA.get(name, pl.String)).alias(name) for name in lacking)
    agents = rows.filter(pl.col("trajectory").is_not_null()).select("question_id", "patch_hash", "run", *facts)
    found = rows.filter(pl.col("trajectory").is_null()).drop(facts)
    # Two runs may submit one patch: the trajectory of a folder with the name of the run is the better one.
    for keys, suffix in ((["question_id", "patch_hash", "run"], "_same"), (["question_id", "patch_hash"], "_any")):
        once = agents.unique(keys, keep="first", maintain_order=True).select(*keys, pl.col(facts).name.suffix(suffix))
        found = found.join(once, on=keys, how="left", maintain_order="left")
    found = found.with_columns(pl.coalesce(f"{name}_same", f"{name}_any").alias(name) for name in facts)
    found = found.drop(f"{name}{suffix}" for name in facts for suffix in ("_same", "_any"))
    fine, ours = pl.col("status") == "ok", pl.col("patch_hash").is_not_null()
    limit, failed = (pl.col("stopped").str.contains(words).fill_null(value=False) & fine for words in (_LIMITS, _FAILURES))
    found = found.with_columns(
        status=pl.when(limit)
        .then(pl.lit("limit"))
        .when(failed & (pl.col("stopped") != "RepeatedFormatError"))
        .then(pl.lit("error"))
        .otherwise("status"),
        reason=pl.when(limit | failed).then("stopped").otherwise("reason"),
        source_ref=pl.coalesce("trajectory", "source_ref"),
        setting=pl.when(ours).then(_setting(pl.col("agent_setting").drop_nulls())).otherwise("setting"),
    )
    return found.drop("patch_hash", "run", "stopped", "trajectory", "agent_setting")


_LIMITS = "^(LimitsExceeded|TimeExceeded|ContextWindowExceededError)$"
_FAILURES = "^[A-Za-z.]*(Error|Exception|Expired)$"
_BLOCK = re.compile(r"```(?:bash|mswea_bash_command)[^\S\n]*\n.*?\n```", re.DOTALL)


def _object(file: File) -> dict[str, Any]:
    try:
        return dict(mapping(json_text(file)))
    except Malformed as problem:
        raise UnreadableFile(f"`{file.shown}` cannot be read: {problem}") from problem


def _reason(report: Report) -> str | None:
    found = report.found
    if found.get("infra_failure") is True:
        return str(found.get("infra_failure_reason") or found.get("reason") or "infrastructure failure")
    return "no test results" if found.get("patch_successfully_applied") is False else found.get("reason")


def _patch_hash(patch: Any) -> str:
    return digest(str(patch or "").strip().encode("utf-8", "replace"))


def _info(trajectory: Trajectory) -> Mapping[str, Any]:
    return mapping(trajectory.found.get("info"))


def _said(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        message for message in found.get("messages") or () if isinstance(message, dict) and message.get("role") == "assistant"
    ]


def _completion(trajectory: Trajectory) -> str:
    """What the agent said and the commands that it gave."""
    said = _said(trajectory.found)
    return "\n\n".join("\n".join(filter(None, [spoken(message.get("content")), *calls(message)])) for message in said)


def _actions(found: dict[str, Any]) -> int:
    """How many commands the agent gave: those it lists, or, in the first format, one in each message that holds a code block."""
    messages = _said(found)
    listed = [message["extra"].get("actions") for message in messages if isinstance(message.get("extra"), dict)]
    if any(isinstance(actions, list) for actions in listed):
        return sum(len(actions) for actions in listed if isinstance(actions, list))
    return sum(len(_BLOCK.findall(str(message.get("content")))) == 1 for message in messages)


def _setting(known: pl.Expr) -> pl.Expr:
    """What is known of some runs of a model is taken for all, if it is one thing; else what is known of a run, for all of it."""
    return (
        pl.when(known.n_unique().over("model") == 1).then(known.first().over("model")).otherwise(known.first().over("sample_id"))
    )


def _asked(trajectory: Trajectory) -> dict[str, Any]:
    """What was asked of the model; its arguments may hold keys, so only these are taken."""
    asked = mapping(mapping(mapping(_info(trajectory).get("config")).get("model")).get("model_kwargs"))
    return {name: asked.get(name) for name in ("temperature", "reasoning_effort", "top_p")}
