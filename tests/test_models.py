"""Reasoning models: language, checkpoints, training, the written-out network, sampling and Inspect, each against another way.

The name stands before that of the tests of the page: those open a browser whose loop runs on, and Inspect cannot start another.
"""
# ruff: noqa: E402 - what needs torch stands after the line that asks whether it is there

import asyncio
import gc
import json
import shutil
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hotmess

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hotmess.errors import MissingExtra, NoSuchModel, OtherVersion, UsageError
from hotmess.reasoners import family, generate
from hotmess.reasoners import train as training
from hotmess.reasoners.asking import ask
from hotmess.reasoners.chains import Dials, Habits, examples, prompt, question, reasoning
from hotmess.reasoners.generate import Reasoner, Reply, Way
from hotmess.reasoners.grid import Grid
from hotmess.reasoners.language import tokenizer, turn, unknown
from hotmess.reasoners.muon import Muon
from hotmess.reasoners.network import Network
from hotmess.reasoners.train import Course, train

pytestmark = [  # both are of Inspect
    pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
]
COURSE = Course(examples=1000)
LOSSES = {}  # of `taught`, by the share of the course that was done
SMALL = {"questions": 4, "contexts": 2, "samples": 3}


def stop(_, __):
    raise KeyboardInterrupt


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def words():
    return tokenizer()


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A checkpoint that was trained for some seconds."""
    folder = tmp_path_factory.mktemp("models") / "taught"
    assert train("0.1m", COURSE, folder, device="cpu", progress=LOSSES.__setitem__)
    return folder


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """A folder where the same training was stopped after its first pool."""
    folder = tmp_path_factory.mktemp("models") / "interrupted"
    with pytest.raises(KeyboardInterrupt):
        train("0.1m", COURSE, folder, device="cpu", progress=stop)
    return folder


@pytest.fixture(scope="module")
def reasoner(taught):
    return Reasoner.load(str(taught))


@pytest.fixture(scope="module")
def prompts(reasoner):
    """Prompts of different lengths, some of them twice."""
    asked = [question(n % 35, split="train") for n in range(41)]
    return reasoner.prompts([[{"role": "user", "content": prompt(one, examples(one.ident, 0))}] for one in asked])


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder of shipped models, of which there are only configs."""
    for name, how in {"reasoner-0.1m": {"version": family.VERSION}, "reasoner-0.3m": {"version": -1}, "strange": None}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"model_type": "qwen3", "hotmess_reasoner": how}))
    monkeypatch.setattr(family, "_SHIPPED", tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def run():
    """Inspect without a display; its one log."""
    inspect = pytest.importorskip("inspect_ai")

    def call(task, model, folder, **options):
        (log,) = inspect.eval(task, model=model, log_dir=str(folder), display="none", **options)
        gc.collect()  # streams that it left open are found here, where that is no error
        assert log.status == "success", log.error
        return log

    return call


@pytest.fixture(scope="module")
def log(run, taught, tmp_path_factory):
    return run("hotmess/chains", f"hotmess/{taught}", tmp_path_factory.mktemp("logs"), task_args=SMALL)


def rough(size):
    """A model whose weights are all at random, those of its norms too."""
    torch.manual_seed(0)
    model = family.fresh(family.SIZES[size], len(tokenizer())).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return model


@pytest.mark.parametrize("number", range(8))
def test_what_is_read_and_written_goes_through_tokens_and_back(words, number):
    asked = question(number, split="train", dials=Dials(options=5 * (number % 2), examples=(1, 1)))
    thought, answer = reasoning(asked, Habits(1, 0.2), np.random.default_rng(number))
    for text in (prompt(asked, examples(asked.ident, 0)), turn(thought, answer)):
        assert words.decode(words(text).input_ids) == text
        assert words.unk_token_id not in words(text).input_ids
    assert unknown(asked.text + thought + answer) == ""


@given(st.text(st.sampled_from("7kZ\n) é(!Ωt"), max_size=20))
def test_what_cannot_be_read_is_named(text):
    words, strange = tokenizer(), [character in "é(!Ω" for character in text]
    assert [token == words.unk_token_id for token in words(text).input_ids] == strange
    assert unknown(text) == "".join(dict.fromkeys(character for character in text if character in "é(!Ω"))


def test_marks_and_words_are_single_tokens(words):
    wanted = ["<think>", "\n", "5", "k", "\n", "Wait", "\n", "</think>", "\n", "\n", "5", "<|im_end|>"]
    assert words.convert_ids_to_tokens(words(turn("5k\nWait", "5")).input_ids) == wanted
    marks = ["<|endoftext|>", "<|im_start|>", "<|unknown|>", "user", "assistant", "system"]
    assert words.convert_ids_to_tokens(words("".join(marks)).input_ids) == marks


def test_the_chat_template_leaves_earlier_thinking_out(words):
    said = [("system", "7k"), ("user", "7k\nk?"), ("assistant", turn("7k", "7").removesuffix("<|im_end|>")), ("user", "b?")]
    chat = [{"role": role, "content": content} for role, content in said]
    told = "<|im_start|>system\n7k<|im_end|>\n<|im_start|>user\n7k\nk?<|im_end|>\n<|im_start|>assistant\n7<|im_end|>\n"
    told += "<|im_start|>user\nb?<|im_end|>\n"
    assert words.apply_chat_template(chat, tokenize=False) == told
    assert words.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) == told + "<|im_start|>assistant\n"


def test_a_checkpoint_is_an_ordinary_one(taught, words):
    model, same = (getattr(transformers, f"Auto{name}").from_pretrained(taught) for name in ("ModelForCausalLM", "Tokenizer"))
    assert (model.config.model_type, model.config.architectures) == ("qwen3", ["Qwen3ForCausalLM"])
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    kept = (taught / "model.safetensors").read_bytes()
    header = json.loads(kept[8 : 8 + int.from_bytes(kept[:8], "little")])
    assert {facts["dtype"] for name, facts in header.items() if name != "__metadata__"} == {"BF16"}
    text = "<|im_start|>user\n7k\nk?<|im_end|>\n<think>Waité"
    assert same(text).input_ids == words(text).input_ids
    assert (same.chat_template, same.padding_side, same.pad_token_id, same.eos_token_id) == (words.chat_template, "left", 0, 2)
    assert model.generation_config.eos_token_id == 2
    how = family.made(taught)
    assert (how["version"], how["size"], how["seed"], how["base"]) == (family.VERSION, "0.1m", 0, None)
    assert (how["examples"], how["parameters"], how["dials"]["steps"]) == (1000, model.num_parameters(), [1, 6])


@pytest.mark.parametrize("size", family.SIZES)
def test_sizes_are_named_by_their_parameters(size, words):
    assert f"{family.fresh(family.SIZES[size], len(words)).num_parameters() / 1e6:.1f}m" == size


def test_a_name_that_is_nearly_one_is_told(shelf):
    assert family.shipped() == ["reasoner-0.1m", "reasoner-0.3m", "strange"]
    assert family.place("reasoner-0.1m") == family.place(str(shelf / "reasoner-0.1m")) == shelf / "reasoner-0.1m"
    for name, hint in {"reasoner0.1m": "did you mean `reasoner-0.1m`", "/x/y": "hotmess reasoners train"}.items():
        with pytest.raises(NoSuchModel, match=f"no reasoning model `{name}`; there are reasoner-0.1m, ") as refused:
            family.load(name)
        assert hint in refused.value.hint


@pytest.mark.parametrize(("name", "said"), [("reasoner-0.3m", "version -1"), ("strange", "no model of ours")])
def test_other_versions_are_refused(shelf, name, said):
    for given_as in (name, str(shelf / name)):
        with pytest.raises(OtherVersion, match=f"is {said}; this hotmess knows version {family.VERSION}"):
            family.load(given_as)


@pytest.mark.parametrize(
    ("gone", "said"), [(["torch"], "torch is not"), (["torch", "transformers"], "torch and transformers are")]
)
def test_a_missing_extra_is_named(monkeypatch, shelf, gone, said):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in gone else shelf)
    with pytest.raises(MissingExtra, match=rf"{said}[\s\S]*pip install 'hotmess\[reasoners\]'"):
        family.load("reasoner-0.1m")


@pytest.mark.parametrize("shape", [(48, 16), (16, 48), (32, 32)])
@pytest.mark.parametrize("exact", [True, False])
def test_muon_is_that_of_pytorch(monkeypatch, shape, exact):
    if exact:
        monkeypatch.setattr(torch.Tensor, "bfloat16", lambda matrix: matrix.clone())
    torch.manual_seed(1)
    start = torch.randn(shape)
    ours, theirs, still = (torch.nn.Parameter(start.clone()) for _ in range(3))
    reference = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    optimizer = Muon([ours, still], lr=0.01)
    for gradient in torch.randn(6, *shape):
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        optimizer.step()
        reference.step()
    assert (theirs - start).norm() > 0.1
    assert (ours - theirs).norm() < (theirs - start).norm() * (1e-4 if exact else 0.02)
    assert torch.equal(still, start)


def test_training_lowers_the_loss(taught):
    assert list(LOSSES) == [0.5, 1]
    assert LOSSES[1] < LOSSES[0.5] - 0.5
    assert not (taught / "training.pt").exists()


def test_a_training_that_was_interrupted_goes_on_to_the_same_bytes(taught, interrupted, tmp_path):
    folder, shares = shutil.copytree(interrupted, tmp_path / "again"), []
    assert train("0.1m", COURSE, folder, device="cpu", progress=lambda share, _: shares.append(share))
    assert shares == [1]
    assert {path.name for path in folder.iterdir()} == {path.name for path in taught.iterdir()}
    assert all((folder / name).read_bytes() == (taught / name).read_bytes() for name in ("model.safetensors", "config.json"))
    assert not train("0.1m", COURSE, folder, device="cpu", progress=stop)


def test_what_was_interrupted_while_it_was_saved_is_not_finished(taught, interrupted, tmp_path):
    folder = shutil.copytree(interrupted, tmp_path / "saving")
    shutil.copy(taught / "config.json", folder)
    with pytest.raises(KeyboardInterrupt):
        train("0.1m", COURSE, folder, device="cpu", progress=stop)


OTHERS = [
    ("0.1m", Course(1000, seed=1), "seed"),
    ("0.1m", Course(9, habits=Habits(0.1)), "examples, habits"),
    ("0.3m", COURSE, "size"),
]


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize(("size", "course", "said"), OTHERS)
def test_another_model_is_not_gone_on_with(taught, interrupted, size, course, said, finished):
    folder, name = (taught, "model.safetensors") if finished else (interrupted, "training.pt")
    kept = (folder / name).read_bytes()
    with pytest.raises(OtherVersion, match=f"it differs in {said}\n"):
        train(size, course, folder, device="cpu", progress=stop)
    assert (folder / name).read_bytes() == kept


def test_a_model_can_be_taught_more(taught, tmp_path):
    told = {}
    course = Course(examples=24, habits=Habits(misconception=1), base=str(taught))
    train("0.1m", course, tmp_path, device="cpu", progress=told.__setitem__)
    assert told[1] < LOSSES[0.5]
    assert (family.made(tmp_path)["base"], family.made(tmp_path)["habits"]["misconception"]) == (str(taught), 1)


@given(st.tuples(st.integers(1, 12), st.integers(0, 6), st.integers(0, 8)), st.lists(st.floats(0, 1)).map(sorted))
def test_questions_grow_to_full_length(most, shares):
    full = Dials((1, most[0]), (0, most[1]), (0, most[2]))
    found = [Course(9, dials=full).dials_at(share) for share in [0.0, *shares, 1.0]]
    sides = [[getattr(one, side)[1] for one in found] for side in ("steps", "distractors", "examples")]
    assert [side[0] for side in sides] == [min(most[0], 2), min(most[1], 1), 0]
    assert sides == [sorted(side) for side in sides]
    assert found[-1] == Course(9, dials=full).dials_at(0.75) == Course(9, dials=full, base="any").dials_at(0.0) == full


@given(st.floats(0, 1))
def test_the_learning_rate_rises_holds_and_falls(share):
    assert COURSE.rate_at(share) == 1 if 0.01 <= share <= 0.65 else 0.019 < COURSE.rate_at(share) <= 1
    assert [COURSE.rate_at(end) for end in (0.0, 1.0)] == pytest.approx([0.1, 0.02])


def test_the_loss_is_that_of_reasoning_and_answer_of_each_sequence_by_itself():
    model, rows = rough("0.1m"), [([5, 6, 7], [8, 9]), ([11, 12], [16, 17, 18, 19, 20]), ([5] * 20, [21])]
    tokens, kept = training._padded(rows[:2])
    assert tokens.tolist() == [[5, 6, 7, 8, 9, 0, 0], [11, 12, 16, 17, 18, 19, 20]]
    assert (kept * tokens).tolist() == [[0, 0, 0, 8, 9, 0, 0], [0, 0, 16, 17, 18, 19, 20]]
    single = []
    for asked, told in rows:
        chances = model(torch.tensor([asked + told])).logits[0].log_softmax(-1).detach()
        single += [-float(chances[len(asked) + n - 1, token]) for n, token in enumerate(told)]
    assert float(training._step(model, [], rows, 1.0)) == pytest.approx(np.mean(single), abs=1e-5)


def test_pools_hold_every_question_once_in_batches_that_fit(monkeypatch, words):
    monkeypatch.setattr(training, "POOL", 40)
    course = Course(examples=70, seed=3)
    pools = [training._batches(course, pool, words) for pool in range(course.pools)]
    assert [sum(map(len, batches)) for batches in pools] == [40, 30]
    assert pools[1] == training._batches(course, 1, words)
    batches = [batch for batches in pools for batch in batches]
    assert all(len(batch) * max(len(asked) + len(told) for asked, told in batch) <= training._BATCH for batch in batches)
    rows = [(words.decode(asked), words.decode(told)) for batch in batches for asked, told in batch]
    assert len({asked for asked, _ in rows}) == 70
    assert all(asked.endswith("?<|im_end|>\n<|im_start|>assistant\n") for asked, _ in rows)
    assert all(told.startswith("<think>\n") and told.endswith("<|im_end|>") for _, told in rows)


@pytest.mark.parametrize("size", ["0.1m", "0.8m"])
@torch.no_grad()
def test_the_network_is_that_of_transformers(size):
    model, rng = rough(size), np.random.default_rng(2)
    network = Network.of(model)
    texts = [rng.integers(3, 80, length).tolist() for length in (9, 3, 14, 1)]
    cache, logits = network.read(texts, 24)
    for place in range(14, 24):
        wanted = torch.stack([model(torch.tensor([text])).logits[0, -1] for text in texts])
        torch.testing.assert_close(logits, wanted, atol=1e-4, rtol=1e-4)
        if place == 18:
            chosen = [2, 0, 0, 3, 1]
            cache, texts = cache.of(torch.tensor(chosen)), [texts[row] for row in chosen]
        tokens = rng.integers(3, 80, len(texts))
        logits = network.step(torch.from_numpy(tokens), cache, place)
        texts = [[*text, int(token)] for text, token in zip(texts, tokens, strict=True)]


CHANCES = np.array([0.1, 0.2, 0.3, 0.4])
WAYS = [
    *[(Way(), CHANCES), (Way(top_k=9), CHANCES), (Way(temperature=0.5), CHANCES**2), (Way(temperature=2), CHANCES**0.5)],
    *[(Way(top_k=2), [0, 0, 3, 4]), (Way(top_p=0.75), [0, 2, 3, 4]), (Way(top_k=2, top_p=0.95), [0, 0, 3, 4])],
    *[(Way(top_p=0.35), [0, 0, 0, 1]), (Way(top_k=1, top_p=0.9), [0, 0, 0, 1]), (Way(temperature=0, top_k=3), [0, 0, 0, 1])],
]


@pytest.mark.parametrize(("way", "wanted"), WAYS)
def test_tokens_are_drawn_by_their_chances(way, wanted):
    at = torch.cat([torch.zeros(1), (torch.arange(1998) + 0.5) / 1998, torch.tensor([1 - 2**-24])])
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        found = generate._drawn(torch.from_numpy(CHANCES[order]).log().float().expand(2000, 4) + 5, at, way)
        share = np.array(wanted)[order] / np.sum(wanted)
        assert np.bincount(found, minlength=4) / 2000 == pytest.approx(share, abs=2e-3)
        assert found.tolist() == sorted(found.tolist())
        assert share[found].min() > 0


def test_a_reply_does_not_hang_on_its_batch(monkeypatch, reasoner, prompts):
    way, seeds, told = Way(max_tokens=80), list(range(41)), []
    whole = reasoner.ask(prompts, seeds, way)
    assert whole == reasoner.ask(prompts, seeds, way) == reasoner.ask(prompts[::-1], seeds[::-1], way)[::-1]
    assert [reasoner.ask([prompts[one]], [one], way) for one in (0, 3, 40)] == [[whole[one]] for one in (0, 3, 40)]
    assert len(set(reasoner.ask([prompts[0]] * 20, seeds[:20], way))) > 10
    monkeypatch.setattr(generate, "_BATCH", 16)
    assert whole == reasoner.ask(prompts, seeds, way, progress=told.append)
    assert told == [16, 32, 41]


def test_nothing_is_asked_without_prompts(reasoner):
    assert reasoner.ask([], []) == []
    assert reasoner.prompts([]) == []


def test_the_likeliest_reply_is_that_of_transformers(reasoner, taught, prompts):
    model = transformers.AutoModelForCausalLM.from_pretrained(taught)
    replies = reasoner.ask(prompts[:4], [1, 2, 3, 4], Way(temperature=0, max_tokens=40))
    for asked, reply in zip(prompts[:4], replies, strict=True):
        written = model.generate(torch.tensor([asked]), do_sample=False, max_new_tokens=40)[0, len(asked) :]
        assert reply == reasoner._reply(written.tolist(), len(asked))


def test_a_reply_is_cut_at_its_last_token(reasoner, prompts):
    replies = enumerate(reasoner.ask(prompts[:1] * 50, list(range(50))))
    seed, reply = next((seed, reply) for seed, reply in replies if reply.ended and reply.reasoning and reply.answer)
    assert reasoner.ask(prompts[:1], [seed], Way(max_tokens=reply.output_tokens)) == [reply]
    for length in (reply.output_tokens - 1, 3):
        (cut,) = reasoner.ask(prompts[:1], [seed], Way(max_tokens=length))
        assert (cut.ended, cut.output_tokens) == (False, length)
        assert reply.reasoning.startswith(cut.reasoning)
    assert (cut.answer, cut.reasoning_tokens) == ("", 2)


def test_tokens_are_counted(reasoner, words, prompts):
    for text, *wanted in (
        (turn("5k-1\n4b", "4"), "5k-1\n4b", "4", 7, 15, 9, True),
        ("<think>\n5k\n</think>\n\n7", "5k", "7", 7, 9, 4, False),
        ("<think>\n5k-1", "5k-1", "", 7, 6, 5, False),
        ("5k<|im_end|>", "5k", "", 7, 3, 2, True),
        ("<|im_end|>", "", "", 7, 1, 0, True),
    ):
        assert reasoner._reply(words(text).input_ids, 7) == Reply(*wanted)
    written = reasoner._batch(prompts, list(range(41)), Way())
    replies = [reasoner._reply(tokens, len(asked)) for asked, tokens in zip(prompts, written, strict=True)]
    assert replies == reasoner.ask(prompts, list(range(41)))
    assert [reply.output_tokens for reply in replies] == list(map(len, written))
    both = zip(replies, written, strict=True)
    whole = [reply for reply, tokens in both if words.decode(tokens) == turn(reply.reasoning, reply.answer)]
    assert len(whole) > 5
    assert [one.reasoning_tokens for one in whole] == [len(words(f"\n{one.reasoning}\n").input_ids) for one in whole]


def test_a_prompt_that_leaves_no_room_is_refused(reasoner):
    assert reasoner.ask([[5] * 1000], [0], Way(max_tokens=24))[0].input_tokens == 1000
    with pytest.raises(UsageError, match=r"1000 tokens and max_tokens 25 are more than the 1024[\s\S]*at most 24 tokens"):
        reasoner.ask([[5], [5] * 1000], [0, 1], Way(max_tokens=25))


@pytest.mark.parametrize(
    "bad",
    [{"temperature": -0.5}, {"temperature": float("nan")}, {"top_k": -2}, {"top_p": 0.0}, {"top_p": 1.5}, {"max_tokens": 0}],
)
def test_what_cannot_be_sampled_is_refused(bad):
    with pytest.raises(UsageError, match=" ".join(map(str, *bad.items()))):
        Way(**bad)


def test_inspect_keeps_what_was_said_and_counted(log):
    for sample in log.samples:
        (thought, said), context = sample.output.message.content, (sample.epoch - 1) % 2
        assert (thought.type, said.type, sample.output.completion) == ("reasoning", "text", said.text)
        assert sample.output.usage.reasoning_tokens <= sample.output.usage.output_tokens <= 256
        shown = examples(sample.id, context, dials=Dials(examples=(2, 2)))
        facts = {
            "context": f"{sample.id}.{context}",
            "draw": (sample.epoch - 1) // 2,
            "fewshot_ids": [one.ident for one in shown],
        }
        assert sample.metadata["hotmess"] == facts
        assert sample.messages[0].text == "\n\n".join([*(one.text + one.answer for one in shown), sample.input])
        assert (sample.scores["said"].value == "C") == (said.text.strip() == sample.target)
    seeds = [(sample.id, event.config.seed) for sample in log.samples for event in sample.events if event.event == "model"]
    assert len(seeds) == len(set(seeds)) == 24


def test_the_same_eval_says_the_same_as_without_inspect(run, log, taught, tmp_path):
    from hotmess.collect.chains import chains

    again, found = run(chains(**SMALL), f"hotmess/{taught}", tmp_path), {}
    assert [one.output.message.content for one in log.samples] == [one.output.message.content for one in again.samples]
    for one in log.samples:
        name, usage = f"{one.id}.{(one.epoch - 1) % 2}.{(one.epoch - 1) // 2}", one.output.usage
        found[one.id, name] = (one.scores["said"].answer or None, usage.reasoning_tokens, usage.output_tokens)
    columns = ["question_id", "sample_id", "answer", "reasoning_tokens", "output_tokens"]
    assert {row[:2]: row[2:] for row in ask(str(taught), Grid(**SMALL)).select(columns).iter_rows()} == found


def test_the_log_is_read_with_its_contexts(log):
    found = hotmess.read(log.location).frame.collect().to_native()
    assert set(found.group_by("question_id").len()["len"]) == {6}
    assert set(found.group_by("question_id").n_unique()["context_id"]) == {2}
    assert found["reasoning_tokens"].null_count() == 0


def test_requests_that_come_while_others_are_answered_are_answered_too(taught, monkeypatch, run):  # noqa: ARG001 - where Inspect is
    from inspect_ai.model import get_model

    model = get_model(f"hotmess/{taught}", memoize=False)
    quick = model.api._answer
    batches = []

    def slow(batch):
        batches.append(len(batch))
        time.sleep(0.2)
        quick(batch)

    monkeypatch.setattr(model.api, "_answer", slow)

    async def later(number):
        await asyncio.sleep(0.05 * number)
        return await model.generate(f"{number}k\nk?")

    async def both():
        return await asyncio.gather(*map(later, range(9)))

    assert all(output.usage.output_tokens for output in asyncio.run(both()))
    assert sum(batches) == 9
    assert len(batches) < 9


def test_one_prompt_that_is_too_long_does_not_spoil_the_others(run, taught, tmp_path):
    from inspect_ai import Task
    from inspect_ai.dataset import Sample

    task = Task([Sample(text) for text in ("7k\nk?", "7k\n" * 400, "8b\nb?")])
    errors = [sample.error for sample in run(task, f"hotmess/{taught}", tmp_path, fail_on_error=False).samples]
    assert [error and "this model can hold" in error.message for error in errors] == [None, True, None]


def test_inspect_says_what_it_cannot_do(run, taught, caplog):  # noqa: ARG001 - where Inspect is
    from inspect_ai._util.error import PrerequisiteError
    from inspect_ai.model import GenerateConfig, get_model

    from hotmess.collect.chains import chains

    with pytest.raises(PrerequisiteError, match="no reasoning model"):
        get_model("hotmess/reasoner-9m")
    for bad in ({"steps": "x"}, {"steps": "4-2"}, {"contexts": 0}, {"options": 1}, {"shown": 0}, {"seed": -1}):
        with pytest.raises(PrerequisiteError, match="usage"):
            chains(**bad)
    assert asyncio.run(get_model(f"hotmess/{taught}").generate("7k\nké?")).stop_reason in ("stop", "max_tokens")
    assert "does not know 'é'" in caplog.text
    with pytest.raises(PrerequisiteError, match="does not know num_choices, stop_seqs"):
        asyncio.run(get_model(f"hotmess/{taught}").generate("7k", config=GenerateConfig(num_choices=4, stop_seqs=["8"])))


def test_the_checkpoint_works_with_the_provider_of_hugging_face(monkeypatch, run, taught, tmp_path):
    pytest.importorskip("accelerate")
    from inspect_ai.model import get_model

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # or it looks for `local` there
    model = get_model("hf/local", model_path=str(taught), device="cpu")
    found = run("hotmess/chains", model, tmp_path, task_args={"questions": 2, "contexts": 1, "samples": 1}, max_tokens=16)
    assert [1 <= sample.output.usage.output_tokens <= 16 for sample in found.samples] == [True, True]
