"""The tables that are measured: made here, from a seed, in pieces that fit into memory."""

from pathlib import Path

import numpy as np
import polars as pl

SAMPLES = 30
OPTIONS = np.array(list("ABCD"))
PIECE = 50_000  # questions


def make(folder: Path, kind: str, rows: int) -> Path:
    """Write a Parquet table of `rows` samples, 30 a question, sorted by question; return its path."""
    path = folder / f"{kind}-{rows}.parquet"
    if path.exists():
        return path
    pieces = folder / f"{kind}-{rows}-pieces"
    pieces.mkdir(parents=True, exist_ok=True)
    questions = rows // SAMPLES
    for number, first in enumerate(range(0, questions, PIECE)):
        rng = np.random.default_rng([number, rows])
        piece(kind, np.arange(first, min(first + PIECE, questions)), rng).write_parquet(pieces / f"{number:04}.parquet")
    pl.scan_parquet(pieces / "*.parquet").sink_parquet(path)
    for file in pieces.iterdir():
        file.unlink()
    pieces.rmdir()
    return path


def piece(kind: str, ids: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    """Answers (or stated probabilities) of one model to some questions."""
    rows = len(ids) * SAMPLES
    target = rng.integers(4, size=len(ids)).repeat(SAMPLES)
    table = pl.DataFrame(
        {
            "question_id": pl.Series([f"q{number:08}" for number in ids]).gather(np.arange(rows) // SAMPLES),
            "sample_id": np.tile(np.arange(SAMPLES, dtype=np.int16), len(ids)),
            "target": OPTIONS[target],
            "output_tokens": rng.integers(100, 10_000, size=rows, dtype=np.int32),
        }
    )
    if kind == "probabilities":
        p = rng.dirichlet(np.full(4, 0.5), size=rows)
        return table.with_columns(pl.Series(f"prob_{name}", p[:, at]) for at, name in enumerate(OPTIONS))
    knows = rng.random(len(ids)).repeat(SAMPLES)
    answer = np.where(rng.random(rows) < knows, target, rng.integers(4, size=rows))
    return table.with_columns(answer=OPTIONS[answer])
