"""The log of this program: a file in the user's log folder that keeps its size, for those who report a problem.

What is logged is said with `logging`, by a logger per module. Nothing else of the process is changed, and a folder that
cannot be written to is no reason to stop.
"""

import logging
import logging.handlers
import os
import platform
import sys
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TextIO

PACKAGES = ("engine", "external", "npm_studio")
_MAX_BYTES, _OLDER_FILES = 1_000_000, 2
_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"
_log = logging.getLogger(__name__)


def log_path() -> Path:
    """The file; it is there once something has been logged. Older lines are in ``.1`` and ``.2`` beside it."""
    from platformdirs import user_log_path

    return user_log_path("npm-studio", appauthor=False) / "npm-studio.log"


def start_log() -> None:
    """Write what this process logs from now on into `log_path`; calling it again does nothing."""
    root = logging.getLogger()
    if any(isinstance(handler, _LogFile) for handler in root.handlers):
        return
    root.addHandler(_LogFile(log_path()))
    for package in PACKAGES:
        logging.getLogger(package).setLevel(logging.INFO)
    _log_errors_of_threads()
    _log.info("%s", " ".join(["npm-studio", *sys.argv[1:]]))
    _log.info("npm-studio %s, PyTorch %s, Python %s, %s", *_versions(), platform.python_version(), platform.platform())


class _LogFile(logging.handlers.RotatingFileHandler):
    """Opened with its first line, and shared with other processes: a file that one of them renamed is left."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=_MAX_BYTES, backupCount=_OLDER_FILES, encoding="utf-8", delay=True)
        self.setFormatter(logging.Formatter(_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
            if self.stream is not None and not _is_same_file(self.stream, self.baseFilename):
                self.stream.close()
                self.stream = None  # opened again by the next line
        except OSError:
            return
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk, or another process that has the file open on Windows: the work is worth more than its log."""


def _is_same_file(stream: TextIO, path: str) -> bool:
    return os.path.exists(path) and os.path.samestat(os.stat(path), os.fstat(stream.fileno()))


def _log_errors_of_threads() -> None:
    before = threading.excepthook

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            _log.critical("a thread ended with an error", exc_info=arguments.exc_value)
        before(arguments)

    threading.excepthook = hook


def _versions() -> list[str]:
    found = []
    for package in ("npm-studio", "torch"):
        try:
            found.append(version(package))
        except PackageNotFoundError:
            found.append("not installed")
    return found
