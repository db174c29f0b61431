"""`hotmess measure` and `hotmess check`."""

from pathlib import Path
from typing import Any

import click

from hotmess.cli.options import ABOUT, JSON, LABEL, again, print_shown, reading, reading_of, rules_of, ruling

__all__ = ["check", "measure"]


@click.command()
@reading
@LABEL
@JSON
@ruling
@ABOUT
@click.option("--by", multiple=True, metavar="COLUMN", help="Split by a column; length:8 for buckets of questions by length.")
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
    from hotmess.asked import ask
    from hotmess.measure import measurement
    from hotmess.show import show

    samples = reading_of(paths, options).samples(*(options.pop(name) for name in ("label", "task", "model")))
    measured = measurement(ask(samples, rules_of(options), by=options["by"]))
    if output is not None:
        write(output, content(measured, output.suffix))
        click.echo(f"wrote {output}", err=True)
    elif as_json:
        click.echo(measured.to_json())
    else:
        print_shown(lambda width: show(measured.rows, measured.method, measured.source, width=width), str(measured))
    for notice in measured.notices:
        click.echo(str(notice), err=True)
    longer = samples.length and not options["by"] and max(row.questions for row in measured.rows) >= _BUCKETS * 4
    click.echo("next: " + (f"{again('measure')} --by length:{_BUCKETS}" if longer else again("check")), err=True)


_BUCKETS = 8


@click.command()
@reading
@LABEL
@JSON
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
        print_shown(lambda _: shown, as_text(shown))
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
