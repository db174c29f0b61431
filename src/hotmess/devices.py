"""Where neural networks compute: on a GPU where there is one."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hotmess.errors import UsageError

if TYPE_CHECKING:
    import torch

__all__ = ["device_of", "graphed", "settle"]

_WARM_UP = 3  # runs before a graph is captured, as CUDA libraries need


def device_of(asked: str | None) -> "torch.device":
    """The device of this name, or a GPU where there is one.

    Raises:
        UsageError: there is no such device.
    """
    import torch

    try:
        found = torch.device(asked or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.zeros(1, device=found).item()
    except (RuntimeError, AssertionError, ImportError) as problem:
        said = str(problem).splitlines()[0][:200]
        raise UsageError(f"there is no device `{asked}`: {said}", hint="--device cpu") from problem
    return found


def settle(device: "torch.device") -> None:
    """Wait for all work on a GPU: what runs on streams of its own may not be looked at before."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def graphed(work: Callable[[], None], device: "torch.device", *generators: "torch.Generator") -> Callable[[], None]:
    """Work that is done over and over on the same tensors: on a GPU as one CUDA graph on a stream of its own; else as it is.

    A graph is launched as one, where its hundreds of small kernels would wait for Python. The first runs are the work itself and
    count like all others. Of `generators`, each that the work draws from must be named. `settle` before you look at its tensors.
    """
    import torch

    if device.type != "cuda":
        return work
    stream, graph, runs = torch.cuda.Stream(device), torch.cuda.CUDAGraph(), 0
    stream.wait_stream(torch.cuda.current_stream(device))

    def run() -> None:
        nonlocal runs
        runs += 1
        if runs <= _WARM_UP:
            with torch.cuda.stream(stream):
                work()
            return
        if runs == _WARM_UP + 1:
            torch.cuda.synchronize(device)
            for generator in generators:
                graph.register_generator_state(generator)
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                work()
        with torch.cuda.stream(stream):
            graph.replay()

    return run
