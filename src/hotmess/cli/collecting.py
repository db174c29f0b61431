"""`hotmess collect`: new samples, through Inspect."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hotmess.collect.held import Done
    from hotmess.collect.plan import Cell, Plan

__all__ = ["collect", "pairs", "price"]


def pairs(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """Parse name=value; a value that is JSON is what it says there."""
    import json

    from hotmess.errors import UsageError

    found = {}
    for pair in values:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise UsageError(f"`{option.opts[0]} {pair}` is not understood", hint=f"{option.opts[0]} name=value")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def price(_: click.Context, __: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """Parse IN,OUT."""
    from hotmess.errors import UsageError

    if value is None:
        return None
    try:
        price_in, price_out = (float(part) for part in value.split(","))
    except ValueError:
        raise UsageError(
            f"`--price {value}` is not understood", hint="dollars for a million tokens in, and out: --price 1.1,4.4"
        ) from None
    return price_in, price_out


@click.command()
@click.argument("task", metavar="TASK|PLAN")
@click.option("-m", "--model", "models", multiple=True, metavar="MODEL", help="As Inspect names it; more than one may be given.")
@click.option("-b", "--budget", "budgets", multiple=True, metavar="BUDGET", help="An effort, or a number of reasoning tokens.")
@click.option("--format", metavar="FORMAT", help="letter, probabilities, cot or open.")
@click.option("--contexts", type=int, metavar="N", help="Contexts of each question: draws of examples.")
@click.option("--samples", type=int, metavar="N", help="Samples in each context (3); more can be added later.")
@click.option("--limit", type=int, metavar="N", help="At most so many questions, always the same ones.")
@click.option("--data", metavar="PATH", help="Questions of your own (mcq), or a local copy of published ones.")
@click.option("--preset", metavar="NAME", help="Recommended sampling: qwen3.")
@click.option(
    "-c", "--config", multiple=True, callback=pairs, metavar="NAME=VALUE", help="What else to ask of models: temperature=0.7"
)
@click.option(
    "-T", "arguments", multiple=True, callback=pairs, metavar="NAME=VALUE", help="An argument of the task: subset=diamond"
)
@click.option(
    "-M", "model_args", multiple=True, callback=pairs, metavar="NAME=VALUE", help="An argument of the model: model_path=DIR"
)
@click.option("--price", callback=price, metavar="IN,OUT", help="Dollars for a million tokens in, and out.")
@click.option("--until-width", type=float, metavar="W", help="Go on, round by round, until incoherence is known to ±W.")
@click.option("--max-samples", type=int, metavar="N", help="But not beyond so many in each context (100).")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("logs"), show_default=True, metavar="DIR", help="The logs."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask before sending.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
def collect(task: str, output: Path, *, yes: bool, dry_run: bool, **given: Any) -> None:
    """Ask models the same questions many times, in several contexts, through Inspect.

    \b
    hotmess collect gpqa --model openai/o4-mini --budget low --budget high -o logs/
    hotmess collect mcq --data questions.jsonl --model vllm/Qwen/Qwen3-8B --preset qwen3
    hotmess collect chains --model hotmess/reasoner-0.8m --until-width 0.05
    hotmess collect inspect_evals/gaia --model openai/o4-mini --samples 10
    hotmess collect plan.toml

    \b
    Tasks: gpqa, mmlu, mwe, mcq, chains, swe_bench; any other of Inspect is run as it is, several times.
    The same command goes on where it was stopped, and makes only the calls that are missing.
    Needs pip install 'hotmess[collect]', and what your provider needs, such as anthropic.
    """
    needed()
    plan = _plan(task, given)
    from hotmess.collect.held import done
    from hotmess.collect.run import collected, prepared
    from hotmess.errors import CannotWrite

    if output.exists() and not output.is_dir():
        raise CannotWrite(f"`{output}` is a file, and logs need a folder", hint="-o logs")
    known = done(plan, output)
    rows = [(cell, have, prepared(plan, cell, have)) for cell, have in known.items()]
    missing = _preview(plan, rows)
    if dry_run:
        return
    _ask(missing, yes=yes)
    try:
        finished = collected(plan, output, display="rich" if sys.stderr.isatty() else "plain", width=_half_width, told=_word)
    except KeyboardInterrupt:
        kept = sum(have.samples for have in done(plan, output).values())
        click.echo(f"kept {kept:,} samples in {output}\nnext: the same command goes on", err=True)
        raise
    _told(plan, output, finished=finished)


def _word(said: str) -> None:
    click.echo(said, err=True)


def needed() -> None:
    """Say what to install.

    Raises:
        MissingExtra: Inspect is not there.
    """
    from importlib.util import find_spec

    from hotmess.errors import MissingExtra

    if find_spec("inspect_ai") is None:
        raise MissingExtra("collecting needs Inspect, which is not installed", hint="pip install 'hotmess[collect]'")


def _plan(task: str, given: dict[str, Any]) -> "Plan":
    from hotmess.collect.plan import Plan, from_file, is_plan

    asked = {name: value for name, value in given.items() if value not in (None, (), {})}
    return from_file(Path(task), asked) if is_plan(task) else Plan(task=task, models=asked.pop("models", ()), **asked)


def _preview(plan: "Plan", rows: "Sequence[tuple[Cell, Done, Any]]") -> int:
    """Say what will be sent; return how many samples that is."""
    from rich.console import Console
    from rich.table import Table

    from hotmess.collect.cost import ASSUMED, cost_of

    costs = [cost_of(plan, *row) for row in rows]
    table = Table(title=_title(plan, rows[0][2]), title_justify="left", box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    table.add_column("budget")
    for name in ("to collect", "there", "input tokens", "output tokens", *(["price"] if plan.price else [])):
        table.add_column(name, justify="right")
    for (cell, have, _), cost in zip(rows, costs, strict=True):
        amounts = f"{cost.samples:,}", f"{have.samples:,}", _about(cost.input_tokens), _about(cost.output_tokens)
        dollars = [] if cost.dollars is None else [f"~${cost.dollars:,.2f}"]
        table.add_row(cell.model, cell.budget or "-", *amounts, *dollars)
    Console(stderr=True).print(table)
    if any(cost.guessed for cost in costs):
        click.echo(f"output tokens are not known yet: {ASSUMED:,} a sample are assumed, until there are some samples", err=True)
    if plan.until_width:
        bounds = [cost_of(plan, *row, samples=plan.max_samples) for row in rows]
        most = f"{sum(bound.samples for bound in bounds):,} samples"
        most += f", ~${sum(bound.dollars or 0 for bound in bounds):,.2f}" if plan.price else ""
        reach = f"until ±{plan.until_width:g}, or {plan.max_samples} samples in each context"
        click.echo(f"then more, round by round, {reach}: at most {most}", err=True)
    return sum(cost.samples for cost in costs)


def _title(plan: "Plan", task: Any) -> str:
    from hotmess.collect.cost import questions_of

    contexts = (task.metadata or {}).get("contexts", 1)
    asked = f"{questions_of(plan, task):,} questions × {contexts} contexts × {(task.epochs or 1) // contexts} samples"
    return f"{plan.task}: {asked}" + (f", {plan.format}" if plan.format else "")


def _about(count: float) -> str:
    """A number that is only known roughly."""
    sizes = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
    return next((f"~{count / size:.1f} {unit}" for size, unit in sizes if count >= size), f"~{count:.0f}")


def _ask(missing: int, *, yes: bool) -> None:
    from hotmess.errors import UsageError

    if yes or not missing:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"{missing:,} samples would be collected, and there is nobody to ask", hint="--yes, or --dry-run")
    click.confirm(f"collect {missing:,} samples?", err=True, abort=True)


def _half_width(logs: Sequence[str]) -> float:
    """Half of the interval of incoherence, of exactly these questions; not a number, or endless, where there is none."""
    from hotmess.errors import HotmessError
    from hotmess.measure import measure
    from hotmess.read import read

    try:
        found = measure(read(*logs), about="benchmark", max_invalid=1.0).rows[0].incoherence
    except HotmessError:
        return float("inf")
    return (found.high - found.low) / 2


def _told(plan: "Plan", output: Path, *, finished: bool) -> None:
    """Say what there is now.

    Raises:
        Unreachable: too many samples ended in an error.
    """
    from hotmess.collect.held import done
    from hotmess.errors import Unreachable

    known = done(plan, output)
    samples, errors = (sum(getattr(have, name) for have in known.values()) for name in ("samples", "errors"))
    said = f"{samples:,} samples in {output}"
    said += f", and {errors:,} errors, which are not counted as wrong; the same command tries them again" if errors else ""
    if not finished:
        first = next((have.first_error for have in known.values() if have.first_error), "see the logs")
        raise Unreachable(f"{said}: {first}", why="too many to go on with", hint="the same command tries them again")
    click.echo(said, err=True)
    if plan.until_width:
        for cell, have in known.items():
            click.echo(f"{cell}: ±{_half_width(have.logs):.3f} with {have.rounds} samples in each context", err=True)
    click.echo(f"next: hotmess report {output}", err=True)
