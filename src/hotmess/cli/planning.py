"""`hotmess plan`: how many questions, contexts and samples."""

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotmess.cli.collecting import price
from hotmess.cli.options import ABOUT, JSON, LABEL, print_shown, reading, reading_of, rules_of, ruling

if TYPE_CHECKING:
    from hotmess.decide import Guess
    from hotmess.result import Result
    from hotmess.samples import Samples

__all__ = ["plan"]

_DOLLARS = click.FloatRange(0)
_OF_PILOTS = (
    *("label", "columns", "task", "model", "scorer", "pattern", "text", "on_limit", "against", "loss", "estimator"),
    *("invalid", "max_invalid", "pool", "length", "cluster", "paper", "deterministic"),
)


def _share(_: click.Context, option: click.Parameter, value: str | None) -> float | None:
    """Parse 0.05, 5%, 5pt or "5 points"."""
    from hotmess.decide.limits import amount

    return None if value is None else amount(value, option.opts[0])


@click.command()
@partial(reading, required=False)
@LABEL
@click.option("--width", callback=_share, default="5pt", show_default=True, metavar="W", help="Half of the interval: ± 5 points.")
@click.option(
    "--of",
    type=click.Choice(["incoherence", "error", "difference"]),
    default="incoherence",
    show_default=True,
    help="What is to be known; a difference is that of two models' incoherence.",
)
@click.option(
    "--against", metavar="M", help="The model (or setting) with which others are compared; with --model, only that one."
)
@click.option("--guess-incoherence", callback=_share, metavar="R", help="Without a pilot: share of the error that is variance.")
@click.option("--guess-error", callback=_share, metavar="E", help="Without a pilot: share of the answers that are wrong.")
@click.option("--guess-input", callback=_share, metavar="S", help="Without a pilot: share of the variance due to the context.")
@click.option("--price", callback=price, metavar="IN,OUT", help="Dollars for a million tokens in, and out.")
@click.option("--input-tokens", type=click.FloatRange(0), metavar="N", help="Of a sample.")
@click.option("--output-tokens", type=click.FloatRange(0), metavar="N", help="Of a sample; else the mean of the pilot.")
@click.option("--per-question", type=_DOLLARS, default=0.0, metavar="USD", help="What a question costs.")
@click.option("--per-context", type=_DOLLARS, default=0.0, metavar="USD", help="What each context of a question costs.")
@click.option("--per-sample", type=_DOLLARS, default=0.0, metavar="USD", help="What a sample costs, beside its tokens.")
@click.option("--max-questions", type=int, metavar="N", help="As many as there are.")
@click.option("--max-contexts", type=int, default=10, show_default=True, metavar="N", help="Of a question.")
@click.option("--max-samples", type=int, metavar="N", help="In each context (5); without contexts, of a question (30).")
@ABOUT
@click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn at random.")
@ruling
@JSON
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="A picture, or .csv .parquet .txt.")
def plan(paths: tuple[str, ...], as_json: bool, output: Path | None, **options: Any) -> None:  # noqa: FBT001 - click's way
    """Say how many questions, contexts and samples it takes to know a figure to plus or minus so much.

    \b
    hotmess plan pilot/ --width 5pt                            the cheapest designs for incoherence ± 5 points
    hotmess plan pilot/ --price 1.1,4.4 --input-tokens 600     in dollars
    hotmess plan pilot/ --of difference --against gpt-4o       of two models on the same questions
    hotmess plan pilot/ --about benchmark                      exactly these questions: how many samples of each
    hotmess plan --guess-incoherence 40% --guess-error 30%     without a pilot

    The width is half of the 95 % interval: what stands behind ±. A pilot has 50 questions or more, best with four
    contexts of two samples each.
    """
    from hotmess import decide
    from hotmess.cli.output import check_result, tell

    check_result(output, paths)
    words = ("question", "context", "sample")
    rates = {word: options.pop(f"per_{word}") for word in words}
    prices = decide.Prices(
        tokens=options.pop("price"), **rates, **{name: options.pop(name) for name in ("input_tokens", "output_tokens")}
    )
    most = decide.Most(options.pop("max_questions"), options.pop("max_contexts"), options.pop("max_samples"))
    width = options.pop("width")
    pilot = _pilot(paths, options)
    asked = {name: options.pop(name) for name in ("of", "against", "seed")}
    result = decide.plan(pilot, half_width=width, prices=prices, most=most, rules=rules_of(options), **asked)
    error = asked["of"] == "error"
    tell(result, output, as_json=as_json, shown=lambda: _print(result, width, error=error), following=_next(result))


def _pilot(paths: tuple[str, ...], options: dict[str, Any]) -> "Samples | Guess":
    """The samples of a pilot, or what was guessed; takes their options out."""
    from hotmess.errors import UsageError

    guess = {name: options.pop(f"guess_{name}") for name in ("incoherence", "error", "input")}
    guessed = guess["incoherence"] is not None and guess["error"] is not None
    if bool(paths) == guessed or (paths and any(value is not None for value in guess.values())):
        found = "both a pilot and a guess" if paths else "neither a pilot nor a whole guess"
        raise UsageError(found, hint="hotmess plan PILOT, or hotmess plan --guess-incoherence 40% --guess-error 30%")
    if not paths:
        _refuse_ignored()
        from hotmess.decide import Guess

        return Guess(**guess)
    label, task, model = (options.pop(name) for name in ("label", "task", "model"))
    both = model is not None and options["against"] is not None
    samples = reading_of(paths, options).samples(label, task, None if both else model)
    return _of_two(samples, model, options["against"]) if both else samples


def _refuse_ignored() -> None:
    """Options that say how to read and measure say nothing of a guess."""
    from click.core import ParameterSource

    from hotmess.errors import UsageError

    call = click.get_current_context()
    given = [name for name in _OF_PILOTS if call.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        named = " ".join(f"--{name.replace('_', '-')}" for name in given)
        raise UsageError(f"{named} with a guess", why="it says how to read or measure a pilot", hint="leave it out; or a pilot")


def _of_two(samples: "Samples", *models: str) -> "Samples":
    """The samples of two models only; of all, where they are told apart by something else."""
    from dataclasses import replace

    import narwhals as nw

    from hotmess.frames import distinct

    if not samples.has("model") or not set(models) <= set(distinct(samples.frame, "model")):
        return samples
    return replace(samples, frame=samples.frame.filter(nw.col("model").is_in(models)))


def _print(result: "Result", width: float, *, error: bool) -> None:
    """The cheapest designs in words, then in a table, then what the pilot says."""
    from dataclasses import replace

    import polars as pl

    from hotmess.errors import safe

    best = result.points.filter(pl.col("rank").is_not_null())
    reach = f"± {width:g}" if error else f"± {100 * width:g} points"
    for row in best.filter(pl.col("rank") == 1).to_dicts():
        name = " − ".join(safe(row[name]) for name in ("second", "first", "model") if row.get(name) is not None)
        click.echo(f"{name + ': ' if name else ''}{_said(row)}, for {reach}")
    shown = best if best.height else result.points.group_by(_names(best), maintain_order=True).head(3)
    free = shown["unit"][0] == "samples"
    shown = shown.drop("cost_high", "unit", *(["cost"] if free else [])).rename({"questions_high": "up_to"})
    view = replace(result, points=shown)
    print_shown(view.show, str(view))


def _names(points: Any) -> list[str]:
    return [name for name in ("task", "model", "setting", "first", "second") if name in points.columns] or ["half_width"]


def _said(row: dict[str, Any]) -> str:
    """A design in words."""
    parts = [f"{row['questions']:,} questions"]
    parts += [] if row["contexts"] is None else [f"{row['contexts']} contexts"]
    parts.append(f"{row['samples_each']} sample" + ("s" if row["samples_each"] > 1 else ""))
    models = " × 2 models" if "second" in row else ""
    cost = "" if row["unit"] == "samples" else f", ${row['cost']:,.2f}"
    return f"{' × '.join(parts)}{models} = {row['total']:,} samples{cost}"


def _next(result: "Result") -> str:
    """The command that collects the cheapest design, as far as it is known."""
    import polars as pl

    best = result.points.filter(pl.col("rank") == 1)
    if not best.height:
        return "hotmess plan with a larger --width"
    row = best.sort("questions", descending=True, maintain_order=True).row(0, named=True)  # the model that needs most
    contexts, questions = str(row["contexts"] or 1), row["questions"]
    size = ["--contexts", contexts, "--samples", str(row["samples_each"])]
    task, models = row.get("task"), [row[name] for name in ("model", "first", "second") if row.get(name)]
    if task is not None and models and _is_ours(task):
        many = ["-T", f"questions={questions}"] if task.removeprefix("hotmess/") == "chains" else ["--limit", str(questions)]
        named = [word for model in models for word in ("--model", model)]
        return shlex.join(["hotmess", "collect", task, *named, *many, *size, "--dry-run"])
    return f"hotmess collect TASK --model MODEL --limit {questions} {' '.join(size)} (hotmess collect --help)"


def _is_ours(task: str) -> bool:
    """Whether a task is one that hotmess collects, with contexts of its own."""
    from hotmess.collect.plan import Plan

    return Plan(task, ("any",)).called()[0] != "hotmess/agent"
