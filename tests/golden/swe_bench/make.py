"""Make the SWE-bench golden files with the real harness and the real mini-swe-agent.

    pip install "swebench==5.0.2" "mini-swe-agent==2.4.6"
    python make.py OUT

No Docker and no network: the container and the language model are scripted, all else
(patch.diff, report.json, run_instance.log, summary, preds.json, *.traj.json) is written
by the packages. Repositories, patches, tests and the model are invented.
"""

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

os.environ |= {"MSWEA_SILENT_STARTUP": "1", "MSWEA_COST_TRACKING": "ignore_errors", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}

import litellm
from minisweagent.environments.local import LocalEnvironment
from minisweagent.models.litellm_model import LitellmModel
from minisweagent.run.benchmarks import swebench as mini
from minisweagent.run.benchmarks.utils.batch_progress import RunBatchProgressManager
from swebench.harness import run_evaluation as harness
from swebench.harness.constants import END_TEST_OUTPUT, START_TEST_OUTPUT
from swebench.harness.reporting import make_run_report
from swebench.harness.utils import make_test_spec

MODEL = "acme/toy-1"
RUNS = ["run-1", "run-2", "run-3"]

# ---------------------------------------------------------------- invented benchmark
TESTS = {  # instance: (FAIL_TO_PASS, PASS_TO_PASS)
    "acme__widgets-101": (
        ["tests/test_size.py::test_area", "tests/test_size.py::test_empty"],
        ["tests/test_size.py::test_width", "tests/test_io.py::test_load", "tests/test_io.py::test_socket"],
    ),
    "acme__widgets-202": (
        ["tests/test_color.py::test_mix[red-blue]"],
        ["tests/test_color.py::test_name", "tests/test_color.py::test_hex"],
    ),
    "acme__gadgets-7": (["tests/test_gear.py::test_ratio"], ["tests/test_gear.py::test_teeth"]),
}


def instance(iid):
    f2p, p2p = TESTS[iid]
    return {
        "instance_id": iid,
        "image": f"swebench/sweb.eval.x86_64.{iid.replace('__', '_1776_')}:latest",
        "repo": iid.rsplit("-", 1)[0].replace("__", "/"),
        "version": "1.0",
        "problem_statement": f"Please fix issue {iid}.",
        "FAIL_TO_PASS": json.dumps(f2p),
        "PASS_TO_PASS": json.dumps(p2p),
        "log_parser": "parse_log_pytest",
        "eval_type": "pass_and_fail",
        "eval_script": f"#!/bin/bash\nset -uxo pipefail\ncd /testbed\n: '{START_TEST_OUTPUT}'\npytest -rA\n: '{END_TEST_OUTPUT}'\n",
    }


def patch(path, old, new):
    return (
        f"diff --git a/{path} b/{path}\nindex 1111111..2222222 100644\n--- a/{path}\n+++ b/{path}\n"
        f"@@ -1,3 +1,3 @@\n def f(x):\n-    {old}\n+    {new}\n     return y\n"
    )


GOOD_A = patch("widgets/size.py", "y = x", "y = x * x if x else 0")
HALF_A = patch("widgets/size.py", "y = x", "y = x * x + 0")
GOOD_B = patch("widgets/color.py", "y = x", "y = mix(x)")
SIDE_B = patch("widgets/color.py", "y = x", "y = mix(x).upper()")
TORN_B = GOOD_B.replace("@@ -1,3 +1,3 @@\n", "@@ -1,9 +1,9 @@\n")
GOOD_C = patch("gadgets/gear.py", "y = x", "y = x / 2")
BAD_C = patch("gadgets/gear.py", "y = x", "y = = x")


def log(iid, failed=(), noise=()):
    """A pytest -rA log between the harness's markers."""
    lines = [f"{'FAILED' if t in failed else 'PASSED'} {t}" for part in TESTS[iid] for t in part]
    return "\n".join(["+ pytest -rA", START_TEST_OUTPUT, *noise, "=== short test summary info ===", *lines, END_TEST_OUTPUT, ""])


# One cell: patch, test log (None: the patch does not apply), bash calls of the agent before it submits
# (a list of commands per model call; "" is a reply without a tool call), step limit.
LS, CAT, RUN = "ls", "cat issue.txt", "echo 2 failed"
CELLS = {
    ("run-1", "acme__widgets-101"): (GOOD_A, log("acme__widgets-101"), [[LS, CAT], [RUN]], 250),
    # half of the issue; a line of the log looks like a broken environment to the summary, not to report.json
    ("run-2", "acme__widgets-101"): (
        HALF_A,
        log("acme__widgets-101", {"tests/test_size.py::test_empty"}, ["E   ModuleNotFoundError: No module named 'widgets.none'"]),
        [[LS], [CAT], [RUN], [CAT], [RUN]],
        250,
    ),
    # the patch of run-1 once more; a flaky network test fails: grader noise
    ("run-3", "acme__widgets-101"): (GOOD_A, log("acme__widgets-101", {"tests/test_io.py::test_socket"}), [[LS], [CAT]], 250),
    ("run-1", "acme__widgets-202"): (GOOD_B, log("acme__widgets-202"), [[LS], [CAT]], 250),
    # resolves the issue, breaks a passing test; one reply without a tool call
    ("run-2", "acme__widgets-202"): (
        SIDE_B,
        log("acme__widgets-202", {"tests/test_color.py::test_hex"}),
        [[LS], [""], [CAT], [RUN], [RUN]],
        250,
    ),
    # malformed patch: the harness raises and writes no report.json
    ("run-3", "acme__widgets-202"): (TORN_B, None, [[LS]], 250),
    # the environment broke: markers, no results, a network signature
    ("run-1", "acme__gadgets-7"): (
        GOOD_C,
        f"{START_TEST_OUTPUT}\ncurl: (6) Could not resolve host: mirror.acme.test\n{END_TEST_OUTPUT}\n",
        [[LS], [CAT]],
        250,
    ),
    # the agent meets its step limit: empty patch, never graded
    ("run-2", "acme__gadgets-7"): ("", None, [[LS], [CAT], [RUN], [RUN]], 4),
    # the patch applies but breaks the interpreter: no test result at all
    ("run-3", "acme__gadgets-7"): (
        BAD_C,
        f'{START_TEST_OUTPUT}\n  File "/testbed/gadgets/gear.py", line 2\nSyntaxError: invalid syntax\n{END_TEST_OUTPUT}\n',
        [[LS], [CAT], [RUN]],
        250,
    ),
}


# ---------------------------------------------------------------- mini-swe-agent
def reply(number, commands):
    calls = [
        {"id": f"call_{number}_{k}", "type": "function", "function": {"name": "bash", "arguments": json.dumps({"command": c})}}
        for k, c in enumerate(commands)
        if c
    ]
    return litellm.ModelResponse(
        id=f"chatcmpl-{number}",
        created=1767600000 + number,
        model=MODEL,
        choices=[
            {
                "index": 0,
                "finish_reason": "tool_calls" if calls else "stop",
                "message": {"role": "assistant", "content": f"Step {number}.", "tool_calls": calls or None},
            }
        ],
        usage={"prompt_tokens": 100 * number, "completion_tokens": 20, "total_tokens": 100 * number + 20},
    )


def run_agent(out, run_id):
    litellm.cost_calculator.completion_cost = lambda *a, **k: 0.0125
    folder = out / "traj" / run_id
    folder.mkdir(parents=True)
    progress = RunBatchProgressManager(len(TESTS), folder / "exit_statuses_1767600000.0.yaml")
    for iid in TESTS:
        text, _, steps, limit = CELLS[run_id, iid]
        submit = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && cat patch.txt"
        replies = iter(reply(k, c) for k, c in enumerate([*steps, [submit]], 1))

        def get_model(config):
            model = LitellmModel(**config)
            model._query = lambda messages, **kwargs: next(replies)
            return model

        mini.get_model, mini.get_sb_environment = get_model, lambda config, inst: LocalEnvironment()
        config = {
            "model": {
                "model_name": MODEL,
                "model_kwargs": {"drop_params": True, "temperature": 1.0, "parallel_tool_calls": True},
            },
            "agent": {
                "system_template": "You can use a shell.",
                "instance_template": "Solve: {{task}}",
                "step_limit": limit,
                "cost_limit": 3.0,
            },
        }
        with tempfile.TemporaryDirectory() as work:
            Path(work, "patch.txt").write_text(text)
            Path(work, "issue.txt").write_text(f"Issue {iid}\n")
            here = os.getcwd()
            os.chdir(work)
            try:
                mini.process_instance(instance(iid), folder, config, progress)
            finally:
                os.chdir(here)
        clock(folder / iid / f"{iid}.traj.json")


def clock(path):
    """Fixed time stamps, so that the files are the same on each making."""
    now = iter(range(10**6))

    def walk(x):
        if isinstance(x, dict):
            return {k: 1767600000.0 + next(now) if k == "timestamp" else walk(v) for k, v in x.items()}
        return [walk(v) for v in x] if isinstance(x, list) else x

    path.write_text(json.dumps(walk(json.loads(path.read_text())), indent=2))


# ---------------------------------------------------------------- harness
class Container:
    """What run_instance asks of a Docker container."""

    id = "0123456789ab"

    def __init__(self, applies):
        self.applies = applies

    def start(self):
        pass

    def exec_run(self, command, **kwargs):
        applying = isinstance(command, str) and ("git apply" in command or command.startswith("patch"))
        fails = applying and not self.applies
        return SimpleNamespace(exit_code=int(fails), output=b"error: corrupt patch at line 14" if fails else b"")


def grade(run_id):
    predictions = {p["instance_id"]: p for p in json.loads(Path("traj", run_id, "preds.json").read_text()).values()}
    harness.write_run_metadata(run_id, "acme/toy-bench", "test", None)
    for iid, prediction in predictions.items():
        if not prediction["model_patch"]:
            continue  # as get_dataset_from_preds does
        text = CELLS[run_id, iid][1]
        harness.create_container = lambda *a: Container(text is not None)
        harness.copy_to_container = harness.cleanup_container = lambda *a: None
        harness.exec_run_with_timeout = lambda *a: (text, False, 1.5)
        harness.run_instance(make_test_spec(instance(iid)), prediction, None, run_id, 1800)
    make_run_report(predictions, [instance(i) for i in TESTS], run_id)


def tidy(out):
    """No machine paths and no time of making."""
    for path in out.rglob("run_instance.log"):
        text = re.sub(r'File ".*?/(swebench/)', r'File "\1', path.read_text())
        path.write_text(re.sub(r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", "2026-01-05 10:00:00,000", text))
    for path in out.rglob("run.json"):
        path.write_text(re.sub(r'("created_at": ")[^"]*', r"\g<1>2026-01-05T10:00:00+00:00", path.read_text()))


# ---------------------------------------------------------------- the old trajectory format
def old_format(out):
    """mini-swe-agent 1.4 to 1.17 ("mini-swe-agent-1"), the shape of minisweagent/run/utils/save.py at v1.17.5, by hand."""
    iid = "acme__widgets-101"
    say = lambda role, content, t, **more: {"role": role, "content": content, "timestamp": 1757600000.0 + t, **more}
    bash = lambda c: f"THOUGHT: go on.\n\n```bash\n{c}\n```"
    messages = [
        say("system", "You can use a shell.", 0),
        say("user", f"Solve: Please fix issue {iid}.", 1),
        say("assistant", bash("ls"), 2, extra={"response": {}}),
        say("user", "<returncode>0</returncode>\n<output>\nissue.txt\n</output>", 3),
        say("assistant", "I forgot the block.", 4, extra={"response": {}}),
        say("user", "Please always provide EXACTLY ONE action in triple backticks.", 5),
        say("assistant", bash("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && cat patch.txt"), 6, extra={"response": {}}),
        say("user", GOOD_A, 7),
    ]
    info = {
        "exit_status": "Submitted",
        "submission": GOOD_A,
        "model_stats": {"instance_cost": 0.0375, "api_calls": 3},
        "mini_version": "1.17.5",
        "config": {
            "agent": {"action_regex": "```bash\\s*\\n(.*?)\\n```", "step_limit": 250, "cost_limit": 3.0},
            "model": {"model_name": MODEL, "model_kwargs": {"drop_params": True, "temperature": 0.0}},
            "environment": {"cwd": "/testbed"},
            "agent_type": "minisweagent.agents.default.DefaultAgent",
            "model_type": "minisweagent.models.litellm_model.LitellmModel",
            "environment_type": "minisweagent.environments.docker.DockerEnvironment",
        },
    }
    path = out / "traj_v1" / "run-0" / iid / f"{iid}.traj.json"
    path.parent.mkdir(parents=True)
    path.write_text(
        json.dumps({"info": info, "messages": messages, "trajectory_format": "mini-swe-agent-1", "instance_id": iid}, indent=2)
    )


# ---------------------------------------------------------------- what a reader should find
NOTES = {
    ("run-1", "acme__widgets-101"): ("ok", "3 calls, 4 actions: one reply had two tool calls"),
    ("run-2", "acme__widgets-101"): ("ok", "in ambiguous_failure_ids of the summary although report.json has results"),
    ("run-3", "acme__widgets-101"): ("ok", "same patch as run-1, other grade: grader noise"),
    ("run-2", "acme__widgets-202"): ("ok", "6 calls, 5 actions: one reply had no tool call"),
    ("run-3", "acme__widgets-202"): ("ok", "patch did not apply: folder without report.json; in error_ids of the summary"),
    ("run-1", "acme__gadgets-7"): ("error", "infra_failure: true"),
    ("run-2", "acme__gadgets-7"): ("limit", "LimitsExceeded: empty patch, no folder; in empty_patch_ids of the summary"),
    ("run-3", "acme__gadgets-7"): ("ok", "patch_successfully_applied: false although it applied; infra_failure: false"),
}


def expected(out):
    rows = []
    for (run_id, iid), (text, result, steps, limit) in sorted(CELLS.items()):
        status, note = NOTES.get((run_id, iid), ("ok", ""))
        lost = re.findall(r"(?m)^(PASSED|FAILED) (\S+)$", result or "")
        tests = {name: verdict == "PASSED" for verdict, name in lost} or None
        actions = sum(bool(c) for step in steps for c in step) + (len(steps) < limit)  # the submitting call counts
        rows.append(
            {
                "question_id": iid,
                "run": run_id,
                "model": MODEL,
                "tests": tests,
                "score": float(tests is not None and all(tests.values())),
                "actions": actions,
                "calls": len(steps) + (len(steps) < limit),
                "status": status,
                "patch": text,
                "note": note,
            }
        )
    (out / "expected.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    out = Path(sys.argv[1]).resolve()
    for part in ("logs", "traj", "traj_v1"):
        shutil.rmtree(out / part, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    os.chdir(out)
    for run_id in RUNS:
        run_agent(out, run_id)
        grade(run_id)
    tidy(out)
    old_format(out)
    expected(out)
