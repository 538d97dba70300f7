"""What all who record CUDA graphs in this process have to agree on."""

import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import torch

RECORDING = threading.RLock()
"""Held while a CUDA graph is recorded, while one is replayed, and by those who make the whole device wait.

A wait for the device, as for giving memory back, ends the recordings of all threads. Up to PyTorch 2.12 nobody can draw
random numbers on the device while somebody records, nor replay what draws them.
"""
_STREAMS_OF_PYTORCH = 32
"""For each priority; then it hands out the first one again."""
_own: dict[torch.device, set[int]] = {}
"""Streams that `own_stream` has handed out."""
_asides: list[tuple[torch.cuda.Stream, weakref.ref[object]]] = []
"""Streams to record on, and who does."""


@contextmanager
def recording() -> Iterator[None]:
    """Hold `RECORDING` to record; no garbage is collected: a dead graph that goes meanwhile would end the recording."""
    with RECORDING:
        collects = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if collects:
                gc.enable()


def own_stream(device: torch.device, priority: int = 0) -> torch.cuda.Stream:
    """A stream of ``device`` that nobody else gets here; there are some thirty, so keep it."""
    with RECORDING:
        device = _indexed(device)
        taken = _own.setdefault(device, set())
        for _ in range(_STREAMS_OF_PYTORCH):
            stream = torch.cuda.Stream(device, priority=priority)
            if stream.cuda_stream not in taken:
                break
        taken.add(stream.cuda_stream)
        return stream


def stream_to_record_on(user: object, device: torch.device, priority: int = 0) -> torch.cuda.Stream:
    """A stream that ``user`` alone has as long as it lives.

    Libraries have working memory for each stream, which PyTorch frees when a graph that was recorded there goes.
    Recorded kernels keep the priority.
    """
    with RECORDING:
        for index, (stream, last) in enumerate(_asides):
            if last() is None and (stream.device, stream.priority) == (_indexed(device), priority):
                _asides[index] = stream, weakref.ref(user)
                return stream
        stream = own_stream(device, priority)
        _asides.append((stream, weakref.ref(user)))
        return stream


def _indexed(device: torch.device) -> torch.device:
    return torch.device("cuda", torch.cuda.current_device()) if device.index is None else device
