"""Numbers as tokens: a sign, an exponent, and digits, the first of them before the comma.

    0.5 -> + 1 5 0 0        5.00e-1, with two digits after the comma
    -1.5 -> - 0 1 5 0       -1.50e-0

A point is its coordinates one after the other. The exponent counts downwards from 10^0 and ends at 10^-9: smaller numbers lose
digits, and numbers of 10 and more are cut off at the largest that there is. Signs, exponents and digits have tokens of their own,
so that the place of a token in a number says which ones it can be: that is all the grammar there is.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hotmess.errors import UsageError

__all__ = ["Tokens"]

_SIGNS, _EXPONENTS, _DIGITS = range(2), range(2, 12), range(12, 22)
_LEAST = 9  # the exponent at which numbers end


@dataclass(frozen=True, slots=True)
class Tokens:
    """How points are written: `digits` of each coordinate after the comma."""

    dimension: int
    digits: int

    SIZE = len(_SIGNS) + len(_EXPONENTS) + len(_DIGITS)  # of the vocabulary

    @property
    def number(self) -> int:
        """Tokens of one coordinate."""
        return self.digits + 3

    @property
    def point(self) -> int:
        """Tokens of a point."""
        return self.dimension * self.number

    def allowed(self, place: int) -> range:
        """The tokens that can stand at a place in a point, or in several."""
        return (_SIGNS, _EXPONENTS, _DIGITS)[min(place % self.number, 2)]

    def encode(self, points: Float[Tensor, "*n dimension"]) -> Int[Tensor, "*n token"]:
        """Points as tokens, each coordinate rounded to the digits that there are."""
        x = points.double()
        size = x.abs()
        # 9.996 has the next exponent if it is rounded up to 10.00: the thresholds are where that begins.
        ends = (10 - 0.5 * 10.0**-self.digits) * 10.0 ** -torch.arange(1.0, _LEAST + 1, device=x.device, dtype=x.dtype)
        exponent = _LEAST - torch.bucketize(size, ends.flip(0), right=True)
        powers = 10.0 ** torch.arange(_LEAST + 1, device=x.device, dtype=x.dtype)
        largest = 10 ** (self.digits + 1) - 1
        whole = (size * powers[exponent] * 10.0**self.digits).round().clamp(max=largest).long()
        places = 10 ** torch.arange(self.digits, -1, -1, device=x.device)
        digits = (whole[..., None] // places) % 10 + _DIGITS.start
        sign = ((x < 0) & (whole > 0)).long()
        return torch.cat([sign[..., None], exponent[..., None] + _EXPONENTS.start, digits], -1).flatten(-2)

    def decode(self, tokens: Int[Tensor, "*n token"]) -> Float[Tensor, "*n dimension"]:
        """The points that tokens say, in single precision."""
        numbers = tokens.unflatten(-1, (self.dimension, self.number))
        powers = 10.0 ** -torch.arange(_LEAST + self.digits + 1, device=tokens.device, dtype=torch.float64)
        places = 10 ** torch.arange(self.digits, -1, -1, device=tokens.device)
        whole = ((numbers[..., 2:] - _DIGITS.start) * places).sum(-1)
        size = whole * powers[numbers[..., 1] - _EXPONENTS.start + self.digits]
        return torch.where(numbers[..., 0] == 1, -size, size).float()

    def spell(self, tokens: Int[Tensor, " token"]) -> str:
        """Tokens as text, such as +1500-0150; several points one after the other."""
        return "".join("+-"[one] if one in _SIGNS else str((one - 2) % 10) for one in tokens.tolist())

    def parse(self, text: str) -> Int[Tensor, " token"]:
        """The tokens of a text.

        Raises:
            UsageError: it is not written like that.
        """
        found = []
        for place, letter in enumerate(text):
            kinds = self.allowed(place)
            known = "+-" if kinds == _SIGNS else "0123456789"
            if letter not in known:
                raise UsageError(f"`{letter}` at place {place + 1} of `{text}`", why=f"one of {known} stands there")
            found.append(kinds.start + known.index(letter))
        if not found or len(found) % self.point:
            raise UsageError(f"`{text}` has {len(found)} tokens", why=f"a point has {self.point}")
        return torch.tensor(found)
