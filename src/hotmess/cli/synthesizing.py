"""`hotmess synthetic`: transformers that imitate steepest descent."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotmess.cli.collecting import pairs
from hotmess.cli.reasoning import bar, resumable

if TYPE_CHECKING:
    from hotmess.synthetic.folder import Folder
    from hotmess.synthetic.setting import Preset

__all__ = ["synthetic"]


@click.group()
def synthetic() -> None:
    """Train small transformers to imitate steepest descent, and split how far they depart from it.

    \b
    hotmess synthetic run --preset quick -o optimizers/
    hotmess synthetic presets

    Needs pip install 'hotmess[synthetic]'.
    """


@synthetic.command()
def presets() -> None:
    """Say what each preset trains, and what the paper leaves open.

    \b
    hotmess synthetic presets
    """
    from hotmess.synthetic.setting import PRESETS

    for one in PRESETS.values():
        _describe(one)
        click.echo()
    _assumed()
    click.echo("next: hotmess synthetic run --preset quick -o optimizers/", err=True)


@synthetic.command()
@click.option("--preset", "name", default="quick", show_default=True, metavar="NAME", help="quick, middle or paper.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder of the run; what is there is gone on with.",
)
@click.option(
    "-T", "given", multiple=True, callback=pairs, metavar="NAME=VALUE", help="Another value: condition=10, sizes=2x16,2x32"
)
@click.option("--seeds", type=click.IntRange(1), metavar="N", help="Trainings of each size.")
@click.option("--device", metavar="NAME", help="cpu or cuda; default: GPUs where there are some.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes at a time; default: one each core, or each GPU.")
@click.option("--shard", metavar="I/N", help="Only this part of the models; the others elsewhere, in the same folder.")
@click.option(
    "--minutes", type=click.FloatRange(0, min_open=True), metavar="M", help="Stop then, keep all; the same command goes on."
)
@click.option("--slurm", type=click.IntRange(1), metavar="N", help="Submit it as a Slurm array of N tasks.")
@click.option("-S", "slurm_with", multiple=True, callback=pairs, metavar="NAME=VALUE", help="For the array: slurm_partition=gpu")
def run(name: str, output: Path, given: dict[str, Any], seeds: int | None, **how: Any) -> None:
    """Train every size with every seed, lead them all from the same starts, measure, and write tables and pictures.

    \b
    hotmess synthetic run --preset quick -o optimizers/
    hotmess synthetic run --preset quick -o other/ -T condition=10 -T sizes=2x16,2x32,2x64
    hotmess synthetic run --preset paper -o paper/ --device cuda --minutes 8
    hotmess synthetic run --preset middle -o middle/ --shard 1/4

    \b
    The same command goes on where it was stopped, however that was, and comes to the same figures.
    """
    _needed()
    from hotmess.synthetic.folder import Folder
    from hotmess.synthetic.setting import preset

    asked = preset(name, given | ({} if seeds is None else {"seeds": seeds}))
    folder = Folder.open(output, asked)
    if how["slurm"] is not None:
        _submit(folder, how)
        return
    _describe(asked, err=True)
    if _sweep(folder, how):
        _write(folder)


def _needed() -> None:
    """Say what to install.

    Raises:
        MissingExtra: torch or safetensors is not there.
    """
    from importlib.util import find_spec

    from hotmess.errors import MissingExtra

    lacking = [name for name in ("torch", "safetensors") if find_spec(name) is None]
    if lacking:
        found = f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not installed"
        raise MissingExtra(found, why="the models are PyTorch models", hint="pip install 'hotmess[synthetic]'")


def _describe(preset: "Preset", *, err: bool = False) -> None:
    """What a preset is, in a few lines."""
    problem, course, asked = preset.problem, preset.course, preset.rollouts
    sizes = ", ".join(f"{size} ({size.parameters(problem):,})" for size in preset.sizes)
    function = f"{problem.dimension} dimensions, condition number {problem.condition:g}, starts within {problem.radius:g}"
    descent = f"step norm {problem.step_norm:g}, {problem.digits} digits after the comma"
    taught = f"{course.trajectories:,} trajectories × {course.horizon:,} steps ({course.held_out:.0%} held out)"
    starts = f"{asked.groups} tasks × {asked.jittered} jittered starts, {asked.starts:,} starts all over"
    sampled = f", {asked.sampled} × {asked.jittered} at temperature {asked.temperature:g}" if asked.sampled else ""
    for line in (
        f"{preset.name}: {len(preset.sizes)} sizes × {preset.seeds} seeds: {sizes}",
        f"  problem: {function}, {descent}",
        f"  training: {taught}, {course.updates:,} updates of {course.batch:,}",
        f"  rollouts: {asked.steps:,} steps from {starts}{sampled}",
    ):
        click.echo(line, err=err)


def _assumed() -> None:
    """Say what the paper leaves open."""
    from hotmess.synthetic.setting import ASSUMED

    click.echo("what the paper does not state, and what is done here:")
    for line in ASSUMED:
        click.echo(f"- {line}")


def _sweep(folder: "Folder", how: dict[str, Any]) -> bool:
    """Train and lead what is missing; whether all models of the run are there now."""
    from hotmess.synthetic.sweep import Shard, cost, sweep

    shard = Shard.of(how["shard"] or "1/1")
    units = {str(unit): cost(folder, unit) for unit in shard.chosen(folder.units())}
    done = {str(unit): 1.0 for unit in shard.chosen(folder.units()) if folder.rollouts(unit).exists()}
    if len(done) < len(units):
        with bar("training", sum(units.values())) as told, resumable():

            def heard(unit: str, share: float) -> None:
                done[unit] = share
                over = [part for part in done.values() if part >= 1]
                told(sum(units[name] * part for name, part in done.items()), f"{len(over)}/{len(units)}")

            chosen = {name: how[name] for name in ("jobs", "device", "minutes")}
            finished = sweep(folder, shard, told=heard, **chosen)
        if not finished:
            click.echo(f"kept in {folder.root}\nnext: the same command goes on", err=True)
            return False
    missing = folder.missing()
    if missing:
        names = ", ".join(map(str, missing[:3])) + (", …" if len(missing) > 3 else "")
        click.echo(f"shard {how['shard']} is done; {len(missing)} models of other shards are missing: {names}", err=True)
        click.echo("next: the same command without --shard, once they are there, measures", err=True)
    return not missing


def _submit(folder: "Folder", how: dict[str, Any]) -> None:
    from hotmess.synthetic.sweep import submit

    for job in submit(folder, how["slurm"], how["slurm_with"], device=how["device"]):
        click.echo(f"submitted {job.job_id}", err=True)
    click.echo(f"logs of the tasks: {folder.root / 'slurm'}", err=True)
    click.echo("next: the same command without --slurm, once they are done, measures", err=True)


def _write(folder: "Folder") -> None:
    """Measure, and write tables and pictures; say what was found."""
    from hotmess.cli.options import print_shown
    from hotmess.cli.output import picture, write
    from hotmess.convert import as_table
    from hotmess.errors import NothingToShow
    from hotmess.synthetic.claims import findings
    from hotmess.synthetic.results import Run, results, sample_table

    with bar("measuring", 100) as told:
        found = Run.of(folder)
        told(10, "")
        made = results(found)
        for place, (name, result) in enumerate(made.items()):
            for suffix in (".csv", ".svg", ".png"):
                try:
                    write(folder.root / f"{name}{suffix}", picture(result, suffix))
                except NothingToShow as problem:
                    click.echo(str(problem), err=True)
            if result.tests.height:
                write(folder.root / f"{name}-tests.csv", result.tests.write_csv().encode())
            told(10 + 15 * (place + 1), name)
        write(folder.root / "samples.parquet", as_table(sample_table(found), ".parquet"))
    for finding in findings(made):
        holds = {True: "holds", False: "does not hold", None: "cannot be told"}[finding.holds]
        click.echo(f"{holds}: {finding.claim}\n    {finding.figures}")
    click.echo()
    print_shown(lambda width: made["scaling"].show(width), str(made["scaling"]))
    if folder.preset.name == "paper":
        _assumed()
    click.echo(f"wrote tables, pictures and samples.parquet to {folder.root}", err=True)
    click.echo(f"next: hotmess figure by-step {folder.root / 'samples.parquet'}", err=True)
