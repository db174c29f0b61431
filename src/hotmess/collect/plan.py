"""What is to be collected: a task, asked of models with budgets, so many contexts and samples; from options or from a file."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from itertools import product
from pathlib import Path
from typing import Any

from hotmess.errors import NoSuchPath, UnreadableFile, UsageError, one_of
from hotmess.read.log import digest

__all__ = ["Cell", "Plan", "from_file", "is_plan"]

_TYPES: tuple[tuple[str, Any, str], ...] = (
    ("task", str, "the name of a task"),
    ("format", str, "a word"),
    ("data", str, "a path"),
    ("preset", str, "a word"),
    ("config", dict, "a table of names and values"),
    ("arguments", dict, "a table of names and values"),
    ("model_args", dict, "a table of names and values"),
    ("price", list, "two numbers: [1.1, 4.4]"),
    ("until_width", float, "a number such as 0.05"),
    *((name, int, "a whole number from 1") for name in ("samples", "contexts", "limit", "max_samples")),
)
_OURS = ("agent", "chains", "gpqa", "mcq", "mmlu", "mwe", "swe_bench")
_HOW_SENT = {  # what does not change what a model says: logs that differ in it are of one plan
    *("adaptive_connections", "attempt_timeout", "batch", "cache", "cache_prompt", "max_connections", "max_retries"),
    *("stream_idle_timeout", "timeout"),
}
_WHERE_SENT = {"api_key", "base_url"}
_SUFFIXES = (".toml", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to ask: a model, and a budget (empty for none)."""

    model: str
    budget: str = ""

    def __str__(self) -> str:
        """Return its name, as the log keeps it."""
        return f"{self.model};budget={self.budget}" if self.budget else self.model


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be collected.

    Attributes:
        task: a task of ours (`gpqa`), or any that Inspect knows (`inspect_evals/gaia`).
        models: as Inspect names them.
        budgets: efforts or numbers of tokens; none for the model's own way.
        format: letter, probabilities, cot or open; by default the task's.
        contexts: contexts of each question, for tasks that have them.
        samples: samples in each context; of tasks without contexts, of each question; by default as many as the task has.
        limit: at most so many questions, drawn at random, always the same.
        data: a local copy of the questions, or one's own.
        preset: recommended sampling: qwen3.
        config: what else is asked of models, by its name in Inspect: temperature, max_tokens, max_connections, batch, …
        arguments: what else the task is called with.
        model_args: what models are made with.
        price: dollars for a million tokens in, and out.
        until_width: go on until incoherence is known to plus or minus this.
        max_samples: but not beyond so many samples in each context.
    """

    task: str
    models: tuple[str, ...]
    budgets: tuple[str, ...] = ()
    format: str | None = None
    contexts: int | None = None
    samples: int | None = None
    limit: int | None = None
    data: str | None = None
    preset: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    model_args: Mapping[str, Any] = field(default_factory=dict)
    price: tuple[float, float] | None = None
    until_width: float | None = None
    max_samples: int = 100

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not self.models:
            raise UsageError("no model", hint="--model openai/o4-mini, --model hotmess/reasoner-0.8m, …")
        for name in ("samples", "contexts", "limit", "max_samples"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise UsageError(f"{name} {value!r}; a whole number from 1")
        if "samples" in self.arguments:
            raise UsageError("samples as an argument of the task", hint=f"--samples {self.arguments['samples']}")
        if self.price is not None and not (len(self.price) == 2 and all(isinstance(rate, int | float) for rate in self.price)):
            raise UsageError(f"the price {list(self.price)}", hint="dollars for a million tokens in, and out: price = [1.1, 4.4]")
        if self.until_width is not None and not 0 < self.until_width < 1:
            raise UsageError(f"a width of {self.until_width:g}; it lies between 0 and 1", hint="--until-width 0.05 for ±5 points")
        if self.until_width is not None and self.max_samples < (self.samples or 1):
            raise UsageError(f"at most {self.max_samples} samples, but {self.samples} to begin with", hint="--max-samples higher")

    def cells(self) -> list[Cell]:
        """Every way to ask, each once."""
        pairs = product(dict.fromkeys(self.models), dict.fromkeys(self.budgets) or ("",))
        return [Cell(model, budget) for model, budget in pairs]

    def called(self) -> tuple[str, dict[str, Any]]:
        """The task as it is registered, and its arguments; tasks of others are run as they are, several times.

        Raises:
            UsageError: another's task has no contexts, format or data.
        """
        asked = {"format": self.format, "contexts": self.contexts, "data": self.data}
        known = {name: value for name, value in asked.items() if value is not None}
        name = self.task.removeprefix("hotmess/")
        if name in _OURS:
            return f"hotmess/{name}", {**known, **self.arguments}
        if known:
            raise UsageError(f"`{self.task}` has no {', '.join(known)}", hint="its own arguments: -T name=value")
        return "hotmess/agent", {"task": self.task, "arguments": dict(self.arguments)}

    def mark(self) -> str:
        """What logs of one plan have in common, whatever their cell and their number of samples."""
        name, arguments = self.called()
        config = {key: value for key, value in self.config.items() if key not in _HOW_SENT}
        where = {key: value for key, value in self.model_args.items() if key not in _WHERE_SENT}
        told = {"task": name, **arguments, "preset": self.preset, "config": config, "model": where}
        return digest(json.dumps(told, sort_keys=True, default=str).encode())


def from_file(path: Path, given: Mapping[str, Any]) -> Plan:
    """A plan from a TOML or YAML file, whose names are those of `Plan`; what is `given` beside it goes first.

    Raises:
        HotmessError: it cannot be read, or says what no plan says.
    """
    said = _read(path)
    known = {one.name: one for one in fields(Plan)}
    for name in said:
        one_of("key in a plan", str(name), tuple(known))
    said = {name: value for name, value in said.items() if value is not None}
    for name, kind, what in _TYPES:
        if not isinstance(said.get(name, kind()), kind):
            raise UsageError(f"`{path}` has {name} {said[name]!r}", hint=f"{name} is {what}")
    given = {name: value for name, value in given.items() if value not in (None, (), {})}
    tables = {name: {**said.get(name, {}), **given.get(name, {})} for name in ("config", "arguments", "model_args")}
    merged = {**said, **given, **tables}
    for name in ("task", "models"):
        if name not in merged:
            raise UsageError(
                f"`{path}` names no {name}", hint=f'{name} = "…"' if name == "task" else 'models = ["openai/o4-mini"]'
            )
    for name in ("models", "budgets"):
        listed = merged.get(name, ())
        merged[name] = tuple(map(str, listed if isinstance(listed, list | tuple) else [listed]))
    merged["price"] = tuple(merged["price"]) if merged.get("price") else None
    return Plan(**merged)


def is_plan(task: str) -> bool:
    """Whether a word names a file of a plan rather than a task."""
    return Path(task).suffix in _SUFFIXES


def _read(path: Path) -> dict[Any, Any]:
    if not path.is_file():
        raise NoSuchPath(f"there is no `{path}`", hint="a plan in TOML or YAML, or the name of a task")
    try:
        if path.suffix == ".toml":
            return tomllib.loads(path.read_text("utf-8"))
        import yaml

        found = yaml.safe_load(path.read_text("utf-8"))
    except (ValueError, OSError) as problem:
        raise UnreadableFile(f"`{path}` cannot be read: {str(problem).splitlines()[0]}") from problem
    except Exception as problem:  # PyYAML's errors are no ValueErrors
        if type(problem).__module__.startswith("yaml"):
            raise UnreadableFile(f"`{path}` is no YAML: {str(problem).splitlines()[0]}") from problem
        raise
    if not isinstance(found, dict):
        raise UnreadableFile(f"`{path}` is no plan: it holds no names", hint="task: gpqa")
    return found
