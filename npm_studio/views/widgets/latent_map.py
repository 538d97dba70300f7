"""A map of training codes along two principal directions, over which a body is dragged."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QPolygonF,
    QResizeEvent,
)
from PyQt6.QtWidgets import QSizePolicy, QWidget

from npm_studio.views.theme import Theme, theme_of

_LEAST_REACH = 3.2
"""Standard deviations from the middle to an edge, at least."""
_NEAR = 9.0
"""Pixels within which a point is under the cursor."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 22, 8, 8, 22
_KEY_STEP = 0.1
"""Standard deviations that an arrow key moves by."""


class LatentMap(QWidget):
    """Points of the training codes, drawn once; the current one moves over them."""

    moved = pyqtSignal(float, float)
    """By the user, to these standard deviations along the two directions."""
    released = pyqtSignal()
    point_chosen = pyqtSignal(int)
    """The training code that was double-clicked."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(120, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName("Map of the training codes")
        self._points = np.zeros((0, 2))
        self._title_of: Callable[[int], str] = lambda _: ""
        self._axes = ("", "")
        self._reach = _LEAST_REACH
        self._current = (0.0, 0.0)
        self._drawn: tuple[object, QPixmap] | None = None
        self._hovered: int | None = None
        self._is_dragged = False

    def sizeHint(self) -> QSize:
        return QSize(280, 280)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self.setMaximumHeight(self.width() - _LEFT - _RIGHT + _TOP + _BOTTOM)  # more would be empty

    def show_points(self, points: NDArray[np.floating], title_of: Callable[[int], str], axes: tuple[str, str]) -> None:
        """
        Args:
            points: (N, 2) standard deviations
            title_of: what the point with a number is called
            axes: what goes to the right and what upwards
        """
        self._points, self._title_of, self._axes = points.astype(np.float64), title_of, axes
        farthest = float(np.abs(points).max()) if len(points) else 0.0
        self._reach = max(_LEAST_REACH, 1.05 * farthest)
        self._drawn = self._hovered = None
        self.update()

    def show_current(self, x: float, y: float) -> None:
        """Where the body on show is, without telling anybody."""
        self._current = (x, y)
        self.update()

    @property
    def hovered(self) -> str:
        """The training code under the cursor; empty where there is none."""
        return "" if self._hovered is None else self._title_of(self._hovered)

    def place_of(self, x: float, y: float) -> QPointF:
        """Pixels of standard deviations."""
        area = self._area()
        half = area.width() / 2
        return QPointF(area.center().x() + x / self._reach * half, area.center().y() - y / self._reach * half)

    # ---- events

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self._is_dragged, self._hovered = True, None
            self._go_to(event.position())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if event is None:
            return
        if self._is_dragged:
            self._go_to(event.position())
        else:
            self._hover(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        if self._is_dragged:
            self._is_dragged = False
            self.released.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and (number := self._nearest(event.position())) is not None:
            self.point_chosen.emit(number)

    def leaveEvent(self, event: object) -> None:
        self._hovered = None
        self.update()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        steps = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1)}
        step = None if event is None else steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        x, y = self._current
        self.moved.emit(self._within(x + _KEY_STEP * step[0]), self._within(y + _KEY_STEP * step[1]))
        self.released.emit()

    def _go_to(self, place: QPointF) -> None:
        area = self._area()
        half = max(area.width() / 2, 1.0)
        x = (place.x() - area.center().x()) / half * self._reach
        y = (area.center().y() - place.y()) / half * self._reach
        self.moved.emit(self._within(x), self._within(y))

    def _within(self, value: float) -> float:
        return min(max(value, -self._reach), self._reach)

    def _hover(self, place: QPointF) -> None:
        number = self._nearest(place)
        if number != self._hovered:
            self._hovered = number
            self.update()

    def _nearest(self, place: QPointF) -> int | None:
        if not len(self._points):
            return None
        area = self._area()
        half = area.width() / 2 / self._reach
        x = area.center().x() + half * self._points[:, 0] - place.x()
        y = area.center().y() - half * self._points[:, 1] - place.y()
        squared = x * x + y * y
        nearest = int(squared.argmin())
        return nearest if squared[nearest] <= _NEAR**2 else None

    # ---- painting

    def _area(self) -> QRectF:
        """The square of the map."""
        width, height = self.width() - _LEFT - _RIGHT, self.height() - _TOP - _BOTTOM
        side = max(min(width, height), 10)
        return QRectF(_LEFT + (width - side) / 2, _TOP, side, side)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        theme = theme_of(self)
        key = (self.width(), self.height(), self.devicePixelRatioF(), theme.name)
        if self._drawn is None or self._drawn[0] != key:
            self._drawn = key, self._draw_points(theme)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._drawn[1])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._hovered is not None:
            self._paint_hovered(painter, theme, self._hovered)
        place = self.place_of(*(self._within(value) for value in self._current))
        painter.setPen(QPen(QColor(theme.panel), 4))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(place, 6, 6)
        painter.setPen(QPen(QColor(theme.accent), 2.5))
        painter.drawEllipse(place, 6, 6)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.accent), 1))
            painter.drawRoundedRect(self._area(), 6, 6)

    def _draw_points(self, theme: Theme) -> QPixmap:
        scale = self.devicePixelRatioF()
        picture = QPixmap(round(self.width() * scale), round(self.height() * scale))
        picture.setDevicePixelRatio(scale)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self.font())
        area = self._area()
        painter.setPen(QPen(QColor(theme.border), 1))
        painter.setBrush(QColor(theme.field))
        painter.drawRoundedRect(area, 6, 6)
        painter.setClipRect(area)
        for sigma in range(-int(self._reach), int(self._reach) + 1):
            line = QColor(theme.border)
            line.setAlpha(255 if sigma == 0 else 90)
            painter.setPen(QPen(line, 1))
            across, up = self.place_of(sigma, 0).x(), self.place_of(0, sigma).y()
            painter.drawLine(QPointF(across, area.top()), QPointF(across, area.bottom()))
            painter.drawLine(QPointF(area.left(), up), QPointF(area.right(), up))
        colour = QColor(theme.text)
        colour.setAlpha(190 if len(self._points) <= 500 else 70)  # of many, where most are is seen by their sum
        painter.setPen(QPen(colour, 4 if len(self._points) <= 500 else 2, cap=Qt.PenCapStyle.RoundCap))
        painter.drawPoints(QPolygonF([self.place_of(x, y) for x, y in self._points]))
        painter.setClipping(False)
        painter.setPen(QColor(theme.muted))
        self._write_axes(painter, area)
        painter.end()
        return picture

    def _write_axes(self, painter: QPainter, area: QRectF) -> None:
        metrics = QFontMetrics(self.font())
        across, up = (metrics.elidedText(text, Qt.TextElideMode.ElideRight, round(area.width())) for text in self._axes)
        centre = Qt.AlignmentFlag.AlignCenter
        painter.drawText(QRectF(area.left(), area.bottom() + 2, area.width(), _BOTTOM - 4), centre, across)
        painter.save()
        painter.translate(area.left() - _LEFT + 2, area.bottom())
        painter.rotate(-90)
        painter.drawText(QRectF(0, 0, area.height(), _LEFT - 4), centre, up)
        painter.restore()

    def _paint_hovered(self, painter: QPainter, theme: Theme, number: int) -> None:
        place = self.place_of(*self._points[number])
        painter.setPen(QPen(QColor(theme.text), 1.5))
        painter.setBrush(QColor(theme.mesh))
        painter.drawEllipse(place, 4, 4)
        metrics, text = QFontMetrics(self.font()), self._title_of(number)
        width, area = metrics.horizontalAdvance(text) + 12, self._area()
        left = min(max(place.x() - width / 2, area.left() + 2), max(area.right() - width - 2, area.left() + 2))
        top = place.y() - metrics.height() - 14
        top = place.y() + 10 if top < area.top() else top
        box = QRectF(left, top, width, metrics.height() + 4)
        ground = QColor(theme.panel)
        ground.setAlpha(230)
        painter.setPen(QPen(QColor(theme.border), 1))
        painter.setBrush(ground)
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor(theme.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
