"""Muon (Jordan et al. 2024): momentum whose matrices are made orthogonal before the step, by five Newton-Schulz iterations.

As `torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"`, which a test holds it to, but in float32: that one iterates in
bfloat16, which takes three times as long on a CPU without bfloat16 units, and there would be most of the training.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["Muon"]

_A, _B, _C = 3.4445, -4.775, 2.0315
_ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Of matrices only; `lr` is as large as AdamW's would be."""

    def __init__(self, matrices: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.01) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:  # noqa: ARG002 - PyTorch asks for it
        """Move every matrix once."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                mean = state.setdefault("momentum_buffer", torch.zeros_like(matrix))
                mean.lerp_(matrix.grad, 1 - group["momentum"])
                ahead = matrix.grad.lerp(mean, group["momentum"])  # Nesterov
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(_orthogonal(ahead), alpha=-group["lr"] * 0.2 * max(matrix.shape) ** 0.5)
        return None


def _orthogonal(matrix: Tensor) -> Tensor:
    """A matrix with about the same singular vectors, and all singular values about 1."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(_ITERATIONS):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=_B, alpha=_C), x, beta=_A)
    return x.T if tall else x
