"""Write the small golden Inspect logs, with the real inspect_ai and no network.

    python3 -m venv venv && venv/bin/pip install inspect_ai     # 0.3.285 was used
    venv/bin/python make.py OUT            # all logs and OUT/expected.json
    venv/bin/python make.py OUT nan seeds  # only some of them

The questions are invented.  The "model" is the class Golden below: seeded by
the prompt and by the number of times it has been asked (or by config.seed), so
answers repeat from run to run; uuids, times and hashes of course do not.
OUT/expected.json holds what INSPECT'S OWN reader sees in each log.
"""

import asyncio
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

TMP = Path(os.environ.get("GOLDEN_TMP") or tempfile.mkdtemp(prefix="golden"))
os.environ.update(GOLDEN_TMP=str(TMP), XDG_DATA_HOME=str(TMP / "data"), XDG_CACHE_HOME=str(TMP / "cache"), INSPECT_DISPLAY="none")

from inspect_ai import Task, task  # noqa: E402
from inspect_ai import eval as inspect_eval
from inspect_ai.agent import react  # noqa: E402
from inspect_ai.dataset import MemoryDataset, Sample  # noqa: E402
from inspect_ai.log import (  # noqa: E402
    EvalShardEntry,
    EvalShards,
    ProvenanceData,
    TagsEdit,
    edit_eval_log,
    edit_score,
    invalidate_samples,
    read_eval_log,
    read_eval_log_sample_summaries,
    write_eval_log,
)
from inspect_ai.model import (  # noqa: E402
    ChatCompletionChoice,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    get_model,
    modelapi,
)
from inspect_ai.scorer import Score, ScoreEdit, choice, match, mean, model_graded_qa, scorer, stderr  # noqa: E402
from inspect_ai.solver import generate, multiple_choice, solver  # noqa: E402
from inspect_ai.tool import ToolCall, ToolError, tool  # noqa: E402

# --------------------------------------------------------------------------- questions

MCQ = [  # id, question, choices (the first is right), metadata
    (
        "owl",
        "Which bird of Quell hunts by night?",
        ["The sand owl", "The reed finch", "The salt gull", "The day lark"],
        {"domain": "birds"},
    ),
    ("tide", "How many tides has a day on the moon Vesk?", ["Three", "Two", "Four", "None"], {"domain": "tides"}),
    ("glass", "What colour is hot Orrin glass?", ["Green", "Red", "Blue", "Clear"], {"domain": "glass"}),
    ("bell", "Who rings the bell of Tam at dawn?", ["The baker", "The smith", "The miller", "The mayor"], {"domain": "people"}),
]
SHORT = "{question}\n{choices}\nEnd with ANSWER: one of {letters}"
RIGHT = {c[0] for _, _, c, _ in MCQ}
OPEN = [  # integer ids, one or many accepted targets
    (1, "How many legs has a brask? Answer with a number.", ["6", "six"]),
    (2, "What is the capital of Lorn?", "Tessel"),
    (3, "Name one metal of the Ember range.", ["pale iron", "dusk copper"]),
]
WAITS = [
    "Wait, that is not how it goes.",
    "Wait. Let me look again.",
    "Hmm, wait a moment.",
    "Waiting would not help.",
    "So it must be the other one.",
    "Wait, wait: I know this.",
]

# --------------------------------------------------------------------------- the model


@modelapi("golden")
class Golden(ModelAPI):
    """golden/mcq, /open, /judge, /tools, /probs, /loop: one tiny behaviour each."""

    def __init__(self, model_name, base_url=None, api_key=None, config=GenerateConfig(), **args):
        super().__init__(model_name, base_url, api_key, [], config)
        self.asked, self.args = {}, args
        self.calls = 0

    async def generate(self, input, tools, tool_choice, config):
        self.calls += 1
        if self.calls == self.args.get("kill_at"):
            os.kill(os.getpid(), 9)
        first = next((m.text for m in input if m.role == "user"), "")
        step = sum(m.role == "assistant" for m in input)
        if step == 0:
            self.asked[first] = self.asked.get(first, -1) + 1
        draw = 0 if config.temperature == 0 else config.seed
        draw = self.asked[first] if draw is None else draw
        rng = random.Random(f"{self.model_name}|{first}|{step}|{draw}")
        text, calls, stop = getattr(self, self.model_name)(first, step, rng)
        thought = " ".join(rng.choice(WAITS) for _ in range(rng.randint(1, 5 if self.model_name == "loop" else 3)))
        if self.model_name == "judge":
            thought = ""
        content = [ContentText(text=text)] if text else []
        if thought and rng.random() < 0.15:  # as some providers: opaque text, readable summary
            content.insert(0, ContentReasoning(reasoning="b3BhcXVl" * 4, summary=thought, redacted=True))
        elif thought:
            content.insert(0, ContentReasoning(reasoning=thought))
        message = ChatMessageAssistant(content=content or "", tool_calls=calls or None, model=self.model_name, source="generate")
        said, thinking = len(text.split()) + 3 * len(calls), 2 * len(thought.split())
        read = sum(len(m.text.split()) for m in input)
        return ModelOutput(
            model=self.model_name,
            choices=[ChatCompletionChoice(message=message, stop_reason=stop)],
            usage=ModelUsage(
                input_tokens=read,
                output_tokens=said + thinking,
                total_tokens=read + said + thinking,
                reasoning_tokens=None if self.model_name == "judge" else thinking,
            ),
        )

    def mcq(self, prompt, step, rng):
        letters = dict((t.strip(), l) for l, t in re.findall(r"^([A-Z])\) (.+)$", prompt, re.M))
        u = rng.random()
        if u < 0.12:
            return "I am not sure about this one.", [], "stop"
        if u < 0.2:
            return "", [], "max_tokens"
        right = [l for t, l in letters.items() if t in RIGHT]
        if "multiple choices" in prompt or "LETTERS" in prompt:  # more than one right answer
            some = sorted(set(right + [sorted(letters.values())[2]]))
            return f"ANSWER: {','.join(some if u < 0.6 else right)}", [], "stop"
        wrong = [l for t, l in sorted(letters.items()) if t not in RIGHT]  # by text, not letter
        pick = right[0] if u < 0.6 and right else wrong[0] if u < 0.9 else wrong[-1]
        return f"ANSWER: {pick}", [], "stop"

    def open(self, prompt, step, rng):
        return rng.choice(["It is 6", "It is\n  Tessel", "It is dusk  copper", "It is unknown"]), [], "stop"

    def judge(self, prompt, step, rng):
        return f"The answer reads well. GRADE: {rng.choice('CI')}", [], "stop"

    def probs(self, prompt, step, rng):
        w = [rng.random() for _ in "ABCD"]
        return json.dumps({l: round(x / sum(w), 3) for l, x in zip("ABCD", w)}), [], "stop"

    def loop(self, prompt, step, rng):
        stop = "content_filter" if "refuse" in prompt else "stop"
        return f"step {step} " + rng.choice(["one two three", "four five", "six"]), [], stop

    def tools(self, prompt, step, rng):
        last = random.Random(f"{prompt}|{self.asked[prompt]}").randint(1, 3)
        if step >= last:
            return (
                "",
                [ToolCall(id=f"s{step}", function="submit", arguments={"answer": rng.choice(["red", "blue"])})],
                "tool_calls",
            )
        n = 2 if rng.random() < 0.3 else 1  # sometimes two calls in one message
        return (
            "Let me look.",
            [ToolCall(id=f"c{step}.{i}", function="lookup", arguments={"key": f"k{i}"}) for i in range(n)],
            "tool_calls",
        )


# --------------------------------------------------------------------------- tasks


def mcq_samples():
    return [Sample(id=i, input=q, choices=list(c), target="A", metadata=m) for i, q, c, m in MCQ]


def open_samples():
    return [Sample(id=i, input=q, target=t) for i, q, t in OPEN]


@task
def mcq(shuffle_seed: int | None = None, cot: bool = False):
    data = MemoryDataset(mcq_samples(), name="quell")
    data.shuffle_choices(7 if shuffle_seed is None else shuffle_seed)
    return Task(dataset=data, solver=multiple_choice(cot=cot, template=None if cot else SHORT), scorer=choice())


@task
def mcq_multi():
    """Several right answers: target is a list."""
    data = [
        Sample(
            id="two",
            input="Which of these are right?",
            target=["A", "D"],
            choices=["The sand owl", "The reed finch", "The salt gull", "Three"],
        )
    ]
    return Task(dataset=data, solver=multiple_choice(multiple_correct=True), scorer=choice())


@task
def mcq_solver_shuffle():
    """The old way: the solver shuffles, the scorer un-shuffles the answer."""
    return Task(
        dataset=MemoryDataset(mcq_samples(), name="quell"), solver=multiple_choice(shuffle=random.Random(3)), scorer=choice()
    )


@solver
def seeded(base: int = 100):
    async def solve(state, generate):
        state.metadata["hotmess"] = {"draw": state.epoch, "seed": base + state.epoch}
        return await generate(state, seed=base + state.epoch)

    return solve


@task
def seeds(base: int = 100):
    return Task(dataset=open_samples(), solver=seeded(base), scorer=match(location="any"))


@scorer(metrics={"words": [mean()], "short": [mean()]})
def shape():
    async def score(state, target):
        n = len(state.output.completion.split())
        return Score(value={"words": n, "short": n < 4}, answer=state.output.completion)

    return score


@task
def open_task():
    return Task(
        dataset=open_samples(), solver=generate(), scorer=[match(location="any"), model_graded_qa(model="golden/judge"), shape()]
    )


@scorer(metrics=[mean(), stderr()])
def brier():
    async def score(state, target):
        p = json.loads(state.output.completion)
        total = sum(p.values())
        p = {k: v / total for k, v in p.items()}
        value = sum((v - (k == target.text)) ** 2 for k, v in p.items())
        return Score(value=value, answer=json.dumps(p), metadata={"probs": p})

    return score


@task
def probs():
    data = MemoryDataset(mcq_samples(), name="quell")
    data.shuffle_choices(7)
    return Task(dataset=data, solver=generate(), scorer=brier())


@scorer(metrics=[mean()])
def holes():
    """All that a Score.value may hold: NaN, infinity, list, dict, bool, string; and no score."""

    async def score(state, target):
        values = [math.nan, math.inf, [1.0, math.nan], {"a": math.nan, "b": 1.0, "c": None}, 0.5, True, "C", -2, None]
        v = values[int(state.sample_id) - 1 + 3 * (state.epoch - 1)]
        if v is None:  # no score at all
            return None
        if isinstance(v, float) and math.isnan(v):
            return Score.unscored(reason="scoring_failed", explanation="no value")
        return Score(value=v, metadata={"inf": -math.inf})

    return score


@solver
def note_nan():
    async def solve(state, generate):
        state.metadata["loss"] = math.nan
        return await generate(state)

    return solve


@task
def nan():
    return Task(dataset=open_samples(), solver=note_nan(), scorer=holes(), metrics=[])


@tool
def lookup():
    async def execute(key: str):
        """Look a key up.

        Args:
            key: the key
        """
        if key == "k1":
            raise ToolError("no such key")
        return f"{key} is red or blue"

    return execute


@task
def tools():
    data = [
        Sample(id="paint", input="What colour is the gate? Use the lookup tool.", target="red"),
        Sample(id="door/left", input="What colour is the left door?", target="blue"),  # '/' in the id
        Sample(id="dööř", input="What colour is the roof?", target=["red", "blue"]),
    ]
    return Task(
        dataset=data,
        solver=react(prompt="Look it up, then submit.", tools=[lookup()]),
        scorer=match(location="any"),
        message_limit=12,
    )


TRIES = {}


@solver
def trouble():
    """What happens is in the sample's id."""

    async def solve(state, generate):
        sid = str(state.sample_id)
        TRIES[sid, state.epoch] = TRIES.get((sid, state.epoch), 0) + 1
        if sid == "boom" and state.epoch == 2:
            await generate(state)
            raise RuntimeError("the kettle is empty")
        if sid == "flaky" and state.epoch == 1 and TRIES[sid, 1] == 1:
            raise ValueError("a passing fault")
        if sid == "messages":
            state.message_limit = 4
        if sid == "tokens":
            state.token_limit = 60
        if sid == "slow":
            from inspect_ai.util import LimitExceededError

            await generate(state)
            raise LimitExceededError("time", value=9, limit=5, message="Exceeded time limit: 5 seconds")
        for _ in range(6 if sid in ("messages", "tokens") else 1):
            state = await generate(state)
        return state

    return solve


@task
def errors():
    ids = ["ok", "boom", "flaky", "messages", "tokens", "slow", "refuse"]
    return Task(
        dataset=[Sample(id=i, input=f"{i}: go on", target="step") for i in ids], solver=trouble(), scorer=match(location="begin")
    )


@solver
def chat(turns: int = 5):
    async def solve(state, generate):
        from inspect_ai.model import ChatMessageUser

        for k in range(turns):
            state = await generate(state)
            if k < turns - 1:
                state.messages.append(ChatMessageUser(content=f"And then? (turn {k}) " + "more and more " * 12))
        state.output.metadata = {"turns": turns}
        return state

    return solve


@task
def long_chat():
    data = [Sample(id=f"tale{k}", input=f"Tell tale {k}.", target="step", metadata={"tale": k, "note": "n" * 50}) for k in (1, 2)]
    return Task(dataset=data, solver=chat(), scorer=match(location="begin"))


TESTS = [f"tests/kettle/test_boil_{k:02d}.py::TestBoil::test_reaches_the_boil_in_time[{k}]" for k in range(24)]


@scorer(metrics=[mean()])
def swe(form: str):
    """The text Inspect Evals' SWE-bench scorer writes: form "old" (test: PASSED) or "new" (success/failure)."""

    async def score(state, target):
        rng = random.Random(f"{state.sample_id}|{state.epoch}")
        as_list = lambda x: json.loads(x) if isinstance(x, str) else x  # noqa: E731
        f2p, p2p = (as_list(state.metadata[k]) for k in ("FAIL_TO_PASS", "PASS_TO_PASS"))
        patch = f"--- a/kettle.py\n+++ b/kettle.py\n@@ -1 +1 @@\n-heat = 1\n+heat = {state.epoch}\n"
        if state.sample_id == "kettle-3" and state.epoch == 2:
            text = (
                "The tests did not run correctly. Output from searching for error strings:\n\n"
                "{'>>>>> Patch Apply Failed': True}\n\nOutput from tests:\n\nfatal: no kettle"
                if form == "old"
                else "The test phase ran to completion but produced no parseable test results.\n\nfatal: no kettle"
            )
            return Score(value=0.0, explanation=text, metadata={"model_patch": patch})
        ok = {t: rng.random() < p for ts, p in ((f2p, 0.6), (p2p, 0.95)) for t in ts}
        blocks = []
        for name, ts in (("PASS_TO_PASS", p2p), ("FAIL_TO_PASS", f2p)):
            ts = sorted(ts, key=lambda t: ok[t])
            if form == "old":
                body = {t: "PASSED" if ok[t] else rng.choice(["FAILED", "FAILED", "ERROR"]) for t in ts}
            else:
                body = {"success": [t for t in ts if ok[t]], "failure": [t for t in ts if not ok[t]]}
            blocks.append(f"{name}:\n\n{json.dumps(body, indent=2)}\n\n")
        return Score(value=float(all(ok.values())), explanation="".join(blocks), metadata={"model_patch": patch})

    return score


@solver
def patcher():
    async def solve(state, generate):
        if state.sample_id == "kettle-2" and state.epoch == 1:
            state.message_limit = 4
        for _ in range(2 + state.epoch):
            state = await generate(state)
        return state

    return solve


@task
def swe_task(form: str):
    store = json.dumps if form == "old" else list  # raw dataset: JSON text; the task of Inspect Evals: lists
    data = [
        Sample(
            id=f"kettle-{k}",
            input=f"Issue {k}: the kettle is cold.",
            target="",
            metadata={
                "repo": "tea/kettle",
                "base_commit": f"{k:040d}",
                "FAIL_TO_PASS": store(TESTS[k : k + 3]),
                "PASS_TO_PASS": store(TESTS[k + 3 : k + 20]),
            },
        )
        for k in (1, 2, 3)
    ]
    return Task(dataset=data, solver=patcher(), scorer=swe(form))


# --------------------------------------------------------------------------- writing


def run(out, name, t, model, epochs, **kw):
    """One real eval; its log becomes OUT/name.eval (or .json)."""
    where = TMP / f"run-{name}"
    kw = {"max_samples": 1, "temperature": 0.6, "log_model_api": False, **kw}
    model = get_model(model, memoize=False) if isinstance(model, str) else model
    log = inspect_eval(t, model=model, epochs=epochs, log_dir=str(where), display="none", log_level="error", **kw)[0]
    src = Path(log.location)
    dst = out / f"{name}{src.suffix}"
    shutil.copy(src, dst)
    return dst


def rezip(src, dst, method, edit=None, extra=()):
    """Copy a zip entry by entry; edit(name, bytes) -> bytes or None to drop it."""
    with zipfile.ZipFile(src) as a, zipfile.ZipFile(dst, "w", method) as b:
        for name in a.namelist():
            data = a.read(name)
            data = edit(name, data) if edit else data
            if data is not None:
                b.writestr(name, data)
        for name, data in extra:
            b.writestr(name, data)
    return dst


def as_json(src, dst):
    """Convert to the .json format; without events it stays small."""
    write_eval_log(read_eval_log(str(src), exclude_fields={"events", "events_data", "attachments"}), str(dst))
    dst.write_text(json.dumps(json.loads(dst.read_text()), ensure_ascii=False))  # inspect indents by 2


ZSTD = getattr(zipfile, "ZIP_ZSTANDARD", 93)


def clean(path):
    """Take this machine's folders out of a log (they stand in tracebacks only)."""
    swaps = [
        (p.encode(), q)
        for p, q in (
            (str(Path(sys.prefix)), b"/venv"),
            (str(Path(__file__).resolve().parent), b"/golden"),
            (str(TMP), b"/golden"),
            (str(Path.cwd()), b"/golden"),
        )
    ]

    def edit(name, data):
        for p, q in swaps:
            data = data.replace(p, q)
        return data

    if path.suffix == ".json":
        path.write_bytes(edit("", path.read_bytes()))
        return
    with zipfile.ZipFile(path) as z:
        dirty = any(edit(n, z.read(n)) != z.read(n) for n in z.namelist())
        method = z.infolist()[0].compress_type
    if dirty:
        rezip(path, TMP / "clean.zip", method, edit)
        shutil.move(TMP / "clean.zip", path)


MADE = {}


def log(f):
    MADE[f.__name__] = f
    return f


@log
def mcq_zstd(out):
    zstd = run(out, "mcq_zstd", mcq(), "golden/mcq", 4)
    rezip(zstd, out / "mcq_deflate.eval", zipfile.ZIP_DEFLATED)  # as all versions before 0.3.206 wrote it
    as_json(zstd, out / "mcq.json")


@log
def mcq_live(out):
    """The .json recorder itself, events and all; and a log without samples."""
    run(out, "mcq_live", mcq(), "golden/mcq", 2, log_format="json", sample_id=["owl"])
    run(out, "no_samples", mcq(), "golden/mcq", 2, log_samples=False)


@log
def shuffled(out):
    run(out, "shuffled_1", mcq(shuffle_seed=1), "golden/mcq", 3)
    run(out, "shuffled_2", mcq(shuffle_seed=2), "golden/mcq", 3)
    run(out, "shuffled_solver", mcq_solver_shuffle(), "golden/mcq", 2)
    run(out, "mcq_multi", mcq_multi(), "golden/mcq", 4)


@log
def crashed(out):
    subprocess.run([sys.executable, __file__, str(out), "--crash"], check=False)  # kills itself
    shutil.copy(next((TMP / "run-crashed").glob("*.eval")), out / "crashed.eval")


@log
def errors_log(out):
    run(out, "errors", errors(), "golden/loop", 2, fail_on_error=False, retry_on_error=1)
    # status "error": the first error ends the eval
    TRIES.clear()
    run(out, "failed", errors(), "golden/loop", 2, retry_on_error=0)


@log
def edited(out):
    path = run(out, "edited", open_task(), "golden/open", 2)
    it = read_eval_log(str(path))
    who = ProvenanceData(author="golden", reason="second look")
    edit_score(it, 1, "match", ScoreEdit(value="C", explanation="6 is meant", provenance=who), epoch=1)
    edit_score(it, 1, "match", ScoreEdit(value="I", answer="seven", provenance=who), epoch=1)
    edit_score(it, 2, "human", ScoreEdit(value=0.5, provenance=who), epoch=1)
    it = invalidate_samples(it, [it.samples[-1].uuid], who)
    it = edit_eval_log(it, [TagsEdit(tags_add=["looked-at"])], who)
    write_eval_log(it, str(path))


@log
def duplicate(out):
    """Two records of one (id, epoch): by the real recorder, as a requeued sample writes them."""
    from inspect_ai.log._recorders.eval import EvalRecorder

    a = read_eval_log(str(run(out, "duplicate", seeds(), "golden/open", 2, seed=None)))
    path = out / "duplicate.eval"
    path.unlink()

    async def write(finish):
        rec = EvalRecorder(str(out))
        await rec.log_init(a.eval, str(path), clean=True)
        await rec.log_start(a.eval, a.plan)
        old = a.samples[0].model_copy(deep=True, update={"uuid": "superseded0000000000aa"})
        old.scores["match"].value, old.scores["match"].answer = "I", "stale"
        await rec.log_sample(a.eval, old)
        await rec.flush(a.eval)
        for s in a.samples:
            await rec.log_sample(a.eval, s)
        await rec.flush(a.eval)
        if finish:  # "cancelled": a finish with "success" may compact the dead bytes away
            await rec.log_finish(a.eval, "cancelled", a.stats, None, None)

    asyncio.run(write(True))
    # the same without an end: two summary journals hold the key
    keep, path2 = path.read_bytes(), out / "duplicate_open.eval"
    asyncio.run(write(False))
    shutil.move(path, path2)
    path.write_bytes(keep)
    # and as older writers left it: summaries.json itself lists both
    with zipfile.ZipFile(path) as z:
        both = json.loads(z.read("_journal/summaries/1.json")) + json.loads(z.read("summaries.json"))
        names, infos = [], z.infolist()
        with zipfile.ZipFile(out / "duplicate_rows.eval", "w", ZSTD) as b:
            for i in infos:
                with z.open(i) as f:
                    b.writestr(i.filename, json.dumps(both) if i.filename == "summaries.json" else f.read())


@log
def chunked(out):
    from inspect_ai.log._recorders.chunked import convert_eval_logs_to_chunked

    src = run(TMP, "chunked", long_chat(), "golden/loop", 2)
    shutil.copy(src, out / "chunked_source.eval")
    convert_eval_logs_to_chunked(str(src), str(out), overwrite=True, chunk_size=5, attachments_chunk_bytes=500)
    # one log may hold both shapes: epoch 2 whole, epoch 1 in chunks
    with zipfile.ZipFile(src) as z:
        whole = [(n, z.read(n)) for n in z.namelist() if n.endswith("_epoch_2.json")]
    rezip(out / "chunked.eval", out / "chunked_mixed.eval", ZSTD, lambda n, d: None if "_epoch_2/" in n else d, whole)


@log
def sharded(out):
    """Two workers' logs and the merged one.  0.3.285 has the types and the listing, not the merge."""
    import hashlib

    from inspect_ai._util.log_layout import eval_shards_dir

    merged = out / "sharded.eval"
    parts, ledger, samples = Path(eval_shards_dir(str(merged))), [], []
    shutil.rmtree(parts, ignore_errors=True)
    for k, ids in enumerate((["owl", "tide"], ["glass", "bell"])):
        src = run(TMP, f"shard{k}", mcq(), "golden/mcq", 2, sample_id=ids)
        here = read_eval_log(str(src))
        name = f"{here.eval.created[:19].replace(':', '-')}+00-00_mcq_{here.eval.task_id}.eval"
        (parts / str(k)).mkdir(parents=True)
        shutil.copy(src, parts / str(k) / name)
        samples += here.samples
        ledger.append(
            EvalShardEntry(
                shard=str(k),
                log=name,
                status=here.status,
                samples=len(here.samples),
                selected=len(ids),
                selection_digest=hashlib.sha256(json.dumps(ids).encode()).hexdigest(),
                started_at=here.stats.started_at,
                completed_at=here.stats.completed_at,
                model_usage=here.stats.model_usage,
                size=src.stat().st_size,
            )
        )
    here.eval.dataset.sample_ids = [i for i, *_ in MCQ]
    here.eval.shards = EvalShards(selection="ids", ledger=ledger)
    here.samples = samples
    write_eval_log(here, str(merged))


@log
def swe_old(out):
    run(out, "swe_old", swe_task("old"), "golden/loop", 3)


@log
def swe_new(out):
    run(out, "swe_new", swe_task("new"), "golden/loop", 3)


@log
def temperature0(out):
    run(out, "temperature0", mcq(cot=True), "golden/mcq", 3, temperature=0.0, seed=7)
    run(out, "one_seed", mcq(), "golden/mcq", 3, seed=7)  # temperature 0.6, but one seed for all epochs


@log
def seeds_log(out):
    # three places of a generate config: the model's own, the eval's (plan), the call's (seed)
    model = get_model("golden/open", memoize=False, config=GenerateConfig(reasoning_effort="high", top_p=0.9))
    run(out, "seeds", seeds(base=200), model, 3, max_tokens=512)


@log
def open_log(out):
    run(out, "open", open_task(), "golden/open", 3)


@log
def tools_log(out):
    run(out, "tools", tools(), "golden/tools", 3)


@log
def probs_log(out):
    run(out, "probs", probs(), "golden/probs", 3)


@log
def nan_log(out):
    path = run(out, "nan", nan(), "golden/open", 3)
    as_json(path, out / "nan.json")


# --------------------------------------------------------------------------- expected


def plain(x):
    """JSON with NaN and infinities spelt as strings."""
    if isinstance(x, float) and not math.isfinite(x):
        return {"float": str(x)}
    if isinstance(x, dict):
        return {k: plain(v) for k, v in x.items()}
    return [plain(v) for v in x] if isinstance(x, (list, tuple)) else x


def thoughts(s):
    """All reasoning text of all assistant messages (the summary where the text is redacted)."""
    return "\n".join(
        (c.summary or "") if c.redacted else c.reasoning
        for m in s.messages
        if m.role == "assistant" and not isinstance(m.content, str)
        for c in m.content
        if c.type == "reasoning"
    )


def thoughts_with_output(s):
    """The same, with the message of s.output in place of its twin (react() strips the last thought from messages)."""
    last = s.output.choices[0].message if s.output.choices else None
    s = s.model_copy(update={"messages": [last if last and m.id == last.id else m for m in s.messages]})
    return thoughts(s)


def total(usage, key):
    got = [getattr(u, key) for u in usage.values() if getattr(u, key) is not None]
    return sum(got) if got else None


def row(s, brief):
    text = thoughts(s)
    seeds = sorted({e.config.seed for e in s.events if e.event == "model" and e.config.seed is not None})
    return {
        "id": s.id,
        "epoch": s.epoch,
        "uuid": s.uuid,
        "target": s.target,
        "choices": s.choices,
        "scores": {
            k: plain({"value": v.value, "answer": v.answer, "reason": v.reason, "edits": len(v.history)})
            for k, v in (s.scores or {}).items()
        }
        if s.scores is not None
        else None,
        "output_tokens": total(s.model_usage, "output_tokens"),
        "reasoning_tokens": total(s.model_usage, "reasoning_tokens"),
        "models": sorted(s.model_usage),
        "message_count": len(s.messages),
        "turn_count": s.turn_count,
        "error": s.error is not None,
        "error_retries": len(s.error_retries or []),
        "limit": s.limit.type if s.limit else None,
        "invalidated": s.invalidation is not None,
        "stop_reason": s.output.choices[0].stop_reason if s.output.choices else None,
        "tool_calls": sum(len(m.tool_calls or []) for m in s.messages if m.role == "assistant"),
        "wait": len(re.findall(r"\bWait\b", text)),
        "reasoning_chars": len(text),
        "wait_with_output": len(re.findall(r"\bWait\b", thoughts_with_output(s))),
        "completion": s.output.completion,
        "call_seeds": seeds,
        "in_summary": brief is not None,
        "summary": brief
        and {
            "message_count": brief.message_count,
            "error": brief.error,
            "limit": brief.limit,
            "retries": brief.retries,
            "answers": {k: v.answer for k, v in (brief.scores or {}).items()},
        },
    }


def table(path):
    it = read_eval_log(str(path))
    brief = {(str(s.id), s.epoch): s for s in read_eval_log_sample_summaries(str(path))}
    e = it.eval
    head = {
        "task": e.task,
        "model": e.model,
        "status": it.status,
        "invalidated": it.invalidated,
        "tags": it.tags,
        "task_args_passed": e.task_args_passed,
        "eval_id": e.eval_id,
        "run_id": e.run_id,
        "task_id": e.task_id,
        "model_generate_config": e.model_generate_config.model_dump(exclude_none=True),
        "plan_config": it.plan.config.model_dump(exclude_none=True),
        "epochs": e.config.epochs,
        "dataset": e.dataset.name,
        "sample_ids": e.dataset.sample_ids,
        "shards": e.shards.model_dump(exclude_none=True, include={"selection", "ledger"}) if e.shards else None,
    }
    return {"log": plain(head), "rows": [row(s, brief.get((str(s.id), s.epoch))) for s in it.samples or []]}


def expected(out):
    found = {}
    for p in sorted([*out.rglob("*.eval"), *out.glob("*.json")]):
        if p.name == "expected.json":
            continue
        key = str(p.relative_to(out))
        try:
            found[key] = table(p)
        except Exception as err:  # 0.3.285 cannot read its own chunked logs: their source tells what is right
            found[key] = {
                "inspect_cannot_read": f"{type(err).__name__}: {str(err).splitlines()[0][:120]}",
                **table(out / "chunked_source.eval"),
            }
    (out / "expected.json").write_text(json.dumps(found, indent=1, ensure_ascii=False))
    return found


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    if "--crash" in sys.argv:
        run(TMP, "crashed", mcq(), get_model("golden/mcq", kill_at=8, memoize=False), 4, log_buffer=2)
    for name in [n for n in MADE if not sys.argv[2:] or n.removesuffix("_log") in sys.argv[2:]]:
        print(name, flush=True)
        MADE[name](out)
    for p in [*out.rglob("*.eval"), *out.glob("*.json")]:
        if p.name != "expected.json":
            clean(p)
            if p.stat().st_size > 40_000:
                print("large:", p.name, p.stat().st_size)
    expected(out)


if __name__ == "__main__":
    main()
