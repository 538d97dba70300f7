"""Shows errors one after the other: none takes another's place before somebody has read it."""

import logging
from collections import deque

from PyQt6.QtWidgets import QWidget

from npm_studio.views.dialogs import ErrorDialog
from npm_studio.views.theme import theme_of

_log = logging.getLogger(__name__)


class ErrorBoard:
    """Of one window."""

    def __init__(self, window: QWidget) -> None:
        self._window = window
        self.current: ErrorDialog | None = None
        """The one on show."""
        self._waiting: deque[tuple[BaseException, str]] = deque()

    def show(self, error: BaseException, traceback: str = "") -> None:
        """Show ``error``, or put it behind those that are on show; twice the same is once."""
        _log.warning("shown: %s", error)
        if self.current is not None:
            known = [self.current.error, *(other for other, _ in self._waiting)]
            if str(error) not in map(str, known):
                self._waiting.append((error, traceback))
            return
        self.current = ErrorDialog(error, traceback, theme_of(self._window), self._window)
        self.current.destroyed.connect(self._on_closed)
        self.current.open()

    def forget_waiting(self) -> None:
        """The window closes."""
        self._waiting.clear()

    def _on_closed(self) -> None:
        self.current = None
        if self._waiting:
            self.show(*self._waiting.popleft())
