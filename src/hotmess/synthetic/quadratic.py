"""The problem, f(x) = (x - b)' A (x - b) / 2, and the exact expert on it: steepest descent with steps of one norm.

    step(x) = -eta * A (x - b) / |A (x - b)|

Near the minimum steps of a fixed norm overshoot, so that the expert ends in jumping about it: it has a noise floor of its own.
Errors are squared A-norms, (x - b)' A (x - b), twice the value of f.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hotmess.synthetic.setting import Problem

__all__ = ["Quadratic", "in_ball"]


@dataclass(frozen=True, slots=True)
class Quadratic:
    """A problem drawn by its seed. The same on every machine, since numpy draws.

    Attributes:
        matrix: A, symmetric and positive definite, with eigenvalues from 1 to the condition number.
        minimum: b.
        step_norm: eta.
    """

    matrix: Float[Tensor, "dim dim"]
    minimum: Float[Tensor, " dim"]
    step_norm: float

    @classmethod
    def of(cls, problem: Problem, device: str | torch.device = "cpu") -> "Quadratic":
        """The problem of a setting: a random basis (Haar), and eigenvalues evenly spaced in their logarithms."""
        rng = np.random.default_rng([problem.problem, 1])
        basis, _ = np.linalg.qr(rng.standard_normal((problem.dimension, problem.dimension)))
        values = np.geomspace(1.0, problem.condition, problem.dimension)
        minimum = rng.uniform(-problem.spread, problem.spread, problem.dimension)
        matrix = torch.tensor((basis * values) @ basis.T, device=device)
        return cls((matrix + matrix.T) / 2, torch.tensor(minimum, device=device), problem.step_norm)

    def error(self, x: Float[Tensor, "*n dim"]) -> Float[Tensor, "*n"]:
        """The squared A-norm of what is missing to the minimum: twice f."""
        away = x.double() - self.minimum
        return ((away @ self.matrix) * away).sum(-1)

    def step(self, x: Float[Tensor, "*n dim"]) -> Float[Tensor, "*n dim"]:
        """The expert's step from x; none where the minimum is reached."""
        slope = (x.double() - self.minimum) @ self.matrix
        norm = slope.norm(dim=-1, keepdim=True)
        return (-self.step_norm * slope / norm.clamp(min=1e-300)).to(x.dtype)

    def descend(
        self, x: Float[Tensor, "n dim"], steps: int, *, every: int = 1, by: Callable[[Tensor], Tensor] | None = None
    ) -> Float[Tensor, "point n dim"]:
        """Where the expert, or steps `by` another, lead from x: the start, and the state after each `every`-th step."""
        step_from = by or self.step
        kept = x.new_empty((steps // every + 1, *x.shape))
        kept[0] = x
        for step in range(1, steps + 1):
            x = x + step_from(x)
            if step % every == 0:
                kept[step // every] = x
        return kept


def in_ball(rng: np.random.Generator, count: int, dimension: int) -> Float[np.ndarray, "count dimension"]:
    """Points uniform in the ball of radius 1."""
    away = rng.standard_normal((count, dimension))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    return away * rng.random((count, 1)) ** (1 / dimension)
