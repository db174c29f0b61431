"""`hotmess survey` and `hotmess questionnaire`: what raters think, and the page that asks them."""

from pathlib import Path
from typing import Any

import click

from hotmess.cli.options import COLUMNS, JSON

__all__ = ["questionnaire", "survey"]

_TABLES = (".csv", ".parquet", ".txt")


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@COLUMNS
@click.option("--attribute", metavar="A", help="What tables are about that do not say it; default: the name of the file.")
@click.option("--invert", multiple=True, metavar="A", help="Turn an attribute round; default: coherence. '' for none.")
@click.option(
    "--high-first/--low-first",
    default=None,
    help="The highest (lowest) number is the most of the attribute; default: rank 1, or the highest `score`.",
)
@click.option("--x", metavar="A", help="The attribute to the right; default: intelligence, or the first by name.")
@click.option("--y", metavar="A", help="The attribute upwards; default: the next.")
@click.option("--panels", is_flag=True, help="A picture for each kind of entity.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn at random.")
@click.option("--draws", type=click.IntRange(100), default=2000, show_default=True, help="Permutations, and draws of entities.")
@JSON
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="A picture, or .csv .parquet .txt.")
def survey(paths: tuple[str, ...], output: Path | None, as_json: bool, **options: Any) -> None:  # noqa: FBT001 - click's way
    """Mean ranks of what raters ranked, how far they agree, and whether two attributes go together.

    \b
    hotmess survey ranks.csv                          columns rater, entity, rank, attribute, perhaps kind
    hotmess survey intelligence.csv coherence.csv     a row per entity, a column per rater
    hotmess survey answers/ -o survey.svg             files that `hotmess questionnaire` had saved
    hotmess survey ranks.csv --panels -o kinds.pdf    a picture for each kind (the paper's figure 27)

    Rank 1 is the most of the attribute; of a column `score`, the highest is.
    """
    from hotmess.cli.output import check_result, tell
    from hotmess.survey import survey as found_in

    check_result(output, paths)
    result = found_in(*paths, **options | {"invert": options["invert"] or None})
    tell(result, output, as_json=as_json)


@click.command()
@click.argument("cards", metavar="CARDS")
@click.option(
    "--attribute",
    "attributes",
    multiple=True,
    required=True,
    metavar="A",
    help="What to rank by; of several, each rater gets one.",
)
@click.option("--ask", multiple=True, metavar="QUESTION", help="What raters are asked; one for each attribute.")
@click.option("--title", default="Survey", show_default=True, help="Of the page.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The page, .html.")
def questionnaire(cards: str, attributes: tuple[str, ...], ask: tuple[str, ...], title: str, output: Path) -> None:
    """Write the page on which raters rank cards: one file that opens by double-click, without a network.

    \b
    hotmess questionnaire cards.csv --attribute coherence -o coherence.html
    hotmess questionnaire cards.txt --attribute coherence --attribute intelligence -o page.html

    CARDS is a table with a column `entity`, perhaps `kind` (never shown) and `about` (shown); or a text with a name per line.
    Raters sort by dragging or answer pairs, save a file, and send it to you: `hotmess survey FILES...`.
    """
    from hotmess.cli.output import check_place, write
    from hotmess.survey.cards import cards_of
    from hotmess.survey.questionnaire import page

    check_place(output, [cards], (".html",))
    every = cards_of(cards)
    write(output, page(every, attributes, ask, title).encode())
    named = " or ".join(attributes)
    click.echo(f"wrote {output}: {len(every)} cards, to be ranked by {named}", err=True)
    click.echo("next: hotmess survey survey-*.json    (the files that raters send back)", err=True)
