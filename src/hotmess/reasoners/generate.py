"""Sampling from these models: large batches, keys and values kept, a prompt that is asked many times read once.

A sequence draws from its own seed, one number a token, so that what it says hangs on what else is in its batch by rounding only.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from hotmess.errors import UsageError
from hotmess.reasoners.family import load
from hotmess.reasoners.language import END, THINK, THOUGHT
from hotmess.reasoners.network import Network

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

__all__ = ["Reasoner", "Reply", "Way"]

_BATCH = 256  # sequences
_SPARE = 0.8  # when fewer of a batch than this share still write, the others are taken out


@dataclass(frozen=True, slots=True)
class Way:
    """How a model is sampled; `top_k` 0 and `top_p` 1 leave nothing out, temperature 0 takes the likeliest."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    max_tokens: int = 256

    def __post_init__(self) -> None:
        """Refuse what cannot be sampled."""
        if not 0 <= self.temperature < math.inf or self.top_k < 0 or not 0 < self.top_p <= 1 or self.max_tokens < 1:
            raise UsageError(
                f"temperature {self.temperature}, top_k {self.top_k}, top_p {self.top_p}, max_tokens {self.max_tokens}",
                why="a temperature is a number not below 0, top_p is above 0 and at most 1; at least one token must be asked for",
            )


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said.

    Attributes:
        reasoning: what stands between the marks of thinking.
        answer: what stands after them; nothing if the reasoning did not end.
        input_tokens, output_tokens, reasoning_tokens: the length of the prompt, of all that was written, of the reasoning.
        ended: whether the model came to an end, or was cut.
    """

    reasoning: str
    answer: str
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Reasoner:
    """A model that answers."""

    name: str
    network: Network = field(repr=False)
    tokenizer: "PreTrainedTokenizerFast" = field(repr=False)

    @classmethod
    def load(cls, name: str) -> "Reasoner":
        """One that is shipped, by its name, or any of ours, by its path."""
        model, tokenizer = load(name)
        return cls(name, Network.of(model), tokenizer)

    def prompts(self, chats: Sequence[Sequence[dict[str, str]]]) -> list[list[int]]:
        """Chats (messages with `role` and `content`) as tokens, each up to where the model's turn begins."""
        if not chats:
            return []
        asked = self.tokenizer.apply_chat_template([list(chat) for chat in chats], add_generation_prompt=True, tokenize=False)
        return list(self.tokenizer(list(asked), add_special_tokens=False).input_ids)

    def ask(
        self,
        prompts: Sequence[list[int]],
        seeds: Sequence[int],
        way: Way = Way(),
        progress: Callable[[int], None] | None = None,
    ) -> list[Reply]:
        """A reply to each prompt, by its own seed; `progress` is told how many there are.

        Raises:
            UsageError: a prompt leaves no room for `max_tokens`.
        """
        self.check(prompts, way)
        order = sorted(range(len(prompts)), key=lambda place: (len(prompts[place]), prompts[place]))
        found: dict[int, Reply] = {}
        for first in range(0, len(order), _BATCH):
            chosen = order[first : first + _BATCH]
            written = self._batch([prompts[place] for place in chosen], [seeds[place] for place in chosen], way)
            found |= {place: self._reply(tokens, len(prompts[place])) for place, tokens in zip(chosen, written, strict=True)}
            if progress is not None:
                progress(len(found))
        return [found[place] for place in range(len(prompts))]

    def check(self, prompts: Sequence[list[int]], way: Way) -> None:
        """Refuse what does not fit.

        Raises:
            UsageError: a prompt leaves no room for `max_tokens`.
        """
        room = len(self.network.cosine)
        longest = max(map(len, prompts), default=0)
        if longest + way.max_tokens > room:
            raise UsageError(
                f"a prompt of {longest} tokens and max_tokens {way.max_tokens} are more than the {room} that this model can hold",
                hint=f"ask for at most {max(room - longest, 0)} tokens, or show fewer examples",
            )

    @torch.inference_mode()
    def _batch(self, prompts: list[list[int]], seeds: list[int], way: Way) -> list[list[int]]:
        """The tokens that are written after each prompt."""
        different = list(dict.fromkeys(map(tuple, prompts)))
        places = {prompt: place for place, prompt in enumerate(different)}
        alive = np.arange(len(prompts))  # which prompt each row of the batch answers
        rows = torch.tensor([places[tuple(prompt)] for prompt in prompts])
        length = max(map(len, different))
        cache, logits = self.network.read(different, length + way.max_tokens)
        cache, logits = cache.of(rows), logits[rows]
        drawn = np.stack([np.random.default_rng(seed).random(way.max_tokens, np.float32) for seed in seeds])
        end = self.tokenizer.convert_tokens_to_ids(END)
        written = np.full(drawn.shape, end)
        for turn in range(way.max_tokens):
            tokens = _drawn(logits, torch.from_numpy(drawn[alive, turn]), way)
            going = written[alive, turn - 1] != end if turn else np.ones(len(alive), bool)
            written[alive[going], turn] = tokens.numpy()[going]
            going &= tokens.numpy() != end
            if not going.any() or turn + 1 == way.max_tokens:
                break
            if going.mean() < _SPARE:
                rows = torch.from_numpy(going.nonzero()[0])
                tokens, alive, cache = tokens[rows], alive[going], cache.of(rows)
            logits = self.network.step(tokens, cache, length + turn)
        lengths = np.minimum((written != end).sum(1) + 1, way.max_tokens)
        return [row[:length].tolist() for row, length in zip(written, lengths, strict=True)]

    def _reply(self, tokens: list[int], asked: int) -> Reply:
        begin, thought, end = (int(self.tokenizer.convert_tokens_to_ids(mark)) for mark in (THINK, THOUGHT, END))  # type: ignore[arg-type]
        ended = tokens[-1] == end
        said = tokens[:-1] if ended else tokens
        first = 1 if said[:1] == [begin] else 0
        last = said.index(thought) if thought in said else len(said)
        reasoning = str(self.tokenizer.decode(said[first:last])).strip("\n")
        answer = str(self.tokenizer.decode(said[last + 1 :])).strip("\n")
        return Reply(reasoning, answer, asked, len(tokens), last - first, ended)


def _drawn(logits: Tensor, at: Tensor, way: Way) -> Tensor:
    """A token for each row: the one in whose share of the probability the number `at` (0 to 1) falls."""
    if way.temperature == 0:
        return logits.argmax(-1)
    chances = (logits / way.temperature).softmax(-1)
    if way.top_k or way.top_p < 1:
        high, order = chances.sort(-1, descending=True)
        gone = high.cumsum(-1) - high >= way.top_p  # what stands before it is enough
        if way.top_k:
            gone[:, way.top_k :] = True
        chances = chances.masked_fill(torch.zeros_like(gone).scatter(-1, order, gone), 0.0)
    reached = chances.cumsum(-1)
    return (reached <= at[:, None] * reached[:, -1:]).sum(-1).clamp(max=chances.shape[-1] - 1)
