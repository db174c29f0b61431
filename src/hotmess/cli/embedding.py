"""`hotmess embed`: open-ended answers as vectors."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hotmess.cli.options import again, engine_asked, reading

if TYPE_CHECKING:
    import polars as pl

__all__ = ["embed"]


@click.command()
@reading
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The table: .parquet or .jsonl."
)
@click.option(
    "--by",
    default="words",
    show_default=True,
    metavar="HOW",
    help="words, openai, openai:MODEL, or sentence-transformers:MODEL.",
)
@click.option("--base-url", metavar="URL", help="Of another server that speaks OpenAI's protocol.")
@click.option("--cache", type=click.Path(path_type=Path), metavar="FILE", help="Where embeddings are kept, to be made once.")
def embed(paths: tuple[str, ...], output: Path, by: str, base_url: str | None, cache: Path | None, **options: Any) -> None:
    """Embed the answers to open questions, so that their spread can be measured.

    \b
    hotmess collect mwe -T format=open --model openai/o4-mini -o logs/
    hotmess embed logs/ -o vectors.parquet --by openai
    hotmess figure answer-spread vectors.parquet

    Without a key, `words` counts words and pairs of words: it tells whether the same was said, not whether the same was meant.
    What was embedded is kept, and never sent again.
    """
    from hotmess.cli.collecting import needed
    from hotmess.cli.output import check_place, write
    from hotmess.cli.reasoning import bar
    from hotmess.collect.embeddings import embedded, embedder
    from hotmess.convert import as_table
    from hotmess.errors import Notice
    from hotmess.read import Reading
    from hotmess.read.log import How

    needed()
    check_place(output, paths, (".parquet", ".jsonl"))
    known = embedder(by, base_url)
    options.pop("text")  # texts are what is embedded: they are read in any case
    chosen = {name: options.pop(name) for name in ("pattern", "scorer", "on_limit")}
    how = How(text=True, long_answers=True, **chosen)
    engine = engine_asked(options)
    source = Reading.of(paths, options.pop("columns"), how, engine=engine, processes=os.cpu_count() or 1)
    every = source.table(**options)
    table = _answered(every)
    texts = table["answer"].unique(maintain_order=True)
    with bar("embedding", len(texts)) as told:
        made = embedded(texts.to_list(), known, cache or _cache(), lambda done, total: told(len(texts) * done / total, ""))
    write(output, as_table(_with_vectors(table, texts, made, known.name), output.suffix))
    notices = list(source.notices)
    if table.height < every.height:
        unread = f"{every.height - table.height:,} of {every.height:,} samples have no answer and are not in the table"
        notices.append(Notice("not-embedded", unread))
    if by == "words":
        found = "vectors of words: whether the same was said, not whether the same was meant"
        notices.append(Notice("words-only", found, "--by openai, or --by sentence-transformers:MODEL"))
    for notice in notices:
        click.echo(str(notice), err=True)
    click.echo(f"wrote {table.height:,} samples to {output}, of {len(texts):,} different answers, by {known.name}", err=True)
    click.echo("next: " + again("figure", ["answer-spread", str(output)]), err=True)


def _answered(table: "pl.DataFrame") -> "pl.DataFrame":
    """The rows that have an answer.

    Raises:
        NoPrediction: there is none.
    """
    import polars as pl

    from hotmess.errors import NoPrediction

    if "answer" not in table.columns or not table["answer"].count():
        raise NoPrediction("there are no answers to embed", hint="--pattern '(?s)(.*)' takes whole completions for answers")
    return table.filter(pl.col("answer").is_not_null())


def _with_vectors(table: "pl.DataFrame", texts: "pl.Series", vectors: Any, name: str) -> "pl.DataFrame":
    """The table with a vector for each answer, in place of the answers, and with how they were made."""
    import polars as pl

    made = pl.DataFrame({"answer": texts, "vector": pl.Series(vectors.tolist(), dtype=pl.List(pl.Float64))})
    facts = ["choices", "n_choices", "target", "score", "probs"]
    kept = table.drop(facts, strict=False).join(made, on="answer", how="left", maintain_order="left")
    return kept.rename({"answer": "text"}).with_columns(embedded_by=pl.lit(name))


def _cache() -> Path:
    import platformdirs

    return Path(os.environ.get("HOTMESS_CACHE") or platformdirs.user_cache_path("hotmess")) / "embeddings.sqlite"
