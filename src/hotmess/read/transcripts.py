"""Transcripts of chosen questions. Texts are gone once answers were read out of them, for logs hold many gigabytes of them.

So tables are asked for them again, and of logs those files, and in them those records, that hold a chosen sample. Ids are never
made twice: the first reading says which samples there are and where each stands, the second brings the text that stands there.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import narwhals as nw
import polars as pl

from hotmess.frames import lazy, polars
from hotmess.read.gather import Logs, read_all
from hotmess.read.log import How, Log
from hotmess.samples import GROUPS, Samples

__all__ = ["chosen", "told", "with_texts_apart"]

_ROW, _SAID, _ASKED = "_row", "_said", "_asked"
_PROMPTS = ("prompt", "question")  # what tables call the text of a question
_WORDS = (nw.String, nw.Categorical, nw.Enum)


def with_texts_apart(table: Any, columns: Mapping[str, str], logs: Logs | None) -> nw.LazyFrame[Any]:
    """A table with its texts in columns that no preparation touches, and, where logs were read, the number of each row."""
    frame = lazy(table if logs is None else table.with_row_index(_ROW))
    words = [name for name, dtype in frame.collect_schema().items() if dtype in _WORDS]
    theirs = {_SAID: columns.get("completion", "completion"), _ASKED: next((name for name in _PROMPTS if name in words), "")}
    return frame.with_columns(nw.col(name).cast(nw.String).alias(ours) for ours, name in theirs.items() if name in words)


def chosen(samples: Samples, questions: Collection[str]) -> pl.DataFrame:
    """One row per sample of the questions: its ids, where it stands, and the texts that the table holds."""
    samples = samples.with_sample_ids()
    keys = [name for name in (*GROUPS, "question_id", "context_id", "sample_id") if samples.has(name)]
    frame = polars(samples.frame)
    facts = [name for name in ("source", "source_ref", _SAID, _ASKED, _ROW) if name in frame.collect_schema()]
    wanted = frame.filter(pl.col("question_id").cast(pl.String).is_in([str(question) for question in questions]))
    return wanted.group_by(keys, maintain_order=True).agg(pl.col(facts).drop_nulls().first()).collect()


def told(rows: pl.DataFrame, logs: Logs | None, how: How, processes: int) -> pl.DataFrame:
    """Rows of `chosen` with the columns `completion` and `prompt`; none if there is no text at all."""
    lacking = [name for name in ("source", "source_ref", _SAID, _ASKED) if name not in rows.columns]
    rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in lacking)
    if logs is not None and len(rows):
        again = _read_again(logs.places.with_row_index(_ROW).join(rows, on=_ROW, how="semi"), logs, how, processes)
        rows = rows.join(again, on=_ROW, how="left", maintain_order="left")
        rows = rows.with_columns(pl.coalesce(_SAID, "text").alias(_SAID), pl.coalesce(_ASKED, "prompt").alias(_ASKED))
    ids = [name for name in (*GROUPS, "question_id", "context_id", "sample_id") if name in rows.columns]
    places = [pl.col(name).cast(pl.String) for name in ("source", "source_ref")]
    found = rows.select(*ids, completion=_SAID, prompt=_ASKED).with_columns(rows.select(places))
    return found if found.select(pl.any_horizontal(pl.col("completion", "prompt").is_not_null().any())).item() else found.clear()


_TEXTS = {"file": pl.String, "source_ref": pl.String, "sample_id": pl.String, "text": pl.String, "prompt": pl.String}


def _read_again(places: pl.DataFrame, logs: Logs, how: How, processes: int) -> pl.DataFrame:
    """The text and the prompt of each row, by its number; a file that can no longer be read leaves its rows without.

    A place of a file holds one response, or a few (repeats of one line) that their ids tell apart. Where it holds one, the id
    is not asked for: summaries of old Inspect logs lack the id that the sample itself has.
    """
    files = {file.shown: (file, kind) for file, kind in logs.files}
    in_ref = pl.col("source_ref").is_in(list(files))  # of SWE-bench the text is in a file of its own
    places = places.with_columns(file=pl.when(in_ref).then("source_ref").otherwise("source"))
    refs = places.drop_nulls("source_ref").group_by("file", maintain_order=True).agg(pl.col("source_ref").unique())
    work = [(*files[name], replace(how, keep=frozenset(keep))) for name, keep in refs.rows() if name in files]
    frames = [pl.DataFrame(schema=_TEXTS)]
    for (file, _, _), log in zip(work, read_all(work, processes), strict=True):
        frames += [log.frame.with_columns(file=pl.lit(file.shown))] if isinstance(log, Log) and len(log.frame) else []
    found = pl.concat(frames, how="diagonal")
    by_id = found.unique(["file", "source_ref", "sample_id"], keep="last", maintain_order=True)
    alone = found.filter(~pl.struct("file", "source_ref").is_duplicated()).drop("sample_id")
    places = places.join(by_id, on=["file", "source_ref", "sample_id"], how="left")
    places = places.join(alone, on=["file", "source_ref"], how="left", suffix="_alone")
    return places.select(_ROW, pl.coalesce("text", "text_alone"), pl.coalesce("prompt", "prompt_alone"))
