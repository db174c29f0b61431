"""`hotmess figure`: every analysis, by its name or by the number of the paper's figure; as a picture, a table or JSON."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from hotmess.cli.options import JSON, LABEL, reading, reading_of, rules_of, ruling

__all__ = ["figure"]

Option = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """An analysis on the command line.

    Attributes:
        says: what it shows, in a line.
        paper: the figures of the paper that show it.
        options: what only it can be asked.
    """

    says: str
    paper: tuple[str, ...]
    options: tuple[Option, ...] = ()


def _count(name: str, default: int, says: str) -> Option:
    return click.option(name, type=click.IntRange(1), default=default, show_default=True, help=says)


_SEED = click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn at random.")
_DIFFICULTY = click.option("--difficulty", metavar="COLUMN", help="A column that says how hard a question is.")
_SIZES = click.option("--size", "sizes", type=click.IntRange(1), multiple=True, help="Which sizes; may be given several times.")


def _numbers(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Parse 3x4."""
    found = []
    for value in values:
        contexts, sign, samples = value.partition("x")
        if not (sign and contexts.isdigit() and samples.isdigit() and int(contexts) and int(samples)):
            raise click.BadParameter(f"`{value}`; write 3x4 for three contexts with four samples each")
        found.append((int(contexts), int(samples)))
    return tuple(found)


FIGURES: Mapping[str, Figure] = {
    "by-length": Figure(
        "incoherence, bias², variance and accuracy in buckets of questions by mean length; the trend",
        ("2a", "2b", "2c", "8b", "8c", "9r", "10", "23", "25"),
        (
            _count("--buckets", 8, "Of equally many questions."),
            click.option("--leave-pair-out", is_flag=True, help="Choose each pair's bucket by the other samples."),
            _SEED,
        ),
    ),
    "by-overthinking": Figure(
        "the shorter and the longer half of each question's samples",
        ("3", "17-right"),
        (_count("--draws", 1000, "Permutations."), _SEED),
    ),
    "by-relative-length": Figure(
        "single samples by their length beside that of the others of the question", (), (_count("--bins", 6, "Of samples."),)
    ),
    "by-wait-ratio": Figure(
        "buckets of questions by how often traces say Wait",
        ("18",),
        (_count("--buckets", 8, "Of equally many questions."), _SEED),
    ),
    "by-scale": Figure(
        "power laws in model size, by difficulty and family; does incoherence rise with scale?",
        ("4a", "5", "5a", "6", "9l", "12", "12a", "15", "16"),
        (
            click.option("--reference", metavar="MODEL", help="Whose lengths say how hard a question is."),
            _DIFFICULTY,
            _count("--groups", 3, "Of difficulty."),
            click.option("--size", metavar="COLUMN", default="model_size", show_default=True, help="The size of each model."),
            click.option("--family", metavar="COLUMN", help="Lines of models that belong together."),
        ),
    ),
    "by-length-and-size": Figure("length and model size at once", ("14",), (_count("--buckets", 6, "Of length."),)),
    "by-budget": Figure(
        "the effort asked for beside natural variation, in the same units",
        ("7a", "8a", "17-left"),
        (click.option("--budget", metavar="COLUMN", help="What was asked for; else effort, or setting."), _SEED),
    ),
    "by-ensemble": Figure(
        "what the mean of several samples would leave",
        ("7b", "11"),
        (
            _SIZES,
            click.option("--design", "designs", multiple=True, callback=_numbers, metavar="GxM", help="Contexts x samples."),
            click.option("--scheme", type=click.Choice(["closed", "disjoint"]), default="closed", show_default=True),
            _count("--ensembles", 10, "How many disjoint ones."),
            _SEED,
        ),
    ),
    "answer-changes": Figure(
        "how often an answer changes when asked again: by sampling, by context, by both",
        ("20",),
        (click.option("--draws", type=click.IntRange(2), help="How many answers; default 3, or 2."), _DIFFICULTY),
    ),
    "answer-spread": Figure("variance of open-ended answers against length", ("2c-right", "24")),
    "length-agreement": Figure("do models find the same questions long?", ("5b", "12b", "22b")),
    "length-by-difficulty": Figure(
        "length by a label of difficulty",
        ("22a",),
        (click.option("--difficulty", metavar="COLUMN", default="difficulty", show_default=True, help="The label."),),
    ),
    "plane": Figure(
        "models in the plane of bias² and variance", ("13",), (click.option("--by", multiple=True, metavar="COLUMN"),)
    ),
    "one-question": Figure(
        "one question, many samples, different answers", ("19",), (click.option("--question", metavar="ID", help="Which one."),)
    ),
    "sample-efficiency": Figure(
        "how many samples are enough", ("21",), (_SIZES, _count("--draws", 200, "Subsets of each size."), _SEED)
    ),
    "format-adherence": Figure("answers that could not be read, by reason", ("table-1",)),
    "by-step": Figure(
        "along the steps of an optimizer or an agent",
        ("2d", "26a"),
        (click.option("--step", metavar="COLUMN", default="step", show_default=True, help="The column that counts steps."),),
    ),
    "split-bias": Figure("bias in what training missed and what it was wrongly aimed at; needs `intended`", ("section-5",)),
    "pass-k": Figure("one, or all, of k attempts are right; intraclass correlation", (), (_SIZES,)),
}
_SURVEY = ("4b", "27")


class _Figures(click.Group):
    """Commands that answer to the numbers of the paper's figures as well: 3, fig3, figure-3."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = re.sub(r"^fig(ure)?[.-]?(?=\d)", "", cmd_name.lower().replace("_", "-"))
        name = re.sub(r"^(table|section)(?=\d)", r"\1-", name)
        if name in _SURVEY:
            words = "hotmess survey TABLE --panels" if name == _SURVEY[1] else "hotmess survey TABLE"
            said = f"figure {name} of the paper is of a survey of people, not of samples of a model"
            raise click.UsageError(f"{said}; `{words}` draws it from ranks")
        name = next((known for known, one in FIGURES.items() if name in one.paper), name)
        found = super().get_command(ctx, name)
        if found is None and not name.startswith("-"):
            parts = [
                f"{number} → {known}"
                for known, one in FIGURES.items()
                for number in one.paper
                if re.match(rf"{name}[a-z]", number)
            ]
            if parts and name.isdigit():
                raise click.UsageError(f"figure {name} of the paper has parts: {', '.join(parts)}")
            near = get_close_matches(name, [*FIGURES, *(number for one in FIGURES.values() for number in one.paper)], n=1)
            hint = f"did you mean `{near[0]}`?" if near else "`hotmess figure --help` lists them"
            raise click.UsageError(f"there is no figure or analysis `{cmd_name}`; {hint}")
        return found

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List which figure of the paper is which analysis."""
        del ctx
        with formatter.section("Figures of the paper"):
            formatter.write_dl([(", ".join(one.paper), name) for name, one in FIGURES.items() if one.paper])


@click.group(cls=_Figures, short_help="Draw a figure of the paper, or any analysis, from your own logs.")
def figure() -> None:
    """Draw a figure of the paper, or any analysis, from your own logs.

    \b
    hotmess figure by-length logs/                   the figures and what they say
    hotmess figure by-length logs/ -o length.pdf     the picture: .svg .pdf .png .html .json (Vega-Lite)
    hotmess figure 3 logs/ -o halves.svg             by the number of the paper's figure
    hotmess figure by-scale logs/ --reference small -o scale.csv
    """


def _command(name: str, one: Figure) -> click.Command:
    """The command of an analysis."""

    @reading
    @LABEL
    @ruling
    @JSON
    @click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="A picture, or .csv .parquet .txt.")
    def command(paths: tuple[str, ...], as_json: bool, output: Path | None, **options: Any) -> None:  # noqa: FBT001 - click's way
        _run(name, paths, options, output, as_json=as_json)

    for option in reversed(one.options):
        command = option(command)
    shown = f" (paper: {', '.join(one.paper)})" if one.paper else ""
    made = click.command(name, short_help=one.says, help=f"{one.says[0].upper()}{one.says[1:]}{shown}.")
    return made(command)


for _name, _one in FIGURES.items():
    figure.add_command(_command(_name, _one))


def _run(name: str, paths: tuple[str, ...], options: dict[str, Any], output: Path | None, *, as_json: bool) -> None:
    from hotmess import analyses
    from hotmess.cli.output import check_result, tell

    check_result(output, paths)
    transcripts = name == "by-wait-ratio" or options.get("length") == "output_chars"
    samples = reading_of(paths, options, text=transcripts).samples(*(options.pop(word) for word in ("label", "task", "model")))
    rules = rules_of(options)
    own = {word: value for word, value in options.items() if value != () or word in ("by", "designs")}
    result = getattr(analyses, name.replace("-", "_"))(samples, rules=rules, **own)
    tell(result, output, as_json=as_json)
