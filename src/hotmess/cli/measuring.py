"""`hotmess measure` and `hotmess check`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hotmess.cli.options import again, reading, reading_of

__all__ = ["check", "measure"]

_LABEL = click.option("--label", type=click.Choice(["answer", "score"]), help="Measure answers, or right/wrong.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_LOSSES = ["brier", "kl", "mode", "zero-one", "coverage", "squared", "spread"]


@click.command()
@reading
@_LABEL
@_JSON
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
@click.option("--deterministic", is_flag=True, help="Report a variance of zero even if all repeats are copies.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write to .json, .csv, .parquet or .txt.")
def measure(paths: tuple[str, ...], as_json: bool, output: Path | None, **options: Any) -> None:  # noqa: FBT001 - click's way
    """Split each model's error into bias² and variance.

    \b
    hotmess measure results.csv
    hotmess measure runs/ --by length:8
    hotmess measure mine.parquet --columns question_id=id,answer=pred,target=gold
    """
    from hotmess.cli.output import FIGURES, check_place, content, write

    if output is not None:
        check_place(output, paths, FIGURES)
    from hotmess.measure import measure as measured_from
    from hotmess.show import show

    samples = reading_of(paths, options).samples(*(options.pop(name) for name in ("label", "task", "model")))
    loss = options.pop("loss")
    measured = measured_from(samples, loss=loss and loss.replace("-", "_"), **options)
    if output is not None:
        write(output, content(measured, output.suffix))
        click.echo(f"wrote {output}", err=True)
    elif as_json:
        click.echo(measured.to_json())
    else:
        _print(lambda width: show(measured.rows, measured.method, measured.source, width=width), str(measured))
    for notice in measured.notices:
        click.echo(str(notice), err=True)
    longer = samples.length and not options["by"] and max(row.questions for row in measured.rows) >= _BUCKETS * 4
    click.echo("next: " + (f"{again('measure')} --by length:{_BUCKETS}" if longer else again("check")), err=True)


_BUCKETS = 8


def _print(shown: Callable[[int], Any], plain: str) -> None:
    """In colour and as wide as the terminal is; as plain text where there is none."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.print(shown(console.width))
    else:
        click.echo(plain)


@click.command()
@reading
@_LABEL
@_JSON
def check(paths: tuple[str, ...], as_json: bool, **options: Any) -> None:  # noqa: FBT001 - click's way
    """Say what is in logs or tables, whether it is usable, what would be left out, and which traps it holds.

    \b
    hotmess check results.csv
    hotmess check logs/
    """
    import json

    from rich.console import Group

    from hotmess.overview import overview
    from hotmess.show import as_text, show_overview

    parts = reading_of(paths, options, text=True).each(**options)  # traps show in the text
    seen = [overview(part) for part in parts]
    if as_json:
        found = [one.as_dict() for one in seen]
        click.echo(json.dumps(found[0] if len(found) == 1 else {"parts": found}, indent=1, ensure_ascii=False))
    else:
        shown = Group(*(show_overview(one, alone=len(seen) == 1) for one in seen))
        _print(lambda _: shown, as_text(shown))
    for one in seen:
        if len(seen) > 1:
            click.echo(f"\n{one.kind}:", err=True)
        for message in (*one.problems, *one.notices):
            if len(seen) == 1 or one is seen[0] or message not in seen[0].notices:  # what concerns all is said once
                click.echo(str(message), err=True)
    problems = [problem for one in seen for problem in one.problems]
    if len(seen) > 1:
        click.echo("kinds differ from task to task: measure one at a time, or --label score", err=True)
    click.echo("next: " + (f"hotmess explain {problems[0].code}" if problems else again("measure")), err=True)
    if problems:
        raise click.exceptions.Exit(2)
