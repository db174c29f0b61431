"""The forward pass of Qwen3, written out for reading prompts at once and then one new token a sequence.

It is that of `transformers.models.qwen3`, and a test holds it to it. Written out, it keeps keys and values where they are used,
multiplies by one matrix where several read the same input, and does nothing else: at this size most of the time of a general
implementation goes by between the multiplications.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention, silu

if TYPE_CHECKING:
    from transformers import Qwen3ForCausalLM

__all__ = ["Cache", "Network"]


@dataclass(frozen=True, slots=True)
class Cache:
    """Keys and values of sequences that end at the same place; each begins after its own padding.

    Attributes:
        keys, values: for each layer (sequence, group, place, head).
        hidden: (sequence, place): minus infinity where there is padding, else 0.
        padding: (sequence,): the number of places before its first token.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    hidden: Tensor
    padding: Tensor

    def of(self, which: Tensor) -> "Cache":
        """The cache of some of the sequences, some of them more than once."""
        keys, values = (tuple(kept.index_select(0, which) for kept in both) for both in (self.keys, self.values))
        return Cache(keys, values, self.hidden[which], self.padding[which])


@dataclass(frozen=True, slots=True)
class _Layer:
    """The weights of a layer; those that read the same input are one matrix."""

    before: Tensor
    qkv: Tensor
    q_norm: Tensor
    k_norm: Tensor
    out: Tensor
    between: Tensor
    gate_up: Tensor
    down: Tensor


@dataclass(frozen=True, slots=True)
class Network:
    """The weights of a model and the shape that they make.

    Attributes:
        cosine, sine: (place, head), of the rotation that tells places apart.
    """

    words: Tensor
    layers: tuple[_Layer, ...]
    last: Tensor
    cosine: Tensor
    sine: Tensor
    heads: int
    groups: int
    head: int
    epsilon: float

    @classmethod
    def of(cls, model: "Qwen3ForCausalLM") -> "Network":
        """The network of a model."""
        config, inner = model.config, model.model
        layers = tuple(
            _Layer(
                before=layer.input_layernorm.weight,
                qkv=torch.cat([getattr(layer.self_attn, f"{name}_proj").weight for name in "qkv"]),
                q_norm=layer.self_attn.q_norm.weight,
                k_norm=layer.self_attn.k_norm.weight,
                out=layer.self_attn.o_proj.weight,
                between=layer.post_attention_layernorm.weight,
                gate_up=torch.cat([layer.mlp.gate_proj.weight, layer.mlp.up_proj.weight]),
                down=layer.mlp.down_proj.weight,
            )
            for layer in inner.layers
        )
        words = inner.embed_tokens.weight
        cosine, sine = inner.rotary_emb(words, torch.arange(config.max_position_embeddings)[None])
        heads, groups = config.num_attention_heads, config.num_key_value_heads or config.num_attention_heads
        return cls(words, layers, inner.norm.weight, cosine[0], sine[0], heads, groups, config.head_dim, config.rms_norm_eps)

    def read(self, prompts: Sequence[Sequence[int]], room: int) -> tuple[Cache, Tensor]:
        """A cache with `room` places, and the logits (sequence, word) of the next token."""
        length = max(map(len, prompts))
        padding = torch.tensor([length - len(prompt) for prompt in prompts])
        tokens = torch.tensor([[0] * (length - len(prompt)) + list(prompt) for prompt in prompts])
        places = torch.arange(length)
        seen = (places[None, :, None] >= places) & (places >= padding[:, None, None]) | torch.eye(length, dtype=torch.bool)
        turned = (places - padding[:, None]).clamp(min=0)  # (sequence, place)
        x = self.words[tokens]
        keys: list[Tensor] = []
        values: list[Tensor] = []
        for layer in self.layers:
            q, k, v = (part.transpose(1, 2) for part in self._qkv(layer, x, turned))
            attended = scaled_dot_product_attention(q, k, v, attn_mask=seen[:, None], enable_gqa=True)
            x = self._through(layer, x, attended.transpose(1, 2).flatten(2))
            for kept, made in ((keys, k), (values, v)):
                place = made.new_zeros(len(prompts), self.groups, room, self.head)
                place[:, :, :length] = made
                kept.append(place)
        hidden = torch.zeros(len(prompts), room).masked_fill_(torch.arange(room) < padding[:, None], -torch.inf)
        return Cache(tuple(keys), tuple(values), hidden, padding), self._logits(x[:, -1])

    def step(self, tokens: Tensor, cache: Cache, place: int) -> Tensor:
        """The logits (sequence, word) after one more token of each sequence; the cache takes it up."""
        sequences, each = len(tokens), self.heads // self.groups
        x, turned = self.words[tokens], place - cache.padding
        for layer, keys, values in zip(self.layers, cache.keys, cache.values, strict=True):
            q, keys[:, :, place], values[:, :, place] = self._qkv(layer, x, turned)
            seen = (kept.flatten(0, 1)[:, : place + 1] for kept in (keys, values))  # (sequence · group, place, head)
            queries = q.reshape(sequences * self.groups, each, self.head) * self.head**-0.5
            weights = torch.bmm(queries, next(seen).transpose(1, 2)).view(sequences, self.heads, place + 1)
            weights = (weights + cache.hidden[:, None, : place + 1]).softmax(-1)
            attended = torch.bmm(weights.view(sequences * self.groups, each, place + 1), next(seen))
            x = self._through(layer, x, attended.reshape(sequences, -1))
        return self._logits(x)

    def _qkv(self, layer: _Layer, x: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (…, head number, head), the first two turned by their places."""
        made = linear(self._norm(x, layer.before), layer.qkv).unflatten(-1, (-1, self.head))
        q, k, v = made.split([self.heads, self.groups, self.groups], dim=-2)
        cosine, sine = self.cosine[places][..., None, :], self.sine[places][..., None, :]
        return _turned(self._norm(q, layer.q_norm), cosine, sine), _turned(self._norm(k, layer.k_norm), cosine, sine), v

    def _through(self, layer: _Layer, x: Tensor, attended: Tensor) -> Tensor:
        x = x + linear(attended, layer.out)
        gate, up = linear(self._norm(x, layer.between), layer.gate_up).chunk(2, dim=-1)
        return x + linear(silu(gate) * up, layer.down)

    def _norm(self, x: Tensor, weight: Tensor) -> Tensor:
        return rms_norm(x, weight.shape, weight, self.epsilon)

    def _logits(self, x: Tensor) -> Tensor:
        return linear(self._norm(x, self.last), self.words)


def _turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-second, first], dim=-1) * sine
