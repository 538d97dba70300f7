"""Drawing without a GPU: cheaper frames while something moves, and pauses between frames.

A software renderer draws with all cores, those that make meshes among them. Nothing here happens where a GPU draws.
"""

import math
from collections.abc import Callable
from time import perf_counter

from PyQt6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PyQt6.QtWidgets import QWidget

REST_MS = 150
"""Without a change for this long a view is at rest, and drawn at its best."""
_INTERVAL_S, _INTERVAL_ALONE_S = 1 / 60, 1 / 20
_WAIT_FOR_VIEW_S = 1 / 15
"""From the drawing of a view until other widgets are drawn without it: by then it has mostly changed again."""
_PAUSE_FRACTION = 0.15
"""Of the time that drawing a window took, until it is drawn again."""
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swr ", "swiftshader", "gdi generic", "software", "basic render")


def renderer_name(capabilities: str) -> str:
    """The graphics device from VTK's report."""
    for line in capabilities.splitlines():
        if "renderer string" in line:
            return line.split(":", 1)[1].strip()
    return "unknown"


def is_software(renderer: str) -> bool:
    """Whether there is no GPU behind ``renderer``, see `renderer_name`."""
    return any(name in renderer.lower() for name in _SOFTWARE)


class Motion(QObject):
    """Tells a view to be quick when it begins to move, and to be at its best when it has come to rest."""

    def __init__(self, set_quick: Callable[[bool], None], parent: QObject) -> None:
        super().__init__(parent)
        self._set_quick, self._moves = set_quick, False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REST_MS)
        self._timer.timeout.connect(self.rest)

    def move(self) -> None:
        """Something changed."""
        self._timer.start()
        if not self._moves:
            self._moves = True
            self._set_quick(True)

    def rest(self) -> None:
        """Do not wait for rest."""
        self._timer.stop()
        if self._moves:
            self._moves = False
            self._set_quick(False)


class Pace(QObject):
    """Draws a window at most once per display interval, and leaves the cores to others for a while in between.

    Every change of a widget, be it a slider alone, makes Qt put the whole window together again when there are 3-D
    views in it. While a view is drawn again and again, other changes wait for it a little, to be drawn together.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._is_drawing = self._is_urgent = False
        self._soon = self._later = 0.0
        """Earliest times of the next drawing: of a view, and of other widgets alone."""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._draw)
        window.installEventFilter(self)

    def hurry(self) -> None:
        """A view has changed."""
        if self._is_urgent:
            return  # a timer that is started again and again by what takes longer than its interval never ends
        self._is_urgent = True
        if self._timer.isActive():
            self._schedule()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hold the request to draw back; Qt sends no other one meanwhile."""
        if self._is_drawing or event is None or event.type() != QEvent.Type.UpdateRequest:
            return False
        if not self._timer.isActive():
            self._schedule()
        return True

    def _schedule(self) -> None:
        wait = (self._soon if self._is_urgent else self._later) - perf_counter()
        self._timer.start(max(0, math.ceil(1e3 * wait)))

    def _draw(self) -> None:
        started, alone = perf_counter(), _WAIT_FOR_VIEW_S if self._is_urgent else _INTERVAL_ALONE_S
        self._is_urgent, self._is_drawing = False, True
        QCoreApplication.sendEvent(self._window, QEvent(QEvent.Type.UpdateRequest))
        self._is_drawing = False
        now = perf_counter()
        self._soon = max(started + _INTERVAL_S, now + _PAUSE_FRACTION * (now - started))
        self._later = max(started + alone, self._soon)


def pace_of(window: QWidget) -> Pace:
    """The one that ``window`` is drawn at from now on."""
    return window.findChild(Pace) or Pace(window)
