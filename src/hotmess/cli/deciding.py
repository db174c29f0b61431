"""`hotmess compare` and `hotmess gate`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotmess.cli.options import ABOUT, JSON, LABEL, READING, print_shown, reading, reading_of, rules_of, ruling

if TYPE_CHECKING:
    from hotmess.decide.gate import Gate
    from hotmess.result import Result
    from hotmess.samples import Samples

__all__ = ["compare", "gate"]

_DRAWS = click.option(
    "--draws", type=click.IntRange(0), default=9999, show_default=True, help="Deals that test whether a question turned; 0: none."
)
_SEED = click.option("--seed", type=int, default=0, show_default=True, help="Of what is drawn at random.")
_NAMED = 8  # questions on a line
_EXITS = {"pass": 0, "fail": 1, "unsure": 3}


@click.command()
@reading
@LABEL
@ruling
@ABOUT
@click.option("--against", metavar="NAME", help="The model or setting with which all others are compared.")
@_DRAWS
@_SEED
@JSON
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="A picture, or .csv .parquet .txt.")
def compare(paths: tuple[str, ...], as_json: bool, output: Path | None, **options: Any) -> None:  # noqa: FBT001 - click's way
    """Compare two runs, or the models of one, on the questions that both answered.

    \b
    hotmess compare logs/old logs/new         second - first: error, bias², variance, incoherence
    hotmess compare logs/                     every two models (or settings of one) in it
    hotmess compare logs/ --against small -o compare.svg

    Differences are paired over questions; several are corrected together (Holm). Then it names the questions that turned messy or
    systematic.
    """
    from hotmess.cli.output import check_result, tell
    from hotmess.decide.compare import compare as compared

    check_result(output, paths)
    own = {name: options.pop(name) for name in ("against", "draws", "seed")}
    both = _samples(paths, options)
    names = _run_names(paths) if len(both) > 1 else ("first", "second")
    result = compared(*both, names=names, rules=rules_of(options), **own)
    tell(result, output, as_json=as_json, shown=lambda: _show(result))


def _show(result: "Result") -> None:
    """The differences, and a line for each pair and what its questions turned into: hundreds of rows help nobody."""
    from dataclasses import replace

    differences = replace(result, tests=result.tests.clear())
    print_shown(differences.show, str(differences))
    for line in _turned(result):
        click.echo(line)


def _samples(paths: tuple[str, ...], options: dict[str, Any]) -> list["Samples"]:
    """One table, or two."""
    from hotmess.errors import UsageError

    if len(paths) > 2:
        raise UsageError(
            f"{len(paths)} paths were given; two runs can be compared, or the models of one",
            hint="hotmess compare OLD NEW, each a file or a folder; quote patterns",
        )
    _told_baseline(paths)
    only = [options.pop(name) for name in ("label", "task", "model")]
    given = {name: options.pop(name) for name in READING}
    return [reading_of([path], dict(given)).samples(*only) for path in paths]


def _told_baseline(paths: tuple[str, ...]) -> None:
    """Refuse what only a gate can read."""
    from hotmess.decide.baseline import is_baseline
    from hotmess.errors import UsageError

    for path in paths:
        if is_baseline(Path(path)):
            found = f"`{path}` is a baseline: the terms of a run, without its samples"
            raise UsageError(found, hint=f"hotmess gate LOGS --baseline {path} --max-error-increase 2pt")


def _run_names(paths: tuple[str, ...]) -> tuple[str, str]:
    """What to call two runs: the shortest ends of their paths that differ."""
    parts = [Path(path).parts or (path,) for path in paths]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-count:]) for part in parts]
        if names[0] != names[1]:
            return names[0], names[1]
    return "first", "second"


def _turned(result: "Result") -> list[str]:
    """A line for each pair and what questions turned into."""
    if not result.tests.height:
        return []
    from hotmess.errors import safe

    lines = []
    for (first, second, into), rows in result.tests.group_by("first", "second", "into", maintain_order=True):
        names = rows["question"].to_list()
        shown = " ".join(safe(name) for name in names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
        lines.append(f"{safe(str(first))} → {safe(str(second))}: {len(names)} turned {into}: {shown}")
    return lines


# ---------------------------------------------------------------------------------------------- the gate


def _limit(figure: str, *, rise: bool) -> Any:
    """The option of one limit."""
    name = f"--max-{figure}" + ("-increase" if rise else "")
    unit = "a share: 50%" if figure == "incoherence" else "in the unit of the loss: 0.3"
    unit = "percentage points: 5pt" if figure == "incoherence" and rise else unit
    says = f"The most that {figure} may {'rise since the baseline' if rise else 'be'}, {unit}."
    return click.option(name, metavar="X", help=says)


def _limited(command: Any) -> Any:
    """The options of all limits."""
    for rise in (True, False):
        for figure in ("variance", "bias2", "error", "incoherence"):
            command = _limit(figure, rise=rise)(command)
    return command


@click.command()
@reading
@LABEL
@ruling
@ABOUT
@_limited
@click.option("--baseline", metavar="PATH", help="The run to compare with: its logs, or a file that --save-baseline wrote.")
@click.option(
    "--save-baseline", type=click.Path(path_type=Path), metavar="FILE", help="Keep this run as a small file; decide nothing."
)
@click.option("--unsure", type=click.Choice(["pass", "fail"]), help="What to take unsure for. Default: exit code 3.")
@click.option("--peeking", type=click.IntRange(2), metavar="N", help="Valid at every look; expect to decide after N questions.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write JUnit XML.")
@click.option("--github", is_flag=True, help="Print annotations, and add to the summary of the step.")
@_DRAWS
@_SEED
@JSON
def gate(paths: tuple[str, ...], as_json: bool, **options: Any) -> None:  # noqa: FBT001 - click's way
    """Hold a run to its limits: pass, fail, or unsure, with the number of samples that would decide.

    \b
    hotmess gate logs/ --max-incoherence 50% --max-error 0.3
    hotmess gate logs/ --save-baseline baseline.json
    hotmess gate logs/ --baseline baseline.json --max-error-increase 2pt --junit gate.xml

    Brier error, of answers, lies between 0 and 2; with --loss coverage it is the share of wrong answers.

    Exit codes: 0 pass, 1 fail, 2 bad input, 3 unsure. Limits may stand in pyproject.toml, under [tool.hotmess.gate]; those of the
    command line go before them.
    """
    from dataclasses import fields

    from hotmess.cli.output import check_place, write
    from hotmess.decide.ci import annotations, junit, markdown
    from hotmess.decide.gate import gate as decided
    from hotmess.decide.gate import kept
    from hotmess.decide.limits import Limits

    limits = tuple(field.name for field in fields(Limits))
    options = _with_kept(options, limits)
    places = {"junit": (".xml",), "save_baseline": (".json",)}
    for name, suffixes in places.items():
        if options[name] is not None:
            check_place(options[name], paths, suffixes)
    own = {name: options.pop(name) for name in ("junit", "save_baseline", "github", "unsure")}
    held = {name: options.pop(name) for name in limits}
    asked = {name: options.pop(name) for name in ("peeking", "draws", "seed")}
    old, label, task, model = options.pop("baseline"), *(options.pop(name) for name in ("label", "task", "model"))
    given = {name: options.pop(name) for name in READING}
    samples = reading_of(paths, dict(given)).samples(label, task, model)
    rules = rules_of(options)
    if own["save_baseline"] is not None:
        write(own["save_baseline"], kept(samples, rules).to_json().encode())
        click.echo(f"wrote {own['save_baseline']}; nothing was held to any limit", err=True)
        click.echo(f"next: hotmess gate LOGS --baseline {own['save_baseline']} --max-error-increase 2pt", err=True)
        return
    baseline = None if old is None else _baseline(old, given, label, task, model)
    found = decided(samples, Limits(**held), baseline=baseline, rules=rules, **asked)
    if as_json:
        click.echo(found.to_json())
    else:
        print_shown(found.show, str(found))
    if own["junit"] is not None:
        write(own["junit"], junit(found))
    if own["github"]:
        _tell_github(list(annotations(found)), markdown(found), as_json=as_json)
    for notice in found.notices:
        click.echo(str(notice), err=True)
    raise click.exceptions.Exit(_exit(found, own["unsure"]))


def _with_kept(options: dict[str, Any], limits: tuple[str, ...]) -> dict[str, Any]:
    """The options, and where the command line says nothing, what pyproject.toml says."""
    from hotmess.decide.limits import kept_limits
    from hotmess.errors import one_of

    found = kept_limits(Path.cwd(), (*limits, "baseline", "unsure"))
    if found.get("unsure") is not None:
        one_of("unsure", found["unsure"], ("pass", "fail"))
    return options | {name: value for name, value in found.items() if options[name] is None}


def _baseline(old: str, given: dict[str, Any], label: Any, task: Any, model: Any) -> Any:
    """The samples of the baseline, or what was kept of it."""
    from hotmess.decide.baseline import Baseline, is_baseline
    from hotmess.errors import NoSuchPath

    if is_baseline(Path(old)):
        return Baseline.read(Path(old))
    if old.endswith(".json") and not Path(old).exists():
        raise NoSuchPath(f"the baseline `{old}` does not exist", hint=f"hotmess gate LOGS --save-baseline {old} writes it")
    return reading_of([old], dict(given)).samples(label, task, model)


def _tell_github(lines: list[str], summary: str, *, as_json: bool) -> None:
    """Annotations on standard output, or beside JSON on standard error; the summary where GitHub wants it."""
    for line in lines:
        click.echo(line, err=as_json)
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if place:
        with Path(place).open("a", encoding="utf-8") as stream:
            stream.write(summary)


def _exit(found: "Gate", unsure: str | None) -> int:
    outcome = unsure if found.outcome == "unsure" and unsure is not None else found.outcome
    return _EXITS[outcome]
