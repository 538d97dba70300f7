"""Functions of tasks, which workers in processes of their own import."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from engine.core.errors import InputError, Setting, remedy
from engine.core.files import replacing_file


def copy(out: Path, source: Path, times: int = 1, seconds: float = 0) -> dict[str, Any]:
    """Write ``source`` ``times`` times."""
    time.sleep(seconds)
    with replacing_file(out) as temporary:
        temporary.write_text(source.read_text() * times)
    return {"characters": len(out.read_text())}


def copy_in_the_second_life(out: Path, source: Path) -> dict[str, Any]:
    """`copy`, but the first process that begins it is killed half way."""
    mark = out.with_suffix(".begun")
    if not mark.exists():
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGKILL)
    return copy(out, source)


def refuse(out: Path, source: Path) -> dict[str, Any]:
    raise InputError(source, "holds nothing", remedy("state {}", Setting.SEED))


def stumble(out: Path, source: Path) -> dict[str, Any]:
    raise KeyError("x")
