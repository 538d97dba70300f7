"""How near a running fit has come, step by step."""

from collections.abc import Sequence

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QWidget

from npm_studio.views.theme import theme_of

_HEIGHT, _EDGE = 58, 5
"""Pixels."""


class FitCurve(QWidget):
    """A line over the steps, from the first that is known to the last that there will be, in millimetres."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.points: tuple[tuple[int, float], ...] = ()
        """Steps and millimetres."""
        self._steps = 1
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Mean distance of what was seen to the surface, millimetres, after each step")
        self.hide()

    def sizeHint(self) -> QSize:
        return QSize(140, _HEIGHT)

    def show_curve(self, points: Sequence[tuple[int, float]], steps: int | None) -> None:
        """Draw ``points``, of which there will be up to ``steps``; one alone is no curve."""
        self.points = tuple(points)
        self._steps = max(steps or 0, *(step for step, _ in points), 1) if points else 1
        self.setVisible(len(points) > 1)
        if points:
            self.setAccessibleName(f"Curve of the fit: {points[0][1]:.1f} mm at first, {points[-1][1]:.1f} mm now")
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        if len(self.points) < 2:
            return
        theme, metrics = theme_of(self), QFontMetrics(self.font())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.border), 1))
        painter.setBrush(QColor(theme.field))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        most = max(value for _, value in self.points) * 1.05
        width = metrics.horizontalAdvance("000.0 mm") + 2 * _EDGE
        right, floor = self.width() - width, self.height() - _EDGE
        first = self.points[0][0]

        def place(step: int, value: float) -> QPointF:
            share = (step - first) / max(self._steps - first, 1)
            return QPointF(_EDGE + (right - _EDGE) * share, floor - (floor - _EDGE) * value / most)

        line = QPolygonF([place(*point) for point in self.points])
        painter.setPen(QPen(QColor(theme.accent), 1.8))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(line)
        painter.setBrush(QColor(theme.accent))
        painter.drawEllipse(line.last(), 2.5, 2.5)
        painter.setPen(QColor(theme.text))
        area = QRectF(right, 0, width - _EDGE, self.height())
        align = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(area, align, f"{self.points[-1][1]:.1f} mm")
