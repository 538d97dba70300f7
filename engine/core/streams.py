"""A GPU, or few cores, shared with others."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.core.cuda_graphs import own_stream

_CORES = torch.get_num_threads()


def lane_stream(device: torch.device, lane: str, urgent: bool = False) -> torch.cuda.Stream | None:
    """The stream of ``lane``; on a GPU waiting kernels of others go behind those of an urgent one.

    Work on PyTorch's default stream would hold up all lanes: Warp waits for it whenever it reads a number. None on a
    CPU, which `torch.cuda.stream` takes as well.
    """
    if device.type != "cuda":
        return None
    stream = _stream(device, lane, -1 if urgent else 0)
    stream.wait_stream(torch.cuda.default_stream(device))  # on which the model was loaded
    return stream


@functools.cache
def _stream(device: torch.device, lane: str, priority: int) -> torch.cuda.Stream:
    # the same for every model: PyTorch keeps the memory that it used for each stream apart
    return own_stream(device, priority)


@contextmanager
def a_core_to_draw(device: torch.device) -> Iterator[None]:
    """Of a CPU with two cores, leave one to the window: products of previews are too small to gain much from both."""
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads != 2:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def begin_with_all_cores() -> None:
    """For a new thread: PyTorch would give it for good what `a_core_to_draw` leaves to another one just then."""
    torch.set_num_threads(_CORES)


def is_out_of_memory(error: Exception) -> bool:
    """PyTorch has a class of its own for GPUs; its CPU allocator, CUDA's libraries and Warp say it in words."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return any(sign in text for sign in ("out of memory", "allocate", "alloc_failed"))
