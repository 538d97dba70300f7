import os
import subprocess
import sys

import pytest

from engine.core.process import HEAPS

MANY_THREADS = """
import ctypes, threading
from engine.core.process import prepare_process

prepare_process()
together = threading.Barrier(21)

def take_memory():
    together.wait()
    taken = [bytearray(5000) for _ in range(100)]
    together.wait()

for _ in range(20):
    threading.Thread(target=take_memory, daemon=True).start()
together.wait()
together.wait()
c = ctypes.CDLL(None)
c.malloc_info(0, ctypes.c_void_p.in_dll(c, "stdout"))
c.fflush(None)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have another C library")
def test_many_threads_share_few_heaps() -> None:
    command, environment = [sys.executable, "-c", MANY_THREADS], dict(os.environ)
    environment.pop("MALLOC_ARENA_MAX", None)
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert 1 <= said.count("<heap nr=") <= HEAPS


KEPT_BETWEEN_SMALL_ONES = """
from pathlib import Path
from engine.core.process import give_back_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

blocks = [bytes(10_000) for _ in range(10_000)]
kept = blocks[::20]
del blocks
before = resident()
give_back_memory()
print(before - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have another C library")
def test_memory_between_what_stays_goes_back_to_the_system() -> None:
    command = [sys.executable, "-c", KEPT_BETWEEN_SMALL_ONES]
    pages = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert pages > 10_000  # of 25,000
