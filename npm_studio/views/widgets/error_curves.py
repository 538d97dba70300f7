"""Errors of the sides of a comparison, frame by frame, under the timeline."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from npm_studio.session.document.timeline import Timeline
from npm_studio.views.theme import mixed, theme_of
from npm_studio.views.widgets.side_marks import side_letter, side_pen
from npm_studio.views.widgets.slider import BarSlider

_HEIGHT, _TOP, _BOTTOM, _GAP = 86, 20, 8, 6
"""Pixels."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One side."""

    place: int
    title: str
    values_mm: NDArray[np.float64]
    """(F,), NaN where nothing is known"""


class ErrorCurves(QWidget):
    """A line for each side, and a cursor that follows the timeline and sets its frame."""

    def __init__(self, timeline: Timeline, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Errors of the sides, frame by frame")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._timeline = timeline
        self._slider: BarSlider | None = None
        self._curves: tuple[Curve, ...] = ()
        self._title = ""
        self.limit_mm = 1.0
        """At the upper end."""
        timeline.frame_changed.connect(lambda _: self.update())
        timeline.state_changed.connect(self.update)
        self.hide()

    def sizeHint(self) -> QSize:
        return QSize(200, _HEIGHT)

    def stand_under(self, slider: BarSlider) -> None:
        """Frames are where those of ``slider``, the timeline's, are."""
        self._slider = slider

    def show_curves(self, title: str, curves: Sequence[Curve]) -> None:
        """Draw ``curves``, whose values are called ``title``; none hides them."""
        self._title, self._curves = title, tuple(curves)
        known = np.concatenate([curve.values_mm for curve in curves]) if curves else np.empty(0)
        known = known[np.isfinite(known)]
        self.limit_mm = _limit(float(known.max())) if len(known) else 1.0
        self.setVisible(bool(curves))
        self.update()

    def frame_at(self, x: float) -> int:
        """The frame at ``x`` pixels from the left."""
        count = self._timeline.frame_count
        first, last = self._x(0), self._x(max(count - 1, 0))
        share = (x - first) / max(last - first, 1)
        return min(max(round(share * (count - 1)), 0), max(count - 1, 0))

    def words_of(self, frame: int) -> str:
        """What the tooltip says over ``frame``."""
        lines = [f"Frame {frame + 1}: {self._title.lower()}"]
        for curve in self._curves:
            value = curve.values_mm[frame] if frame < len(curve.values_mm) else np.nan
            said = f"{value:.1f} mm" if np.isfinite(value) else "not measured yet"
            lines.append(f"{side_letter(curve.place)}  {curve.title}: {said}")
        return "\n".join(lines)

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._curves:
            QToolTip.showText(event.globalPos(), self.words_of(self.frame_at(event.pos().x())), self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._seek(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.buttons() & Qt.MouseButton.LeftButton:
            self._seek(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        super().paintEvent(event)
        theme = theme_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() - 1)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        left, right = self._x(0), self._x(max(self._timeline.frame_count - 1, 1))
        painter.setPen(QPen(QColor(theme.border), 1))
        for share in (0.0, 0.5, 1.0):
            y = self._y(share * self.limit_mm)
            painter.drawLine(QPointF(left, y), QPointF(right, y))
        painter.setPen(QColor(theme.muted))
        align = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for share in (0.0, 1.0):
            y = self._y(share * self.limit_mm)
            text = f"{share * self.limit_mm:g}"
            painter.drawText(QRectF(0, y - 8, left - _GAP - 4, 16), align, text)
        painter.drawText(QPointF(left, metrics.ascent() + 3), f"{self._title}, mm: mean of each frame")
        cursor = self._x(self._timeline.frame)
        painter.setPen(QPen(QColor(mixed(theme.panel, theme.text, 0.6)), 1))
        painter.drawLine(QPointF(cursor, _TOP - 3), QPointF(cursor, self.height() - _BOTTOM + 3))
        for curve in self._curves:
            self._paint_curve(painter, curve)
        self._paint_letters(painter, right)

    def _paint_curve(self, painter: QPainter, curve: Curve) -> None:
        pen = side_pen(curve.place)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for line in self._lines(curve.values_mm):
            painter.setPen(pen)
            painter.drawPolyline(QPolygonF(line))
            if len(line) == 1:
                painter.setBrush(pen.color())
                painter.drawEllipse(line[0], 2, 2)
        frame = self._timeline.frame
        if frame < len(curve.values_mm) and np.isfinite(curve.values_mm[frame]):
            painter.setPen(QPen(QColor(theme_of(self).panel), 1))
            painter.setBrush(pen.color())
            painter.drawEllipse(QPointF(self._x(frame), self._y(float(curve.values_mm[frame]))), 4, 4)

    def _paint_letters(self, painter: QPainter, right: float) -> None:
        """Behind the ends of the curves, one below the other where they end at one place."""
        ends = [
            (self._y(float(curve.values_mm[-1])), curve.place)
            for curve in self._curves
            if len(curve.values_mm) and np.isfinite(curve.values_mm[-1])
        ]
        font = painter.font()
        font.setWeight(font.Weight.Bold)
        painter.setFont(font)
        step, lowest = 11.0, -np.inf
        placed = []
        for y, place in sorted(ends):
            lowest = max(y, lowest + step)
            placed.append((lowest, place))
        over = max(0.0, (placed[-1][0] if placed else 0.0) - (self.height() - _BOTTOM))
        for y, place in placed:
            painter.setPen(side_pen(place).color())
            painter.drawText(QPointF(right + _GAP + 4, y - over + 4), side_letter(place))

    def _lines(self, values: NDArray[np.float64]) -> list[list[QPointF]]:
        """A line for each run of frames whose value is known."""
        lines: list[list[QPointF]] = [[]]
        for frame, value in enumerate(values):
            if not np.isfinite(value):
                lines.append([])
            else:
                lines[-1].append(QPointF(self._x(frame), self._y(float(value))))
        return [line for line in lines if line]

    def _x(self, frame: int) -> float:
        if self._slider is None:
            return 40.0
        offset = self._slider.mapTo(self.window(), QPoint(0, 0)).x() - self.mapTo(self.window(), QPoint(0, 0)).x()
        return offset + self._slider.x_of(frame)

    def _y(self, value: float) -> float:
        span = self.height() - _TOP - _BOTTOM
        return _TOP + span * (1 - min(value / self.limit_mm, 1.0))

    def _seek(self, event: QMouseEvent) -> None:
        self._timeline.pause()
        self._timeline.seek(self.frame_at(event.position().x()))


def _limit(value: float) -> float:
    """A number with few digits a little above ``value``."""
    if value <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(1.05 * value))
    return float(next(step * power for step in (1, 1.2, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= 1.05 * value))
