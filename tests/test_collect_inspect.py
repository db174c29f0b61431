"""Collecting through Inspect: the scorers, the solver and the tasks, asked of a server on this machine.

The name stands before that of the tests of the page: those open a browser whose loop runs on, and Inspect cannot start another.
"""
# ruff: noqa: E402 - what needs Inspect stands after the line that asks whether it is there

import gc
import json
import re
from collections import Counter
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest
from loopback import Reply, loopback

import hotmess

inspect = pytest.importorskip("inspect_ai")
pytest.importorskip("openai")
pytest.importorskip("json_repair")

from inspect_ai import Epochs, Task, task
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import CORRECT, INCORRECT, Score, mean, scorer
from inspect_ai.solver import generate
from inspect_ai.util import ExecResult, SandboxEnvironment, sandbox, sandboxenv

from hotmess.collect import banks, tasks
from hotmess.collect.own import own
from hotmess.collect.prompts import FORMATS, prompt
from hotmess.collect.scorers import tests_vector as vector
from hotmess.collect.solvers import bank_of, fewshot_grid
from hotmess.errors import NoTarget

pytestmark = [  # both are of Inspect, which also leaves connections open from one eval to the next
    pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]
MODEL = "openai-api/local/tiny"

# ---------------------------------------------------------------------------------------------- the tasks of questions

QUESTIONS = [
    {
        "id": f"q{n}",
        "question": f"What of {n}?",
        "choices": [f"{word} {n}" for word in ("one", "two", "three", "four")],
        "answer": "ABCD"[n % 4],
        "subject": "odd" if n % 2 else "even",
        "difficulty": n,
    }
    for n in range(8)
]
OPEN = [{"id": f"o{n}", "question": f"How many of {n}?", "answer": f"Some {n % 3}"} for n in range(6)]
GARBAGE = {"": "no_response", "I cannot say": "invalid_response_format", "Let me think about": "max_tokens"}


def says(told, draw, _body):
    """An answer in the form that was asked for, most of the time."""
    if draw.random() < 0.15:
        text = draw.choice(list(GARBAGE))
        return Reply(str(text), finish_reason="length" if text.startswith("Let") else "stop")
    if "JSON object" in told:
        return Reply("So:\n" + json.dumps(dict(zip("ABCD", draw.dirichlet([1] * 4).tolist(), strict=True))))
    if "<answer>" in told:
        return Reply(f"Well, <answer> some  {draw.integers(3)}</answer>.")
    return Reply(f"Hm.\nANSWER: {draw.choice(list('ABCD'))}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("collected")


def written(path, rows):
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def server():
    with loopback(says) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCAL_BASE_URL", running.url)
        patch.setenv("LOCAL_API_KEY", "none")
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield running


@pytest.fixture(scope="module")
def run(server, folder):
    """Inspect without a display; its one log, and the requests that it sent."""

    def call(asked, model=MODEL, status="success", **options):
        before = len(server.calls)
        (log,) = inspect.eval(asked, model=model, log_dir=str(folder / "logs"), display="none", **options)
        gc.collect()  # streams that it left open are found here, where that is no error
        assert log.status == status, log.error
        return log, server.calls[before:]

    yield call
    gc.collect()


@pytest.fixture(scope="module")
def data(folder):
    return written(folder / "questions.jsonl", QUESTIONS)


@pytest.fixture(scope="module")
def collected(run, data):
    """A log and its requests for each format, made when first asked for: 2 contexts of 2 examples, 2 samples in each."""
    made = {}

    def of(form):
        if form not in made:
            arguments = {"data": data, "format": form, "contexts": 2, "examples": 2, "samples": 2}
            made[form] = run("hotmess/mcq", task_args=arguments)
        return made[form]

    return of


def rows_of(log):
    """The sample table of a log by the id that Inspect gave to each sample."""
    table = hotmess.read(log.location).frame.collect().to_native()
    return {row["sample_id"]: row for row in table.to_dicts()}


def scored(log):
    (score,) = log.results.scores
    return {name: found.value for name, found in score.metrics.items()}


def measured(log):
    """What hotmess finds in a log, as the metric names it."""
    row = hotmess.measure(hotmess.read(log.location)).rows[0]
    found = {name: getattr(row, name).value for name in ("incoherence", "error", "bias2", "variance")}
    return found | {"incoherence_low": row.incoherence.low, "incoherence_high": row.incoherence.high, "unread": row.invalid_rate}


def reply_of(sample):
    return sample.output.completion


@pytest.mark.parametrize("form", FORMATS)
def test_every_sample_has_a_seed_of_its_own(form, collected):
    log, calls = collected(form)
    noted = {(sample.id, sample.epoch): sample.metadata["hotmess"]["seed"] for sample in log.samples}
    assert len(noted) == len(calls) == 8 * 2 * 2
    assert len(set(noted.values())) == len(noted)
    assert Counter(call.body["seed"] for call in calls) == Counter(noted.values())
    for sample in log.samples:
        (event,) = [event for event in sample.events if event.event == "model"]
        assert event.config.seed == noted[sample.id, sample.epoch]


@pytest.mark.parametrize("form", FORMATS)
def test_the_examples_that_are_noted_stand_in_the_prompt(form, collected, data):
    log, calls = collected(form)
    by_ident = {one.ident: one for one in own(data).questions}
    sent = {call.body["seed"]: call.body["messages"] for call in calls}
    for sample in log.samples:
        noted = sample.metadata["hotmess"]
        shown = tuple(by_ident[ident] for ident in noted["fewshot_ids"])
        assert len(shown) == 2
        assert {one.kind for one in shown} == {by_ident[sample.id].kind}
        assert sample.id not in noted["fewshot_ids"]
        assert (noted["context"], noted["draw"]) == (f"{sample.id}.c{(sample.epoch - 1) % 2}", (sample.epoch - 1) // 2)
        (asked,) = sent[noted["seed"]]
        assert asked["content"] == sample.messages[0].text == prompt(by_ident[sample.id], form, shown)
    contexts = {(one.metadata["hotmess"]["context"], *one.metadata["hotmess"]["fewshot_ids"]) for one in log.samples}
    assert len(contexts) == 16
    assert len({shown[1:] for shown in contexts}) > 8


@pytest.mark.parametrize("form", FORMATS)
def test_a_log_is_read_with_its_contexts_and_its_answers(form, collected, data):
    log, _ = collected(form)
    rows, questions = rows_of(log), {row["id"]: row for row in QUESTIONS}
    assert set(rows) == {sample.uuid for sample in log.samples}
    unread = 0
    for sample in log.samples:
        row, reply = rows[sample.uuid], reply_of(sample)
        options = questions[sample.id]["choices"]
        assert (row["question_id"], row["context_id"]) == (sample.id, sample.metadata["hotmess"]["context"])
        if reply in GARBAGE:
            unread += 1
            assert (row["answer"], row["status"], row["reason"]) == (None, "invalid", GARBAGE[reply])
            continue
        assert row["status"] == "ok"
        if form == "open":
            assert row["answer"] == re.search(r"some +\d", reply)[0].replace("  ", " ")
        elif form == "probabilities":
            stated = json.loads(reply.split("\n")[1])
            assert row["answer"] == options["ABCD".index(max(stated, key=stated.get))]
            order = sorted(range(4), key=options.__getitem__)
            assert [row[f"prob_{n}"] for n in range(4)] == pytest.approx([stated["ABCD"[place]] for place in order])
        else:
            assert row["answer"] == options["ABCD".index(reply[-1])]
            right = options["ABCD".index(questions[sample.id]["answer"])]
            assert row["target"] == right
            assert row["score"] == (row["answer"] == right)
    assert scored(log)["unread"] == unread / len(log.samples) > 0
    assert log.eval.metadata["sha256"] == own(data).origin["sha256"]


@pytest.mark.parametrize(("form", "kind"), [("letter", "answers"), ("cot", "answers"), ("probabilities", "probabilities")])
def test_figures_in_a_log_are_those_that_are_measured(form, kind, collected):
    log, _ = collected(form)
    shown = scored(log)
    assert hotmess.measure(hotmess.read(log.location)).method.label == kind
    assert {name: shown[name] for name in measured(log)} == pytest.approx(measured(log))
    assert len(shown) == 8  # these and the accuracy
    assert shown["variance"] > 0.05


def test_more_samples_never_change_earlier_ones(run, collected, data):
    def facts(log):
        return {(one.id, one.epoch): (one.metadata["hotmess"], one.messages[0].text, reply_of(one)) for one in log.samples}

    more = facts(collected("letter")[0])
    log, _ = run("hotmess/mcq", task_args={"data": data, "contexts": 2, "examples": 2, "samples": 1})
    assert facts(log) == {key: found for key, found in more.items() if key[1] <= 2}


def test_without_a_right_answer_only_the_spread_is_measured(collected):
    """Questions whose options were left out are asked for an opinion: none is right, and none is wrong."""
    log, _ = collected("open")
    assert {sample.scores["open_answer"].value for sample in log.samples} >= {"some  0", "some  1", "some  2"}
    assert hotmess.measure(hotmess.read(log.location), loss="spread").rows[0].variance.value > 0
    with pytest.raises(NoTarget):
        hotmess.measure(hotmess.read(log.location))


def test_open_answers_are_right_whatever_their_case_and_blanks(run, folder):
    arguments = {"data": written(folder / "open.jsonl", OPEN), "format": "open", "contexts": 1, "examples": 1, "samples": 4}
    log, _ = run("hotmess/mcq", task_args=arguments)
    rows = rows_of(log)
    for sample in log.samples:
        row, right = rows[sample.uuid], f"Some {int(sample.id[1]) % 3}"
        if reply_of(sample) in GARBAGE:
            assert (row["status"], row["answer"]) == ("invalid", None)
        else:
            hit = " ".join(reply_of(sample).split())[: -len("</answer>.")].endswith(right.lower())
            assert (sample.scores["open_answer"].value, row["answer"] == right) == ("C" if hit else "I", hit)
    assert hotmess.measure(hotmess.read(log.location)).rows[0].error.value > 0


def test_options_with_blanks_and_lines_are_still_options(run, folder):
    odd = [row | {"choices": [f"a  {row['id']}", f"b\n{row['id']}", "c", "d"]} for row in QUESTIONS[:4]]
    arguments = {"data": written(folder / "odd.jsonl", odd), "contexts": 1, "examples": 0, "samples": 4}
    log, _ = run("hotmess/mcq", task_args=arguments)
    assert hotmess.measure(hotmess.read(log.location)).rows[0].questions == 4
    assert {name: scored(log)[name] for name in measured(log)} == pytest.approx(measured(log))


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"temperature": 0}, "temperature 0 was asked for"),
        ({"seed": 5}, "seed 5 for every sample was asked for"),
        ({"model": {"temperature": 0}}, "temperature 0 was asked for"),
        ({"model": {"seed": 5}}, "seed 5 for every sample was asked for"),
    ],
    ids=["temperature", "seed", "temperature of the model", "seed of the model"],
)
def test_what_makes_copies_is_refused_before_anything_is_sent(options, found, run, data):
    if "model" in options:
        options = {"model": get_model(MODEL, config=GenerateConfig(**options["model"]), memoize=False)}
    asked = {"data": data, "contexts": 1, "examples": 0, "samples": 2}
    log, calls = run("hotmess/mcq", task_args=asked, limit=1, status="error", **options)
    assert f"error[no-randomness]: {found}" in log.error.message
    assert calls == []


def test_the_solver_asks_questions_of_others(run, data):
    """The solver and a scorer work in a task of others, whose target is a letter."""
    samples = [
        Sample(row["question"], choices=row["choices"], target=row["answer"], id=row["id"], metadata={"subject": row["subject"]})
        for row in QUESTIONS[:3]
    ]
    solver = fewshot_grid(contexts=2, examples=1, pool=data)
    log, _ = run(Task(samples, solver=solver, scorer=tasks.mcq_scorer(), epochs=Epochs(4, [])))
    for sample in log.samples:
        (score,) = sample.scores.values()
        right = sample.choices["ABCD".index(sample.target)]
        assert score.metadata["hotmess"]["target"] == right
        assert (score.value == "C") == (score.answer == right) or reply_of(sample) in GARBAGE
        assert sample.id not in sample.metadata["hotmess"]["fewshot_ids"]


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda _: fewshot_grid(contexts=2, examples=1), "1 examples, and no pool to draw them from"),
        (lambda _: fewshot_grid(contexts=2, examples=0), "2 contexts without examples"),
        (lambda data: tasks.mcq(data, contexts=0), "contexts=0, examples=5, seed=0"),
        (lambda data: tasks.mcq(data, samples=0), "samples=0"),
        (lambda data: tasks.mcq(data, format="leter"), "there is no format `leter`"),
        (lambda data: tasks.mcq(data, crossed=True), "8 questions are too few to set 20 aside"),
        (lambda data: tasks.mcq(f"{data}.gone"), "there is no `"),
        (lambda _: tasks.gpqa(subset="dimond"), "there is no subset `dimond`"),
        (lambda _: tasks.mwe(target="alined"), "there is no target `alined`"),
    ],
)
def test_calls_that_cannot_be_meant_are_refused_before_anything_runs(make, found, data):
    with pytest.raises(PrerequisiteError) as refused:
        make(data)
    assert found in refused.value.message


def test_open_questions_are_asked_in_the_open_format_only(folder):
    path = written(folder / "open_only.jsonl", OPEN)
    with pytest.raises(PrerequisiteError, match="needs options"):
        tasks.mcq(path)
    assert [sample.target for sample in tasks.mcq(path, format="open").dataset] == [row["answer"] for row in OPEN]


@pytest.mark.parametrize("first", [QUESTIONS[0], OPEN[0]], ids=["options first", "no options first"])
def test_questions_with_and_without_options_do_not_mix(first, folder):
    """Or it would be found out when the others were asked and paid for."""
    path = written(folder / f"mixed_{first['id']}.jsonl", [first, QUESTIONS[1], OPEN[1]])
    with pytest.raises(PrerequisiteError, match="options"):
        tasks.mcq(path, contexts=1, examples=1)


def test_crossed_contexts_are_set_aside_by_the_task(folder):
    rows = [{"id": str(n), "question": f"{n}?", "choices": ["a", "b"], "answer": "a"} for n in range(45)]
    made = tasks.mcq(written(folder / "crossed.jsonl", rows), crossed=True, contexts=3, samples=2)
    assert len(made.dataset) == 25
    assert made.epochs == 6
    assert made.epochs_reducer == []


@pytest.mark.parametrize(("form", "contexts"), [("letter", 10), ("probabilities", 10), ("open", 10), ("cot", 1)])
def test_without_being_told_a_task_asks_in_ten_contexts_or_step_by_step_in_one(form, contexts, data):
    made = tasks.mcq(data, format=form)
    assert (made.epochs, made.metadata["contexts"]) == (3 * contexts, contexts)
    assert tasks.mcq(data, format=form, examples=3).epochs == 30


def test_banks_have_short_names(folder):
    here = folder / "mmlu"
    here.mkdir()
    for part in ("test", "validation"):
        rows = [{"question": f"{part} {n}", "subject": "ab"[n % 2], "choices": ["x", "y"], "answer": 0} for n in range(20)]
        pl.DataFrame(rows).write_parquet(here / f"{part}-00000-of-00001.parquet")
    assert bank_of("mmlu:3", str(here)) == banks.mmlu(3, [], str(here))
    assert bank_of("mmlu:all:b", str(here)) == banks.mmlu(None, ["b"], str(here))
    assert len(tasks.mmlu(per_subject=3, subjects=["a", "b"], data=str(here)).dataset) == 6
    assert len(tasks.mmlu(per_subject=None, subjects="b", data=str(here)).dataset) == 10
    for few in (0, -1):
        with pytest.raises(PrerequisiteError):
            tasks.mmlu(per_subject=few, data=str(here))


def test_a_bank_without_questions_is_refused(folder):
    (folder / "survival-instinct.jsonl").write_text("")
    with pytest.raises(PrerequisiteError):
        tasks.mwe(behaviours="survival-instinct", data=str(folder))


def test_a_file_that_was_edited_is_read_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for rows in (QUESTIONS[:3], QUESTIONS[:5]):
        written(tmp_path / "mine.jsonl", rows)
        assert len(tasks.mcq("mine.jsonl").dataset) == len(rows)


# ---------------------------------------------------------------------------------------------- agents and unit tests


@scorer(metrics=[mean()])
def _chose_a():
    async def score(state, _target):
        said = state.output.completion
        return Score(value=CORRECT if said.endswith("A") else INCORRECT, answer=said[-1:])

    return score


@task
def wrapped_by_an_agent(questions: int = 2, name: str = "thing") -> Task:
    return Task([Sample(f"{name} {n}?", target="A") for n in range(questions)], solver=generate(), scorer=_chose_a(), epochs=2)


def test_an_agent_is_any_task_run_several_times(run):
    log, calls = run(tasks.agent("wrapped_by_an_agent", samples=4, arguments={"questions": 3}))
    assert (log.eval.task, log.eval.config.epochs, log.eval.config.epochs_reducer) == ("wrapped_by_an_agent", 4, [])
    assert sorted((sample.id, sample.epoch) for sample in log.samples) == [(n, epoch) for n in (1, 2, 3) for epoch in range(1, 5)]
    assert len(calls) == 12
    assert len({row["question_id"] for row in rows_of(log).values()}) == 3
    kept_apart = {sample.uuid: sample.scores["_chose_a"].value == "C" for sample in log.samples}
    assert {ident: bool(row["score"]) for ident, row in rows_of(log).items()} == kept_apart


@pytest.mark.parametrize(("name", "arguments"), [("wrapped_by_an_agent", {"name": "other"}), ("no_such_task", {})])
def test_an_agent_that_cannot_be_made_says_so(name, arguments):
    with pytest.raises(PrerequisiteError, match=f"the task `{name}` cannot be made: "):
        tasks.agent(name, arguments=arguments)


def test_a_task_of_others_that_is_not_installed_says_so():
    try:
        import inspect_evals  # noqa: F401
    except ImportError:
        with pytest.raises(PrerequisiteError, match=r"pip install 'inspect_evals\[swe_bench\]'"):
            tasks.swe_bench()
    else:
        pytest.skip("it is installed")


OUTCOMES = {"old": True, "new [a.b]": False, "new": True}
LISTED = "PASS_TO_PASS:\n\n{}\n\nFAIL_TO_PASS:\n\n{}\n\n"
EXPLAINED = {
    "each": LISTED.format('{"old": "PASSED"}', '{"new [a.b]": "FAILED", "new": "PASSED"}'),
    "lists": LISTED.format('{"success": ["old"], "failure": []}', '{"success": ["new"], "failure": ["new [a.b]"]}'),
    "did not run": "The patch could not be applied: {error}",
    "nothing": None,
}


@sandboxenv(name="fake")
class Fake(SandboxEnvironment):
    """A sandbox in which a command says what the tests of its question did."""

    asked: ClassVar = Counter()

    @classmethod
    async def sample_init(cls, task_name, config, metadata):  # noqa: ARG003 - so it is called
        return {"default": cls()}

    @classmethod
    async def sample_cleanup(cls, task_name, config, environments, interrupted):
        """Nothing was made."""

    async def exec(self, cmd, **_):
        self.asked[cmd[-1]] += 1
        return ExecResult(cmd[-1] != "raises", 0, EXPLAINED.get(cmd[-1]) or "", "no space left on device")

    async def write_file(self, file, contents):
        """Nothing reads it."""

    async def read_file(self, file, text=True):  # noqa: ARG002
        return ""


@scorer(metrics=[mean()])
def _graded():
    async def score(state, _target):
        ran = await sandbox().exec(["run-tests", str(state.sample_id)])
        if not ran.success:
            raise RuntimeError(ran.stderr)
        if state.sample_id == "declines":
            return None
        said = EXPLAINED[state.sample_id]
        return Score(value=0.0, explanation=said and ran.stdout, metadata={"patch": "diff"})

    return score


@pytest.fixture(scope="module")
def tested(run):
    listed = {"PASS_TO_PASS": json.dumps(["old"]), "FAIL_TO_PASS": ["new [a.b]", "new"], "image_name": "image"}
    samples = [Sample("fix it", id=ident, target="", metadata=listed) for ident in (*EXPLAINED, "raises", "declines")]
    made = Task(samples, solver=generate(), scorer=vector(_graded()), sandbox="fake", epochs=Epochs(3, []))
    return run(made, fail_on_error=False)[0]


def test_every_unit_test_has_its_outcome(tested):
    for sample in tested.samples:
        if sample.id in EXPLAINED:
            (score,) = sample.scores.values()
            ran = sample.id in ("each", "lists")
            outcomes = OUTCOMES if ran else dict.fromkeys(OUTCOMES, False)
            assert score.metadata == {"patch": "diff", "tests": outcomes, "hotmess": {"ran": ran}, "image_name": "image"}
            assert score.value == 0.0
            assert score.explanation == EXPLAINED[sample.id]
    assert {Fake.asked[sample.id] for sample in tested.samples} == {3}


def test_outcomes_are_read_from_the_log(tested):
    table = hotmess.read(tested.location).frame.collect().to_native().filter(pl.col("status") == "ok")
    found = {}
    for row in table.to_dicts():
        found.setdefault((row["question_id"], row["test_id"]), set()).add(bool(row["score"]))
    ran = {("each", test): {outcome} for test, outcome in OUTCOMES.items()}
    ran |= {("lists", test): {outcome} for test, outcome in OUTCOMES.items()}
    assert found == ran | {(ident, test): {False} for ident in ("did not run", "nothing") for test in OUTCOMES}
    assert scored(tested)["error"] == pytest.approx((1 / 3 + 1 / 3 + 1 + 1) / 4)


@pytest.mark.parametrize("ident", ["raises", "declines"])
def test_a_grader_that_fails_is_no_wrong_answer(ident, tested):
    rows = rows_of(tested)
    for sample in tested.samples:
        if sample.id == ident:
            assert rows[sample.uuid]["status"] in ("error", "missing")
            assert (ident == "declines") or "no space left on device" in sample.error.message


def test_the_example_of_the_documentation_shows_incoherence(run):
    text = (Path(__file__).parent.parent / "docs" / "extension.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    made = {"__name__": "example"}
    exec(compile(example, "docs/extension.md", "exec"), made)  # noqa: S102 - our own document
    log, _ = run(made["capitals"]())
    assert (log.status, log.eval.config.epochs, log.eval.config.epochs_reducer) == ("success", 10, [])
    assert {"accuracy", "incoherence", "incoherence_low"} <= set(log.results.scores[0].metrics)
