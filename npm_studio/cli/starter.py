"""The program that started this command to show its progress, such as the window: see `npm_studio.session.jobs.lines`.

It hears events instead of lines for people, and can hold the command and end it. When it is gone, the command stops as
if it had been interrupted, so that no work goes on that nobody sees.
"""

import _thread
import os
import signal
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from engine.core.errors import InputError
from npm_studio.session.jobs.lines import GO_ON, HOLD, PREVIEW_NAME, PREVIEWS, STOP, SWITCH, line_of
from npm_studio.views.words import words

_SECONDS_TO_END = 60.0
"""For a command that was asked to stop."""


class Starter:
    """Speaks and listens; a thread reads what the other program says."""

    words = staticmethod(words)
    """What the other program calls settings and tasks."""

    def __init__(self) -> None:
        self._goes_on = threading.Event()
        self._goes_on.set()
        self.is_to_end = False
        """Whether the other program has asked to stop, or is gone."""
        self.has_begun = False
        """Whether the command does something that it may want to keep, or has to take back."""
        folder = os.environ.pop(PREVIEWS, "")
        self._previews = Path(folder) if folder else None
        threading.Thread(target=self._listen, name="starter", daemon=True).start()

    def tell(self, event: str, **fields: Any) -> None:
        """Say what happened."""
        try:
            print(line_of(event, **fields), file=sys.stderr, flush=True)
        except OSError:  # nobody hears it: the end of the input says so, too
            sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  for the rest of the process

    def tell_error(self, error: InputError) -> None:
        """Say why the command ends, in the words of the window."""
        self.tell("failed", subject=error.name(words), problem=error.problem, remedy=error.remedy.line(words))

    def wants_preview(self) -> bool:
        """Whether the last one was taken, if anybody takes them."""
        return self._previews is not None and not (self._previews / PREVIEW_NAME).exists()

    def show(self, payload: object) -> None:
        """Say that there is something to be seen, and leave it where that is wanted."""
        if self._previews is not None:
            from engine.sequences.mesh_sequence import MeshSequence
            from npm_studio.session.jobs.preview_file import save_preview

            if isinstance(payload, MeshSequence):
                save_preview(self._previews, payload)
        self.tell("previewed")

    def wait_while_held(self) -> None:
        self._goes_on.wait()

    def _listen(self) -> None:
        heard = b""
        while part := os.read(sys.stdin.fileno(), 64):  # no reader of Python's: its lock would hold up the exit
            *lines, heard = (heard + part).split(b"\n")
            for line in lines:
                self._obey(line.decode())
        self._obey(STOP)

    def _obey(self, line: str) -> None:
        if line == HOLD and not self.is_to_end:
            self._goes_on.clear()
        elif line == GO_ON:
            self._goes_on.set()
        elif line == STOP and not self.is_to_end:
            self.is_to_end = True
            if not self.has_begun:  # it still reads and imports, which Ctrl-C would have to wait for
                os._exit(130)
            self._goes_on.set()
            threading.Thread(target=_end_by_force, daemon=True).start()
            _thread.interrupt_main()  # as Ctrl-C does


@cache
def starter() -> Starter | None:
    """The one of this process; None where a person or a script has started it."""
    return Starter() if os.environ.pop(SWITCH, "") else None  # helpers of this process have not been started by it


def _end_by_force() -> None:
    time.sleep(_SECONDS_TO_END)
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)  # with its own helpers
    os._exit(130)
