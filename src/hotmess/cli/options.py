"""Options that several verbs share: what to read, and how."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hotmess.read import Reading

__all__ = ["again", "reading", "reading_of"]


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


def reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say what to read."""
    options = [
        click.argument("paths", nargs=-1, required=True, metavar="PATH..."),
        click.option("--columns", multiple=True, callback=_columns, metavar="OURS=THEIRS", help="Names of columns of a table."),
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
    return command


def again(verb: str, paths: Sequence[str] | None = None) -> str:
    """The words of this call, for another verb; with other `paths`, for what it wrote."""
    words = click.get_current_context().params
    if paths is not None:
        return shlex.join(["hotmess", verb, *paths])
    shown = ["hotmess", verb, *words["paths"]]
    shown += [part for ours, theirs in words["columns"].items() for part in ("--columns", f"{ours}={theirs}")]
    named = ("label", "task", "model", "scorer", "pattern")
    shown += [part for name in named if words.get(name) for part in (f"--{name}", words[name])]
    shown += ["--on-limit", words["on_limit"]] if words["on_limit"] != "as-scored" else []
    return shlex.join(shown)


def reading_of(paths: Sequence[str], options: dict[str, Any], *, text: bool = False) -> "Reading":
    """Read what was asked for, on all cores, with a bar on a terminal's standard error; takes its options out."""
    from hotmess.read import Reading
    from hotmess.read.log import How

    columns, whole = options.pop("columns"), options.pop("text") or text
    how = How(whole, options.pop("pattern"), options.pop("scorer"), options.pop("on_limit"))
    with _progress() as progress:
        return Reading.of(paths, columns, how, processes=os.cpu_count() or 1, progress=progress)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
