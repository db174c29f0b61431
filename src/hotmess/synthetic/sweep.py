"""Sizes x seeds: each model is trained and led by itself, so that they can be divided over anything.

On CPUs, a process for each model, of one thread: models are small, and two threads in one are slower than two models at once. On
GPUs, a process for each GPU, which trains its models side by side, each on its own stream. `shard` divides them over machines,
and `submit` over the tasks of a Slurm array.
"""

import gc
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Empty
from threading import Thread
from typing import Any, NamedTuple

from hotmess.devices import device_of, settle
from hotmess.errors import MissingExtra, UsageError
from hotmess.synthetic.folder import Folder, Unit

__all__ = ["Shard", "cost", "submit", "sweep", "work"]

_KEPT = 20.0  # seconds after which a training is written down again
_TURN = {"cpu": 1, "cuda": 10}  # updates between two looks at whether to stop
_TOLD = 0.2  # seconds between two words about how far it is
_TOGETHER = 8  # models that share a GPU at a time

Told = Callable[[str, float], None]
Stop = Callable[[], bool]


class Shard(NamedTuple):
    """Part number `part`, from 1, of `parts`."""

    part: int
    parts: int

    @classmethod
    def of(cls, text: str) -> "Shard":
        """Parse 2/4.

        Raises:
            UsageError: it is no part of a whole.
        """
        part, _, parts = text.partition("/")
        if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
            raise UsageError(f"`{text}` is no part of a whole", hint="--shard 1/4, then 2/4, 3/4, 4/4 elsewhere")
        return cls(int(part), int(parts))

    def chosen(self, units: Sequence[Unit]) -> list[Unit]:
        """Its units: every so-manieth, so that each shard has small and large ones."""
        return list(units)[self.part - 1 :: self.parts]


def cost(folder: Folder, unit: Unit) -> int:
    """How much work a model is, in multiplications with its weights: three for each token that is learned, one for each led."""
    preset = folder.preset
    course, asked, tokens = preset.course, preset.rollouts, 2 * preset.problem.dimension * (preset.problem.digits + 3)
    led = (asked.groups * asked.jittered + asked.starts + asked.sampled * asked.jittered) * asked.steps
    return unit.size.parameters(preset.problem) * tokens * (3 * course.updates * course.batch + 2 * led)


def sweep(
    folder: Folder, shard: Shard, *, jobs: int | None = None, device: str | None = None, minutes: float | None = None, told: Told
) -> bool:
    """Train and lead what is missing of a shard, in processes of their own.

    Args:
        folder: where it all is kept.
        shard: which models.
        jobs: processes at a time; by default one for each core, or for each GPU.
        device: cpu or cuda; by default GPUs where there are some.
        minutes: after which to stop; what is unfinished then is kept, and gone on with by the next call.
        told: is told the name of a model and the share of it that is done, as it goes on.

    Returns:
        Whether all of the shard is done.
    """
    units = [unit for unit in shard.chosen(folder.units()) if not folder.rollouts(unit).exists()]
    bundles = _bundles(folder, units, _places(device, jobs))
    if not bundles:
        return True
    context = multiprocessing.get_context("spawn")
    stop, news = context.Event(), context.Queue()
    deadline = None if minutes is None else time.time() + 60 * minutes
    given = (os.getpid(), stop, news)
    pool = ProcessPoolExecutor(min(len(bundles), jobs or _cores()), context, initializer=_begin, initargs=given)
    try:
        waiting = {pool.submit(_in_process, folder, bundle, name, deadline) for name, bundle in bundles}
        while waiting:
            done, waiting = wait(waiting, timeout=0.2)
            _pass_on(news, told)
            for future in done:
                future.result()
        _pass_on(news, told)
    except BrokenProcessPool as problem:
        raise UsageError(
            "a process ended in the middle of its work: it was killed, or there was too little memory",
            why="what was learned is kept",
            hint="the same command goes on; --jobs 1 needs less memory",
        ) from problem
    finally:
        stop.set()  # where something went wrong, each keeps what it has, and ends
        pool.shutdown(wait=True, cancel_futures=True)
    return all(folder.rollouts(unit).exists() for unit in units)


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _places(device: str | None, jobs: int | None) -> list[str]:
    """The GPUs to compute on, or none.

    Raises:
        UsageError: there is no such device, or it is neither a CPU nor a CUDA GPU.
    """
    import torch

    found = device_of(device)
    if found.type not in _TURN:
        raise UsageError(f"on `{device}` nothing was ever tried", hint="--device cpu, or cuda")
    if found.type == "cpu":
        return []
    if found.index is not None:
        return [str(found)]
    return [f"cuda:{place}" for place in range(min(torch.cuda.device_count(), jobs or torch.cuda.device_count()))]


def _bundles(folder: Folder, units: list[Unit], places: list[str]) -> list[tuple[str, list[Unit]]]:
    """Which units go together, and on which device: the costly ones first; on a CPU, each by itself."""
    units = sorted(units, key=lambda unit: -cost(folder, unit))
    if not places:
        return [("cpu", [unit]) for unit in units]
    shared = ((name, units[place :: len(places)]) for place, name in enumerate(places))
    return [(name, bundle) for name, bundle in shared if bundle]


def _pass_on(news: Any, told: Told) -> None:
    while True:
        try:
            told(*news.get_nowait())
        except Empty:
            return


_stop: Event  # of this process, set where it begins
_news: Any


def _begin(parent: int, stop: Event, news: Any) -> None:
    """Begin a process: an interruption is the business of its parent, and without a parent there is nothing to do."""
    import torch

    global _stop, _news
    _stop, _news = stop, news
    news.cancel_join_thread()  # nobody may be there to hear the last of them
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_watch, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)


def _watch(parent: int) -> None:
    """End with the parent, even where that was killed; files are renamed into place, so that any moment will do."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _in_process(folder: Folder, units: list[Unit], name: str, deadline: float | None) -> None:
    work(folder, units, name, _stop.is_set, lambda unit, share: _news.put((unit, share)), deadline=deadline)


class _Interrupted(Exception):
    """Rollouts were told to stop."""


def work(folder: Folder, units: Sequence[Unit], device: str, stopped: Stop, told: Told, *, deadline: float | None = None) -> None:
    """Train some models side by side and lead the starts with each, here; what lies in the folder already is not done again.

    Args:
        folder: where it all is kept.
        units: the models.
        device: where to compute.
        stopped: is asked now and then whether to keep what there is and return.
        told: is told the name of a model and the share of it that is done.
        deadline: seconds of the clock after which nothing more is begun; rollouts that were begun are ended.
    """
    import torch

    from hotmess.synthetic.rollouts import Starts
    from hotmess.synthetic.train import Lessons

    def over() -> bool:
        return stopped() or (deadline is not None and time.time() > deadline)

    if over():
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    with ExitStack() as locks:
        for unit in units:
            locks.enter_context(folder.alone_with(unit))
        lessons = Lessons.of(folder.preset, torch.device(device))
        untrained = [unit for unit in units if not folder.model(unit).exists()]
        for first in range(0, len(untrained), _TOGETHER):
            _train(folder, untrained[first : first + _TOGETHER], lessons, over, told)
            gc.collect()  # a graph must not be freed while another one is captured
        starts = Starts.of(folder.preset, lessons.quadratic)
        for unit in units:
            if not over() and folder.model(unit).exists() and not folder.rollouts(unit).exists():
                try:
                    _lead(folder, unit, lessons, starts, stopped, told)
                except _Interrupted:
                    return


_TRAINED = 0.7  # of the progress, when a model is trained


def _train(folder: Folder, units: Sequence[Unit], lessons: Any, over: Stop, told: Told) -> None:
    from hotmess.synthetic.train import Training

    running = {unit: Training(folder.preset, unit.size, unit.seed, lessons) for unit in units}
    for unit, training in running.items():
        if folder.training(unit).exists():
            training.resume(folder.training(unit))
    device = lessons.taught.device
    kept = heard = time.monotonic()
    while running and not over():
        for training in running.values():
            training.advance(_TURN[device.type])
        settle(device)
        now = time.monotonic()
        for unit, training in list(running.items()):
            if now - heard > _TOLD:
                told(str(unit), _TRAINED * training.made / folder.preset.course.updates)
            if training.finished:
                training.finish(folder.model(unit))
                folder.training(unit).unlink(missing_ok=True)
                del running[unit]
        heard = now if now - heard > _TOLD else heard
        if now - kept > _KEPT:
            _keep(folder, running)
            kept = now
    _keep(folder, running)


def _keep(folder: Folder, running: dict[Unit, Any]) -> None:
    for unit, training in running.items():
        training.keep(folder.training(unit))


def _lead(folder: Folder, unit: Unit, lessons: Any, starts: Any, stopped: Stop, told: Told) -> None:
    """Lead all starts, and write down where, with the loss on what was held out."""
    from hotmess.synthetic.files import save
    from hotmess.synthetic.rollouts import lead
    from hotmess.synthetic.train import held_out_loss, load

    def heard(share: float) -> None:
        if stopped():
            raise _Interrupted
        told(str(unit), _TRAINED + (1 - _TRAINED) * share)

    model, what = load(folder.model(unit), starts.points.device)
    states = lead(model, starts, folder.preset, seed=unit.seed, told=heard)
    save(folder.rollouts(unit), what, {"states": states, "held_out": held_out_loss(model, lessons)})


def submit(folder: Folder, tasks: int, parameters: dict[str, Any], *, device: str | None = None) -> list[Any]:
    """Submit a sweep as a Slurm array of so many tasks, each of which does a shard; where there is no Slurm, as processes here.

    Args:
        folder: on a disk that all of them see.
        tasks: of the array.
        parameters: of the tasks, as submitit names them: slurm_partition, gpus_per_node, timeout_min, ...
        device: cpu or cuda.

    Returns:
        The jobs, as submitit has them.

    Raises:
        MissingExtra: submitit is not installed.
    """
    try:
        import submitit
    except ImportError as problem:
        raise MissingExtra("a Slurm array needs submitit, which is not installed", hint="pip install submitit") from problem
    executor = submitit.AutoExecutor(folder=Path(folder.root) / "slurm")
    executor.update_parameters(**parameters)
    jobs: list[Any] = executor.map_array(_shard, [(folder, Shard(part + 1, tasks), device) for part in range(tasks)])
    return jobs


def _shard(asked: tuple[Folder, Shard, str | None]) -> bool:
    folder, shard, device = asked
    return sweep(folder, shard, device=device, told=lambda *_: None)
