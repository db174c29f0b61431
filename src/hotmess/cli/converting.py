"""`hotmess convert`: any log as a table, or as Every Eval Ever records."""

from pathlib import Path
from typing import Any

import click

from hotmess.cli.options import again, reading, reading_of

__all__ = ["convert"]


@click.command()
@reading
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE|FOLDER", help="Where to.")
def convert(paths: tuple[str, ...], output: Path, **options: Any) -> None:
    """Write logs as one sample table (.parquet, .csv, .jsonl), or as Every Eval Ever records (a folder).

    \b
    hotmess convert logs/ -o samples.parquet
    hotmess convert logs/ -o records/
    """
    from hotmess.cli.output import check_place, write
    from hotmess.convert import SUFFIXES, as_records, as_table

    if output.suffix:
        check_place(output, paths, SUFFIXES)
    source = reading_of(paths, options)
    table = source.table(**options)
    made = {output: as_table(table, output.suffix)} if output.suffix else as_records(table, output)
    for path, data in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, data)
    for notice in source.notices:
        click.echo(str(notice), err=True)
    click.echo(f"wrote {table.height:,} samples to {output}" + (f", {len(made)} files" if len(made) > 1 else ""), err=True)
    click.echo("next: " + again("measure", [str(output)]), err=True)
