"""How many frames a view draws each second, below its caption."""

from collections import deque
from time import perf_counter
from typing import Any

from PyQt6.QtCore import QSize, Qt, QTimer
from PyQt6.QtGui import QColor, QPainter, QPaintEvent
from PyQt6.QtWidgets import QWidget

from npm_studio.views.theme import Theme


class FrameRate(QWidget):
    """Counts the frames of a render window; nothing happens while it is hidden."""

    def __init__(self, parent: QWidget, render_window: Any) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._window = render_window
        self._observers: list[int] = []
        self._ends: deque[float] = deque(maxlen=240)
        self._started = self._milliseconds = 0.0
        self._colour = QColor()
        self._timer = QTimer(self)
        self._timer.setInterval(500)
        self._timer.timeout.connect(self._show)
        self.text = ""
        self.hide()

    def sizeHint(self) -> QSize:
        return QSize(190, 20)

    def set_theme(self, theme: Theme) -> None:
        self._colour = QColor(theme.text)
        self._colour.setAlpha(190)
        self.update()

    def set_counting(self, counting: bool) -> None:
        """Count and show, or neither."""
        if counting is bool(self._observers):
            return
        self.setVisible(counting)
        if counting:
            self._observers = [
                self._window.AddObserver("StartEvent", self._on_start),
                self._window.AddObserver("EndEvent", self._on_end),
            ]
            self._timer.start()
            self._show()
            return
        self._timer.stop()
        self._ends.clear()
        for observer in self._observers:
            self._window.RemoveObserver(observer)
        self._observers = []

    def _on_start(self, *_: object) -> None:
        self._started = perf_counter()

    def _on_end(self, *_: object) -> None:
        now = perf_counter()
        self._ends.append(now)
        self._milliseconds = 1e3 * (now - self._started)

    def _show(self) -> None:
        now = perf_counter()
        recent = sum(now - end < 1.0 for end in self._ends)
        drawn = f"{self._milliseconds:.1f} ms to draw" if self._ends else "nothing drawn yet"
        self.text = f"{recent} fps  ·  {drawn}"
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setPen(self._colour)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self.text)
