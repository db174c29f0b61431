"""`hotmess measure` and `hotmess check`."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

__all__ = ["check", "measure"]


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


def _reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say what to read."""
    options = [
        click.argument("paths", nargs=-1, required=True, metavar="PATH..."),
        click.option("--columns", multiple=True, callback=_columns, metavar="OURS=THEIRS", help="Names of columns."),
        click.option("--label", type=click.Choice(["answer", "score"]), help="Measure answers, or right/wrong."),
        click.option("--task", metavar="T", help="Keep this task only."),
        click.option("--model", metavar="M", help="Keep this model only."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


_LOSSES = ["brier", "kl", "mode", "zero-one", "coverage", "squared", "spread"]


@click.command()
@_reading
@click.option("--loss", type=click.Choice(_LOSSES), help="Default: brier; coverage for scores and tests.")
@click.option("--estimator", type=click.Choice(["unbiased", "plugin"]), default="unbiased", show_default=True)
@click.option(
    "--invalid",
    type=click.Choice(["class", "uniform", "drop"]),
    default="class",
    show_default=True,
    help="What an answer is that could not be read: one more class, a guess, nothing.",
)
@click.option("--max-invalid", type=click.FloatRange(0, 1), default=0.25, show_default=True, help="Refuse beyond this share.")
@click.option("--by", multiple=True, metavar="COLUMN", help="Split by a column; length:8 for buckets of questions by length.")
@click.option("--pool", multiple=True, metavar="COLUMN", help="Put tasks, models or settings together.")
@click.option("--length", metavar="COLUMN", help="The column meant by length.")
@click.option(
    "--about",
    type=click.Choice(["population", "benchmark"]),
    default="population",
    show_default=True,
    help="Intervals for questions like these, or for exactly these.",
)
@click.option("--cluster", metavar="COLUMN", help="Questions of one cluster are left out together.")
@click.option("--paper", is_flag=True, help="The paper's figures: --loss kl --estimator plugin --invalid uniform.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to .json, .csv, .parquet or .txt.")
def measure(paths: tuple[str, ...], as_json: bool, output: Path | None, **options: Any) -> None:  # noqa: FBT001 - click's way
    """Split each model's error into bias² and variance.

    \b
    hotmess measure results.csv
    hotmess measure runs/ --by length:8
    hotmess measure mine.parquet --columns question_id=id,answer=pred,target=gold
    """
    from hotmess.cli.output import Writer

    writer = None if output is None else Writer(output, paths)
    from hotmess.measure import measure as measured_from
    from hotmess.read import read
    from hotmess.show import show

    samples = read(*paths, **{name: options.pop(name) for name in ("columns", "label", "task", "model")})
    loss = options.pop("loss")
    measured = measured_from(samples, loss=loss and loss.replace("-", "_"), **options)
    if writer is not None:
        writer.write(measured)
        click.echo(f"wrote {output}", err=True)
    elif as_json:
        click.echo(measured.to_json())
    else:
        _print(lambda width: show(measured.rows, measured.method, measured.source, width=width), str(measured))
    for notice in measured.notices:
        click.echo(str(notice), err=True)
    longer = samples.length and not options["by"] and max(row.questions for row in measured.rows) >= _BUCKETS * 4
    click.echo("next: " + (f"{_again('measure')} --by length:{_BUCKETS}" if longer else _again("check")), err=True)


_BUCKETS = 8


def _again(verb: str) -> str:
    """The words of this call, for another verb."""
    words = click.get_current_context().params
    shown = ["hotmess", verb, *words["paths"]]
    shown += [part for ours, theirs in words["columns"].items() for part in ("--columns", f"{ours}={theirs}")]
    shown += [part for name in ("label", "task", "model") if words[name] for part in (f"--{name}", words[name])]
    return shlex.join(shown)


def _print(shown: Callable[[int], Any], plain: str) -> None:
    """In colour and as wide as the terminal is; as plain text where there is none."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.print(shown(console.width))
    else:
        click.echo(plain)


@click.command()
@_reading
def check(paths: tuple[str, ...], as_json: bool, **options: Any) -> None:  # noqa: FBT001 - click's way
    """Say what is in a table, whether it is usable, and what would be left out.

    \b
    hotmess check results.csv
    """
    import json

    from hotmess.overview import overview
    from hotmess.read import read
    from hotmess.show import as_text, show_overview

    samples = read(*paths, **options)
    seen = overview(samples)
    if as_json:
        click.echo(json.dumps(seen.as_dict(), indent=1, ensure_ascii=False))
    else:
        _print(lambda _: show_overview(seen), as_text(show_overview(seen)))
    for told in (*seen.problems, *seen.notices):
        click.echo(str(told), err=True)
    click.echo("next: " + (f"hotmess explain {seen.problems[0].code}" if seen.problems else _again("measure")), err=True)
    if seen.problems:
        raise click.exceptions.Exit(2)
