"""`hotmess ingest` and `hotmess store`."""

import os
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from hotmess.cli.options import COLUMNS, JSON, engines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hotmess.read.record import Record
    from hotmess.store import Found

__all__ = ["ingest", "store"]

_MEGA = 1e6


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="LOGS...")
@click.option(
    "-o", "--output", required=True, metavar="STORE", help="The store: a folder, or an address such as s3://bucket/store."
)
@COLUMNS
@click.option("--scorer", metavar="NAME", help="Which scorer (Inspect), filter (lm-eval) or metric (HELM) decides.")
@click.option("--pattern", metavar="REGEX", help="How to read answers from completions, such as 'ANSWER: ([A-J])'.")
@click.option("--texts/--no-texts", default=True, show_default=True, help="Keep what was said, in parts of its own.")
@click.option(
    "--on-limit",
    type=click.Choice(["as-scored", "paper", "drop"]),
    default="as-scored",
    show_default=True,
    help="Unit tests of a run that a limit stopped: as scored, as of unchanged code, or none.",
)
@click.option("--processes", type=click.IntRange(1), metavar="N", help="How many logs at once. Default: one for each core.")
@partial(engines, names=["polars", "spark", "ray"], what="What reads the logs; a cluster must see logs and store as you do.")
def ingest(
    paths: tuple[str, ...],
    output: str,
    columns: dict[str, str],
    scorer: str | None,
    pattern: str | None,
    texts: bool,  # noqa: FBT001 - click's way
    on_limit: Any,
    processes: int | None,
    engine: str,
    address: str | None,
) -> None:
    """Bring logs into a store, once each: a folder of Parquet parts that every verb reads, larger than memory too.

    \b
    hotmess ingest logs/ -o store/
    hotmess ingest s3://bucket/evals/ -o s3://bucket/store/
    hotmess ingest s3://bucket/evals/ -o s3://bucket/store/ --engine ray --address auto
    hotmess ingest tables/ -o store/ --columns question_id=id,answer=pred
    hotmess measure store/

    The same log twice adds nothing, and a log that grew replaces what it was. What is killed is whole or not there: the same
    command goes on.
    """
    from collections import Counter

    from hotmess.cli.options import bytes_read
    from hotmess.engines import engine_of
    from hotmess.errors import UsageError, safe
    from hotmess.read.log import How
    from hotmess.store import ingest as ingested

    if processes is not None and engine != "polars":
        raise UsageError(f"`--processes {processes}` is of this machine, and {engine} has its own", hint="leave it out")
    how, where = How(pattern=pattern, scorer=scorer, on_limit=on_limit), engine_of(engine, address)
    workers = processes or os.cpu_count() or 1
    with bytes_read() as progress:
        found = ingested(paths, output, how=how, texts=texts, processes=workers, engine=where, columns=columns, progress=progress)
    counts = Counter[str](one.became for one in found)
    added = sum(one.record.rows for one in found if one.became in ("new", "grown"))
    shown = ", ".join(f"{counts[name]:,} {word}" for name, word in _WORDS.items() if counts[name])
    click.echo(f"{shown}; {added:,} samples written to {output}", err=True)
    nothing = counts["failed"] + counts["aside"] == len(found)
    for one in [one for one in found if one.became == "failed" or (nothing and one.became == "aside")][:10]:
        click.echo(f"note[skipped]: {safe(one.record.sources[0])}: {one.record.failed}", err=True)
    if nothing:
        click.echo(f"next: hotmess measure {paths[0]}    (says more of what it lacks)", err=True)
        raise click.exceptions.Exit(2)
    click.echo(f"next: hotmess measure {output}", err=True)


_WORDS = {"new": "new", "grown": "grown", "there": "there already", "aside": "no logs", "failed": "that could not be read"}


@click.command()
@click.argument("path", metavar="STORE")
@click.option(
    "--verify", "verified", is_flag=True, help="Read every part to its end; exit with 2 if something is missing or damaged."
)
@click.option("--compact", "compacted", is_flag=True, help="Put small parts together; figures stay as they are.")
@click.option("--clean", "cleaned", is_flag=True, help="Remove parts that nobody reads: of killed runs, and those put together.")
@JSON
def store(path: str, verified: bool, compacted: bool, cleaned: bool, as_json: bool) -> None:  # noqa: FBT001 - click's way
    """List what is in a store; check it, clean up.

    \b
    hotmess store store/
    hotmess store store/ --verify
    hotmess store store/ --compact
    """
    from hotmess.errors import UsageError
    from hotmess.read.store import Store, is_store
    from hotmess.store import clean, compact, verify

    if not is_store(path):
        raise UsageError(f"`{path}` is no store", hint=f"hotmess ingest LOGS -o {path}")
    here = Store.open(path)
    if compacted:
        made = compact(here)
        click.echo(f"{made.before:,} small parts became {made.after:,}", err=True)
    if cleaned:
        click.echo(f"{len(clean(here)):,} files that nobody reads removed (older than an hour)", err=True)
    found = verify(here) if verified else None
    records, damaged = here.records()
    for said in [_in_json(path, records, damaged, found)] if as_json else map(_in_words, records):
        click.echo(said)
    if found is not None:
        click.echo(
            f"{len(found.missing)} parts missing, {len(found.damaged)} damaged, {len(found.orphans)} that nobody reads", err=True
        )
        for name in (*found.missing, *found.damaged)[:10]:
            click.echo(f"  {name}", err=True)
        if not found.whole:
            click.echo("next: remove the damaged files, and ingest their logs again", err=True)
            raise click.exceptions.Exit(2)
    click.echo(f"next: hotmess measure {path}", err=True)


def _in_json(path: str, records: "Sequence[Record]", damaged: "Sequence[str]", found: "Found | None") -> str:
    import json

    logs = [
        {
            "sources": one.sources,
            "key": one.key,
            "samples": one.rows,
            "parts": len(one.samples),
            "failed": one.failed or None,
        }
        for one in records
    ]
    checked = None if found is None else {"missing": found.missing, "damaged": found.damaged, "orphans": found.orphans}
    return json.dumps({"store": path, "logs": logs, "damaged": damaged, "verified": checked}, indent=1, ensure_ascii=False)


def _in_words(record: "Record") -> str:
    from hotmess.errors import safe

    size = sum(part.size for part in record.samples) / _MEGA
    held = f"{record.rows:,} samples, {len(record.samples)} parts, {size:.1f} MB"
    return f"{safe(', '.join(record.sources))}: {f'failed: {safe(record.failed)}' if record.failed else held}"
