"""Keyframes under the timeline: each a diamond that is dragged to another time."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPoint, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QWidget

from npm_studio.session.document.keyframes import FRAME_RATE, duration, frame_count, frame_of
from npm_studio.session.document.state import Interpolation
from npm_studio.session.document.timeline import Timeline
from npm_studio.views.theme import theme_of
from npm_studio.views.widgets.slider import BarSlider

_HEIGHT, _REACH, _SIZE = 34, 9.0, 6.0
"""Pixels: of the track, around a diamond that is clicked, and from its middle to its corners."""
_APART = 6
"""Pixels between times."""


class KeyTrack(QWidget):
    """Where the keyframes are, and on the way back once more, faintly."""

    picked = pyqtSignal(int)
    moved = pyqtSignal(int, float)
    """A keyframe, while it is dragged, and the seconds it is dragged to."""
    released = pyqtSignal()
    removed = pyqtSignal(int)

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.setObjectName("timeline")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Keyframes")
        self.setToolTip("Drag a keyframe to another time; click one to go there; Delete takes the chosen one away")
        self._timeline = timeline
        self._slider: BarSlider | None = None
        self._now = Interpolation()
        self._times: list[float] = []
        """Seconds at which each keyframe is passed."""
        self._dragged: int | None = None
        self._grabbed = (0.0, 1.0)
        """Pixels of second zero, and of each second, when the drag began: the way grows while its end is dragged."""
        timeline.frame_changed.connect(lambda _: self.update())
        timeline.state_changed.connect(self.update)
        self.hide()

    def sizeHint(self) -> QSize:
        return QSize(200, _HEIGHT)

    def stand_under(self, slider: BarSlider) -> None:
        """Frames are where those of ``slider``, the timeline's, are."""
        self._slider = slider

    def show_keys(self, now: Interpolation, even: NDArray[np.float64] | None = None) -> None:
        """``even`` is as in `npm_studio.session.document.keyframes.codes_at`."""
        self._now = now
        self._times = [frame_of(now, place, even) / FRAME_RATE for place in range(len(now.keys))]
        self.update()

    def place_of(self, time_s: float) -> QPointF:
        """Pixels of a time on the way there."""
        return QPointF(self._x(time_s * FRAME_RATE), self.height() / 2 - 4)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        self._dragged = self._key_at(event.position())
        if self._dragged is not None:
            start = self._x(0)
            self._grabbed = start, max(self._x(FRAME_RATE) - start, 1e-3)
            self.picked.emit(self._dragged)
            self._timeline.pause()
            self._timeline.seek(round(self._times[self._dragged] * FRAME_RATE))

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        first = len(self._now.keys) - 1 if self._now.constant_speed else 1  # the speed says when others are passed
        if event is not None and self._dragged is not None and self._dragged >= first:
            start, second = self._grabbed
            self.moved.emit(self._dragged, max((event.position().x() - start) / second, 0.0))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        if self._dragged is not None:
            self._dragged = None
            self.released.emit()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is not None and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit(self._now.card)
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        super().paintEvent(event)
        if len(self._now.keys) < 2:
            return
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() - 1)
        painter.setFont(font)
        line, text = QColor(theme.border), QColor(theme.muted)
        painter.setPen(QPen(line, 2))
        last = duration(self._now)
        painter.drawLine(self.place_of(0.0), self.place_of(last))
        if self._now.there_and_back:
            end = self._x(frame_count(self._now) - 1)
            painter.setPen(QPen(line, 1, Qt.PenStyle.DashLine))
            painter.drawLine(self.place_of(last), QPointF(end, self.place_of(0.0).y()))
            area = QRectF(self.place_of(last).x() + 12, 0, max(end - self.place_of(last).x() - 12, 1), _HEIGHT - 8)
            if QFontMetrics(font).horizontalAdvance("and back") < area.width():
                painter.setPen(text)
                painter.drawText(area, Qt.AlignmentFlag.AlignCenter, "and back")
        for place, time_s in enumerate(self._times):
            chosen = place == self._now.card
            painter.setPen(QPen(QColor(theme.accent if self.hasFocus() and chosen else theme.panel), 1.5))
            painter.setBrush(QColor(theme.accent if chosen else theme.muted))
            painter.drawPolygon(_diamond(self.place_of(time_s)))
        painter.setPen(text)
        for place, left in self.labels(QFontMetrics(font)).items():
            painter.drawText(QPointF(left, self.height() - 3), _said(self._times[place]))
        cursor = self._x(self._timeline.frame)
        painter.setPen(QPen(QColor(theme.text), 1))
        painter.drawLine(QPointF(cursor, 2), QPointF(cursor, self.height() - 14))

    def labels(self, metrics: QFontMetrics) -> dict[int, float]:
        """The keyframes whose time there is room for, and where it begins: first the chosen one, then both ends."""
        last = len(self._times) - 1
        found: dict[int, tuple[float, float]] = {}
        for place in dict.fromkeys((self._now.card, 0, last, *range(last))):
            if place > last:
                continue
            width = metrics.horizontalAdvance(_said(self._times[place]))
            left = self.place_of(self._times[place]).x() - width / 2
            if all(left > end + _APART or left + width + _APART < start for start, end in found.values()):
                found[place] = left, left + width
        return {place: left for place, (left, _) in found.items()}

    def _key_at(self, place: QPointF) -> int | None:
        found = [(abs(self.place_of(time_s).x() - place.x()), number) for number, time_s in enumerate(self._times)]
        distance, nearest = min(found, default=(_REACH + 1, 0))
        return nearest if distance <= _REACH else None

    def _x(self, frame: float) -> float:
        if self._slider is None:
            return 40.0 + frame
        offset = self._slider.mapTo(self.window(), QPoint(0, 0)).x() - self.mapTo(self.window(), QPoint(0, 0)).x()
        start, end = self._slider.x_of(0), self._slider.x_of(self._slider.maximum())
        return offset + start + (end - start) * frame / max(self._slider.maximum(), 1)


def _said(time_s: float) -> str:
    return f"{time_s:.2f} s"


def _diamond(middle: QPointF) -> QPolygonF:
    x, y = middle.x(), middle.y()
    return QPolygonF([QPointF(x, y - _SIZE), QPointF(x + _SIZE, y), QPointF(x, y + _SIZE), QPointF(x - _SIZE, y)])
