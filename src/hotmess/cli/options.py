"""Options that several verbs share: what to read, and how."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hotmess.asked import Rules
    from hotmess.engines import Engine
    from hotmess.read import Reading

__all__ = [
    "ABOUT",
    "COLUMNS",
    "JSON",
    "LABEL",
    "READING",
    "again",
    "bytes_read",
    "engine_asked",
    "engines",
    "print_shown",
    "reading",
    "reading_of",
    "rules_of",
    "ruling",
    "steps",
]

LABEL = click.option("--label", type=click.Choice(["answer", "score"]), help="Measure answers, or right/wrong.")
ABOUT = click.option(
    "--about",
    type=click.Choice(["population", "benchmark"]),
    default="population",
    show_default=True,
    help="Intervals for questions like these, or for exactly these.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
READING = ("columns", "text", "pattern", "scorer", "on_limit", "engine", "address", "memory")
"""The options that say how to read, which `reading_of` takes."""

_LOSSES = ["brier", "kl", "mode", "zero-one", "coverage", "squared", "spread"]


def _columns(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Parse ours=theirs[,ours=theirs…]."""
    from hotmess.errors import UsageError

    found = {}
    for pair in (pair for value in values for pair in value.split(",")):
        ours, sign, theirs = pair.partition("=")
        if not sign or not ours.strip():
            raise UsageError(f"`--columns {pair}` is not understood", hint="--columns question_id=id,answer=pred")
        found[ours.strip()] = theirs.strip()
    return found


COLUMNS = click.option("--columns", multiple=True, callback=_columns, metavar="OURS=THEIRS", help="Names of columns of a table.")


def reading(command: Callable[..., Any], *, required: bool = True) -> Callable[..., Any]:
    """Options that say what to read."""
    options = [
        click.argument("paths", nargs=-1, required=required, metavar="PATH..." if required else "[PATH]..."),
        COLUMNS,
        click.option("--task", metavar="T", help="Keep this task only."),
        click.option("--model", metavar="M", help="Keep this model only."),
        click.option("--scorer", metavar="NAME", help="Which scorer (Inspect), filter (lm-eval) or metric (HELM) decides."),
        click.option("--pattern", metavar="REGEX", help="How to read answers from completions, such as 'ANSWER: ([A-J])'."),
        click.option("--text", is_flag=True, help="Read whole transcripts: characters, Wait counts, repeated completions."),
        click.option(
            "--on-limit",
            type=click.Choice(["as-scored", "paper", "drop"]),
            default="as-scored",
            show_default=True,
            help="Unit tests of a run that a limit stopped: as scored, as of unchanged code, or none.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return engines(command, ["polars", "duckdb", "spark", "ray"], "What adds up a store (or files of Parquet).")


def engines(command: Callable[..., Any], names: Sequence[str], what: str) -> Callable[..., Any]:
    """Options that say what does the work."""
    options = [
        click.option("--engine", type=click.Choice(names), default="polars", show_default=True, help=what),
        click.option("--address", metavar="URL", help="The cluster, such as spark://host:7077, sc://host or ray://host:10001."),
        click.option("--memory", metavar="SIZE", help="What DuckDB may take before it writes to disk, such as 4GB."),
    ]
    for option in reversed(options if "duckdb" in names else options[:2]):
        command = option(command)
    return command


def engine_asked(options: dict[str, Any]) -> "Engine":
    """What does the work; takes its options out."""
    from hotmess.engines import engine_of

    return engine_of(options.pop("engine"), options.pop("address"), options.pop("memory", None))


def ruling(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say how to measure."""
    options = [
        click.option("--loss", type=click.Choice(_LOSSES), help="Default: brier; coverage for scores and tests."),
        click.option("--estimator", type=click.Choice(["unbiased", "plugin"]), default="unbiased", show_default=True),
        click.option(
            "--invalid",
            type=click.Choice(["class", "uniform", "drop"]),
            default="class",
            show_default=True,
            help="What an answer is that could not be read: one more class, a guess, nothing.",
        ),
        click.option(
            "--max-invalid", type=click.FloatRange(0, 1), default=0.25, show_default=True, help="Refuse beyond this share."
        ),
        click.option("--pool", multiple=True, metavar="COLUMN", help="Put tasks, models or settings together."),
        click.option("--length", metavar="COLUMN", help="The column meant by length."),
        click.option("--cluster", metavar="COLUMN", help="Questions of one cluster are left out together."),
        click.option("--paper", is_flag=True, help="The paper's figures: --loss kl --estimator plugin --invalid uniform."),
        click.option("--deterministic", is_flag=True, help="Report a variance of zero even if all repeats are copies."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def rules_of(options: dict[str, Any]) -> "Rules":
    """How to measure; takes its options out."""
    from dataclasses import fields

    from hotmess.asked import Rules

    asked = {field.name: options.pop(field.name) for field in fields(Rules) if field.name in options}
    return Rules(**asked | {"loss": asked["loss"] and asked["loss"].replace("-", "_")})


def again(verb: str, paths: Sequence[str] | None = None) -> str:
    """The words of this call, for another verb; with other `paths`, for what it wrote."""
    words = click.get_current_context().params
    if paths is not None:
        return shlex.join(["hotmess", verb, *paths])
    shown = ["hotmess", verb, *words["paths"]]
    shown += [part for ours, theirs in words["columns"].items() for part in ("--columns", f"{ours}={theirs}")]
    named = ("label", "task", "model", "scorer", "pattern", "address", "memory")
    shown += [part for name in named if words.get(name) for part in (f"--{name}", words[name])]
    others = {"on_limit": "as-scored", "engine": "polars"}
    shown += [
        part for name, usual in others.items() if words[name] != usual for part in (f"--{name.replace('_', '-')}", words[name])
    ]
    return shlex.join(shown)


def reading_of(paths: Sequence[str], options: dict[str, Any], *, text: bool = False) -> "Reading":
    """Read what was asked for, on all cores, with a bar on a terminal's standard error; takes its options out."""
    from hotmess.read import Reading
    from hotmess.read.log import How

    columns, whole = options.pop("columns"), options.pop("text") or text
    how = How(whole, options.pop("pattern"), options.pop("scorer"), options.pop("on_limit"))
    engine = engine_asked(options)
    with bytes_read() as progress:
        return Reading.of(paths, columns, how, engine=engine, processes=os.cpu_count() or 1, progress=progress)


@contextmanager
def bytes_read() -> Iterator[Callable[[int, int], None] | None]:
    """A bar of the bytes that were read, on a terminal's standard error."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_shown(shown: Callable[[int], Any], plain: str) -> None:
    """In colour and as wide as the terminal is; as plain text where there is none."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.print(shown(console.width))
    else:
        click.echo(plain)


@contextmanager
def steps() -> Iterator[Callable[[str], None] | None]:
    """What is being done, on a terminal's standard error."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("measure") as status:
        yield status.update
