"""Collecting by a plan: what is asked for and what it costs, that no call is made twice and none is lost; answers as vectors.

The name stands before that of the tests of the page: those open a browser whose loop runs on, and Inspect cannot start another.
"""

import gc
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from functools import cache
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import THOUGHTS, Reply, Trouble, _embedding, chooses, loopback

import hotmess
from hotmess.cli import main
from hotmess.errors import HotmessError, MissingExtra, NoRandomness, NoSuchPath, Unreachable, UnreadableFile, UsageError

pytest.importorskip("inspect_ai")
pytest.importorskip("openai")
pytest.importorskip("sklearn")

import tenacity
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log
from inspect_ai.model import GenerateConfig, ModelAPI
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

from hotmess.collect import run as running
from hotmess.collect.budgets import EFFORTS, config_of, preset
from hotmess.collect.cost import ASSUMED, cost_of, questions_of
from hotmess.collect.embeddings import Embedder, embedded, embedder
from hotmess.collect.held import Done, done
from hotmess.collect.plan import Cell, Plan, from_file, is_plan
from hotmess.collect.run import prepared

pytestmark = [  # the first two are of Inspect; the client that asks for vectors stays open until the process ends
    pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
MODEL, OTHER = "openai-api/local/tiny", "openai-api/local/small"
QUESTIONS = [
    {"id": f"q{n}", "question": f"What of {n}?", "choices": [f"{word} {n}" for word in ("one", "two", "three")], "answer": n % 3}
    for n in range(6)
]
AT_ONCE = 40  # requests that Inspect has open at most


class Ran(NamedTuple):
    """What a command came to, and the requests that the server got meanwhile."""

    code: int
    out: str
    err: str
    calls: list


def command(*words, server=None):
    """The command line in this process, where nobody can be asked."""
    before, out, err = len(server.calls) if server else 0, io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["hotmess", *map(str, words)])
        patch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            main()
    gc.collect()  # streams that Inspect left open are found here, where that is no error
    return Ran(ended.value.code, out.getvalue(), err.getvalue(), server.calls[before:] if server else [])


def asking(server, data, logs, *more, model=MODEL, contexts=2, examples=2):
    """The words that ask the questions of a file."""
    given = ["--contexts", contexts, "-T", f"examples={examples}", "-M", f"base_url={server.url}", "-o", logs]
    return ["collect", "mcq", "--data", data, "--model", model, *given, *more]


def asked(call):
    """The question of a request, without what is shown before it."""
    return call.body["messages"][-1]["content"].rpartition("Question: ")[2].partition("\n")[0]


def table(logs):
    """What hotmess reads."""
    return hotmess.read(str(logs)).frame.collect().to_native()


def kept(logs):
    """The samples of all logs by question and epoch: their name and their seed."""
    samples = [sample for path in sorted(Path(logs).glob("*.eval")) for sample in read_eval_log(str(path)).samples]
    found = {(sample.id, sample.epoch): (sample.uuid, sample.metadata["hotmess"]["seed"]) for sample in samples}
    assert len(found) == len(samples)
    return found


def per_question(logs):
    """How many rows of each question hotmess reads."""
    return dict(table(logs).group_by("question_id").len().iter_rows())


def written(path, rows):
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture(scope="module", autouse=True)
def _quick():
    """A key, no connections that stay open, and no time between tries."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "LOCAL_BASE_URL", "HOTMESS_CACHE"):
            patch.delenv(name, raising=False)
        patch.setenv("LOCAL_API_KEY", "none")
        patch.setenv("INSPECT_HTTP_POOL_KEEPALIVE_CONNECTIONS", "0")
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setattr(ModelAPI, "retry_wait", lambda _: tenacity.wait_none())
        patch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.0)  # where a server does not say when to come again
        patch.setattr("inspect_ai._util.package.packages_distributions", cache(packages_distributions))  # half a second a log
        yield
    gc.collect()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("collecting")


@pytest.fixture(scope="module")
def data(folder):
    return written(folder / "questions.jsonl", QUESTIONS)


# ---------------------------------------------------------------------------------------------- plans

TOML = """
task = "gpqa"
models = ["openai/o4-mini", "vllm/Qwen/Qwen3-8B"]
budgets = ["low", 2048]
format = "probabilities"
samples = 4
until_width = 0.03
price = [1.1, 4.4]

[config]
max_tokens = 32000

[arguments]
subset = "diamond"
"""
YAML = """
task: gpqa
models: [openai/o4-mini, vllm/Qwen/Qwen3-8B]
budgets: [low, 2048]
format: probabilities
samples: 4
until_width: 0.03
price: [1.1, 4.4]
config: {max_tokens: 32000}
arguments:
  subset: diamond
"""
PLAN = Plan(
    "gpqa",
    ("openai/o4-mini", "vllm/Qwen/Qwen3-8B"),
    ("low", "2048"),
    "probabilities",
    samples=4,
    price=(1.1, 4.4),
    until_width=0.03,
    config={"max_tokens": 32000},
    arguments={"subset": "diamond"},
)


@pytest.fixture
def plan(tmp_path):
    """Writes a plan."""

    def write(text, suffix="yaml"):
        path = tmp_path / f"plan.{suffix}"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.mark.parametrize(("suffix", "text"), [("toml", TOML), ("yaml", YAML), ("yml", YAML)])
def test_a_plan_is_the_same_in_every_form(suffix, text, plan):
    assert from_file(plan(text, suffix), {}) == PLAN


def test_a_single_model_and_a_single_budget_need_no_list(plan):
    found = from_file(plan("task: gpqa\nmodels: openai/o4-mini\nbudgets: 2048\n"), {})
    assert (found.models, found.budgets) == (("openai/o4-mini",), ("2048",))
    assert found == Plan("gpqa", ("openai/o4-mini",), ("2048",))


def test_options_beside_a_plan_go_first(plan):
    given = {"models": ("a/b",), "budgets": (), "samples": 9, "format": None, "price": (2.0, 3.0), "config": {"temperature": 0.5}}
    found = from_file(plan(TOML, "toml"), given)
    assert (found.models, found.samples, found.price) == (("a/b",), 9, (2.0, 3.0))
    assert (found.budgets, found.format, found.arguments) == (PLAN.budgets, PLAN.format, PLAN.arguments)
    assert found.config == {"temperature": 0.5, "max_tokens": 32000}


def test_a_plan_without_models_is_whole_with_those_that_are_given(plan):
    assert from_file(plan("task: gpqa"), {"models": ("a/b",)}) == Plan("gpqa", ("a/b",))


@pytest.mark.parametrize(
    ("suffix", "text", "error", "said"),
    [
        ("toml", 'task = "gpqa"\nmodel = "a/b"', UsageError, "no key in a plan `model`.*did you mean `models`"),
        ("yaml", "task: gpqa\nmodels: a/b\nuntilwidth: 0.1", UsageError, "`untilwidth`.*did you mean `until_width`"),
        ("yaml", "1: 2", UsageError, "no key in a plan `1`"),
        ("yaml", "models: a/b", UsageError, 'names no task.*task = "…"'),
        ("toml", 'task = "gpqa"', UsageError, "names no models.*models = "),
        ("toml", "task = gpqa", UnreadableFile, "cannot be read: "),
        ("toml", 'task = "gpqa"\ntask = "mwe"', UnreadableFile, "cannot be read: "),
        ("toml", b'task = "\xff"', UnreadableFile, "cannot be read: "),
        ("yaml", b"task: \xff", UnreadableFile, "cannot be read: "),
        ("yaml", "task: [", UnreadableFile, "is no YAML: "),
        ("yaml", "task: !!python/object:os.system x", UnreadableFile, "is no YAML: "),
        ("yaml", "- task: gpqa", UnreadableFile, "is no plan: it holds no names"),
        ("yaml", "gpqa", UnreadableFile, "is no plan: it holds no names"),
        ("yaml", "", UnreadableFile, "is no plan: it holds no names"),
        ("yaml", "task: gpqa\nmodels: []", UsageError, "no model"),
        ("yaml", "task: gpqa\nmodels: a/b\nsamples: 0", UsageError, "samples 0; "),
        ("yaml", "task: gpqa\nmodels: a/b\nsamples: many", UsageError, "samples|is no plan"),
    ],
)
def test_what_is_no_plan_is_refused(suffix, text, error, said, plan):
    with pytest.raises(error) as refused:
        from_file(plan(text, suffix), {})
    assert re.search(said, str(refused.value), re.DOTALL)
    assert type(refused.value) is error


@pytest.mark.parametrize("name", ["nowhere.toml", "."])
def test_a_plan_that_is_not_there_is_named(name, tmp_path):
    with pytest.raises(NoSuchPath, match="there is no "):
        from_file(tmp_path / name, {})


@pytest.mark.parametrize(
    ("word", "is_one"),
    [("plan.toml", True), ("a/b.yaml", True), ("b.yml", True), ("gpqa", False), ("inspect_evals/gaia", False), ("a.json", False)],
)
def test_a_plan_is_told_from_a_task_by_its_ending(word, is_one):
    assert is_plan(word) == is_one


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"models": ()}, "no model"),
        ({"samples": 0}, "samples 0; "),
        ({"contexts": 0}, "contexts 0; "),
        ({"limit": -3}, "limit -3; "),
        ({"until_width": 2.0}, "a width of 2; it lies between 0 and 1"),
        ({"until_width": 0.0}, "a width of 0;"),
        ({"until_width": float("nan")}, "a width of nan;"),
        ({"samples": 3, "until_width": 0.1, "max_samples": 2}, "at most 2 samples, but 3 to begin with"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused(bad, said):
    with pytest.raises(UsageError, match=said):
        Plan(**{"task": "gpqa", "models": ("a/b",)} | bad)


def test_cells_come_in_order_and_once():
    plan = Plan("gpqa", ("b/x", "a/y", "b/x"), ("high", "low", "high"))
    assert plan.cells() == [Cell("b/x", "high"), Cell("b/x", "low"), Cell("a/y", "high"), Cell("a/y", "low")]
    assert [str(cell) for cell in Plan("gpqa", ("b/x",)).cells()] == ["b/x"]
    assert str(Cell("b/x", "low")) == "b/x;budget=low"


NO_PLANS = [
    *["task: 5", "models:", "models: 5.5", "samples: '3'", "samples: 2.5", "contexts: 1.5", "limit: 2.5", "format: 3"],
    *["data: 7", "preset: 7", "config: 5", "config: [temperature]", "arguments: examples", "model_args: base_url"],
    *["price: 3", "price: [1]", "price: '1,2'", "price: [a, b]", "until_width: x", "budgets: 1.5"],
]


@pytest.fixture(scope="module")
def dry(folder, data):
    """Exit code and words of a dry run of each such plan, in a process of its own, where nothing checks types."""
    code = """
import io, json, sys
from contextlib import redirect_stderr
from hotmess.cli import main
said = {}
for text in json.load(sys.stdin):
    with open("strange.yaml", "w") as file:
        file.write(text)
    sys.argv = ["hotmess", "collect", "strange.yaml", "--dry-run"]
    with redirect_stderr(io.StringIO()) as err:
        try:
            main()
        except SystemExit as ended:
            said[text] = ended.code, err.getvalue()
print(json.dumps(said))
"""
    plain = {"task": "mcq", "models": MODEL, "data": data.name, "arguments": "{examples: 0}"}

    def whole(lines):
        there = lines.partition(":")[0]
        return "\n".join([lines, *(f"{name}: {value}" for name, value in plain.items() if name != there)])

    texts = {lines: whole(lines) for lines in [*NO_PLANS, "budgets:", "limit: 4"]}
    environment = os.environ | {"LOCAL_BASE_URL": "http://127.0.0.1:9/v1"}
    asked = {"input": json.dumps([*texts.values()]), "cwd": folder, "env": environment}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=100, **asked)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    return {lines: said[text] for lines, text in texts.items()}


@pytest.mark.parametrize("text", NO_PLANS)
def test_a_plan_of_strange_values_is_no_crash(text, dry):
    code, err = dry[text]
    assert (code, re.findall(r"^error\[\S+", err, re.MULTILINE)) in [(2, ["error[usage]:"]), (2, ["error[no-such-path]:"])], err


@pytest.mark.parametrize(("text", "count"), [("budgets:", 6), ("limit: 4", 4)])
def test_a_plan_is_dry_run(text, count, dry):
    code, err = dry[text]
    assert (code, f"mcq: {count} questions × 1 contexts × 3 samples" in err) == (0, True), err


# ---------------------------------------------------------------------------------------------- budgets and presets


@pytest.mark.parametrize("provider", ["openai/o4-mini", "vllm/Qwen/Qwen3-8B", MODEL, "anthropic/claude-sonnet-4-0"])
@pytest.mark.parametrize("effort", EFFORTS)
def test_a_word_is_an_effort_for_every_provider(effort, provider):
    found = config_of(effort, provider)
    assert (found.reasoning_effort, found.reasoning_tokens) == (effort, None)


@pytest.mark.parametrize(
    "provider", ["anthropic/claude-sonnet-4-0", "google/gemini-2.5-pro", "openrouter/qwen/qwen3-8b", "bedrock/x"]
)
def test_a_number_is_tokens_where_they_are_taken(provider):
    found = config_of("2048", provider)
    assert (found.reasoning_tokens, found.reasoning_effort) == (2048, None)


@pytest.mark.parametrize("model", ["hf/local", "hotmess/reasoner-0.8m", MODEL])
def test_no_budget_asks_for_nothing(model):
    assert config_of("", model) == GenerateConfig()


@pytest.mark.parametrize(
    ("budget", "model", "said", "hint"),
    [
        ("2048", "openai/o4-mini", "2048 tokens for openai/o4-mini, whose provider takes efforts only", "--budget low"),
        ("2048", MODEL, "takes efforts only", "--budget low"),
        ("low", "hf/local", "which takes none", "leave the budget out"),
        ("low", "hotmess/reasoner-0.8m", "which takes none", "leave the budget out"),
        ("2048", "hotmess/reasoner-0.8m", "which takes none", "leave the budget out"),
        ("lots", "openai/o4-mini", "no budget `lots`", "none, minimal, low, medium, high, xhigh, max"),
        ("0", "anthropic/claude-sonnet-4-0", "no budget `0`", "a number of tokens"),
        ("-5", "anthropic/claude-sonnet-4-0", "no budget `-5`", "a number of tokens"),
        ("1.5", "anthropic/claude-sonnet-4-0", "no budget `1.5`", "a number of tokens"),
        ("LOW", "openai/o4-mini", "no budget `LOW`", "low"),
    ],
)
def test_a_budget_that_a_provider_does_not_take_is_refused(budget, model, said, hint):
    with pytest.raises(UsageError, match=said) as refused:
        config_of(budget, model)
    assert hint in refused.value.hint


def test_a_preset_is_sent_as_the_provider_takes_it():
    wanted = {"temperature": 0.6, "top_p": 0.95, "max_tokens": 32_768}
    assert preset("qwen3", "hf/Qwen/Qwen3-8B") == GenerateConfig(top_k=20, **wanted)
    assert preset("qwen3", MODEL) == GenerateConfig(extra_body={"top_k": 20}, **wanted)
    assert preset("qwen3", "vllm/Qwen/Qwen3-8B") == preset("qwen3", MODEL)  # to which Inspect sends no top_k of its own
    assert preset("qwen3", "hf/Qwen/Qwen3-8B").top_k == 20  # asking for one has not changed the other
    with pytest.raises(UsageError, match="takes no top_k"):
        preset("qwen3", "openai/o4-mini")
    with pytest.raises(UsageError, match="no preset `qwen9`") as refused:
        preset("qwen9", MODEL)
    assert "qwen3" in refused.value.hint


def test_a_preset_goes_below_the_plan_and_the_plan_below_the_budget(data):
    config = {"temperature": 0.9, "reasoning_effort": "high", "max_retries": 2}
    plan = Plan("mcq", (MODEL,), data=str(data), preset="qwen3", config=config, model_args={"base_url": "http://127.0.0.1:9/v1"})
    found = prepared(plan, Cell(MODEL, "low"), Done(rounds=4))
    facts = (found.config.temperature, found.config.top_p, found.config.extra_body, found.config.reasoning_effort)
    assert facts == (0.9, 0.95, {"top_k": 20}, "low")
    assert found.config.max_retries == 2
    assert (found.epochs, found.epochs_reducer) == (10 * 4, [])
    assert prepared(plan, Cell(MODEL), Done()).config.reasoning_effort == "high"


# ---------------------------------------------------------------------------------------------- what it costs


def costly(questions=4, epochs=6, **facts):
    """A task, as far as its cost depends on it."""
    dataset = [SimpleNamespace(input="x" * 40 * n, choices=["y" * 20] * 2) for n in range(questions)]
    return SimpleNamespace(dataset=dataset, epochs=epochs, metadata=facts)


def test_before_there_is_anything_tokens_are_guessed():
    plan, cell = Plan("mcq", (MODEL,), price=(2.0, 8.0)), Cell(MODEL)
    found = cost_of(plan, cell, Done(), costly())
    assert (found.samples, found.output_tokens, found.guessed) == (24, 24 * ASSUMED, True)
    more = cost_of(plan, cell, Done(), costly(examples=3))
    assert 24 * 100 / 4 <= found.input_tokens < more.input_tokens
    assert more.input_tokens - found.input_tokens == pytest.approx(24 * 3 * 100 / 4)
    assert found.dollars == pytest.approx((found.input_tokens * 2 + found.output_tokens * 8) / 1e6)
    by_tokens = cost_of(plan, Cell("anthropic/x", "500"), Done(), costly())
    assert (by_tokens.output_tokens, by_tokens.guessed) == (24 * 500, False)


def test_as_soon_as_there_is_something_tokens_are_its_mean():
    have = Done(samples=10, input_tokens=1_000, output_tokens=5_000)
    found = cost_of(Plan("mcq", (MODEL,), price=(1.5, 4.0)), Cell(MODEL), have, costly())
    assert (found.samples, found.input_tokens, found.output_tokens, found.guessed) == (14, 1_400, 7_000, False)
    assert found.dollars == pytest.approx(0.0301, rel=1e-12)
    assert cost_of(Plan("mcq", (MODEL,)), Cell(MODEL), have, costly()).dollars is None


def test_errors_are_still_to_be_collected():
    have = Done(samples=20, errors=4, input_tokens=2_400, output_tokens=4_800)
    assert cost_of(Plan("mcq", (MODEL,)), Cell(MODEL), have, costly()).samples == 4
    assert cost_of(Plan("mcq", (MODEL,)), Cell(MODEL), Done(errors=24), costly()).guessed


@pytest.mark.parametrize("have", [24, 30])
def test_what_is_there_costs_nothing(have):
    found = cost_of(Plan("mcq", (MODEL,), price=(2.0, 8.0)), Cell(MODEL), Done(have, 0, 999, 999), costly())
    assert (found.samples, found.input_tokens, found.output_tokens, found.dollars, found.guessed) == (0, 0, 0, 0, False)


@pytest.mark.parametrize(("limit", "count"), [(None, 4), (3, 3), (9, 4)])
def test_questions_are_limited(limit, count):
    plan = Plan("mcq", (MODEL,), limit=limit)
    assert questions_of(plan, costly()) == count
    assert cost_of(plan, Cell(MODEL), Done(), costly()).samples == count * 6


# ---------------------------------------------------------------------------------------------- one plan, and more of it


@pytest.fixture(scope="module")
def grown(folder, data):
    """The same plan seven times: not sent, not sent, two samples in each context, again, again, four, two."""
    logs, ran, samples = folder / "grown", [], []
    with loopback() as server:
        for more in (["--price", "1,2", "--dry-run"], [], *[["-y", "--samples", count] for count in (2, 2)], ["--samples", 2]):
            ran.append(command(*asking(server, data, logs, *more), server=server))
            samples.append(kept(logs))
        measured = command("measure", logs)
        for count in (4, 2):
            ran.append(command(*asking(server, data, logs, "-y", "--samples", count, "-c", "max_connections=3"), server=server))
            samples.append(kept(logs))
    return SimpleNamespace(logs=logs, ran=ran, samples=samples, measured=measured)


def test_a_dry_run_sends_nothing(grown):
    code, out, err, calls = grown.ran[0]
    assert (code, out, calls, grown.samples[0]) == (0, "", [], {})
    assert "mcq: 6 questions × 2 contexts × 3 samples" in err
    assert re.search(r" - +36 +0 +~\d\.. k +~36\.0 k +~\$0\.0[78]\n", err)
    assert "1,000 a sample are assumed" in err


def test_nothing_is_sent_unasked(grown):
    code, _, err, calls = grown.ran[1]
    assert (code, calls, grown.samples[1]) == (2, [], {})
    assert err.endswith("error[usage]: 36 samples would be collected, and there is nobody to ask\n  hint: --yes, or --dry-run\n")


def test_every_call_is_made_once_with_a_seed_of_its_own(grown):
    code, out, err, calls = grown.ran[2]
    assert (code, out, len(calls)) == (0, "", 6 * 2 * 2)
    assert Counter(map(asked, calls)) == {row["question"]: 4 for row in QUESTIONS}
    assert len({(asked(call), call.body["seed"]) for call in calls}) == 24
    assert {seed for _, seed in grown.samples[2].values()} == {call.body["seed"] for call in calls}
    assert err.endswith(f"24 samples in {grown.logs}\nnext: hotmess report {grown.logs}\n")
    assert grown.measured.code == 0, grown.measured.err
    assert MODEL in grown.measured.out
    assert "6 × 4" in grown.measured.out


@pytest.mark.parametrize("time", [3, 4])
def test_the_same_command_again_sends_nothing(time, grown):
    code, _, err, calls = grown.ran[time]
    assert (code, calls) == (0, []), err
    assert re.search(rf"{MODEL} +- +0 +24 ", err)
    assert grown.samples[time] == grown.samples[2]


def test_more_samples_are_only_the_missing_ones(grown):
    code, _, err, calls = grown.ran[5]
    before, after = grown.samples[4], grown.samples[5]
    assert (code, len(calls)) == (0, 24), err
    assert re.search(rf"{MODEL} +- +24 +24 ", err)
    assert {place: after[place] for place in before} == before
    assert sorted(after) == [(f"q{n}", epoch) for n in range(6) for epoch in range(1, 9)]
    assert {call.body["seed"] for call in calls} == {after[place][1] for place in after.keys() - before.keys()}
    assert len({seed for _, seed in after.values()}) == 48


def test_fewer_samples_lose_nothing_and_send_nothing(grown):
    code, _, err, calls = grown.ran[6]
    assert (code, calls) == (0, []), err
    assert grown.samples[6] == grown.samples[5]


# ---------------------------------------------------------------------------------------------- stopped


ANSWERED = 25  # requests, before the server answers no more


def written_samples(logs):
    """How many samples stand in logs that are being written."""
    try:
        return sum(name.startswith("samples/") for path in logs.glob("*.eval") for name in names_in(path))
    except BadZipFile:
        return 0


def names_in(path):
    with ZipFile(path) as log:
        return log.namelist()


@pytest.fixture(scope="module")
def stopped(folder, data):
    """Two runs at once, each in a process of its own, which are stopped in the middle; their servers then answer again."""
    calm, runs = [], {}

    def behaviour(number, _body):
        return None if calm else Trouble("timeout", 0.1 if number < ANSWERED else 60)

    def started(stop, server):
        logs = folder / f"stopped-{stop}"
        words = [*map(str, asking(server, data, logs, "-y", "--samples", 6))]
        start = [sys.executable, "-c", "from hotmess.cli import main; main()", *words]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return SimpleNamespace(server=server, logs=logs, words=words, process=subprocess.Popen(start, **pipes))

    with ExitStack() as servers:
        for stop in (signal.SIGKILL, signal.SIGINT):
            runs[stop] = started(stop, servers.enter_context(loopback(behaviour=behaviour)))
            servers.callback(runs[stop].process.kill)
        begun = monotonic()
        while monotonic() < begun + 90 and not all(written_samples(run.logs) >= ANSWERED for run in runs.values()):
            sleep(0.1)
        sleep(1)  # so that all that wait have been sent
        for stop, run in runs.items():
            run.meanwhile = command(*run.words, server=run.server)
            run.sent = len(run.server.calls)
            run.process.send_signal(stop)
        for run in runs.values():
            run.out, run.err = run.process.communicate(timeout=60)
        calm.append(True)
        yield runs


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_what_was_stopped_goes_on(stop, stopped):
    run = stopped[stop]
    between = command("check", run.logs)
    ran, again = (command(*run.words, server=run.server) for _ in range(2))
    calls = run.server.calls
    assert (between.code, ran.code, again.code, again.calls) == (0, 0, 0, []), between.err + ran.err
    assert ANSWERED < run.sent <= len(calls) <= 72 + AT_ONCE
    finished = {(asked(call), call.body["seed"]) for call in calls[:ANSWERED]}
    assert not finished & {(asked(call), call.body["seed"]) for call in ran.calls}
    assert len({(asked(call), call.body["seed"]) for call in calls}) == 72
    rows = table(run.logs)
    assert rows["sample_id"].n_unique() == len(rows) == 72
    assert set(rows.group_by("question_id", "context_id").len()["len"]) == {6}
    assert set(rows["status"]) == {"ok"}


def test_nobody_else_collects_into_the_folder_meanwhile(stopped):
    for run in stopped.values():
        refusal(run.meanwhile, "usage", f"something else collects into `{run.logs}`", "another folder")
        assert run.meanwhile.calls == []


def test_who_interrupts_is_told_what_is_kept(stopped):
    run = stopped[signal.SIGINT]
    assert run.process.returncode == 130, run.err
    assert f"kept {ANSWERED} samples in {run.logs}\nnext: the same command goes on\n" in run.err
    assert "Traceback" not in run.err + run.out
    assert stopped[signal.SIGKILL].process.returncode == -signal.SIGKILL


# ---------------------------------------------------------------------------------------------- troubles


@pytest.fixture(scope="module")
def troubled(folder, data):
    """A plan whose server is troubled: always for one question, then for one seed, then never."""
    logs, steps, bad = folder / "troubled", [], {"question": "What of 2?", "seed": None}

    def behaviour(number, body):
        if asked(SimpleNamespace(body=body)) == bad["question"] or body["seed"] == bad["seed"]:
            return Trouble("malformed")
        passing = {3: "rate_limit", 5: "server_error"}
        return Trouble(passing[number % 7]) if number % 7 in passing else None

    with loopback(behaviour=behaviour) as server:
        for question in ("What of 2?", None, None):
            bad["question"] = question
            ran = command(*asking(server, data, logs, "-y", "--samples", 2), server=server)
            measured = command("measure", logs, "--json")
            steps.append(SimpleNamespace(ran=ran, table=table(logs), measured=measured))
            bad["seed"] = None if bad["seed"] else next(call.body["seed"] for call in server.calls if asked(call) == "What of 2?")
    return steps


def test_calls_that_fail_now_and_then_are_made_again(troubled):
    calls = troubled[0].ran.calls
    assert {call.status for call in calls} == {200, 429, 500}
    whole = Counter(asked(call) for call in calls if call.status == 200 and asked(call) != "What of 2?")
    assert whole == {row["question"]: 4 for row in QUESTIONS if row["id"] != "q2"}
    assert "20 samples in " in troubled[0].ran.err


def test_replies_that_are_none_are_errors_and_no_wrong_answers(troubled):
    rows, (code, _, err, calls) = troubled[0].table, troubled[0].ran
    bad = rows.filter(pl.col("question_id") == "q2")
    assert bad["status"].to_list() == ["error"] * 4
    assert bad["answer"].null_count() == 4
    assert rows.filter(pl.col("question_id") != "q2")["status"].to_list() == ["ok"] * 20
    assert code == 2
    assert "\nerror[unreachable]: 20 samples in " in err
    assert ", and 4 errors, which are not counted as wrong; the same command tries them again: " in err
    assert "hint: the same command tries them again" in err
    assert "next: hotmess report" not in err
    assert Counter(map(asked, calls))["What of 2?"] <= 4 * 2 * 2
    (row,) = json.loads(troubled[0].measured.out)["rows"]
    assert (row["questions"], row["samples"]) == (5, 20)


def test_few_errors_are_said_and_are_no_failure(troubled):
    (code, _, err, calls), rows = troubled[1].ran, troubled[1].table
    assert code == 0, err
    assert "23 samples in " in err
    assert ", and 1 errors, which are not counted as wrong; the same command tries them again" in err
    assert "next: hotmess report" in err
    assert {asked(call) for call in calls} == {"What of 2?"}
    assert Counter(rows["status"]) == {"ok": 23, "error": 1}


def test_errors_are_tried_again_until_none_is_left(troubled):
    (code, _, err, calls), rows = troubled[2].ran, troubled[2].table
    assert (code, Counter(rows["status"])) == (0, {"ok": 24}), err
    assert [call.status for call in calls].count(200) == 1
    assert err.rstrip().splitlines()[-2].startswith("24 samples in ")
    (before,), (after,) = (json.loads(step.measured.out)["rows"] for step in troubled[1:])
    assert (before["samples"], after["samples"], after["questions"]) == (23, 24, 6)


def test_a_server_that_fails_for_ever_is_unreachable(tmp_path, data):
    healed, more = [], ("-y", "--samples", 1, "--limit", 1)
    with loopback(behaviour=lambda *_: None if healed else Trouble("server_error")) as server:
        words = asking(server, data, tmp_path / "logs", *more, contexts=1, examples=0)
        failed = command(*words, server=server)
        healed.append(True)
        ran = command(*words, server=server)
    assert (failed.code, "error[unreachable]: 0 samples in " in failed.err) == (2, True), failed.err
    assert "Traceback" not in failed.err
    assert 2 * 8 <= len(failed.calls) <= 2 * 2 * 8 * 3  # the client of OpenAI makes each call three times by itself
    assert (ran.code, len(ran.calls)) == (0, 1), ran.err


# ---------------------------------------------------------------------------------------------- several cells in a folder


@pytest.fixture(scope="module")
def crossed(folder, data):
    """Two models and two budgets, then one of the models by itself, with more samples."""
    logs = folder / "crossed"
    with loopback() as server:
        one = asking(server, data, logs, "-y", "-b", "low", contexts=1, examples=0)
        ran = command(*one, "-m", OTHER, "-b", "high", "--samples", 2, server=server)
        held, rows, measured = sorted(logs.glob("*.eval")), table(logs), command("measure", logs, "--json")
        less = command(*one, "--samples", 2, server=server)
        more = command(*one, "-m", OTHER, "-b", "high", "--samples", 3, server=server)
    return SimpleNamespace(ran=ran, held=held, rows=rows, measured=measured, less=less, more=more, after=table(logs))


def test_each_model_and_budget_is_a_log_of_its_own(crossed):
    code, _, err, calls = crossed.ran
    assert (code, len(calls), len(crossed.held)) == (0, 4 * 12, 4), err
    assert Counter((call.body["model"], call.body["reasoning_effort"]) for call in calls) == {
        (model, effort): 12 for model in ("tiny", "small") for effort in ("low", "high")
    }
    cells = crossed.rows.group_by("model", "setting").len()
    assert sorted(cells["model"]) == [OTHER, OTHER, MODEL, MODEL]
    assert set(cells["len"]) == {12}
    efforts = [re.search("reasoning_effort=(low|high)", setting)[1] for setting in cells["setting"]]
    assert Counter(efforts) == {"low": 2, "high": 2}
    assert len(json.loads(crossed.measured.out)["rows"]) == 4


def test_cells_share_prompts_but_no_seed(crossed):
    prompts = Counter(call.body["messages"][0]["content"] for call in crossed.ran.calls)
    assert list(prompts.values()) == [8] * 6
    assert len({call.body["seed"] for call in crossed.ran.calls}) == 48


def test_some_of_the_cells_of_a_folder_can_be_asked_for(crossed):
    assert (crossed.less.code, crossed.less.calls) == (0, []), crossed.less.err


def test_all_cells_grow_together(crossed):
    code, _, err, calls = crossed.more
    assert (code, len(calls)) == (0, 4 * 6), err
    assert set(crossed.after.group_by("model", "setting").len()["len"]) == {18}
    assert len({call.body["seed"] for call in [*crossed.ran.calls, *calls]}) == 72


def test_a_folder_that_holds_another_plan_is_said_in_words_that_can_be_typed(tmp_path, data):
    with loopback() as server:
        first = command(*asking(server, data, tmp_path, "-y", "--samples", 1, "--limit", 2), server=server)
        before = table(tmp_path)
        other = command(*asking(server, data, tmp_path, "-y", "--samples", 1, "-c", "temperature=0.7"), server=server)
    assert (first.code, len(first.calls)) == (0, 4)
    assert "allow-dirty" not in other.err  # which is an option of another program
    assert (other.code, len(other.calls)) in [(0, 12), (2, 0)]
    assert set(before["sample_id"]) <= set(table(tmp_path)["sample_id"])


def test_answers_to_questions_that_were_edited_since_do_not_mix(tmp_path):
    data = written(tmp_path / "questions.jsonl", QUESTIONS)
    with loopback() as server:
        first = command(*asking(server, data, tmp_path / "logs", "-y", "--samples", 1), server=server)
        written(data, [row | {"question": row["question"].replace("What", "Who")} for row in QUESTIONS])
        ran = command(*asking(server, data, tmp_path / "logs", "-y", "--samples", 2), server=server)
    assert (first.code, len(first.calls)) == (0, 12)
    assert (ran.code, len(ran.calls)) in [(2, 0), (0, 24)], ran.err


# ---------------------------------------------------------------------------------------------- limits and widths


@pytest.fixture(scope="module")
def limited(folder, data):
    """Three of the questions, in two folders; then in the first more samples of them, five of them, all, and three again."""
    folders, steps = [folder / "limited", folder / "limited-too"], []
    with loopback() as server:
        for place, samples, limit in ((1, 1, 3), (0, 1, 3), (0, 2, 3), (0, 2, 5), (0, 2, None), (0, 2, 3), (0, 3, 3)):
            more = [] if limit is None else ["--limit", limit]
            ran = command(*asking(server, data, folders[place], "-y", "--samples", samples, *more), server=server)
            names = set(table(folders[place])["sample_id"])
            steps.append(SimpleNamespace(ran=ran, counts=per_question(folders[place]), names=names))
    return steps


def test_a_limit_draws_the_same_questions_every_time(limited):
    first, other, more = limited[:3]
    assert [step.ran.code for step in limited] == [0] * 7
    assert first.counts == other.counts == dict.fromkeys(first.counts, 2)
    assert {asked(call) for call in first.ran.calls} == {asked(call) for call in other.ran.calls}
    assert more.counts == dict.fromkeys(first.counts, 4)
    assert len(more.ran.calls) == 6


def test_a_limit_draws_at_random(limited):
    assert len(limited[0].counts) == 3
    assert set(limited[0].counts) != {"q0", "q1", "q2"}


@pytest.mark.parametrize(("step", "calls", "counts"), [(3, 8, {4: 5}), (4, 4, {4: 6}), (5, 0, {4: 6}), (6, 12, {6: 6})])
def test_another_limit_asks_only_what_is_missing(step, calls, counts, limited):
    found = limited[step]
    assert (found.ran.code, len(found.ran.calls)) == (0, calls), found.ran.err
    assert Counter(found.counts.values()) == counts


@pytest.mark.parametrize("step", range(2, 7))
def test_no_limit_loses_what_is_there(step, limited):
    assert limited[step - 1].names <= limited[step].names


def test_what_a_limit_leaves_out_does_not_pass_for_what_is_missing(tmp_path, data):
    with loopback() as server:
        command(*asking(server, data, tmp_path, "-y", "--samples", 2), server=server)
        more = asking(server, data, tmp_path, "--samples", 3, "--limit", 2)
        unasked, ran = command(*more, server=server), command(*more, "-y", server=server)
    assert (unasked.code, unasked.calls, ran.code) == (2, [], 0), unasked.err + ran.err
    assert ran.calls
    assert f"error[usage]: {len(ran.calls)} samples would be collected, and there is nobody to ask" in unasked.err


@pytest.fixture(scope="module")
def narrowed(folder):
    """A random server asked until a width that can be had, until one that cannot, and with a bound below what there is."""
    questions = [{**row, "id": f"{row['id']}.{n}", "question": f"{row['question']} {n}"} for row in QUESTIONS[:4] for n in (1, 2)]
    data, folders, steps = written(folder / "more.jsonl", questions), [folder / "narrowed", folder / "bounded"], []
    with loopback() as server:
        for place, more in (
            (0, ["--samples", 4, "--until-width", 0.15, "--max-samples", 60]),
            (1, ["--samples", 2, "--until-width", 0.001, "--max-samples", 4]),
            (0, ["--samples", 2, "--until-width", 0.001, "--max-samples", 3]),
        ):
            ran = command(*asking(server, data, folders[place], "-y", *more, contexts=1, examples=0), server=server)
            steps.append(SimpleNamespace(ran=ran, counts=Counter(per_question(folders[place]).values())))
    return steps


def width(err):
    """The width and the number of samples that a command says at its end."""
    found = re.findall(rf"^{MODEL}: ±(\S+) with (\d+) samples in each context$", err, re.MULTILINE)
    assert len(found) == 1, err
    return float(found[0][0]), int(found[0][1])


def test_rounds_end_when_the_interval_is_narrow_and_no_question_decides(narrowed):
    ran, counts = narrowed[0].ran, narrowed[0].counts
    assert ran.code == 0, ran.err
    half, samples = width(ran.err)
    assert half <= 0.15
    assert 5 <= samples < 60
    assert counts == {samples: 8}
    assert len(ran.calls) == 8 * samples
    assert len({(asked(call), call.body["seed"]) for call in ran.calls}) == 8 * samples
    assert ran.err.index("then more, round by round, until ±0.15, or 60 samples") < ran.err.index(f"{MODEL}: from 4 to ")


def test_rounds_end_at_the_bound(narrowed):
    ran, counts = narrowed[1].ran, narrowed[1].counts
    assert (ran.code, counts, len(ran.calls)) == (0, {4: 8}, 32), ran.err
    half, samples = width(ran.err)
    assert half > 0.001
    assert samples == 4


def test_a_bound_below_what_there_is_loses_nothing(narrowed):
    ran, counts = narrowed[2].ran, narrowed[2].counts
    assert (ran.code, ran.calls) == (0, []), ran.err
    assert counts == narrowed[0].counts
    assert width(ran.err)[1] == max(counts)


def test_a_width_that_cannot_be_known_is_no_crash(tmp_path, data):
    more = ("-y", "--samples", 3, "--until-width", 0.1, "--max-samples", 4)
    with loopback() as server:  # of two contexts there is no interval for exactly these questions
        ran = command(*asking(server, data, tmp_path, *more), server=server)
    assert "internal" not in ran.err
    assert (ran.code, len(ran.calls)) in [(0, 48), (2, 0)], ran.err


@given(
    st.integers(1, 50),
    st.floats(0, 1) | st.sampled_from([float("inf"), float("nan")]),
    st.floats(0.001, 0.5),
    st.integers(1, 20),
    st.integers(1, 100),
)
def test_the_next_number_of_samples_is_never_lower_and_never_beyond_the_bound(samples, half, wanted, contexts, most):
    plan = Plan("mcq", (MODEL,), samples=1, until_width=wanted, max_samples=most)
    found = running._next(half, plan, Done(rounds=samples, contexts=contexts))
    enough = samples * contexts >= 5 and half <= wanted
    assert samples <= found <= max(samples, most)
    assert (found > samples) == (samples < most and not enough)


# ---------------------------------------------------------------------------------------------- what cannot be meant


@pytest.fixture(scope="module")
def idle():
    """A server that nobody asks."""
    with loopback() as server:
        yield server
    assert server.calls == []


@pytest.mark.parametrize(
    ("more", "code", "said", "hint"),
    [
        (["-c", "temperature=0"], "no-randomness", "temperature 0", "a temperature above 0"),
        (["-c", "temperature=0.0", "--preset", "qwen3"], "no-randomness", "temperature 0", "a temperature above 0"),
        (["-c", "seed=7"], "no-randomness", "seed 7", "each sample gets a seed of its own"),
        (["-c", "top_k=1"], "no-randomness", "top_k 1", ""),
        (["-c", "temprature=0.7"], "usage", "no setting of a model `temprature`", "did you mean `temperature`"),
        (["-c", "temperature=warm"], "usage", "temperature", "hotmess"),
        (["-c", "temperature"], "usage", "`-c temperature` is not understood", "-c name=value"),
        (["-c", "=1"], "usage", "`-c =1` is not understood", "-c name=value"),
        (["-T", "samples=5"], "usage", "samples as an argument", "--samples 5"),
        (["-T", "nosuch=1"], "usage", "cannot be called like this.*nosuch", "-T name=value"),
        (["-T", "examples"], "usage", "`-T examples` is not understood", "-T name=value"),
        (["-T", "examples=x"], "usage", "", ""),
        (["-T", "examples=0"], "usage", "2 contexts without examples", "contexts=1"),
        (["-M", "base_url"], "usage", "`-M base_url` is not understood", "-M name=value"),
        (["-M", "nosuch=1"], "usage", "nosuch", ""),
        (["--price", "1"], "usage", "`--price 1` is not understood", "--price 1.1,4.4"),
        (["--price", "1,2,3"], "usage", "`--price 1,2,3` is not understood", "--price 1.1,4.4"),
        (["--price", "a,b"], "usage", "`--price a,b` is not understood", "--price 1.1,4.4"),
        (["--data", "nowhere.jsonl"], "no-such-path|usage", "there is no `nowhere.jsonl`", ""),
        (["--format", "essay"], "usage", "no format `essay`", ""),
        (["--preset", "qwen9"], "usage", "no preset `qwen9`", "qwen3"),
        (["-b", "lots"], "usage", "no budget `lots`", "low"),
        (["-b", "2048"], "usage", "takes efforts only", "--budget low"),
        (["--samples", "0"], "usage", "samples 0; ", ""),
        (["--contexts", "0"], "usage", "contexts 0; ", ""),
        (["--limit", "0"], "usage", "limit 0; ", ""),
        (["--until-width", "2"], "usage", "a width of 2", "--until-width 0.05"),
        (["--samples", "3", "--until-width", "0.1", "--max-samples", "2"], "usage", "at most 2 samples, but 3", "--max-samples"),
        (["-m", "nosuch/model"], "usage", "nosuch", ""),
        (["-m", "tiny"], "usage", "tiny", ""),
        (["-m", "openai-api/elsewhere/x"], "usage", "ELSEWHERE_", ""),
        (["-m", "hotmess/reasoner-9m"], "usage|no-such-model", "reasoner-9m", ""),
        (["-o", "a-file"], "usage|cannot-write|unreadable-file", "a-file", ""),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_sent(more, code, said, hint, idle, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("here")
    refused = command(*asking(idle, data, tmp_path / "logs", "-y", *more), server=idle)
    refusal(refused, code, said, hint)
    assert {path.name for path in tmp_path.iterdir()} == {"a-file"}


@pytest.mark.parametrize(
    ("words", "code", "said", "hint"),
    [
        (["nosuch", "-m", MODEL], "usage", "nosuch", ""),
        (["nosuch/task", "-m", MODEL], "usage", "nosuch/task", ""),
        (["nosuch", "-m", MODEL, "--format", "letter"], "usage", "`nosuch` has no format", "-T name=value"),
        (["mcq", "-m", MODEL], "usage", "data", "-T name=value"),
        (["mcq", "--data", "questions.jsonl"], "usage", "no model", "--model openai/o4-mini"),
        (["nowhere.toml"], "no-such-path", "there is no `nowhere.toml`", "a plan"),
        (["empty.yaml", "-m", MODEL], "unreadable-file", "is no plan", "task: gpqa"),
    ],
)
def test_a_task_that_is_none_is_said(words, code, said, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.yaml").touch()
    monkeypatch.setenv("LOCAL_BASE_URL", "http://127.0.0.1:9/v1")
    refusal(command("collect", *words, "-y"), code, said, hint)


def refusal(ran, code, said, hint):
    """Exit code 2, one line that says why, at most a hint, nothing of where in the program that was found."""
    assert ran.code == 2, ran.err
    lines = ran.err.splitlines()
    (place,) = [number for number, line in enumerate(lines) if line.startswith("error[")]
    assert re.match(rf"error\[({code})\]: .*{said}", lines[place]), ran.err
    assert all(re.match("  (where|why|hint): .", line) for line in lines[place + 1 :]), ran.err
    assert hint in "".join(line for line in lines[place + 1 :] if line.startswith("  hint: "))
    assert "Traceback" not in ran.err


def test_without_inspect_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    for words in (["collect", "gpqa", "-m", MODEL, "-y"], ["embed", "logs", "-o", "x.parquet"]):
        refusal(command(*words), "missing-extra", "needs Inspect, which is not installed", "pip install 'hotmess[collect]'")


# ---------------------------------------------------------------------------------------------- other tasks and models


@task
def asked_by_others(questions: int = 2, temperature: float | None = None) -> Task:
    """A task of somebody else, with its own number of epochs."""
    samples = [Sample(f"Which of {n}?\n\nA) this\nB) that", target="A") for n in range(questions)]
    return Task(samples, solver=generate(), scorer=includes(), epochs=2, config=GenerateConfig(temperature=temperature))


@pytest.mark.parametrize("limit", [[], ["--limit", 3]])
def test_any_task_of_inspect_is_run_several_times(limit, tmp_path):
    questions = 5 if limit else 3
    with loopback() as server:
        given = ["-m", MODEL, "-M", f"base_url={server.url}", "-o", tmp_path, "-y", *limit]
        words = ["collect", "asked_by_others", "-T", f"questions={questions}", *given]
        ran, more = (command(*words, "--samples", count, server=server) for count in (3, 5))
    assert (ran.code, len(ran.calls), more.code, len(more.calls)) == (0, 9, 0, 6), ran.err + more.err
    assert "asked_by_others: 3 questions × 1 contexts × 3 samples" in ran.err
    rows = table(tmp_path)
    assert set(rows.group_by("question_id").len()["len"]) == {5}
    assert rows["task"].unique().to_list() == ["asked_by_others"]
    assert rows["score"].is_in([0.0, 1.0]).all()


def test_a_task_of_others_keeps_what_it_asks_of_models_unless_told_otherwise():
    def config(own, **config):
        arguments = {"temperature": own}
        plan = Plan(
            "asked_by_others", (MODEL,), config=config, arguments=arguments, model_args={"base_url": "http://127.0.0.1:9/v1"}
        )
        return prepared(plan, Cell(MODEL), Done()).config

    assert config(0.5).temperature == 0.5
    assert config(0.5, temperature=0.8).temperature == 0.8
    assert config(0.0, temperature=0.8).temperature == 0.8
    with pytest.raises(NoRandomness, match="temperature 0"):
        config(0.0)


def test_our_own_models_are_asked_without_a_server(tmp_path):
    pytest.importorskip("torch")
    words = ["collect", "chains", "--model", "hotmess/reasoner-0.1m", "-T", "questions=5", "--contexts", 2, "-o", tmp_path, "-y"]
    ran, again = command(*words, "--samples", 2), command(*words, "--samples", 2, "-c", "max_connections=4")
    assert (ran.code, again.code) == (0, 0), ran.err + again.err
    assert "chains: 5 questions × 2 contexts × 2 samples" in ran.err
    rows = table(tmp_path)
    assert rows.group_by("question_id", "context_id").len()["len"].to_list() == [2] * 10
    assert re.search(r"reasoner-0\.1m +- +0 +20 ", again.err)
    measured = command("measure", tmp_path)
    assert (measured.code, "5 × 4" in measured.out) == (0, True), measured.err


def test_a_folder_that_holds_no_log_of_a_plan_holds_nothing_of_it(tmp_path, data):
    plan = Plan("mcq", (MODEL, OTHER), ("low",), data=str(data))
    (tmp_path / "broken.eval").write_bytes(b"PK\x03\x04 not a log")
    (tmp_path / "empty.eval").touch()
    empty = {Cell(MODEL, "low"): Done(), Cell(OTHER, "low"): Done()}
    assert done(plan, tmp_path) == done(plan, tmp_path / "nowhere") == empty


# ---------------------------------------------------------------------------------------------- vectors


def lengths(vectors):
    return np.linalg.norm(vectors, axis=1)


@pytest.fixture
def kept_at(tmp_path):
    return tmp_path / "cache" / "vectors.sqlite"


@pytest.fixture
def counting():
    """A way to embed that notes what it was asked, and fails after so many batches."""

    def make(name="counting", batches=99, dimensions=3):
        batch = []

        def embed(texts):
            if len(batch) == batches:
                raise Unreachable("gone")
            batch.append(list(texts))
            return [[len(text), *[1.0] * (dimensions - 1)] for text in texts]

        return Embedder(name, embed), batch

    return make


TEXTS = [f"text {'x' * n}" for n in range(150)]


def test_vectors_of_words_tell_whether_the_same_was_said(kept_at):
    said = ["the cat sat here", "rain falls slowly", "the cat sat here", "the cat ran", "The CAT sat here"]
    found = embedded(said, embedder("words"), kept_at)
    assert lengths(found) == pytest.approx(np.ones(5))
    cosines = found @ found.T
    assert np.array_equal(found[0], found[2])
    assert cosines[0, 4] == pytest.approx(1)
    assert cosines[0, 1] == 0
    assert 0 < cosines[0, 3] < 1


@pytest.mark.parametrize("text", ["7", "I", "3 4", "?!", "是"])
def test_every_text_has_a_vector_of_length_one(text, kept_at):
    assert lengths(embedded([text, "some words"], embedder("words"), kept_at)) == pytest.approx(np.ones(2))


def test_short_answers_that_differ_have_vectors_that_differ(kept_at):
    seven, eight = embedded(["7", "8"], embedder("words"), kept_at)
    assert not np.array_equal(seven, eight)


def test_the_order_of_words_counts(kept_at):
    one, other = embedded(["dog bites man", "man bites dog"], embedder("words"), kept_at)
    assert 0 < one @ other < 0.9


def test_every_text_is_embedded_once(kept_at, counting):
    (by, batches), told = counting(), []
    first = embedded(TEXTS + TEXTS[:9], by, kept_at, lambda *done: told.append(done))
    assert [len(batch) for batch in batches] == [64, 64, 22]
    assert told == [(64, 150), (128, 150), (150, 150)]
    assert np.array_equal(first[150:], first[:9])
    again = embedded([*TEXTS[::-1], "another"], by, kept_at)
    assert batches[3:] == [["another"]]
    assert np.array_equal(again[:-1], first[149::-1])
    assert lengths(first) == pytest.approx(np.ones(159))
    assert first[7, 0] / first[7, 1] == pytest.approx(len(TEXTS[7]), rel=1e-6)


def test_another_way_to_embed_shares_nothing(kept_at, counting):
    (one, _), (other, batches) = counting("one"), counting("other", dimensions=5)
    embedded(TEXTS, one, kept_at)
    assert embedded(TEXTS, other, kept_at).shape == (150, 5)
    assert sum(map(len, batches)) == 150


def test_names_and_texts_do_not_run_into_each_other(kept_at, counting):
    (one, first), (other, second) = counting("ab"), counting("a")
    embedded(["c"], one, kept_at)
    embedded(["bc", "b\0c"], other, kept_at)
    assert (first, second) == ([["c"]], [["bc", "b\0c"]])


def test_what_came_before_a_crash_is_kept(kept_at, counting):
    (broken, _), (whole, batches) = counting(batches=1), counting()
    with pytest.raises(Unreachable):
        embedded(TEXTS, broken, kept_at)
    assert embedded(TEXTS, whole, kept_at).shape == (150, 3)
    assert [text for batch in batches for text in batch] == TEXTS[64:]


def test_a_server_is_asked_for_vectors(kept_at):
    texts = [*TEXTS[:70], ""]
    with loopback() as server:
        by = embedder("openai:m", server.url)
        found = embedded(texts, by, kept_at)
        first = len(server.calls)
        assert np.array_equal(embedded(texts, embedder("openai:m", server.url), kept_at), found)
        second = len(server.calls)
        embedded(texts[:1], embedder("openai:other", server.url), kept_at)
        calls = server.calls[:]
    gc.collect()
    assert (first, second, len(calls)) == (2, 2, 3)
    assert {call.path for call in calls} == {"/v1/embeddings"}
    assert [call.body["model"] for call in calls] == ["m", "m", "other"]
    assert [len(call.body["input"]) for call in calls] == [64, 7, 1]
    wanted = np.array([_embedding(text or " ", "m", 8) for text in texts])
    assert found == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("kind", ["server_error", "rate_limit", "malformed", "not_json", "cut"])
def test_a_server_that_fails_is_unreachable_and_what_came_before_is_kept(kind, kept_at):
    healed = []
    with loopback(behaviour=lambda number, _: Trouble(kind) if number and not healed else None) as server:
        by = embedder("openai:m", server.url)
        with pytest.raises(Unreachable, match=re.escape(server.url)) as refused:
            embedded(TEXTS, by, kept_at)
        failed = len(server.calls)
        healed.append(True)
        assert embedded(TEXTS, by, kept_at).shape == (150, 8)
        again = server.calls[failed:]
    gc.collect()
    assert refused.value.why == "what it embedded before is kept"
    assert failed <= 1 + 9
    assert [len(call.body["input"]) for call in again] == [64, 22]


def test_a_server_that_is_slow_to_come_again_is_waited_for(kept_at):
    with loopback(behaviour=lambda number, _: Trouble("rate_limit") if number < 4 else None) as server:
        assert embedded(["one"], embedder("openai:m", server.url), kept_at).shape == (1, 8)
    gc.collect()
    assert [call.status for call in server.calls] == [429] * 4 + [200]


@pytest.mark.parametrize(
    ("asked", "error", "said", "hint"),
    [
        ("openai", UsageError, "openai needs a key", "OPENAI_API_KEY"),
        ("word", UsageError, "no way to embed `word`", "did you mean `words`"),
        ("sentence_transformers:x", UsageError, "no way to embed", "did you mean `sentence-transformers`"),
        ("sentence-transformers", UsageError, "needs a model", "sentence-transformers:all-MiniLM-L6-v2"),
        ("", UsageError, "no way to embed ``", ""),
    ],
)
def test_ways_to_embed_that_cannot_be_are_refused(asked, error, said, hint):
    with pytest.raises(error, match=said) as refused:
        embedder(asked)
    assert hint in refused.value.hint


@pytest.mark.skipif(find_spec("sentence_transformers") is not None, reason="sentence-transformers is installed")
def test_a_library_that_is_not_there_is_named():
    with pytest.raises(MissingExtra, match="needs sentence_transformers") as refused:
        embedder("sentence-transformers:all-MiniLM-L6-v2")
    assert refused.value.hint == "pip install sentence-transformers"


# ---------------------------------------------------------------------------------------------- hotmess embed


def tells(prompt, draw, body):
    """A text between tags, now and then a long one, after reasoning of a random length; sometimes without the tags."""
    length = int(draw.choice([1, 8, 400]))
    text = " ".join(draw.choice(THOUGHTS, length))
    said = f"Well: <answer>{text}</answer>" if draw.random() < 0.8 else text
    return Reply(said, chooses(prompt, draw, body).reasoning)


@pytest.fixture(scope="module")
def opened(folder):
    """The log of open questions, and the table that is made of it."""
    data = written(folder / "open.jsonl", [{"id": row["id"], "question": row["question"]} for row in QUESTIONS])
    logs, path = folder / "open", folder / "vectors.parquet"
    with loopback(tells, entropy=0) as server:
        ran = command(
            *asking(server, data, logs, "-y", "--format", "open", "--samples", 8, contexts=1, examples=0), server=server
        )
    embed = command("embed", logs, "-o", path, "--cache", folder / "vectors.sqlite")
    said = [re.findall("<answer>(.*)</answer>", text) for log in logs.glob("*.eval") for text in completions(log)]
    return SimpleNamespace(ran=ran, logs=logs, embed=embed, path=path, said=[text for (text,) in filter(None, said)])


def completions(log):
    return [sample.output.completion for sample in read_eval_log(str(log)).samples]


def test_answers_are_embedded_whole(opened):
    assert (opened.ran.code, len(opened.ran.calls)) == (0, 48), opened.ran.err
    assert opened.embed.code == 0, opened.embed.err
    rows = pl.read_parquet(opened.path)
    assert Counter(rows["text"]) == Counter(opened.said)
    assert 12 < len(rows) < 48
    assert rows["text"].str.len_chars().max() > 1200
    assert lengths(np.array(rows["vector"].to_list())) == pytest.approx(np.ones(len(rows)))
    assert rows["embedded_by"].unique().to_list() == ["words-1024"]
    assert rows["reasoning_tokens"].null_count() == 0
    same = rows.group_by("text").agg(pl.col("vector").n_unique())
    assert same["vector"].to_list() == [1] * len(same)


def test_what_embed_did_is_said(opened):
    many, different = len(opened.said), len(set(opened.said))
    left, note, hint, wrote, after = opened.embed.err.splitlines()[-5:]
    assert left == f"note[not-embedded]: {48 - many} of 48 samples have no answer and are not in the table"
    assert note == "note[words-only]: vectors of words: whether the same was said, not whether the same was meant"
    assert hint == "  hint: --by openai, or --by sentence-transformers:MODEL"
    assert wrote == f"wrote {many} samples to {opened.path}, of {different} different answers, by words-1024"
    assert after == f"next: hotmess figure answer-spread {opened.path}"


def test_the_spread_of_vectors_is_measured(opened):
    measured = command("measure", opened.path, "--json")
    assert measured.code == 0, measured.err
    found = json.loads(measured.out)
    assert found["loss"] == "spread"
    (row,) = found["rows"]
    assert (row["questions"], row["samples"]) == (6, len(opened.said))
    vectors = pl.read_parquet(opened.path).group_by("question_id").agg("vector")["vector"].to_list()
    cosines = [np.array(some) @ np.array(some).T for some in vectors]
    terms = [1 - (cosine.sum() - np.trace(cosine)) / (len(cosine) * (len(cosine) - 1)) for cosine in cosines]
    assert row["variance"] == pytest.approx(np.mean(terms), rel=1e-6)  # one minus the mean cosine of pairs


@pytest.mark.parametrize("suffix", ["svg", "csv"])
def test_the_spread_is_drawn_against_length(suffix, opened, tmp_path):
    drawn = command("figure", "answer-spread", opened.path, "-o", tmp_path / f"spread.{suffix}")
    assert drawn.code == 0, drawn.err
    assert (tmp_path / f"spread.{suffix}").stat().st_size > 100


def test_what_was_embedded_is_never_sent_again(opened, tmp_path):
    with loopback() as server:
        words = ["embed", opened.logs, "--by", "openai:m", "--base-url", server.url, "--cache", tmp_path / "cache"]
        ran, again = (command(*words, "-o", tmp_path / f"{n}.jsonl", server=server) for n in range(2))
    assert (ran.code, again.code, again.calls) == (0, 0, []), ran.err + again.err
    assert sorted(text for call in ran.calls for text in call.body["input"]) == sorted(set(opened.said))
    assert (tmp_path / "0.jsonl").read_bytes() == (tmp_path / "1.jsonl").read_bytes()
    assert "words-only" not in ran.err


def test_a_server_that_is_down_is_said(opened, tmp_path):
    with loopback(behaviour=lambda *_: Trouble("server_error")) as server:
        by = ["--by", "openai:m", "--base-url", server.url, "--cache", tmp_path / "cache"]
        ran = command("embed", opened.logs, "-o", tmp_path / "x.jsonl", *by)
    refusal(ran, "unreachable", "/embeddings", "the same command goes on")
    assert not (tmp_path / "x.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "code", "said", "hint"),
    [
        (["right.csv", "-o", "x.parquet"], "no-prediction", "there are no answers to embed", "--pattern"),
        (["nowhere", "-o", "x.parquet"], "no-such-path", "nowhere", ""),
        (["right.csv", "-o", "x.csv"], "cannot-write", "ends in `.csv`", ".parquet"),
        (["right.csv", "-o", "right.csv"], "cannot-write", "one of the files that are read", ""),
        (["answers.csv", "-o", "x.parquet", "--by", "word"], "usage", "no way to embed `word`", "did you mean `words`"),
        (["answers.csv", "-o", "x.parquet", "--by", "openai"], "usage", "openai needs a key", "OPENAI_API_KEY"),
        (["answers.csv", "-o", "x.parquet", "--cache", "right.csv"], "unreadable-file|cannot-write|usage", "right.csv", ""),
        (["answers.csv", "-o", "x.parquet", "--cache", "."], "unreadable-file|cannot-write|usage", "", ""),
        (["answers.csv", "-o", "x.parquet", "--model", "nobody"], "nothing-selected", "nobody", ""),
    ],
)
def test_what_cannot_be_embedded_is_said(words, code, said, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOTMESS_CACHE", str(tmp_path / "cache"))
    rows = [("a", "yes", 1.0), ("a", "no", 0.0), ("b", "yes", 1.0), ("b", "yes", 1.0)]
    answers = pl.DataFrame(rows, schema=["question_id", "answer", "score"], orient="row").with_columns(model=pl.lit("m"))
    answers.write_csv("answers.csv")
    answers.drop("answer").write_csv("right.csv")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    refusal(command("embed", *words), code, said, hint)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_answers_of_any_table_are_embedded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOTMESS_CACHE", str(tmp_path / "cache"))
    rows = [("a", "green apples"), ("a", "red apples"), ("a", None), ("b", "old pears"), ("b", "old pears")]
    pl.DataFrame(rows, schema=["question_id", "answer"], orient="row").write_csv(tmp_path / "answers.csv")
    ran = command("embed", tmp_path / "answers.csv", "-o", tmp_path / "vectors.parquet")
    assert ran.code == 0, ran.err
    found = pl.read_parquet(tmp_path / "vectors.parquet")
    assert found["text"].to_list() == [text for _, text in rows if text]
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["embeddings.sqlite"]
    assert isinstance(hotmess.measure(found).rows[0].variance.value, float)
    with pytest.raises(HotmessError):
        hotmess.measure(found, loss="brier")
