"""The real application on a screen of its own, driven by a program."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npm_studio.views.main_window import MainWindow

SIZE = (1440, 900)
PATIENCE = 120.0
"""Seconds after which something that does not happen is an error."""


_screens: list[subprocess.Popen[bytes]] = []


def screen_process() -> int:
    """Number of the process of `own_screen`."""
    return _screens[-1].pid


@contextmanager
def own_screen() -> Iterator[Path]:
    """A virtual screen and settings of our own, gone at the end of the process; gives a folder for temporary files."""
    if shutil.which("Xvfb") is None:
        sys.exit("Xvfb is needed (Debian, Ubuntu: apt-get install xvfb)")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    _screens.append(subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL, preexec_fn=_end_with_parent))
    os.close(write)
    with os.fdopen(read) as pipe, tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "DISPLAY": f":{pipe.readline().strip()}",
            "QT_QPA_PLATFORM": "xcb",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "XDG_DATA_HOME": folder,
            "XDG_CONFIG_HOME": folder,
        }
        sys.setswitchinterval(0.001)  # as in npm_studio.bootstrap.run_application
        yield Path(folder)


def open_window() -> "MainWindow":
    """An empty main window on screen; the application must exist."""
    from npm_studio.views.main_window import MainWindow

    window = MainWindow()
    window.resize(*SIZE)
    window.show()
    return window


def wait_until(done: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Run the event loop until ``done``."""
    from PyQt6.QtCore import QCoreApplication, QEventLoop

    until = time.monotonic() + patience
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {patience:.0f} s")
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 10)
        time.sleep(0.0005)


def run_for(seconds: float) -> None:
    """Run the event loop for a while."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, "time passing", seconds + 1)


class Finest:
    """Notes the replies of a window's live thread."""

    def __init__(self, window: "MainWindow") -> None:
        from npm_studio.session.live.request import Quality

        self._session, self._fine, self._last = window.session, Quality.FINE, 0
        window.session.meshes_ready.connect(self._note)

    def _note(self, reply: object) -> None:
        if reply.quality is self._fine:  # type: ignore[attr-defined]
            self._last = reply.generation  # type: ignore[attr-defined]

    def stop(self) -> None:
        self._session.meshes_ready.disconnect(self._note)

    @property
    def is_newest(self) -> bool:
        """Whether the fine mesh of the last request is on show."""
        return self._last == self._session.latest_generation > 0


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
