"""Frames of a depth sequence in order, decoded by other threads while earlier ones are worked on."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

Result = TypeVar("Result")
THREADS = min(8, os.cpu_count() or 1)
"""That decode images: more hardly help, as the interpreter is one."""
_AHEAD = 2
"""Frames that are ready or in work for each thread: they bound the memory."""


def reading_ahead(read: Callable[[int], Result], count: int, threads: int = THREADS) -> Generator[Result, None, None]:
    """``read(0)``, ``read(1)``, ... ``read(count - 1)``; an error is raised where its turn comes.

    Args:
        read: decodes frame by frame, mostly without holding the interpreter, as image libraries do.
    """
    return working_ahead((partial(read, index) for index in range(count)), threads)


def working_ahead(tasks: Iterable[Callable[[], Result]], threads: int = THREADS) -> Generator[Result, None, None]:
    """What each of ``tasks`` gives, in order, done by other threads; an error is raised where its turn comes.

    Args:
        tasks: taken one by one in this thread, a few ahead.
    """
    with ThreadPoolExecutor(max_workers=threads) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(task))
                if len(waiting) >= _AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
