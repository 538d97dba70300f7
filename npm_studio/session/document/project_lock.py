"""One window at a time writes to a project."""

import contextlib
import os
import platform
from pathlib import Path

from filelock import FileLock, Timeout

from engine.core.errors import InputError

_NAME = ".npm-studio.lock"


class ProjectLock:
    """Held by this process until it is released or the process ends, however that happens; the file says by whom."""

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            InputError: another process holds it.
            OSError: the folder cannot be written to.
        """
        self._path = folder / _NAME
        self._lock = FileLock(self._path, timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            problem = f"is open in another window ({_holder(self._path)})"
            raise InputError(folder, problem, "close it there, or save under another name") from None
        self._path.write_text(f"process {os.getpid()} on {platform.node()}\n", encoding="utf-8")

    def release(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()
        self._lock.release()


def is_locked(folder: Path) -> bool:
    """Whether a process, perhaps this one, has the project open."""
    path = folder / _NAME
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0, thread_local=False):
            return False
    except Timeout:
        return True
    except OSError:  # cannot know
        return False


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() or "another process"
    except OSError:
        return "another process"
