"""The transformer: a decoder that reads the tokens of a state and writes those of a step.

    state (P tokens) step (P tokens)        the last token of the state is answered by the first of the step

Pre-norm, causal, learned positions, exact GELU, no biases; the embedding is the output matrix too. Of the last layer only what
answers with a token of the step is computed. To decode, keys and values are kept, and the logits of the allowed tokens alone are
taken, so that what is written is always a number.
"""

from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu, linear, scaled_dot_product_attention

from hotmess.synthetic.setting import Size
from hotmess.synthetic.tokens import Tokens

__all__ = ["Cache", "Transformer"]

_SMALL = 400  # multiplications; PyTorch has a slow way for the product of two matrices that needs fewer
Cache = tuple[Tensor, ...]  # of each layer its keys, then its values (2, sequence, head, place, part)
_READ = 64  # states that are read at once on a CPU, whose caches hold what one layer hands on to the next


class Block(nn.Module):
    """Attention and a network of two layers, each added to its input."""

    def __init__(self, size: Size) -> None:
        """Make room for the weights, of which the Transformer draws the values."""
        super().__init__()
        width, self.heads = size.width, size.heads
        self.before, self.between = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Every place of x (sequence, place, width) sees itself and those before it."""
        q, k, v = self.heads_of(x)
        return self.rest(x, _joined(scaled_dot_product_attention(q, k, v, is_causal=True)))

    def answers(self, x: Tensor, seen: Tensor) -> Tensor:
        """The same for the last places alone, as many as `seen` (place, place before) has rows."""
        places, width = len(seen), x.shape[2]
        normed = self.before(x)
        q = linear(normed[:, -places:], self.qkv.weight[:width]).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k, v = linear(normed, self.qkv.weight[width:]).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.rest(x[:, -places:], _joined(scaled_dot_product_attention(q, k, v, attn_mask=seen)))

    def reads(self, x: Tensor, kept: Tensor, *, last: bool) -> Tensor:
        """What `forward` does, or with `last` the last place of that; the first places of `kept` take up keys and values."""
        qkv = self.heads_of(x)
        kept[:, :, :, : x.shape[1]] = qkv[1:]
        q, k, v = qkv
        if last:
            return self.rest(x[:, -1:], _joined(scaled_dot_product_attention(q[:, :, -1:], k, v)))
        return self.rest(x, _joined(scaled_dot_product_attention(q, k, v, is_causal=True)))

    def goes_on(self, x: Tensor, kept: Tensor, place: int, ahead: Tensor) -> Tensor:
        """The same for one more place of each sequence (sequence, width); `ahead` masks what is read beyond it."""
        qkv = self.qkv(self.before(x)).view(len(x), 3, self.heads, -1)
        kept[:, :, :, place] = qkv[:, 1:].transpose(0, 1)
        keys, values = kept[:, :, :, : len(ahead)].flatten(1, 2)
        q = qkv[:, 0].flatten(0, 1)[:, None]
        weights = torch.baddbmm(ahead.to(q.dtype), q, keys.mT, alpha=q.shape[-1] ** -0.5).softmax(-1)
        return self.rest(x, torch.bmm(weights.to(q.dtype), values).view(x.shape))

    def heads_of(self, x: Tensor) -> Tensor:
        """Queries, keys and values (3, sequence, head, place, part)."""
        return self.qkv(self.before(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)

    def rest(self, x: Tensor, attended: Tensor) -> Tensor:
        """What follows once the heads have looked around."""
        x = x + self.out(attended)
        return x + self.down(gelu(self.up(self.between(x))))


def _joined(attended: Tensor) -> Tensor:
    """What the heads found, side by side."""
    return attended.transpose(1, 2).flatten(2)


class Transformer(nn.Module):
    """A model of some size that writes steps in some tokens."""

    ahead: Tensor  # minus infinity at (place, place that it does not see), else 0

    def __init__(self, size: Size, tokens: Tokens, *, seed: int = 0) -> None:
        """Draw the weights: normal, of standard deviation 0.02, and less in what is added to the stream by many layers."""
        super().__init__()
        self.tokens, places = tokens, 2 * tokens.point
        self.words = nn.Parameter(torch.empty(Tokens.SIZE, size.width))
        self.places = nn.Parameter(torch.empty(places, size.width))
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        self.end = nn.LayerNorm(size.width, bias=False)
        rng = torch.Generator().manual_seed(seed)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                added = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / (2 * size.layers) ** 0.5 if added else 0.02, generator=rng)
        room = max(places - 1, -(-_SMALL * size.heads // size.width))
        self.register_buffer("ahead", torch.full((room, room), -torch.inf).triu(1), persistent=False)

    @property
    def _layers(self) -> list[Block]:
        return cast("list[Block]", list(self.blocks))

    def forward(self, written: Int[Tensor, "n place"]) -> Float[Tensor, "n token word"]:
        """Logits of the tokens of the step; `written` is the state and the step but for its last token."""
        x = embedding(written, self.words) + self.places[: written.shape[1]]
        *blocks, last = self._layers
        for block in blocks:
            x = block(x)
        places, point = x.shape[1], self.tokens.point
        return self._logits(last.answers(x, self.ahead[places - point : places, :places]), self.words)

    def cache(self, count: int) -> Cache:
        """Room for the keys and values of so many sequences; half precision on a GPU."""
        device, heads, room = self.words.device, self._layers[0].heads, len(self.ahead)
        shape = (2, count, heads, room, self.words.shape[1] // heads)
        kind = torch.bfloat16 if device.type == "cuda" else torch.float32
        return tuple(torch.zeros(shape, device=device, dtype=kind) for _ in self.blocks)

    def decode(
        self, state: Int[Tensor, "n token"], cache: Cache, noise: Float[Tensor, "n token word"] | None
    ) -> Int[Tensor, "n token"]:
        """The tokens of a step: at each place the likeliest of those that are allowed there.

        `noise` is added to the logits: with Gumbel noise times a temperature, tokens are drawn at that temperature.
        """
        at_once = _READ if state.device.type == "cpu" else len(state)
        parts = zip(state.split(at_once), *(kept.split(at_once, 1) for kept in cache), strict=True)
        written = [self._choose(torch.cat([self._read(part, tuple(kept)) for part, *kept in parts]), 0, noise)]
        for place in range(1, self.tokens.point):
            written.append(self._choose(self._step(written[-1], self.tokens.point + place - 1, cache), place, noise))
        return torch.stack(written, 1)

    def _read(self, state: Tensor, cache: Cache) -> Tensor:
        """What the last token of the states is answered with (n, width); the cache takes them up."""
        x = embedding(state, self.words) + self.places[: state.shape[1]]
        for number, (block, kept) in enumerate(zip(self._layers, cache, strict=True), 1):
            x = block.reads(x, kept, last=number == len(cache))
        return x[:, 0]

    def _step(self, token: Tensor, place: int, cache: Cache) -> Tensor:
        """What one more token of each sequence, at this place, is answered with (n, width)."""
        x = embedding(token, self.words) + self.places[place]
        room = max(place + 1, -(-_SMALL // cache[0].shape[-1]))
        for block, kept in zip(self._layers, cache, strict=True):
            x = block.goes_on(x, kept, place, self.ahead[place, :room])
        return x

    def _logits(self, x: Tensor, words: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):  # in half precision, likely tokens would be equally likely
            return linear(self.end(x.float()), words)

    def _choose(self, x: Tensor, place: int, noise: Tensor | None) -> Tensor:
        allowed = self.tokens.allowed(place)
        logits = self._logits(x, self.words[allowed.start : allowed.stop])
        if noise is not None:
            logits = logits + noise[:, place, : len(allowed)]
        return logits.argmax(-1) + allowed.start
