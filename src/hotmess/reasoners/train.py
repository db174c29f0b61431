"""Training: the same questions in the same order for every size, from short ones to long ones; Muon, resumable to the bit.

Muon for the matrices and AdamW for the rest: in trials of the smallest sizes, Adam alone had
learned to find nothing in a question when Muon found most. Questions come in pools, made when they are needed and sorted by
length so that little is padded. What makes a question hard grows with the pools: short ones first, for at full length hardly
anything is learned in an hour.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hotmess.devices import device_of
from hotmess.errors import OtherVersion, UsageError, one_of
from hotmess.reasoners.chains import Dials, Habits, examples, prompt, question, reasoning
from hotmess.reasoners.family import SIZES, VERSION, fresh, load, made, place, save
from hotmess.reasoners.language import tokenizer, turn

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

__all__ = ["Course", "train"]

POOL = 500  # questions
_BATCH = 1024  # tokens, padding with them
_EASY, _FULL = 0.4, 0.7  # how far in training the short questions end, and full length is reached
_DECAY = 0.65  # from where on the learning rate falls
_OPTIONS, _OFFERED = 4, 0.3  # how many answers a question offers, and how often it does
_RATES = {64: 5e-3, 96: 5e-3, 128: 4e-3, 192: 3.5e-3, 256: 3e-3}  # by width

Row = tuple[list[int], list[int]]  # the tokens of a question, the tokens of its reasoning and answer


@dataclass(frozen=True, slots=True)
class Course:
    """What a model is taught.

    Attributes:
        examples: questions, each seen once.
        seed: of the weights and the questions.
        dials: of the questions at full length; three in ten offer four answers, whatever it says of options.
        habits: of the reasoning.
        base: the model that it starts from; all questions are then of full length.
    """

    examples: int = 50_000
    seed: int = 0
    dials: Dials = field(default_factory=Dials)
    habits: Habits = field(default_factory=Habits)
    base: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be taught."""
        if self.examples < 1 or self.seed < 0:
            raise UsageError(f"{self.examples} questions, seed {self.seed}; at least one question, and no seed below 0")

    @property
    def pools(self) -> int:
        """How many pools of questions there are."""
        return -(-self.examples // POOL)

    def dials_at(self, share: float) -> Dials:
        """How hard questions are when this share of the course is done."""
        level = 1.0 if self.base else min(max((share - _EASY) / (_FULL - _EASY), 0.0), 1.0)

        def grown(ends: tuple[int, int], least: int) -> tuple[int, int]:
            return ends[0], max(min(least, ends[1]), round(ends[0] + level * (ends[1] - ends[0])))

        full = self.dials
        return Dials(grown(full.steps, 2), grown(full.distractors, 1), grown(full.examples, 0))

    def rate_at(self, share: float) -> float:
        """The part of the learning rate that is used: warmed up, held, and let fall to a fiftieth."""
        return min(1.0, (share + 1e-3) / 0.01, max(0.02, (1 - share) / (1 - _DECAY)))


def train(
    size: str, course: Course, folder: Path, *, device: str | None = None, progress: Callable[[float, float], None] | None = None
) -> bool:
    """Train a model of this size and write its checkpoint; where an interrupted training lies there, go on with it.

    `progress` is told the share that is done and the loss (nats a token) of the last pool.

    Returns:
        False where the finished model lay there already.

    Raises:
        OtherVersion: in the folder lies something else, finished or not.
        UsageError: there is no such size or device, or `course.base` has another size.
    """
    import torch

    one_of("size", size, tuple(SIZES))
    if course.base and (other := made(place(course.base))["size"]) != size:
        raise UsageError(f"the size {size} was asked for, but {course.base} has the size {other}")
    how = {"size": size, **_json(course)}
    unfinished = folder / "training.pt"
    if (folder / "config.json").exists() and not unfinished.exists():
        _same(folder, {"version": VERSION, **how}, made(folder))
        return False

    words = tokenizer()
    torch.manual_seed(course.seed)
    model = load(course.base)[0] if course.base else fresh(SIZES[size], len(words))
    model.to(device_of(device)).train()  # type: ignore[arg-type]  # transformers wraps it
    optimizers = _optimizers(model, _RATES[SIZES[size].width] * (0.3 if course.base else 1.0))
    state = _State(unfinished, {"version": VERSION, **how})
    for pool in range(state.resume(model, optimizers), course.pools):
        losses = []
        batches = _batches(course, pool, words)
        for place_in_pool, batch in enumerate(batches):
            share = (pool + place_in_pool / len(batches)) / course.pools
            losses.append(_step(model, optimizers, batch, course.rate_at(share)))
        state.keep(pool + 1, model, optimizers)
        if progress is not None:
            progress((pool + 1) / course.pools, float(np.mean([float(loss) for loss in losses])))
    save(model, words, folder, {**how, "parameters": model.num_parameters()})
    state.path.unlink(missing_ok=True)
    return True


def _json(course: Course) -> dict[str, Any]:
    """The course as JSON would give it back."""
    return json.loads(json.dumps(asdict(course)))


def _same(folder: Path, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    """Refuse to write over, or to go on with, the training of something else."""
    other = [name for name, value in wanted.items() if found.get(name) != value]
    if other:
        raise OtherVersion(
            f"in {folder} lies another model: it differs in {', '.join(other)}",
            why="to go on would mix the two",
            hint="give another folder, or remove that one",
        )


@dataclass(frozen=True, slots=True)
class _State:
    """Where an unfinished training is kept, and what it is the training of."""

    path: Path
    what: dict[str, Any]

    def resume(self, model: "Qwen3ForCausalLM", optimizers: "list[torch.optim.Optimizer]") -> int:
        """Take up what was kept; the number of pools that are done."""
        import torch

        if not self.path.exists():
            return 0
        kept = torch.load(self.path, weights_only=True, map_location=model.device)
        _same(self.path.parent, self.what, kept["what"])
        model.load_state_dict(kept["model"])
        for optimizer, state in zip(optimizers, kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        return kept["pools"]

    def keep(self, pools: int, model: "Qwen3ForCausalLM", optimizers: "list[torch.optim.Optimizer]") -> None:
        """Write all that is needed to go on, beside its place, and rename it."""
        import torch

        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        states = [optimizer.state_dict() for optimizer in optimizers]
        torch.save({"what": self.what, "pools": pools, "model": model.state_dict(), "optimizers": states}, beside)
        beside.replace(self.path)


def _optimizers(model: "Qwen3ForCausalLM", rate: float) -> "list[torch.optim.Optimizer]":
    import torch

    from hotmess.reasoners.muon import Muon

    inner = [name for name, weight in model.named_parameters() if weight.ndim == 2 and "embed" not in name]
    matrices = [weight for name, weight in model.named_parameters() if name in set(inner)]
    others = [weight for name, weight in model.named_parameters() if name not in set(inner)]
    return [
        Muon(matrices, lr=rate),
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def _batches(course: Course, pool: int, words: "PreTrainedTokenizerFast") -> list[list[Row]]:
    """The batches of a pool, each of sequences of about one length."""
    dials = course.dials_at(pool / course.pools)
    pairs = [_pair(number, course, dials, words) for number in range(pool * POOL, min((pool + 1) * POOL, course.examples))]
    asked = words([question for question, _ in pairs]).input_ids
    told = words([answer for _, answer in pairs]).input_ids
    found: list[list[Row]] = [[]]
    for row in sorted(zip(asked, told, strict=True), key=lambda row: len(row[0]) + len(row[1])):
        if found[-1] and (len(found[-1]) + 1) * (len(row[0]) + len(row[1])) > _BATCH:
            found.append([])
        found[-1].append(row)
    return [found[place] for place in np.random.default_rng([course.seed, 4, pool]).permutation(len(found))]


def _pair(number: int, course: Course, dials: Dials, words: "PreTrainedTokenizerFast") -> tuple[str, str]:
    """A question as a model is asked it, and what it should write."""
    rng = np.random.default_rng([course.seed, 3, number])
    offers = _OPTIONS if rng.random() < _OFFERED else 0
    dials = Dials(dials.steps, dials.distractors, dials.examples, offers)
    asked = question(number, split="train", seed=course.seed, dials=dials)
    text = prompt(asked, examples(asked.ident, 0, seed=course.seed, dials=dials))
    messages = [{"role": "user", "content": text}]
    told = words.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return str(told), turn(*reasoning(asked, course.habits, rng))


def _step(model: "Qwen3ForCausalLM", optimizers: "list[torch.optim.Optimizer]", batch: list[Row], part: float) -> "torch.Tensor":
    """One step; the loss is that of reasoning and answer, not of the question."""
    import torch

    tokens, kept = _padded(batch)
    inputs, marked = torch.from_numpy(tokens).to(model.device), torch.from_numpy(kept).to(model.device)
    hidden = model.model(input_ids=inputs).last_hidden_state[:, :-1]  # padding is on the right, so no token sees it
    loss = torch.nn.functional.cross_entropy(model.lm_head(hidden[marked[:, 1:]]), inputs[:, 1:][marked[:, 1:]])
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("full", group["lr"]) * part
        optimizer.step()
        optimizer.zero_grad()
    return loss.detach()


def _padded(batch: list[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Tokens, and which of them are to be learned."""
    longest = max(len(asked) + len(told) for asked, told in batch)
    tokens = np.zeros((len(batch), longest), np.int64)
    kept = np.zeros((len(batch), longest), bool)
    for place_in_batch, (asked, told) in enumerate(batch):
        end = len(asked) + len(told)
        tokens[place_in_batch, :end] = asked + told
        kept[place_in_batch, len(asked) : end] = True
    return tokens, kept
