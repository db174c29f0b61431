"""What the folder of a run holds: the preset, and of each model its training, its weights, its rollouts.

    preset.json
    models/2x32-seed0.training.safetensors      while it is trained: weights, moments, updates, random state, losses
    models/2x32-seed0.safetensors               when it is trained: weights, losses
    rollouts/2x32-seed0.safetensors             where it led the starts, its loss on what was held out
    rollouts/expert.safetensors                 where the expert leads them

Each file is written beside its place and renamed, so that it is whole or not there.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hotmess.errors import CannotWrite, OtherVersion, UnreadableFile
from hotmess.synthetic.setting import Preset, Size

__all__ = ["Folder", "Unit"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A model to be trained and led: what a sweep is divided into."""

    size: Size
    seed: int

    def __str__(self) -> str:
        """Return the name of its files."""
        return f"{self.size}-seed{self.seed}"


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of one run."""

    root: Path
    preset: Preset

    @classmethod
    def open(cls, root: Path, preset: Preset) -> "Folder":
        """The folder for a preset, made where there is none.

        Raises:
            CannotWrite: there is a file, or something else is in the folder.
            OtherVersion: it holds another run.
            UnreadableFile: what run it holds cannot be told.
        """
        if root.exists() and not root.is_dir():
            raise CannotWrite(f"`{root}` is a file, and a run needs a folder", hint="-o optimizers")
        written = root / "preset.json"
        others = sorted(path.name for path in root.glob("[!.]*"))
        if others and not written.exists():
            first = others[0]
            raise CannotWrite(f"`{root}` holds something else, such as `{first}`", hint="give another folder with -o")
        folder = cls(root, preset)
        root.mkdir(parents=True, exist_ok=True)
        if not written.exists():  # another shard may begin at the same moment
            beside = root / f".preset.{os.getpid()}.part"
            beside.write_text(json.dumps(preset.as_json(), indent=1) + "\n")
            beside.replace(written)
        folder.same(written)
        for name in ("models", "rollouts"):
            (root / name).mkdir(exist_ok=True)
        return folder

    def same(self, written: Path) -> None:
        """Refuse to mix two runs.

        Raises:
            OtherVersion: the folder holds another run; the message says in what they differ.
            UnreadableFile: it cannot be told.
        """
        try:
            found = json.loads(written.read_text())
            pairs = list(_different(self.preset.as_json(), found))
        except (ValueError, AttributeError) as problem:
            raise UnreadableFile(f"`{written}` cannot be read", hint="give another folder with -o") from problem
        if pairs:
            raise OtherVersion(
                f"`{self.root}` holds another run: {'; '.join(pairs)}",
                why="models and rollouts of two runs would be mixed",
                hint="give another folder with -o, or the same preset and -T as before",
            )

    def units(self) -> list[Unit]:
        """All models, the smallest first."""
        return [Unit(size, seed) for size in self.preset.sizes for seed in range(self.preset.seeds)]

    def training(self, unit: Unit) -> Path:
        """Where the training of a model is kept."""
        return self.root / "models" / f"{unit}.training.safetensors"

    def model(self, unit: Unit) -> Path:
        """Where a trained model lies."""
        return self.root / "models" / f"{unit}.safetensors"

    def rollouts(self, unit: Unit | None) -> Path:
        """Where the rollouts of a model lie, or those of the expert."""
        return self.root / "rollouts" / f"{unit or 'expert'}.safetensors"

    def missing(self) -> list[Unit]:
        """The models that have not been led yet."""
        return [unit for unit in self.units() if not self.rollouts(unit).exists()]

    @contextmanager
    def alone_with(self, unit: Unit) -> Iterator[None]:
        """Hold a lock on a model, which is gone with the process, however that ends.

        Raises:
            CannotWrite: another process has it.
        """
        with (self.root / "models" / f".{unit}.lock").open("w") as lock:
            try:
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:
                pass  # Windows has no such lock
            except OSError as problem:
                raise CannotWrite(
                    f"another process is at work on {unit} in `{self.root}`", hint="wait for it, or give another folder with -o"
                ) from problem
            yield


def _different(wanted: dict[str, object], found: dict[str, object]) -> Iterator[str]:
    """What of two presets differs, in words."""
    for name in dict.fromkeys([*wanted, *found]):
        one, other = wanted.get(name), found.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _different(one, other)
        elif one != other:
            yield f"{name} {_said(other)} there, {_said(one)} here"


def _said(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
