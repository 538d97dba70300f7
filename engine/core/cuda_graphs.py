"""What all who capture CUDA graphs in this process have to agree on."""

import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import torch

GRAPH_LOCK = threading.RLock()
"""Held while a CUDA graph is captured, while one is replayed, and by those who make the whole device wait.

A wait for the device, as for giving memory back, ends the captures of all threads. Up to PyTorch 2.12 nobody can draw
random numbers on the device while somebody captures, nor replay what draws them.
"""
_STREAMS_OF_PYTORCH = 32
"""For each priority; then it hands out the first one again."""
_own: dict[torch.device, set[int]] = {}
"""Streams that `own_stream` has handed out."""
_capture_streams: list[tuple[torch.cuda.Stream, weakref.ref[object]]] = []
"""Streams to capture on, and who does."""


@contextmanager
def capturing() -> Iterator[None]:
    """Hold `GRAPH_LOCK` to capture; no garbage is collected: a dead graph that goes meanwhile would end the capture."""
    with GRAPH_LOCK:
        collects = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if collects:
                gc.enable()


def own_stream(device: torch.device, priority: int = 0) -> torch.cuda.Stream:
    """A stream of ``device`` that nobody else gets here; there are some thirty, so keep it."""
    with GRAPH_LOCK:
        device = _indexed(device)
        taken = _own.setdefault(device, set())
        for _ in range(_STREAMS_OF_PYTORCH):
            stream = torch.cuda.Stream(device, priority=priority)
            if stream.cuda_stream not in taken:
                break
        taken.add(stream.cuda_stream)
        return stream


def capture_stream(user: object, device: torch.device, priority: int = 0) -> torch.cuda.Stream:
    """A stream that ``user`` alone has as long as it lives.

    Libraries have working memory for each stream, which PyTorch frees when a graph that was captured there goes.
    Captured kernels keep the priority.
    """
    with GRAPH_LOCK:
        for index, (stream, last) in enumerate(_capture_streams):
            if last() is None and (stream.device, stream.priority) == (_indexed(device), priority):
                _capture_streams[index] = stream, weakref.ref(user)
                return stream
        stream = own_stream(device, priority)
        _capture_streams.append((stream, weakref.ref(user)))
        return stream


def _indexed(device: torch.device) -> torch.device:
    return torch.device("cuda", torch.cuda.current_device()) if device.index is None else device
