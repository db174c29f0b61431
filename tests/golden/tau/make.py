"""Make the tau-bench and tau2-bench golden files with the real packages.

    git clone https://github.com/sierra-research/tau-bench            (59a200c)
    git clone https://github.com/sierra-research/tau2-bench           (a2c0247, v1.0.1)
    git -C tau2-bench worktree add ../tau2-old v0.2.0
    pip install litellm pydantic loguru pandas deepdiff addict docstring-parser toml rich tenacity fastapi uvicorn psutil tabulate
    export TAU2_DATA_DIR=tau2-bench/data
    PYTHONPATH=tau-bench:tau2-bench/src python make.py OUT tau2-old/src

No network: every model is scripted, all else (environments, checks, rewards, seeds, retries,
files) is done by the packages. Tasks, dialogues and the model are invented.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm

MODEL = "acme/toy-1"


# ================================================================ tau-bench
class Say(str):
    """A text to the other side."""


def call(name, **arguments):
    return (name, arguments)


DONE = call("paint", thing="lamp", color="red")
HI, BYE = Say("How can I help?"), Say("All done.")
STOP = "###STOP###"
OLD_TASKS = [  # expected calls, outputs the agent must say
    ([DONE], []),
    ([call("paint", thing="desk", color="blue")], ["42", "blue"]),
    ([], []),
]
OLD_CELLS = {  # (trial, task): steps of the agent; the user stops at the last text
    (0, 0): [DONE, BYE],
    (1, 0): [call("paint", thing="lamp", color="green"), BYE],
    (2, 0): [HI, DONE, BYE],
    (3, 0): RuntimeError("RateLimitError: too many requests"),  # infrastructure
    (0, 1): [call("paint", thing="desk", color="blue"), Say("Your desk is blue, that is 42 euro.")],
    (1, 1): [call("paint", thing="desk", color="blue"), Say("Your desk is blue.")],  # one output missing
    (2, 1): [call("paint", thing="desk", color="pink"), Say("Your desk is blue, that is 42 euro.")],  # outputs said, data wrong
    (3, 1): [call("look", thing="desk"), call("paint", thing="desk", color="blue"), Say("blue, 42")],
    (0, 2): [Say("I may not do that.")],
    (1, 2): [Say("Which one?")] * 30,  # 30 steps without an end: no reward_info
    (2, 2): [DONE, BYE],
    (3, 2): [call("transfer_to_human_agents", summary="asks too much")],
}


def make_tau_bench(out):
    import tau_bench.agents.tool_calling_agent as agent
    import tau_bench.envs.base as base
    import tau_bench.run as runner
    from tau_bench.envs.tool import Tool
    from tau_bench.types import Action, RunConfig, Task

    def tool(name, invoke):
        info = {"type": "function", "function": {"name": name, "parameters": {}}}
        return type(name, (Tool,), {"invoke": staticmethod(invoke), "get_info": staticmethod(lambda: info)})

    def paint(data, thing, color):
        data[thing] = color
        return f"{thing} is {color}"

    tools = [
        tool("paint", paint),
        tool("look", lambda data, thing: data[thing]),
        tool("transfer_to_human_agents", lambda data, summary: "Transfer successful"),
    ]
    tasks = [
        Task(
            user_id=f"user_{k}",
            actions=[Action(name=n, kwargs=a) for n, a in actions],
            instruction=f"You are user_{k}.",
            outputs=outputs,
        )
        for k, (actions, outputs) in enumerate(OLD_TASKS)
    ]
    cell = {}

    class User:
        def reset(self, instruction=None):
            return "Hello."

        def step(self, content):
            return STOP if not cell["left"] and cell["ends"] else "Yes."

        def get_total_cost(self):
            return 0.001

    def get_env(name, task_index=None, **kwargs):
        env = base.Env(
            data_load_func=lambda: {"lamp": "white", "desk": "white"},
            tools=tools,
            tasks=tasks,
            wiki="Paint things.",
            rules=[],
            user_strategy="llm",
            user_model="toy-user",
            task_index=task_index or 0,
        )
        env.terminate_tools = ["transfer_to_human_agents"]
        if task_index is not None:
            seen[task_index] = seen.get(task_index, -1) + 1
            script = OLD_CELLS[seen[task_index], task_index]
            cell.update(
                left=list(script) if isinstance(script, list) else script, ends=isinstance(script, list) and len(script) < 30
            )
        return env

    def completion(**kwargs):
        if isinstance(cell["left"], Exception):
            raise cell["left"]
        step = cell["left"].pop(0)
        calls = (
            None
            if isinstance(step, Say)
            else [
                {
                    "id": f"call_{len(kwargs['messages'])}",
                    "type": "function",
                    "function": {"name": step[0], "arguments": json.dumps(step[1])},
                }
            ]
        )
        reply = litellm.ModelResponse(
            choices=[
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": str(step) if calls is None else None, "tool_calls": calls},
                }
            ]
        )
        reply._hidden_params = {"response_cost": 0.002}
        return reply

    seen = {}
    base.load_user = lambda **kwargs: User()
    agent.completion, runner.get_env = completion, get_env
    folder = out / "tau_bench"
    shutil.rmtree(folder, ignore_errors=True)
    runner.run(
        RunConfig(
            model_provider="openai",
            user_model_provider="openai",
            model=MODEL,
            user_model="toy-user",
            num_trials=4,
            env="retail",
            temperature=0.7,
            task_ids=[0, 1, 2],
            log_dir=str(folder),
        )
    )
    (made,) = folder.glob("*.json")
    text = re.sub(r'File \\"[^"]*/(tau_bench/|make\.py)', r'File \\"\1', made.read_text())
    target = folder / (re.sub(r"_\d{10}$", "_0105100000", made.stem) + ".json")  # the name ends in %m%d%H%M%S
    made.unlink()
    target.write_text(json.dumps(json.loads(text), separators=(",", ":")) + "\n")  # real files are indented by 2

    rows = []
    for (trial, task), script in sorted(OLD_CELLS.items()):
        error, limit = isinstance(script, Exception), isinstance(script, list) and len(script) == 30
        outputs, good = OLD_TASKS[task][1], (trial, task) in {(0, 0), (2, 0), (0, 1), (3, 1), (0, 2), (3, 2)}
        said = " ".join(s for s in script if isinstance(s, Say)) if isinstance(script, list) else ""
        tests = None if error or limit else {f"output:{o}": o in said for o in outputs} if outputs else {"actions": good}
        rows.append(
            {
                "question_id": str(task),
                "run": trial,
                "model": "toy-1",
                "tests": tests,
                "score": float(good),
                "actions": 0 if error else sum(isinstance(s, tuple) for s in script),
                "status": "error" if error else "limit" if limit else "ok",
                "patch": None,
            }
        )
    (folder / "expected.json").write_text(json.dumps(rows, indent=1) + "\n")


# ================================================================ tau2-bench
CREATE = call("create_task", user_id="user_1", title="Write report")
FINISH = call("update_task_status", task_id="task_1", status="completed")
DISMISS = call("dismiss_notification", notification_id="notif_1")  # a call of the user
MISS = call("update_task_status", task_id="task_9", status="completed")  # a tool error
END = Say(STOP)
NL = "The agent confirms the new status."
TASKS = [
    {
        "id": "create_report",
        "evaluation_criteria": {
            "actions": [{"action_id": "create_0", "name": CREATE[0], "arguments": CREATE[1]}],
            "communicate_info": ["task_2"],
            "reward_basis": ["DB", "COMMUNICATE"],
        },
    },
    {
        "id": "finish_task",
        "evaluation_criteria": {
            "actions": [
                {"action_id": "finish_0", "name": FINISH[0], "arguments": FINISH[1]},
                {"action_id": "finish_1", "requestor": "user", "name": DISMISS[0], "arguments": DISMISS[1]},
            ],
            "env_assertions": [
                {
                    "env_type": "assistant",
                    "func_name": "assert_task_status",
                    "arguments": {"task_id": "task_1", "expected_status": "completed"},
                }
            ],
            "nl_assertions": [NL],
            "reward_basis": ["ENV_ASSERTION", "NL_ASSERTION", "ACTION"],
        },
    },
    {"id": "refuse", "evaluation_criteria": {"actions": [], "reward_basis": ["DB"]}},
]
MADE, SET, ASK = Say("I made task_2."), Say("The status is completed now."), Say("Please do it.")
# (trial, task): (agent's steps, user's steps, what the reader should find: checks, score, status)
CELLS = {
    (0, "create_report"): ([CREATE, MADE], [ASK, END], {"DB": 1, "COMMUNICATE:task_2": 1, "ACTION:create_0": 1}, 1, "ok"),
    (1, "create_report"): ([CREATE, BYE], [ASK, END], {"DB": 1, "COMMUNICATE:task_2": 0, "ACTION:create_0": 1}, 0, "ok"),
    (2, "create_report"): (
        [call("create_task", user_id="user_1", title="Report"), MADE],
        [ASK, END],
        {"DB": 0, "COMMUNICATE:task_2": 1, "ACTION:create_0": 0},
        0,
        "ok",
    ),
    (3, "create_report"): (
        [call("get_users"), CREATE, MADE],
        [ASK, END],
        {"DB": 1, "COMMUNICATE:task_2": 1, "ACTION:create_0": 1},
        1,
        "ok",
    ),
    (0, "finish_task"): (
        [FINISH, SET],
        [ASK, DISMISS, END],
        {"DB": 1, "ENV_ASSERTION:0": 1, "NL_ASSERTION:0": 1, "ACTION:finish_0": 1, "ACTION:finish_1": 1},
        1,
        "ok",
    ),
    (1, "finish_task"): (
        [FINISH, BYE],
        [ASK, DISMISS, END],
        {"DB": 1, "ENV_ASSERTION:0": 1, "NL_ASSERTION:0": 0, "ACTION:finish_0": 1, "ACTION:finish_1": 1},
        0,
        "ok",
    ),
    (2, "finish_task"): (ConnectionError("the API closed the connection"), [ASK], None, None, "error"),
    (3, "finish_task"): (
        [FINISH, SET],
        [ASK, END],
        {"DB": 0, "ENV_ASSERTION:0": 1, "NL_ASSERTION:0": 1, "ACTION:finish_0": 1, "ACTION:finish_1": 0},
        0,
        "ok",
    ),
    (0, "refuse"): ([Say("I may not do that.")], [ASK, END], {"DB": 1}, 1, "ok"),
    (1, "refuse"): ([Say("Which one?")] * 9, [ASK] * 9, None, 0, "limit"),  # max_steps
    (2, "refuse"): ([CREATE, MADE], [ASK, END], {"DB": 0}, 0, "ok"),
    (3, "refuse"): ([MISS, MISS, MISS], [ASK], None, 0, "ok"),  # too_many_errors
}


def make_tau2(domain, number, num_trials):
    """One run of `domain` with the agent's model acme/toy-1; the tasks of tau2's mock domain in other words."""
    import tau2.agent.llm_agent as agent
    import tau2.evaluator.evaluator_nl_assertions as judge
    import tau2.runner.batch as batch
    import tau2.user.user_simulator as user
    from tau2.data_model.message import AssistantMessage, ToolCall
    from tau2.data_model.simulation import Results, TextRunConfig
    from tau2.data_model.tasks import Task
    from tau2.domains.mock.environment import get_environment as mock
    from tau2.registry import registry

    def environment(**kwargs):
        env = mock(**kwargs)
        env.domain_name, env.policy = domain, "Help with tasks."
        return env

    scenario = {"instructions": "You need help with your tasks."}
    tasks = [Task.model_validate({**t, "user_scenario": scenario}) for t in TASKS]
    if domain not in registry.get_domains():
        registry.register_domain(environment, domain)
    cell, now = {}, iter(range(10**6))

    def message(step, number):
        calls = None if isinstance(step, Say) else [ToolCall(id=f"call_{next(now)}", name=step[0], arguments=step[1])]
        return AssistantMessage(
            role="assistant",
            content=str(step) if calls is None else None,
            tool_calls=calls,
            cost=0.001,
            usage={"completion_tokens": number, "prompt_tokens": 100},
        )

    def from_agent(**kwargs):
        if isinstance(cell["agent"], Exception):
            raise cell["agent"]
        return message(cell["agent"].pop(0), 20)

    def verdict(**kwargs):
        met = str(SET) in kwargs["messages"][1].content
        return AssistantMessage(
            role="assistant",
            content=json.dumps({"results": [{"expectedOutcome": NL, "reasoning": "As said.", "metExpectation": met}]}),
        )

    agent.generate, judge.generate = from_agent, verdict
    user.generate = lambda **kwargs: message(cell["user"].pop(0), 10)
    user.get_global_user_sim_guidelines = batch.get_info.__globals__["get_global_user_sim_guidelines"] = lambda **kwargs: (
        "Play the user."
    )

    config = TextRunConfig(
        domain=domain,
        agent="llm_agent",
        llm_agent=MODEL,
        llm_args_agent={"temperature": 0.7},
        user="user_simulator",
        llm_user="acme/toy-user",
        llm_args_user={"temperature": 0.0},
        num_trials=num_trials,
        max_steps=10,
        max_errors=3,
        max_concurrency=1,
        max_retries=0,
        seed=300,
    )
    single = batch.run_single_task
    seen = {}

    def run_single_task(config, task, **kwargs):
        seen[task.id] = seen.get(task.id, -1) + 1
        steps, replies, *_ = CELLS[seen[task.id], task.id]
        cell.update(agent=steps if isinstance(steps, Exception) else list(steps), user=list(replies))
        return single(config, task, **kwargs)

    batch.run_single_task = run_single_task
    try:
        results = batch.run_tasks(config, tasks, console_display=False)
    finally:
        batch.run_single_task = single

    # fixed identifiers, times and paths
    data = json.loads(results.model_dump_json())
    data["info"]["git_commit"] = "0" * 40
    data["timestamp"] = "2026-01-05T10:00:00.000000"
    order = {t["id"]: k for k, t in enumerate(TASKS)}
    for sim in data["simulations"]:
        sim["id"] = f"{number:08d}-0000-4000-8000-{sim['trial']:06d}{order[sim['task_id']]:06d}"
        sim.update(
            timestamp=data["timestamp"],
            start_time=data["timestamp"],
            end_time=data["timestamp"],
            duration=1.5 if sim["messages"] else 0.0,
        )
        for m in sim["messages"]:
            m["timestamp"] = data["timestamp"]
            if "generation_time_seconds" in m:
                m["generation_time_seconds"] = None
        if (sim["info"] or {}).get("error_traceback"):
            sim["info"]["error_traceback"] = re.sub(r'File "[^"]*/(tau2/|make\.py)', r'File "\1', sim["info"]["error_traceback"])
    return Results.model_validate(data)


def tau2_files(out, old_source):
    folder = out / "tau2"
    shutil.rmtree(folder, ignore_errors=True)
    # v1: the directory layout (default of voice runs), then two trials of it as one file (default of text runs)
    run = make_tau2("mock", 1, num_trials=4)
    run.save(folder / "dir_layout" / "results.json", "dir")
    two = [s for s in run.simulations if s.task_id == "finish_task" and s.trial in (1, 2)]
    part = run.model_copy(update={"tasks": run.tasks[1:2], "simulations": two, "simulation_index": None})
    part.save(folder / "20260105_100000_mock_llm_agent_toy-1_user_simulator_toy-user" / "results.json")
    # v0.2.0: one file per run, fewer keys; written by the old models
    run = make_tau2("toolshed", 2, num_trials=2)
    new = folder / "new.json"
    run.save(new)
    data = json.loads(new.read_text())
    for sim in data["simulations"]:
        if sim["reward_info"]["reward_basis"] is None:  # v0.2.0 leaves the default here
            del sim["reward_info"]["reward_basis"]
    new.write_text(json.dumps(data))
    old = folder / "2026-01-05T10:00:00.000000_toolshed_llm_agent_toy-1_user_simulator_toy-user.json"
    code = "import sys; from tau2.data_model.simulation import Results; Results.load(sys.argv[1]).save(sys.argv[2])"
    subprocess.run([sys.executable, "-c", code, str(new), str(old)], check=True, env={**os.environ, "PYTHONPATH": old_source})
    new.unlink()
    old.write_text(json.dumps(json.loads(old.read_text()), separators=(",", ":")) + "\n")  # real files are indented by 4

    def row(trial, task, domain):
        steps, replies, tests, score, status = CELLS[trial, task]
        actions = sum(isinstance(s, tuple) for s in steps) if isinstance(steps, list) else 0
        return {
            "question_id": task,
            "run": trial,
            "model": MODEL,
            "domain": domain,
            "tests": tests and {k: bool(v) for k, v in tests.items()},
            "basis": [k for k in tests if k.split(":")[0] in basis[task]] if tests else None,
            "score": None if score is None else float(score),
            "actions": actions,
            "status": status,
            "patch": None,
        }

    basis = {t["id"]: t["evaluation_criteria"]["reward_basis"] for t in TASKS}
    cells = sorted(CELLS)
    expected = {
        "dir_layout/results.json": [row(*c, "mock") for c in cells],
        "20260105_100000_mock_llm_agent_toy-1_user_simulator_toy-user/results.json": [
            row(*c, "mock") for c in cells if c in {(1, "finish_task"), (2, "finish_task")}
        ],
        old.name: [row(*c, "toolshed") for c in cells if c[0] < 2],
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    out = Path(sys.argv[1]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    make_tau_bench(out)
    tau2_files(out, str(Path(sys.argv[2]).resolve()))
