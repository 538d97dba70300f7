"""A slider that fills from its origin."""

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QWheelEvent
from PyQt6.QtWidgets import QSizePolicy, QSlider, QWidget


class BarSlider(QSlider):
    """A horizontal slider that fills from its origin to the handle and goes where it is clicked.

    The wheel scrolls the panel around it instead of changing the value by accident.
    """

    _RADIUS = 6.0

    def __init__(self, origin: int, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._origin = origin
        self.setMinimumWidth(80)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(140, 22)

    def x_of(self, value: int) -> float:
        """Horizontal position of the handle at ``value``, in pixels."""
        span = self.width() - 2 * self._RADIUS - 2
        return 1 + self._RADIUS + span * (value - self.minimum()) / max(self.maximum() - self.minimum(), 1)

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        if event is not None:
            event.ignore()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() == Qt.MouseButton.LeftButton and self.isEnabled():
            self.setSliderDown(True)
            self._go_to(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and self.isSliderDown():
            self._go_to(event)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and self.isSliderDown():
            self.setSliderDown(False)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        self.setValue(self._origin)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        palette, middle = self.palette(), self.height() / 2
        accent = palette.color(QPalette.ColorRole.Highlight)
        groove = palette.color(QPalette.ColorRole.Mid)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(groove)
        painter.drawRoundedRect(QRectF(1, middle - 2, self.width() - 2, 4), 2, 2)
        start, end = sorted((self.x_of(self._origin), self.x_of(self.value())))
        painter.setBrush(accent)
        painter.drawRoundedRect(QRectF(start, middle - 2, end - start, 4), 2, 2)
        if self.minimum() < self._origin < self.maximum():
            painter.setBrush(palette.color(QPalette.ColorRole.PlaceholderText))
            painter.drawRect(QRectF(self.x_of(self._origin) - 0.5, middle - 5, 1, 10))
        handle = QPointF(self.x_of(self.value()), middle)
        if self.hasFocus():
            painter.setPen(QPen(accent, 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(handle, self._RADIUS + 3, self._RADIUS + 3)
            painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(accent if self.isEnabled() else groove)
        painter.drawEllipse(handle, self._RADIUS, self._RADIUS)
        painter.setBrush(palette.color(QPalette.ColorRole.Base) if not self.isSliderDown() else accent)
        painter.drawEllipse(handle, self._RADIUS - 2, self._RADIUS - 2)

    def _go_to(self, event: QMouseEvent) -> None:
        span = max(self.width() - 2 * self._RADIUS - 2, 1)
        share = (event.position().x() - 1 - self._RADIUS) / span
        share = min(max(share, 0.0), 1.0)
        self.setValue(self.minimum() + round(share * (self.maximum() - self.minimum())))
