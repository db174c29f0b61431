"""`hotmess report`."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from hotmess.cli.options import LABEL, reading, reading_of, rules_of, ruling, steps

__all__ = ["report"]

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def _bytes(_: click.Context, __: click.Parameter, value: str) -> int:
    """Parse 5MB."""
    import re

    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]?B?)\s*", value.upper())
    if found is None:
        raise click.BadParameter(f"`{value}`; write 5MB, 800KB or a number of bytes")
    unit = found[2] if found[2].endswith("B") or not found[2] else f"{found[2]}B"
    return int(float(found[1]) * _UNITS[unit])


@click.command()
@reading
@LABEL
@ruling
@click.option(
    "--transcripts",
    type=click.Choice(["none", "messiest", "all"]),
    default="messiest",
    show_default=True,
    help="Whose texts to keep.",
)
@click.option(
    "--budget", callback=_bytes, default="5MB", show_default=True, help="How large the page may be; transcripts give way."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn at random.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    metavar="FILE",
    help="The page.",
)
def report(paths: tuple[str, ...], output: Path, transcripts: Any, budget: int, seed: int, **options: Any) -> None:
    """Write one page: the answer in a sentence, the pictures behind it, all evidence below.

    \b
    hotmess report logs/ -o report.html
    hotmess report results.csv --transcripts none
    hotmess report logs/ --transcripts all --budget 50MB

    The page is one file that opens without a network or a server. Tasks stand each by itself.
    """
    from hotmess.cli.output import check_place, write
    from hotmess.report import report as written

    check_place(output, paths, (".html", ".htm"))
    read = reading_of(paths, options)
    label, task, model = (options.pop(name) for name in ("label", "task", "model"))
    command = _command(paths)
    with steps() as progress:
        html = written(
            read.each(label, task, model),
            rules=rules_of(options),
            seed=seed,
            transcripts=transcripts,
            texts=lambda questions: read.transcripts(questions, label=label, task=task, model=model),
            budget=budget,
            command=command,
            progress=progress,
        )
    data = html.encode("utf-8", "replace")
    write(output, data)
    click.echo(f"wrote {output} ({len(data) / 1e6:.1f} MB)", err=True)
    if len(data) > budget:
        found = f"the page has {len(data) / 1e6:.1f} MB, more than --budget, although no transcript is in it"
        click.echo(f"warning[over-budget]: {found}", err=True)
    click.echo(f"next: open {output} in a browser", err=True)


def _command(paths: Sequence[str]) -> str:
    """The words of this call that decide what is in the page; where it was written does not."""
    context = click.get_current_context()
    words = ["hotmess", "report", *paths]
    for option in context.command.params:
        name = option.name or ""
        if name in ("paths", "output") or context.get_parameter_source(name) is ParameterSource.DEFAULT:
            continue
        value, flag = context.params[name], max(option.opts, key=len)
        if isinstance(value, dict):
            value = tuple(f"{ours}={theirs}" for ours, theirs in value.items())
        many = value if isinstance(value, tuple) else (value,)
        words += [flag] if value is True else [word for one in many for word in (flag, str(one))]
    return shlex.join([*words, "-o", "report.html"])
