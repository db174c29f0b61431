"""One store, measured by one process, by DuckDB, and by Spark and Ray with two workers of one core each, side by side.

python -m benchmarks.engines            12 million one-hot samples, and 2 million probability vectors under kl: half an hour
python -m benchmarks.engines --quick    a tenth of them

Each run is a process of its own. Its CPU seconds are those of all that it starts: what lives is asked, and what is dead has left
its seconds with the one that waited for it (orphans are made ours, for that). Starting is over when a trivial query has been
answered, and counts apart. Before the timed rounds, one counts what Spark and Ray send between workers.
"""

import argparse
import ctypes
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import perf_counter, sleep
from urllib.request import urlopen

import narwhals as nw
import polars as pl
import psutil

import hotmess
from benchmarks import tables
from hotmess.engines import Engine
from hotmess.frames import count
from hotmess.store import ingest

PIECE = 500_000  # samples of a table
STORES = {"one-hot": (24, None), "probabilities": (4, "kl")}
ROUNDS = 3
ADOPT = 36  # prctl's PR_SET_CHILD_SUBREAPER


# ---------------------------------------------------------------------------------------------- ways


@contextmanager
def on_spark() -> Iterator[Engine]:
    """Two executors of one core, as processes."""
    engine = Engine("spark", "local-cluster[2,1,2048]")
    session = engine.spark()
    yield engine
    session.stop()


@contextmanager
def on_ray() -> Iterator[Engine]:
    """Two nodes of one core, and a head that works on nothing."""
    import ray
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 1 << 30, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(**node)
    yield Engine("ray", cluster.address)
    ray.shutdown()
    cluster.shutdown()


@contextmanager
def here(engine: Engine) -> Iterator[Engine]:
    """What needs no others."""
    yield engine


WAYS: dict[str, Callable[[], object]] = {
    "one process (Polars)": lambda: here(Engine()),
    "DuckDB": lambda: here(Engine("duckdb")),
    "DuckDB, 1 GB": lambda: here(Engine("duckdb", memory="1GB")),
    "Spark, two executors": on_spark,
    "Ray, two nodes": on_ray,
    "floor: scan the columns": lambda: here(Engine()),
}
COUNTED = ("Spark, two executors", "Ray, two nodes")


# ---------------------------------------------------------------------------------------------- one run


def family() -> list[psutil.Process]:
    """This process and all that it started."""
    me = psutil.Process()
    return [me, *me.children(recursive=True)]


def cpu() -> float:
    """CPU seconds of all of them, the dead ones included."""
    seconds = 0.0
    for one in family():
        with suppress(psutil.Error):
            seconds += sum(one.cpu_times()[:4])  # user, system, and both of children that were waited for
    return seconds


def floor(store: str) -> list[float]:
    """Look at every value of every column once; a measurement needs them all."""
    parts = [str(path) for path in sorted(Path(store).glob("samples/**/*.parquet"))]
    pl.scan_parquet(parts).select(pl.all().max()).collect(engine="streaming")
    return []


def figures(store: str, engine: Engine, loss: str | None) -> list[float]:
    """What the measurement says of each model."""
    rows = hotmess.measure(hotmess.read(store, engine=engine), loss=loss).rows
    return [value for row in rows for value in (row.error.value, row.variance.value)]


def one_run(way: str, store: str, loss: str | None, *, counting: bool) -> dict[str, object]:
    """Start, measure, and say what it took."""
    ctypes.CDLL(None).prctl(ADOPT, 1, 0, 0, 0)
    begun = perf_counter()
    with WAYS[way]() as engine, counted(engine, counting=counting) as sent:
        count(engine.scan([str(next(Path(store).glob("samples/**/*.parquet")))]).head(1))
        ready, before = perf_counter(), cpu()
        found = floor(store) if way.startswith("floor") else figures(store, engine, loss)
        took = {"start": ready - begun, "start_cpu": before, "wall": perf_counter() - ready, "cpu": cpu() - before}
    return {"found": found, **took, **sent}


@contextmanager
def counted(engine: Engine, *, counting: bool) -> Iterator[dict[str, float]]:
    """Count queries and the bytes of their answers; where it is asked for, also what goes between workers."""
    sent = {"queries": -1.0, "back": 0.0, "shuffled": 0.0, "moved": 0.0}  # the trivial query is none
    plain = nw.LazyFrame.collect

    def collect(frame: nw.LazyFrame, *given: object, **named: object) -> nw.DataFrame:
        found = plain(frame, *given, **named)
        if not isinstance(frame.to_native(), pl.LazyFrame):
            sent["queries"] += 1
            sent["back"] += found.to_native().estimated_size()
        return found

    nw.LazyFrame.collect = collect
    if counting and engine.name == "ray":
        count_ray(sent)
    yield sent
    if counting and engine.name == "spark":
        sleep(2)  # its listeners lag behind
        with urlopen(stages(engine)) as answer:  # noqa: S310 - http of this machine
            for stage in json.load(answer):
                sent["shuffled"] += stage["shuffleWriteBytes"]
                sent["moved"] += stage["shuffleWriteRecords"]


def stages(engine: Engine) -> str:
    """Where Spark tells what its stages did."""
    context = engine.spark().sparkContext
    return f"{context.uiWebUrl}/api/v1/applications/{context.applicationId}/stages"


def count_ray(sent: dict[str, float]) -> None:
    """Have Daft tell what its repartitions did."""
    import daft

    plain = daft.DataFrame.to_arrow

    def to_arrow(frame: daft.DataFrame) -> object:
        frame.collect()
        for step in pl.from_arrow(frame.metrics.to_arrow_table()).to_dicts():
            if step["name"] == "Repartition":
                sent["shuffled"] += step["stats"]["bytes.out"]["value"]
                sent["moved"] += step["stats"]["rows.out"]["value"]
        return plain(frame)

    daft.DataFrame.to_arrow = to_arrow


# ---------------------------------------------------------------------------------------------- all runs


def peak(process: psutil.Process, over: Event, most: list[float]) -> None:
    """The memory of a process and its children, what they share counted once, looked at four times a second."""
    while not over.wait(0.25):
        size = 0
        with suppress(psutil.Error):
            for one in [process, *process.children(recursive=True)]:
                with suppress(psutil.Error):
                    size += one.memory_full_info().pss
        most.append(size / 1e9)


def run(way: str, store: Path, loss: str | None, *, counting: bool = False) -> dict[str, float]:
    """One run, in a process of its own."""
    words = ["--run", way, "--store", str(store), *(["--loss", loss] if loss else []), *(["--count"] if counting else [])]
    with tempfile.TemporaryDirectory(prefix="hm", dir="/tmp") as scratch:  # Ray's sockets need short names
        given = {
            "RAY_TMPDIR": scratch,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": scratch,
            "PYSPARK_PYTHON": sys.executable,
        }
        out = Path(scratch) / "took.json"
        command = [sys.executable, "-m", "benchmarks.engines", *words, "--out", str(out)]
        with subprocess.Popen(command, env=os.environ | given, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            over, most = Event(), [0.0]
            watching = Thread(target=peak, args=(psutil.Process(process.pid), over, most))
            watching.start()
            _, said = process.communicate()
            over.set()
            watching.join()
        if process.returncode:
            sys.exit(f"{way}: {said.decode()[-2000:]}")
        return json.loads(out.read_text()) | {"peak": max(most)}


def compare(folder: Path, kind: str, tables_of: int, loss: str | None) -> None:
    """Measure a store in all ways, round by round, and print a table."""
    store = made(folder, kind, tables_of)
    sent = {way: run(way, store, loss, counting=True) for way in COUNTED}
    took: dict[str, list[dict]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way, runs in took.items():
            runs.append(run(way, store, loss))
    rows = tables_of * PIECE // tables.SAMPLES * tables.SAMPLES
    size = sum(path.stat().st_size for path in store.rglob("*.parquet"))
    print(f"\n{rows:,} {kind} samples in {tables_of} tables, loss {loss or 'brier'}, {size / rows:.1f} bytes a sample")
    print(f"medians of {ROUNDS} interleaved rounds (lowest to highest); load {os.getloadavg()[0]:.1f} at the end\n")
    print("| | starts, s | wall s | CPU s | × one process (CPU) | peak GB | queries | MB back | MB shuffled | rows shuffled |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    one = took["one process (Polars)"]
    for way, runs in took.items():
        ratios = [a["cpu"] / b["cpu"] for a, b in zip(runs, one, strict=True)]
        print(f"| {way} | {spread(runs, 'start')} | {spread(runs, 'wall')} | {spread(runs, 'cpu')} ", end="")
        print(f"| {median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}) | {median(r['peak'] for r in runs):.2f} ", end="")
        print(f"| {told(runs[0], sent.get(way))} |")
    print(f"\nstarting took {median(r['start_cpu'] for r in took[COUNTED[0]]):.0f} CPU s on Spark, ", end="")
    print(f"{median(r['start_cpu'] for r in took[COUNTED[1]]):.0f} on Ray; figures differ by {apart(took):.0e} at most")


def made(folder: Path, kind: str, tables_of: int) -> Path:
    """A store of tables of as many models."""
    store = folder / f"store-{kind}"
    one = tables.make(folder, kind, PIECE)
    for number in range(tables_of):
        table = folder / f"{kind}{number}.parquet"
        pl.scan_parquet(one).with_columns(model=pl.lit(f"m{number:03}")).sink_parquet(table)
        ingest([str(table)], str(store), texts=False)
        table.unlink()
    return store


def spread(runs: list[dict], name: str) -> str:
    """The median, and how far runs are from it."""
    values = sorted(run[name] for run in runs)
    return f"{median(values):.1f} ({values[0]:.1f}–{values[-1]:.1f})"


def told(one: dict, sent: dict | None) -> str:
    """What came back, and what went between workers."""
    if one["queries"] < 0:
        return "– | – | – | –"
    moved = f"{sent['shuffled'] / 1e6:.0f} | {sent['moved']:,.0f}" if sent else "– | –"
    return f"{one['queries']:.0f} | {one['back'] / 1e6:.1f} | {moved}"


def apart(took: dict[str, list[dict]]) -> float:
    """How far figures of one way are from those of another."""
    found = [run["found"] for runs in took.values() for run in runs if run["found"]]
    return max(abs(a - b) for other in found for a, b in zip(found[0], other, strict=True))


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--run", metavar="WAY")
    parser.add_argument("--store")
    parser.add_argument("--loss")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--count", action="store_true")
    asked = parser.parse_args()
    if asked.run:
        asked.out.write_text(json.dumps(one_run(asked.run, asked.store, asked.loss, counting=asked.count)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for kind, (tables_of, loss) in STORES.items():
            compare(Path(folder), kind, max(tables_of // 10, 1) if asked.quick else tables_of, loss)


if __name__ == "__main__":
    main()
