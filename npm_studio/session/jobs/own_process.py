"""A command of `npm-studio` in a process of its own: what draws pictures cannot do so beside the window's drawing."""

import queue
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress

_POLL_S = 0.1
_BEGINS = re.compile(r"(?P<name>.+): (?P<total>\d+) steps?")
_ADVANCES = re.compile(r"(?P<name>.+?): (?P<done>\d+)/(?P<total>\d+)(\s.*)?")
"""What commands write without a terminal, see `npm_studio.cli.console.ConsoleProgress`."""


def run_command(arguments: Sequence[str], out: Path, progress: Progress) -> None:
    """Run ``npm-studio`` with ``arguments``, and tell ``progress`` what it says of its own.

    Args:
        out: what it writes, for errors

    Raises:
        InputError: it cannot do it.
        Cancelled: ``progress`` asked to stop; the command has taken back what it had begun.
    """
    command = [sys.executable, "-m", "npm_studio", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(process.stderr, lines), daemon=True).start()
        last, stopped = "it ended without a word", False
        while True:
            try:
                line = lines.get(timeout=_POLL_S)
            except queue.Empty:
                line = ""
            if line is None:
                break
            if line.strip() and not _tell(line.strip(), progress):
                last = line.strip()
            if progress.cancelled() and not stopped:
                stopped = True
                process.terminate()  # a request: it takes back what it has begun
        process.wait()
    if stopped:
        raise Cancelled
    if process.returncode != 0:
        raise InputError(out, f"cannot be written: {last.removeprefix('npm-studio: ')}")


def _read(stream: IO[str], lines: "queue.SimpleQueue[str | None]") -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _tell(line: str, progress: Progress) -> bool:
    """Whether ``line`` is of a progress, which is passed on."""
    if begins := _BEGINS.fullmatch(line):
        progress.stage(begins["name"], int(begins["total"]))
    elif advances := _ADVANCES.fullmatch(line):
        progress.advance(int(advances["done"]))
    return bool(begins or advances)
