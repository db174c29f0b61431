"""Tensors in a file, with what they are of: safetensors, whole or not there."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotmess.errors import CannotWrite

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["save", "what"]


def save(path: Path, of: dict[str, Any], tensors: "dict[str, Tensor]") -> None:
    """Write tensors beside their place, then rename; `of` says what they are of.

    Raises:
        CannotWrite: the disk is full, or the place is gone.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    beside = path.with_name(f".{path.name}.part")
    try:
        save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, beside, {"hotmess": json.dumps(of)})
        beside.replace(path)
    except (OSError, SafetensorError) as problem:
        beside.unlink(missing_ok=True)
        raise CannotWrite(f"`{path}` cannot be written: {problem}", hint="make room; the same command goes on") from problem


def what(metadata: dict[str, str] | None) -> dict[str, Any]:
    """What the tensors of a file are of, by its metadata; nothing, if it is not ours."""
    found: dict[str, Any] = json.loads((metadata or {}).get("hotmess", "{}"))
    return found
