"""`hotmess demo`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import polars as pl

__all__ = ["demo"]

_ANSWERS = Path(__file__).parent.parent / "reasoners" / "logs" / "chains.parquet"
_WHAT = (
    "Real answers, but not of models that anyone uses: hotmess trained these transformers itself, of {least} to {most} "
    "parameters, and asked them {questions} questions of chained arithmetic through Inspect, each in {contexts} contexts and "
    "{each} times in each, at temperature 1; docs/reasoners.md, in the source, says what they show and what not"
)


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    metavar="FILE",
    help="The page.",
)
def demo(output: Path) -> None:
    """Measure answers that come with hotmess, and write the page: no key, no network, no log of your own.

    \b
    hotmess demo
    hotmess demo -o report.html
    """
    from dataclasses import replace
    from textwrap import wrap

    from hotmess.cli.options import print_shown, steps
    from hotmess.cli.output import check_place, write
    from hotmess.errors import Notice
    from hotmess.measure import measure
    from hotmess.read import Reading
    from hotmess.read.log import How
    from hotmess.report import report
    from hotmess.report.verdict import verdict
    from hotmess.show import show

    check_place(output, (), (".html", ".htm"))
    reading = Reading.of([_ANSWERS], {}, How())
    read = reading.samples()
    what = _what(read.frame.collect("polars").to_native())
    samples = replace(read, notices=(Notice("our-own-models", what), *read.notices))
    measured = measure(samples)
    print_shown(lambda width: show(measured.rows, measured.method, measured.source, width=width), str(measured))
    said = verdict([(str(row.group["model"]), row) for row in measured.rows], measured.method.loss, wrong={})
    click.echo("\n" + "\n".join(["".join(word.text for word in said.headline), *said.more, "", *wrap(f"{what}.", 100)]) + "\n")
    with steps() as progress:
        page = report(samples, texts=reading.transcripts, command=f"hotmess demo -o {output.name}", progress=progress)
    write(output, page.encode())
    click.echo(f"wrote {output} ({len(page.encode()) / 1e6:.1f} MB)", err=True)
    click.echo(f"next: open {output} in a browser, then hotmess report LOGS for logs of your own", err=True)


def _what(answers: "pl.DataFrame") -> str:
    """What the data are, in words."""
    sizes = answers["model_size"]
    models, questions, asked = (answers[name].n_unique() for name in ("model", "question_id", "context_id"))
    return _WHAT.format(
        least=_size(sizes.min()),
        most=_size(sizes.max()),
        questions=questions,
        contexts=asked // questions,
        each=len(answers) // (models * asked),
    )


def _size(parameters: Any) -> str:
    return f"{float(parameters) / 1e6:.1f} million"
