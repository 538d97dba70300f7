"""A command of `npm-studio` in a process of its own, with the same events as work in a thread.

Training has its own, so that it can be ended whatever it does; and what draws pictures, which cannot be done beside the
window's drawing. The process is the first of a group, ends with the group, and stops by itself when this one is gone.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from npm_studio.session.jobs.lines import GO_ON, HOLD, PREVIEWS, STOP, SWITCH, event_in
from npm_studio.session.jobs.preview_file import take_preview
from npm_studio.session.jobs.runner import Asked, QueueProgress

NPM_STUDIO = (sys.executable, "-m", "npm_studio")
_POLL_S = 0.1
SECONDS_TO_END = 60.0
"""For a command that was asked to stop and keeps what it has; then it is ended by force."""
_OF_CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS")
"""Signals that a process brings upon itself."""
_CANNOT = "cannot be made: "
_NICENESS = 10
"""Of commands that compute for long: that of fits, beside a window that wants to be smooth."""


class ProcessDiedError(InputError):
    """A command that ended in the middle of its work, without a word or by an exception that it did not expect."""

    @property
    def how(self) -> str:
        """In words"""
        return self.problem.removeprefix(_CANNOT)


def run_command(
    arguments: Sequence[str],
    subject: str | Path,
    progress: Progress,
    yields: bool = False,
    previews: Path | None = None,
) -> None:
    """Run ``npm-studio`` with ``arguments``, and tell ``progress`` what it says of its own.

    Args:
        subject: what it writes, for errors
        yields: whether it leaves the cores to others when they want them
        previews: folder for what it shows meanwhile, which is passed on as `MeshSequence`

    Raises:
        InputError: it cannot do it.
        ProcessDiedError: it died.
        Cancelled: ``progress`` asked to stop; the command has kept or taken back what it had begun.
    """
    command = [*NPM_STUDIO, *arguments]
    environment = {**os.environ, SWITCH: "1", "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
    if previews is not None:
        environment[PREVIEWS] = str(previews)
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env=environment,
        start_new_session=True,
    )
    try:
        if isinstance(progress, QueueProgress):
            progress.runs_in(process.pid)
        if yields:
            _leave_cores_to_others(process.pid)
        _Conversation(process, progress, previews).until_its_end(subject)
    finally:
        _end(process)


class _Conversation:
    """With one command, until it ends."""

    def __init__(self, process: "subprocess.Popen[str]", progress: Progress, previews: Path | None) -> None:
        self._process, self._progress, self._previews = process, progress, previews
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._told: Asked = "go on"
        self._last = ""
        self._error: InputError | None = None

    def until_its_end(self, subject: str | Path) -> None:
        assert self._process.stderr is not None
        threading.Thread(target=_read, args=(self._process.stderr, self._lines), daemon=True).start()
        asked_at = 0.0
        while (line := self._next_line()) is not None:
            if line:
                self._hear(line)
            if self._tell_what_is_asked() == "stop":
                asked_at = asked_at or time.monotonic()
                if time.monotonic() - asked_at > SECONDS_TO_END or self._is_unwanted():
                    break
        if self._told == "stop":
            raise Cancelled
        if self._error is not None:
            raise self._error
        if self._process.wait() != 0:
            raise ProcessDiedError(subject, _CANNOT + self._how_it_ended())

    def _next_line(self) -> str | None:
        """Empty while it says nothing; None when it has ended."""
        try:
            line = self._lines.get(timeout=_POLL_S)
        except queue.Empty:  # helpers that outlive it may have its output still
            return "" if self._process.poll() is None else None
        return None if line is None else line.strip()

    def _hear(self, line: str) -> None:
        said = event_in(line)
        if said is None:  # of a library, or the end of a traceback
            self._last = line
            self._progress.message(line)
            return
        match said["event"]:
            case "stage":
                self._progress.stage(str(said["name"]), int(said["total"]))
            case "resumed":
                self._progress.resumed(int(said["done"]))
            case "advanced":
                self._progress.advance(int(said["done"]), {str(k): float(v) for k, v in said["metrics"].items()})
            case "message":
                self._progress.message(str(said["text"]))
            case "previewed":
                self._progress.preview(None if self._previews is None else take_preview(self._previews))
            case "failed":
                self._error = _error_in(said)

    def _tell_what_is_asked(self) -> Asked:
        asked = self._asked()
        if asked != self._told and self._told != "stop":
            self._told = asked
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):  # it has just ended
                self._process.stdin.write({"hold": HOLD, "go on": GO_ON, "stop": STOP}[asked] + "\n")
                self._process.stdin.flush()
        return self._told

    def _asked(self) -> Asked:
        """What the user wants of it now."""
        if isinstance(self._progress, QueueProgress):
            return self._progress.asked
        return "stop" if self._progress.cancelled() else "go on"

    def _is_unwanted(self) -> bool:
        """Whether nothing of it shall be kept, so that nobody waits for it."""
        return isinstance(self._progress, QueueProgress) and self._progress.is_unwanted

    def _how_it_ended(self) -> str:
        code = self._process.returncode
        if code < 0:
            by = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            if by in _OF_CRASHES:
                return f"its process crashed ({by})"
            return f"its process was ended from outside ({by}), as a system does that runs out of memory"
        said = self._last.removeprefix("npm-studio: ")
        return said or f"its process ended with code {code} and without a word"


def _error_in(said: dict[str, Any]) -> InputError:
    return InputError(str(said["subject"]), str(said["problem"]), str(said["remedy"]))


def _read(stream: IO[str], lines: "queue.SimpleQueue[str | None]") -> None:
    with contextlib.suppress(ValueError):  # closed meanwhile
        for line in stream:
            lines.put(line)
    lines.put(None)


def _end(process: "subprocess.Popen[str]") -> None:
    """See to it that neither the process nor helpers that it started are left."""
    if process.poll() is None and process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()  # it may be ending by itself
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _leave_cores_to_others(process: int) -> None:
    if os.name == "posix":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process, _NICENESS)
