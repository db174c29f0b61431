"""The command line: one file per group of verbs; what they need is imported when they run."""

import io
import sys

import click

from hotmess import __version__
from hotmess.cli.collecting import collect
from hotmess.cli.converting import convert
from hotmess.cli.deciding import compare, gate
from hotmess.cli.demo import demo
from hotmess.cli.embedding import embed
from hotmess.cli.figure import figure
from hotmess.cli.measuring import check, measure
from hotmess.cli.messages import explain
from hotmess.cli.planning import plan
from hotmess.cli.reasoning import reasoners
from hotmess.cli.reporting import report
from hotmess.cli.storing import ingest, store
from hotmess.cli.surveying import questionnaire, survey
from hotmess.cli.synthesizing import synthetic
from hotmess.errors import HotmessError

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="hotmess")
def _verbs() -> None:
    """When an AI system is wrong, is it wrong the same way each time (bias), or a hot mess (variance)?

    \b
    hotmess demo                          see it work: answers that come with hotmess, and their page
    hotmess check logs/                   what is in here, is it usable, and which traps it holds
    hotmess measure logs/                 error = bias² + variance for each model, with intervals
    hotmess measure results.csv           the same for a table of your own
    hotmess measure runs/ --by length:8   the same in eight buckets of questions by length
    hotmess report logs/ -o report.html   the page: the answer in a sentence, all evidence below it
    hotmess figure by-length runs/        every figure of the paper, from your logs
    hotmess compare old/ new/             two runs, or the models of one: what differs, which questions turned
    hotmess gate logs/ --max-error 0.3    pass, fail or unsure; for continuous integration
    hotmess plan pilot/ --width 5pt       how many questions, contexts and samples that takes
    hotmess collect gpqa -m MODEL         ask a model many times, in several contexts, through Inspect
    hotmess survey ranks.csv              what raters judge: mean ranks, agreement, correlation
    """


for _verb in (
    demo,
    check,
    measure,
    report,
    figure,
    compare,
    gate,
    plan,
    collect,
    embed,
    convert,
    survey,
    questionnaire,
    explain,
    reasoners,
    synthetic,
    ingest,
    store,
):
    _verbs.add_command(_verb)


def main() -> None:
    """Run a verb; exit with 2 for what is wrong with an input, 4 for a bug of ours, 130 when interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without our signs shows others rather than nothing
            stream.reconfigure(errors="replace")
    try:
        code = _verbs.main(standalone_mode=False)
    except HotmessError as error:
        click.echo(str(error), err=True)
        code = 2
    except click.UsageError as error:
        error.show()
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = 130
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        code = 0
    except OSError as problem:
        click.echo(f"error[cannot-write]: {problem.strerror or problem}", err=True)
        code = 2
    except Exception as bug:  # noqa: BLE001 - the last line of defence
        code = _report(bug)
    sys.exit(code if isinstance(code, int) else 0)


def _report(bug: Exception) -> int:
    """Say that it is our fault and where; never what was in the data."""
    from traceback import extract_tb

    if type(bug).__module__.startswith(("polars", "narwhals")) and any(
        word in str(bug).lower() for word in ("parquet", "ipc", "snappy", "zstd")
    ):
        click.echo("error[unreadable-file]: a file is damaged: its end can be read, its middle cannot", err=True)
        click.echo("  hint: write it again", err=True)
        return 2

    places = [f"{frame.filename.rpartition('hotmess/')[2]}:{frame.lineno}" for frame in extract_tb(bug.__traceback__)]
    ours = [place for place in places if not place.startswith("/")] or places
    click.echo(f"error[internal]: this is a bug in hotmess {__version__}: {type(bug).__name__}", err=True)
    click.echo(f"  where: {' > '.join(ours[-4:])}", err=True)
    click.echo("  hint: please report these lines, with the command; your data are not in them", err=True)
    return 4
