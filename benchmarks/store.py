"""A store beside the logs that it was made of, and one as large as a lab's, in bounded memory.

python -m benchmarks.store             12 Inspect logs of 300 samples; then a table of 300 million samples (five minutes)
python -m benchmarks.store --quick     the same logs; 6 million
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import polars as pl

import hotmess
from benchmarks import inspect_log, tables
from hotmess.store import ingest

LOGS = 12
ROUNDS = 3
LARGE, QUICK, PIECE = 300_000_000, 6_000_000, 3_000_000


def timed(work) -> float:
    """CPU seconds."""
    start = process_time()
    work()
    return process_time() - start


def of_logs(folder: Path) -> None:
    """Reading and measuring many logs, and the store of them."""
    source = folder / "logs"
    source.mkdir()
    for number in range(LOGS):
        inspect_log.make(source / f"{number}.eval", questions=30, epochs=10)
    took: dict[str, list[float]] = {"logs": [], "ingest": [], "again": [], "store": [], "floor": []}
    for round_ in range(ROUNDS):
        new = str(folder / f"store{round_}")
        took["logs"].append(timed(lambda: hotmess.measure(hotmess.read(source))))
        took["ingest"].append(timed(lambda new=new: ingest([str(source)], new)))
        took["again"].append(timed(lambda new=new: ingest([str(source)], new)))
        took["store"].append(timed(lambda new=new: hotmess.measure(hotmess.read(new))))
        parts = list(Path(new).glob("samples/**/*.parquet"))
        took["floor"].append(timed(lambda parts=parts: pl.scan_parquet(parts).select("question_id", "answer").collect()))
    print(f"{LOGS} Inspect logs of 300 samples, CPU s, medians of {ROUNDS} interleaved rounds")
    for name, says in (
        ("logs", "measure the logs"),
        ("ingest", "bring them into a store, with what was said"),
        ("again", "the same once more: nothing is new"),
        ("store", "measure the store"),
        ("floor", "scan its columns"),
    ):
        print(f"{median(took[name]):8.3f}  {says}")
    ratios = sorted(a / b for a, b in zip(took["logs"], took["store"], strict=True))
    print(f"logs / store: {median(ratios):.1f} ({ratios[0]:.1f}-{ratios[-1]:.1f})")


def large(folder: Path, rows: int) -> None:
    """Measure a store of so many one-hot samples, of many models, in a process of its own."""
    one, store, each = tables.make(folder, "one-hot", min(rows, PIECE)), folder / "large", min(rows, PIECE)
    start = perf_counter()
    for number in range(rows // each):
        table = folder / f"table{number}.parquet"
        pl.scan_parquet(one).with_columns(model=pl.lit(f"m{number:03}")).sink_parquet(table)
        ingest([str(table)], str(store), texts=False)
        table.unlink()
    print(f"{rows // each} tables of {each:,} samples ingested in {perf_counter() - start:.0f} s")
    command = [sys.executable, "-m", "benchmarks.store", "--measure", str(store)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    print(f"{rows:,} one-hot samples: {ran.stdout.strip()}")


def measured(store: str) -> None:
    """Measure, and print what it took."""
    start, cpu = perf_counter(), process_time()
    rows = hotmess.measure(hotmess.read(store)).rows
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    took = f"{perf_counter() - start:.1f} s, {process_time() - cpu:.1f} CPU s, peak {peak:.2f} GB"
    print(f"{sum(row.questions for row in rows):,} questions, {took}")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--measure", metavar="STORE")
    asked = parser.parse_args()
    if asked.measure:
        measured(asked.measure)
        return
    with tempfile.TemporaryDirectory() as folder:
        of_logs(Path(folder))
        large(Path(folder), QUICK if asked.quick else LARGE)


if __name__ == "__main__":
    main()
