"""The family: sizes of one architecture (Qwen3), as ordinary Hugging Face checkpoints, most of them shipped.

A checkpoint is a folder with `model.safetensors`, `config.json`, a tokenizer and a chat template. Its config says, under
`hotmess_reasoner`, how it was made. Weights are kept in bfloat16 and compute in float32.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotmess.errors import MissingExtra, NoSuchModel, OtherVersion

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

__all__ = ["FAMILY", "SIZES", "VERSION", "Size", "fresh", "load", "made", "needed", "place", "save", "shipped"]

VERSION = 1  # of the task and the language: models of another one do not understand the questions of this one
_KEY = "hotmess_reasoner"
_SHIPPED = Path(__file__).parent / "checkpoints"
_HEAD = 32  # dimensions of a head: the least that vLLM takes


@dataclass(frozen=True, slots=True)
class Size:
    """The shape of a model; `heads` of queries share `groups` of keys and values."""

    width: int
    layers: int
    heads: int
    groups: int
    inner: int


SIZES = {
    "0.1m": Size(width=64, layers=2, heads=2, groups=1, inner=192),
    "0.3m": Size(width=96, layers=3, heads=3, groups=1, inner=256),
    "0.8m": Size(width=128, layers=4, heads=4, groups=2, inner=384),
    "1.6m": Size(width=192, layers=4, heads=6, groups=2, inner=512),
    "4.7m": Size(width=256, layers=6, heads=8, groups=4, inner=768),
}
FAMILY = ("0.1m", "0.3m", "0.8m", "1.6m")  # those that two cores train in less than an hour, and that come along


def needed() -> None:
    """Refuse to go on without the extra.

    Raises:
        MissingExtra: torch or transformers is not installed.
    """
    from importlib.util import find_spec

    lacking = [name for name in ("torch", "transformers") if find_spec(name) is None]
    if lacking:
        raise MissingExtra(
            f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not installed",
            why="the reasoning models are PyTorch models",
            hint="pip install 'hotmess[reasoners]'",
        )


def fresh(size: Size, tokens: int) -> "Qwen3ForCausalLM":
    """A model of this size that has learned nothing; `tokens` is the size of its vocabulary."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=tokens,
        hidden_size=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.groups,
        head_dim=_HEAD,
        intermediate_size=size.inner,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=None,
        eos_token_id=2,
        dtype="float32",
    )
    return Qwen3ForCausalLM(config)


def save(model: "Qwen3ForCausalLM", tokenizer: "PreTrainedTokenizerFast", folder: Path, how: dict[str, Any]) -> None:
    """Write a checkpoint; `how` says how it was made."""
    import torch

    rounded = {name: weight.to(torch.bfloat16) for name, weight in model.state_dict().items() if name != "lm_head.weight"}
    setattr(model.config, _KEY, {"version": VERSION, **how})
    with _quietly():
        model.save_pretrained(folder, state_dict=rounded)
    tokenizer.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"dtype": "float32"}, indent=2) + "\n")


def shipped() -> list[str]:
    """The models that come with hotmess, by name, which is by size."""
    return sorted(path.name for path in _SHIPPED.glob("*/")) if _SHIPPED.is_dir() else []


def place(name: str) -> Path:
    """The folder of a model: one that is shipped, by its name, or any checkpoint of ours, by its path.

    Raises:
        NoSuchModel: it is neither.
    """
    for folder in (_SHIPPED / name, Path(name)):  # one of your own that has the name of a shipped one is `./NAME`
        if (folder / "config.json").is_file():
            return folder
    near = get_close_matches(name, shipped(), n=1, cutoff=0.4)
    raise NoSuchModel(
        f"there is no reasoning model `{name}`; there are {', '.join(shipped()) or 'none'}",
        hint=f"did you mean `{near[0]}`?" if near else "`hotmess reasoners train -o DIR` makes others; give the path of one",
    )


def made(folder: Path) -> dict[str, Any]:
    """How a checkpoint was made.

    Raises:
        OtherVersion: it is not one of these models, or of another version.
    """
    try:
        config = json.loads((folder / "config.json").read_text())
    except ValueError:
        config = None
    how = config.get(_KEY) if isinstance(config, dict) else None
    if not isinstance(how, dict) or how.get("version") != VERSION:
        found = f"version {how.get('version')}" if isinstance(how, dict) else "no model of ours"
        raise OtherVersion(
            f"the checkpoint {folder} is {found}; this hotmess knows version {VERSION}",
            why="another version reads and writes questions in another way, and its answers would mean nothing",
            hint="train it again: hotmess reasoners train",
        )
    return how


def load(name: str) -> "tuple[Qwen3ForCausalLM, PreTrainedTokenizerFast]":
    """A model and its tokenizer, ready to answer.

    Raises:
        MissingExtra: torch or transformers is not installed.
        NoSuchModel: there is no such model.
        OtherVersion: the checkpoint is of another version.
    """
    needed()
    folder = place(name)
    made(folder)
    from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

    with _quietly():
        model = Qwen3ForCausalLM.from_pretrained(folder, dtype="float32")
    return model.eval(), PreTrainedTokenizerFast.from_pretrained(folder)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the bars of transformers, which would last a blink."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
