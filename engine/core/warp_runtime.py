"""NVIDIA Warp: started without anything on standard output or standard error, and used by one thread at a time."""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import warp as wp

# Warp's memory pool gives back what exceeds this whenever the host waits, and asks for it again at once: contouring
# waits six times. The lattice of 1024 needs about as much for a body.
_POOL_BYTES = 1 << 28
_starting = threading.Lock()
_using = threading.RLock()


@contextmanager
def warp_on(device: torch.device | str) -> Iterator[wp.Device]:
    """Warp's ``device``. What PyTorch was given so far comes before what is done here, and that before what follows.

    Warp has one current stream for all threads, which some of its calls exchange for another, and one default device.
    So where there is a GPU, threads take turns.
    """
    start_warp()
    of_warp = _known_device(str(device))
    if not wp.is_cuda_available():
        yield of_warp
        return
    stream = torch.cuda.current_stream(device) if of_warp.is_cuda else None
    if stream is not None:
        stream.synchronize()  # by itself: others may use Warp meanwhile
    with _using, wp.ScopedDevice(of_warp):
        try:
            yield of_warp
        finally:
            if stream is not None:
                stream.wait_stream(wp.stream_to_torch(of_warp))


def start_warp() -> None:
    """Initialise Warp once per process, without its banner; call it before the first use of a kernel or array."""
    with _starting:  # a fit and the sliders may be first together: one would keep the other's silence for good
        _start_once()


@functools.cache
def _known_device(name: str) -> wp.Device:
    of_warp = wp.get_device(name)
    if of_warp.is_cuda and of_warp.is_mempool_supported:
        wp.set_mempool_release_threshold(of_warp, _POOL_BYTES)
    return of_warp


@functools.cache
def _start_once() -> None:
    wp.config.log_level = wp.LOG_WARNING
    if torch.cuda.is_available():
        wp.init()
        return
    # Without a driver the native library writes a warning straight to file descriptor 2, whatever the log level.
    try:
        standard_error = os.dup(2)
    except OSError:  # closed, as in a windowed process
        wp.init()
        return
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            wp.init()
    finally:
        os.dup2(standard_error, 2)
        os.close(standard_error)
