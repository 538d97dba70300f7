"""Settings of a whole process, for whoever owns it: the command line, the application, a script."""

import atexit
import ctypes
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

THREAD_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "IGL_NUM_THREADS")
"""Environment variables that say how many threads libraries compute with."""

HEAPS = 4
"""Of a process that the C library gives memory from: as many as threads ask for some at the same time."""
_M_ARENA_MAX = -8
"""Of `mallopt`, see `malloc.h`."""


def prepare_process() -> None:
    """Set environment variables that libraries read when they are loaded; call this before PyTorch is imported.

    Importing `engine` changes nothing of the process that it is imported in. Variables that are set already stay.
    """
    # Waiting threads of a matrix product sleep instead of spinning: with a fit beside the sliders, or any other
    # program on the same cores, spinning made products two to eight times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # oneDNN keeps what it compiled for the last thousand shapes of a product. Surfaces have another number of points
    # every time, which made a process grow by 5 MB with each of them.
    for cache in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
        os.environ.setdefault(cache, "32")
    _limit_heaps()


def limit_threads(count: int) -> None:
    """Let libraries that are loaded from now on compute with ``count`` threads; variables that are set already stay."""
    for name in THREAD_COUNTS:
        os.environ.setdefault(name, str(count))


def end_process(code: int) -> NoReturn:
    """End with exit ``code`` as the interpreter does, but for taking apart what the system frees anyway.

    What is registered for the exit is done, such as removing temporary files and ending helpers. Taking PyTorch and VTK
    apart besides takes seconds on busy cores.
    """
    atexit._run_exitfuncs()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more, or it is closed
            stream.flush()
    os._exit(code)


def _limit_heaps() -> None:
    """Have all threads share `HEAPS` heaps, unless the environment says how many.

    The C library of GNU has up to eight for each core, and keeps up to 64 MB in each that nobody uses.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        with suppress(AttributeError):  # of another C library
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, HEAPS)


def give_back_memory() -> None:
    """Return to the system what the C library of GNU keeps of memory that nobody uses any more; takes milliseconds.

    It does so by itself only at the end of a heap, where something small that stays is in the way.
    """
    if sys.platform == "linux":
        with suppress(AttributeError):  # of another C library
            ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def one_thread_per_process() -> Iterator[None]:
    """Child processes started in this block compute with one thread each, as there is one of them per core."""
    before = {name: os.environ.get(name) for name in THREAD_COUNTS}
    os.environ.update(dict.fromkeys(THREAD_COUNTS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
