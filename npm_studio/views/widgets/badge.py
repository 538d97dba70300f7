"""The small coloured word in the status bar that says how good the mesh on show is."""

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PyQt6.QtWidgets import QWidget

from npm_studio.views.theme import DARK, Theme


class Badge(QWidget):
    """A word on a rounded ground: "fine" is green, everything that is not final is amber."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text, self._final, self._theme = "", True, DARK
        self.hide()

    @property
    def text(self) -> str:
        return self._text

    def set_state(self, text: str, final: bool) -> None:
        """Show ``text``; an empty one hides the badge."""
        self._text, self._final = text, final
        self.setVisible(bool(text))
        self.updateGeometry()
        self.update()

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(self.font()).horizontalAdvance(self._text) + 20, 20)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = QColor(self._theme.good if self._final else self._theme.warn)
        ground = QColor(colour)
        ground.setAlpha(45)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        area = QRectF(0, (self.height() - 18) / 2, self.width(), 18)
        painter.drawRoundedRect(area, 9, 9)
        painter.setPen(colour)
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self._text)
