"""Measure a store on a cluster of this machine while half of the cluster is killed: `engine_loss.py ENGINE STORE BURNT TOLD`.

The victim is an executor of Spark, or a node of Ray with its workers. It dies once it has burnt so many CPU seconds on the
queries, for a clock would hit it idle on one machine and late on another. TOLD says, as JSON, what came out, and when.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import narwhals as nw
import psutil

import hotmess
from hotmess.engines import Engine
from hotmess.frames import count

HOW = {"loss": "kl", "by": ["output_tokens:3"]}
NODES = {"num_cpus": 1, "object_store_memory": 200 << 20, "include_dashboard": False}
QUICK = {"health_check_period_ms": 1000, "health_check_failure_threshold": 4}  # to notice that a node of Ray is gone


@dataclass
class Told:
    """What happened, on one clock."""

    begun: float = 0.0
    killed: float = 0.0
    ended: float = 0.0
    burnt: float = 0.0
    queries: int = 0
    asked_before: int = 0
    failed: str = ""


def family(one: psutil.Process) -> list[psutil.Process]:
    """A process and all that it started."""
    with suppress(psutil.Error):
        return [one, *one.children(recursive=True)]
    return []


def burnt(processes: list[psutil.Process]) -> float:
    """CPU seconds of processes that are there."""
    seconds = 0.0
    for one in processes:
        with suppress(psutil.Error):
            times = one.cpu_times()
            seconds += times.user + times.system
    return seconds


def kill(victim: psutil.Process, enough: float, begun: Event, told: Told) -> None:
    """Wait until a process has worked on the queries, and see that it and its children die."""
    idle = burnt(family(victim))
    begun.set()
    while told.burnt < enough:
        sleep(0.005)
        told.burnt = burnt(family(victim)) - idle
    told.asked_before = told.queries
    lost = family(victim)
    for one in lost:
        with suppress(psutil.Error):
            one.kill()
    psutil.wait_procs(lost, timeout=30)
    told.killed = monotonic()


@contextmanager
def counted(told: Told) -> Iterator[None]:
    """Count the queries that are sent."""
    plain = nw.LazyFrame.collect

    def collect(frame: Any, *given: Any, **named: Any) -> Any:
        told.queries += 1
        return plain(frame, *given, **named)

    nw.LazyFrame.collect = collect  # type: ignore[method-assign]
    yield
    nw.LazyFrame.collect = plain  # type: ignore[method-assign]


def measured(engine: Engine, victim: Callable[[], psutil.Process], store: str, enough: float, told: Path) -> None:
    """Ask something small to have everything started; then measure, while a part dies."""
    count(hotmess.read(store, engine=engine).frame)
    found, begun = Told(), Event()
    killing = Thread(target=kill, args=(victim(), enough, begun, found), daemon=True)
    killing.start()
    begun.wait()
    found.begun = monotonic()
    rows = ""
    with counted(found):
        try:
            rows = hotmess.measure(hotmess.read(store, engine=engine), **HOW).table().write_json()
        except hotmess.HotmessError as problem:
            found.failed = str(problem)
    found.ended = monotonic()
    told.write_text(json.dumps({**asdict(found), "rows": rows}))


def on_spark(store: str, enough: float, told: Path) -> None:
    """Two executors."""
    engine = Engine("spark", "local-cluster[2,1,1024]")
    session = engine.spark()
    session.conf.set("spark.sql.shuffle.partitions", "4")

    def executor() -> psutil.Process:
        for one in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if "CoarseGrainedExecutorBackend" in " ".join(one.cmdline()):
                    return one
        raise RuntimeError("no executor is running")

    try:
        measured(engine, executor, store, enough, told)
    finally:
        session.stop()


def on_ray(store: str, enough: float, told: Path) -> None:
    """A head that works on nothing, and two nodes."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=NODES | {"num_cpus": 0, "_system_config": QUICK})
    try:
        nodes = [cluster.add_node(**NODES) for _ in range(2)]
        raylet = nodes[0].all_processes["raylet"][0].process.pid
        measured(Engine("ray", cluster.address), lambda: psutil.Process(raylet), store, enough, told)
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    {"spark": on_spark, "ray": on_ray}[sys.argv[1]](sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]))
