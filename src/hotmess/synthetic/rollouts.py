"""Rollouts: a model says a step, the step is taken, and from where it leads the model is asked again.

The state that a model sees is rounded to its tokens; the state that is moved is not. There are three sorts of starts, the
same for all models of a problem, and the expert goes from each of them too::

    jittered   tasks of several starts within one step norm of each other
    starts     all over the ball
    sampled    the same start several times, decoded at a temperature
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hotmess.devices import graphed, settle
from hotmess.synthetic.network import Transformer
from hotmess.synthetic.quadratic import Quadratic, in_ball
from hotmess.synthetic.setting import Preset
from hotmess.synthetic.tokens import Tokens

__all__ = ["Starts", "lead", "led"]

_AT_ONCE = 256  # sequences on a CPU, whose caches hold no more


@dataclass(frozen=True, slots=True)
class Starts:
    """Where rollouts begin. All are decoded together; the last `sampled` of them at a temperature."""

    points: Float[Tensor, "start dim"]
    sampled: int

    @classmethod
    def of(cls, preset: Preset, quadratic: Quadratic) -> "Starts":
        """Draw them: jittered ones, group by group, then those all over, then the sampled ones, each repeated."""
        problem, asked = preset.problem, preset.rollouts
        rng = np.random.default_rng([problem.problem, 3])

        def drawn(count: int) -> Float[np.ndarray, "count dim"]:
            return in_ball(rng, count, problem.dimension)

        centres, alone, repeated = (drawn(count) * problem.radius for count in (asked.groups, asked.starts, asked.sampled))
        near = drawn(asked.groups * asked.jittered) * problem.step_norm / 2  # within one step norm of each other
        away = np.concatenate([centres.repeat(asked.jittered, 0) + near, alone, repeated.repeat(asked.jittered, 0)])
        points = torch.tensor(away, device=quadratic.minimum.device) + quadratic.minimum
        return cls(points.float(), asked.sampled * asked.jittered)


@torch.inference_mode()
def lead(
    model: Transformer,
    starts: Starts,
    preset: Preset,
    *,
    seed: int,
    told: Callable[[float], None] = lambda _: None,
) -> Float[Tensor, "point start dim"]:
    """Where a model leads the starts; the states at the points that are kept, the start first.

    Args:
        model: the model.
        starts: where to begin.
        preset: how many steps, and at which temperature some are sampled.
        seed: of sampling.
        told: is told the share that is done.
    """
    device, total = starts.points.device, len(starts.points)
    rng = torch.Generator(device).manual_seed(seed)
    at_once = total if device.type == "cuda" else _AT_ONCE
    greedy, sampled = starts.points.split([total - starts.sampled, starts.sampled])
    parts = [(part, 0.0) for part in greedy.split(at_once)]
    parts += [(part, preset.rollouts.temperature) for part in sampled.split(at_once) if len(part)]
    found: list[Tensor] = []
    for part, temperature in parts:
        done = sum(states.shape[1] for states in found)
        heard = partial(_heard, told, done / total, len(part) / total)
        found.append(_lead(model, part, preset, temperature, rng, heard))
    return torch.cat(found, 1)


def _heard(told: Callable[[float], None], before: float, share: float, done: float) -> None:
    told(before + share * done)


def _lead(
    model: Transformer, x: Tensor, preset: Preset, temperature: float, rng: torch.Generator, told: Callable[[float], None]
) -> Tensor:
    steps, points = preset.rollouts.steps, preset.rollouts.points
    x, cache, tokens = x.clone(), model.cache(len(x)), model.tokens
    noise = torch.zeros(len(x), tokens.point, 10, device=x.device) if temperature else None

    def step() -> None:
        if noise is not None:  # Gumbel noise
            noise.exponential_(generator=rng).log_().mul_(-temperature)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=x.device.type == "cuda"):
            said = model.decode(tokens.encode(x), cache, noise)
        x.add_(tokens.decode(said))

    run, kept = graphed(step, x.device, *([rng] if temperature else [])), [x.cpu().clone()]
    for place in range(1, points + 1):
        for _ in range(steps // points):
            run()
        settle(x.device)
        kept.append(x.cpu().clone())
        told(place / points)
    return torch.stack(kept)


def led(quadratic: Quadratic, starts: Starts, preset: Preset, *, rounded: bool) -> Float[Tensor, "point start dim"]:
    """Where the expert leads the same starts; `rounded`, where it would if it saw and wrote tokens."""
    tokens = Tokens(preset.problem.dimension, preset.problem.digits)

    def through_tokens(x: Tensor) -> Tensor:
        return tokens.decode(tokens.encode(quadratic.step(tokens.decode(tokens.encode(x)))))

    steps, points = preset.rollouts.steps, preset.rollouts.points
    return quadratic.descend(starts.points, steps, every=steps // points, by=through_tokens if rounded else quadratic.step)
