"""Teacher forcing: steps of the expert from states on its trajectories, with AdamW, resumable to the bit.

All models of a problem learn from the same trajectories; the seed decides the weights and which states make a batch. The tokens
are made inside each update, so that trajectories are kept as numbers. An update touches the same tensors every time, and all that
changes lies in them (how many updates, the learning rate, the losses), so that it can be one CUDA graph.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from safetensors import safe_open
from torch import Tensor
from torch.nn.functional import cross_entropy

from hotmess.devices import graphed
from hotmess.errors import OtherVersion
from hotmess.synthetic.files import save, what
from hotmess.synthetic.network import Transformer
from hotmess.synthetic.quadratic import Quadratic, in_ball
from hotmess.synthetic.setting import Preset, Size
from hotmess.synthetic.tokens import Tokens

__all__ = ["LAP", "Lessons", "Training", "held_out_loss", "load"]

LAP = 50  # updates of which one mean loss is kept
_TESTED = 16  # states of each trajectory that was held out
_AT_ONCE = 4096  # sequences


@dataclass(frozen=True, slots=True)
class Lessons:
    """What is taught, and what is held out: trajectories of the expert.

    Attributes:
        taught: all states of all trajectories that are taught.
        held_out: some states of the others, evenly spread over each.
    """

    quadratic: Quadratic
    tokens: Tokens
    taught: Float[Tensor, "state dim"]
    held_out: Float[Tensor, "trajectory tested dim"]

    @classmethod
    def of(cls, preset: Preset, device: torch.device) -> "Lessons":
        """Draw the starts and let the expert descend."""
        problem, course = preset.problem, preset.course
        quadratic = Quadratic.of(problem, device)
        rng = np.random.default_rng([problem.problem, 2])
        away = torch.tensor(in_ball(rng, course.trajectories, problem.dimension) * problem.radius, device=device)
        states = quadratic.descend((away + quadratic.minimum).float(), course.horizon - 1).transpose(0, 1)
        tested = round(course.held_out * course.trajectories)
        at = torch.linspace(0, course.horizon - 1, min(_TESTED, course.horizon), device=device).round().long()
        return cls(
            quadratic,
            Tokens(problem.dimension, problem.digits),
            states[tested:].reshape(-1, problem.dimension),
            states[:tested, at].contiguous(),
        )

    def write(self, states: Float[Tensor, "n dim"]) -> Tensor:
        """States and the expert's steps from them as tokens (n, place)."""
        return torch.cat([self.tokens.encode(states), self.tokens.encode(self.quadratic.step(states))], 1)


class Training:
    """A model on its way: weights, moments, randomness, and how many updates were made.

    Attributes:
        made: the number of updates.
        losses: mean loss of each `LAP` updates, in nats a token; 0 for those to come.
    """

    def __init__(self, preset: Preset, size: Size, seed: int, lessons: Lessons) -> None:
        """Draw the weights; nothing is learned yet."""
        device = lessons.taught.device
        self.what = {"size": str(size), "seed": seed, "parameters": size.parameters(preset.problem), "preset": preset.as_json()}
        self.made, self._course, self._lessons = 0, preset.course, lessons
        self.model = Transformer(size, lessons.tokens, seed=seed).to(device)
        self.losses = torch.zeros(-(-preset.course.updates // LAP), device=device)
        self._rng = torch.Generator(device).manual_seed(seed)
        self._count = torch.zeros((), dtype=torch.long, device=device)
        self._highest = preset.course.rate * min(1.0, (32 / size.width) ** 0.5)
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=torch.zeros((), device=device),
            betas=(0.9, 0.98),
            weight_decay=0.01,
            fused=True,
            capturable=device.type == "cuda",
        )
        for weight in self.model.parameters():
            zeros = {name: torch.zeros_like(weight) for name in ("exp_avg", "exp_avg_sq")}
            self._optimizer.state[weight] = {"step": torch.zeros((), device=device), **zeros}
        self._run = graphed(self._update, device, self._rng)

    @property
    def finished(self) -> bool:
        """Whether all updates were made."""
        return self.made >= self._course.updates

    def advance(self, updates: int) -> None:
        """Make so many more updates, or as many as are left."""
        for _ in range(min(updates, self._course.updates - self.made)):
            self._run()
            self.made += 1

    def _update(self) -> None:
        lessons, course = self._lessons, self._course
        device = lessons.taught.device
        at = torch.randint(len(lessons.taught), (course.batch,), generator=self._rng, device=device)
        self._optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = _loss(self.model, lessons.write(lessons.taught[at])).mean()
        loss.backward()
        share = self._count / course.updates
        part = torch.minimum((share + 1 / course.updates) / 0.05, (1 - share) / 0.95).clamp(max=1)
        self._optimizer.param_groups[0]["lr"].copy_(self._highest * part)
        self._optimizer.step()
        lap = (self._count // LAP)[None]
        self.losses.index_add_(0, lap, loss.detach()[None] / (course.updates - lap * LAP).clamp(max=LAP))
        self._count += 1

    def keep(self, path: Path) -> None:
        """Write all that is needed to go on: weights, moments, updates, randomness, losses. Beside its place, then renamed."""
        save(path, self._kept(), self._tensors())

    def finish(self, path: Path) -> None:
        """Write what is left of it: weights and losses."""
        weights = {f"weights.{name}": weight for name, weight in self.model.state_dict().items()}
        save(path, self.what, {**weights, "losses": self.losses})

    def resume(self, path: Path) -> None:
        """Go on from what was kept.

        Raises:
            OtherVersion: it is a training of something else.
        """
        with safe_open(path, "pt") as kept:
            _same(path, self._kept(), kept.metadata())
            for name, tensor in self._tensors().items():
                found = kept.get_tensor(name)
                if name == "random":
                    self._rng.set_state(found)
                else:
                    tensor.copy_(found)
        self.made = int(self._count)

    def _kept(self) -> dict[str, Any]:
        """What it is; the randomness of one sort of device means nothing to another."""
        return {**self.what, "device": self.losses.device.type}

    @torch.no_grad()
    def _tensors(self) -> dict[str, Tensor]:
        """All of its state, by name."""
        found = {"losses": self.losses, "updates": self._count, "random": self._rng.get_state()}
        for name, weight in self.model.named_parameters():
            state = self._optimizer.state[weight]
            found |= {f"weights.{name}": weight.detach(), f"first.{name}": state["exp_avg"]}
            found |= {f"second.{name}": state["exp_avg_sq"], f"step.{name}": state["step"]}
        return found


def _loss(model: Transformer, written: Tensor) -> Tensor:
    """Cross-entropy of each token of the steps, in nats."""
    return cross_entropy(model(written[:, :-1]).transpose(1, 2), written[:, model.tokens.point :], reduction="none")


@torch.inference_mode()
def held_out_loss(model: Transformer, lessons: Lessons) -> Float[Tensor, " trajectory"]:
    """Mean loss on each trajectory that was held out, in nats a token."""
    trajectories, states, _ = lessons.held_out.shape
    parts = [_loss(model, lessons.write(part)).mean(1) for part in lessons.held_out.flatten(0, 1).split(_AT_ONCE)]
    return torch.cat(parts).view(trajectories, states).mean(1)


def load(path: Path, device: torch.device) -> tuple[Transformer, dict[str, Any]]:
    """A model that was written by `finish`, and what it is."""
    with safe_open(path, "pt") as kept:
        of = what(kept.metadata())
        weights = {
            name.removeprefix("weights."): kept.get_tensor(name) for name in list(kept.keys()) if name.startswith("weights.")
        }
    preset = Preset.from_json(of["preset"])
    model = Transformer(Size.of(of["size"]), Tokens(preset.problem.dimension, preset.problem.digits))
    model.load_state_dict(weights)
    return model.to(device), of


def _same(path: Path, wanted: dict[str, Any], metadata: dict[str, str] | None) -> None:
    if what(metadata) != wanted:
        raise OtherVersion(
            f"`{path}` is the training of something else, or on another device",
            why="to go on would mix the two",
            hint="give another folder with -o, or the same --device as before",
        )
