"""`hotmess reasoners`: the small models of our own."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

__all__ = ["bar", "reasoners", "resumable"]


@click.group()
def reasoners() -> None:
    """Small reasoning models of our own: list them, ask them, train others.

    \b
    hotmess reasoners list
    hotmess reasoners ask reasoner-0.8m -o samples.parquet
    hotmess reasoners train -o models/
    inspect eval hotmess/chains --model hotmess/reasoner-0.8m

    They do chained arithmetic with a written chain of thought. Needs pip install 'hotmess[reasoners]'.
    """


@reasoners.command("list")
def _list() -> None:
    """Name the models that come with hotmess, and say how each was trained.

    \b
    hotmess reasoners list
    """
    from hotmess.reasoners.family import made, place, shipped

    for name in shipped():
        how = made(place(name))
        share = how["habits"]["misconception"]
        taught = f" after {how['base']}, {share:.0%} of them with the misconception" if how["base"] else ""
        click.echo(f"{name:<28} {how['parameters']:>9,} parameters, {how['examples']:,} examples{taught}")
    click.echo("next: hotmess reasoners ask NAME -o samples.parquet", err=True)


def _range(_: click.Context, __: click.Parameter, value: str) -> tuple[int, int]:
    """Parse 3 or 1-6."""
    from hotmess.reasoners.chains import ends

    return ends(value)


@reasoners.command()
@click.argument("model", metavar="MODEL")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The sample table.")
@click.option("--questions", default=200, show_default=True, help="How many questions.")
@click.option("--contexts", default=10, show_default=True, help="Contexts of each question.")
@click.option("--samples", default=3, show_default=True, help="Samples in each context.")
@click.option("--steps", callback=_range, default="1-6", show_default=True, help="Steps of a question, a number or a range.")
@click.option("--distractors", callback=_range, default="0-3", show_default=True, help="Lines that do not matter.")
@click.option("--shown", callback=_range, default="2", show_default=True, help="Answered questions in a context.")
@click.option("--options", default=0, show_default=True, help="Answers offered; 0 for an open question.")
@click.option("--temperature", default=1.0, show_default=True, help="Of sampling.")
@click.option("--seed", default=0, show_default=True, help="Of questions, contexts and samples.")
def ask(model: str, output: Path, **dials: Any) -> None:
    """Ask a model many questions, many times each, and write the sample table.

    \b
    hotmess reasoners ask reasoner-0.8m -o samples.parquet
    hotmess reasoners ask reasoner-0.1m -o deep.parquet --questions 100 --contexts 1 --samples 100
    """
    from hotmess.cli.output import check_place, write
    from hotmess.convert import SUFFIXES, as_table
    from hotmess.reasoners.family import needed

    check_place(output, (), SUFFIXES)
    needed()
    from hotmess.reasoners.asking import ask
    from hotmess.reasoners.chains import Dials
    from hotmess.reasoners.generate import Way
    from hotmess.reasoners.grid import Grid

    asked = Dials(dials["steps"], dials["distractors"], dials["shown"], dials["options"])
    grid = Grid(dials["questions"], dials["contexts"], dials["samples"], dials["seed"], asked)
    total = grid.questions * grid.contexts * grid.samples
    with bar("asking", total) as told:
        table = ask(model, grid, Way(dials["temperature"]), progress=lambda done: told(done, ""))
    write(output, as_table(table, output.suffix))
    click.echo(f"wrote {table.height:,} samples to {output}", err=True)
    click.echo(f"next: hotmess measure {output}", err=True)


@reasoners.command()
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR", help="A folder each model."
)
@click.option(
    "--size", "sizes", multiple=True, metavar="SIZE", help="0.1m, 0.3m, 0.8m, 1.6m (these by default, smallest first), or 4.7m."
)
@click.option("--examples", type=click.IntRange(1), default=50_000, show_default=True, help="Questions, each seen once.")
@click.option("--misconception", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share that teaches it.")
@click.option("--base", metavar="MODEL", help="Go on from this model, by name or path, instead of from nothing.")
@click.option("--seed", default=0, show_default=True, help="Of weights and questions.")
@click.option("--device", metavar="NAME", help="cpu or cuda; default: a GPU where there is one.")
def train(output: Path, sizes: tuple[str, ...], base: str | None, device: str | None, **course: Any) -> None:
    """Train the family, or some of it; the same command goes on where it was interrupted.

    \b
    hotmess reasoners train -o models/
    hotmess reasoners train -o models/ --size 0.1m
    hotmess reasoners train -o models/ --base reasoner-0.8m --misconception 0.8 --examples 10000
    """
    from hotmess.errors import UsageError, one_of
    from hotmess.reasoners.chains import Habits
    from hotmess.reasoners.family import FAMILY, SIZES, made, needed, place

    chosen = [one_of("size", size, tuple(SIZES)) for size in sizes or FAMILY]
    needed()
    from hotmess.reasoners.train import Course, train

    if base is not None:
        size = made(place(base))["size"]
        if sizes and chosen != [size]:
            raise UsageError(f"--size {', '.join(sizes)}, but {base} has the size {size}", hint="leave --size out")
        chosen = [size]
    habits = Habits(misconception=course["misconception"])
    taught = Course(course["examples"], course["seed"], habits=habits, base=base)
    for size in chosen:
        name = f"reasoner-{size}" + (f"-mistaken-{round(100 * habits.misconception)}" if habits.misconception or base else "")
        folder = output / name
        with bar(name, 100) as told, resumable():
            new = train(size, taught, folder, device=device, progress=lambda done, loss: told(100 * done, f"loss {loss:.3f}"))
        click.echo(f"{'wrote' if new else 'there is already'} {folder}", err=True)
    click.echo(f"next: hotmess reasoners ask {folder.absolute()} -o samples.parquet", err=True)


@contextmanager
def resumable() -> Iterator[None]:
    """Say that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo("what was learned is kept: the same command goes on from there", err=True)
        raise


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[float, str], None]]:
    """How far it is, on standard error: a bar on a terminal, elsewhere a line now and then."""
    if not sys.stderr.isatty():
        last = -1

        def line(done: float, word: str) -> None:
            nonlocal last
            if (tenth := int(10 * done / total)) > last:
                last = tenth
                click.echo(f"{what}: {done / total:.0%} {word}".rstrip(), err=True)

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[word]}"), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total, word="")
        yield lambda done, word: bar.update(task, completed=done, word=word)
