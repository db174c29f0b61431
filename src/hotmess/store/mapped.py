"""Maps of a function over units: in this process, in several, as tasks of Ray, or as jobs of Spark.

Results come when they are ready, in any order. A worker may be killed at any time: what it left is done by others, and at last
here. The function is therefore called for one unit more than once, and has to be idempotent.
"""

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pickle import dumps, loads
from typing import Any, TypeVar

from hotmess import __version__
from hotmess.engines import HERE, Engine
from hotmess.errors import MissingExtra, OtherVersion, Unreachable

__all__ = ["mapped"]

_BROKEN = 3  # times that workers may be lost for good, before the rest is done here
_AHEAD = 256  # units that a cluster is given at once, and cores of it that are used
_TAG = "hotmess-ingest"  # of the jobs of Spark
_UNFIT = re.compile(
    r"Cannot run program .*|(?:Traceback \(most recent call last\)|ray::)[\s\S]*?^(?P<raised>[\w.]*(?:Error|Exception): .+)$",
    re.MULTILINE,
)

Unit = TypeVar("Unit")
Found = TypeVar("Found")
Round = Callable[[Callable[[Unit], Found], Mapping[int, Unit]], Iterator[tuple[int, Found]]]


def mapped(work: Callable[[Unit], Found], units: Sequence[Unit], *, engine: Engine = HERE, processes: int = 1) -> Iterator[Found]:
    """What a function makes of each unit, as it comes.

    Args:
        work: the function, of a module that workers can import; the same unit twice has to be as good as once.
        units: what it is given, which can be pickled, as can what it makes.
        engine: where it runs; Polars and DuckDB mean this machine.
        processes: how many of this machine.

    Raises:
        Unreachable: there is no cluster at the address.
        MissingExtra: its workers lack hotmess, or a library.
        OtherVersion: its workers have another hotmess.
    """
    left = dict(enumerate(units))
    for _ in range(_BROKEN):
        for place, found in _round(engine, min(processes, len(units)))(work, dict(left)):
            del left[place]
            yield found
        if not left:
            return
    yield from map(work, left.values())


def _round(engine: Engine, processes: int) -> Round[Any, Any]:
    """What goes through units once, and yields those that no death of a worker kept from being done."""
    if engine.name == "ray":
        return partial(_on_ray, engine)
    if engine.name == "spark":
        return partial(_on_spark, engine)
    return partial(_in_processes, processes) if processes > 1 else _one_by_one


def _one_by_one(work: Callable[[Unit], Found], units: Mapping[int, Unit]) -> Iterator[tuple[int, Found]]:
    for place, unit in units.items():
        yield place, work(unit)


def _in_processes(processes: int, work: Callable[[Unit], Found], units: Mapping[int, Unit]) -> Iterator[tuple[int, Found]]:
    with suppress(BrokenProcessPool):  # somebody killed one of them
        yield from _pooled(ProcessPoolExecutor(processes, mp_context=get_context("spawn")), work, units)


def _pooled(
    pool: Executor, work: Callable[[Unit], Found], units: Mapping[int, Unit], stop: Callable[[], object] = lambda: None
) -> Generator[tuple[int, Found], None, None]:
    """What a pool makes of units; what has not begun never does if nobody wants it, and `stop` ends what has."""
    with pool:
        try:
            futures = {pool.submit(work, unit): place for place, unit in units.items()}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise


# ---------------------------------------------------------------------------------------------- clusters


def _answered(work: Callable[[Unit], Found], version: str, unit: Unit) -> Found | Exception:
    """What a worker of a cluster does: an error is an answer, so that the cluster does not try again what cannot work."""
    if version != __version__:
        return OtherVersion(
            f"the workers have hotmess {__version__}, and this is {version}",
            why="they would read logs in another way",
            hint=f"on every machine: pip install hotmess=={version}",
        )
    try:
        return work(unit)
    except Exception as problem:  # noqa: BLE001 - raised again where it can be told
        return problem


def _told(answer: Found | Exception) -> Found:
    if isinstance(answer, Exception):
        raise answer
    return answer


def _refuse_unfit(engine: Engine, problem: Exception) -> None:
    """Refuse to go on if workers cannot begin: they lack what the others lack, too. One that died left no traceback."""
    unfit = _UNFIT.search(str(problem))
    if unfit:
        raise MissingExtra(
            f"the workers of {engine.name} cannot run hotmess: {(unfit['raised'] or unfit[0])[:200]}",
            hint=f"on every machine, for the Python that its workers run (PYSPARK_PYTHON): pip install hotmess=={__version__}",
        ) from problem


def _on_ray(engine: Engine, work: Callable[[Unit], Found], units: Mapping[int, Unit]) -> Iterator[tuple[int, Found]]:
    """A task for each unit. Ray itself runs a task once more whose worker or machine was lost."""
    import ray
    from ray import exceptions as lost

    engine.ray()
    task: Any = ray.remote(max_retries=1)(_answered)
    waiting, running = iter(units.items()), dict[Any, int]()
    try:
        while True:
            for place, unit in islice(waiting, _AHEAD - len(running)):
                running[task.remote(work, __version__, unit)] = place
            if not running:
                return
            (ready, *_), _ = ray.wait(list(running))
            place = running.pop(ready)
            try:
                answer = ray.get(ready)
            except (lost.WorkerCrashedError, lost.NodeDiedError, lost.ObjectLostError, lost.OutOfMemoryError):
                continue
            yield place, _told(answer)
    except lost.RayError as problem:
        _refuse_unfit(engine, problem)
        raise Unreachable(f"ray stopped: {str(problem).strip().splitlines()[0][:200]}", hint="ray status") from problem
    finally:
        for one in running:
            ray.cancel(one)


@dataclass(frozen=True, slots=True)
class _Lost:
    """In place of an answer: executors were lost over it, as often as Spark tries."""

    problem: Exception


def _on_spark(engine: Engine, work: Callable[[Unit], Found], units: Mapping[int, Unit]) -> Iterator[tuple[int, Found]]:
    """A job for each unit, so that each result comes by itself, and a unit that kills its workers stops no other."""
    session = engine.spark()
    answered = partial(_answered, work, __version__)
    job, stop = _classic(session, answered) if hasattr(session, "sparkContext") else _connected(session, answered)

    def tried(unit: Unit) -> Found | Exception | _Lost:
        try:
            return job(unit)
        except Exception as problem:  # noqa: BLE001 - of Spark or of the way to it, for what the work raises is an answer
            return _Lost(problem)

    with closing(_pooled(ThreadPoolExecutor(min(_AHEAD, len(units))), tried, units, stop)) as answers:
        for place, answer in answers:
            if isinstance(answer, _Lost):
                _refuse_unfit(engine, answer.problem)
            else:
                yield place, _told(answer)


def _classic(session: Any, answered: Callable[[Any], Any]) -> tuple[Callable[[Any], Any], Callable[[], Any]]:
    """How to run a unit in a session of Spark in this process, and how to end what runs."""
    context = session.sparkContext

    def job(unit: Any) -> Any:
        context.addJobTag(_TAG)
        return context.parallelize([unit], 1).map(answered).collect()[0]

    return job, partial(context.cancelJobsWithTag, _TAG)


def _connected(session: Any, answered: Callable[[Any], Any]) -> tuple[Callable[[Any], Any], Callable[[], Any]]:
    """The same by Spark Connect, which has frames only."""
    from pyspark.sql.functions import udf

    made = udf(lambda unit: dumps(answered(loads(unit))), "binary").asNondeterministic()  # noqa: S301 - our own

    def job(unit: Any) -> Any:
        session.addTag(_TAG)
        rows = session.createDataFrame([(dumps(unit),)], "unit binary").select(made("unit")).collect()
        return loads(rows[0][0])  # noqa: S301 - of our own workers

    return job, partial(session.interruptTag, _TAG)
