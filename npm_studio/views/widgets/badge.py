"""A small coloured word that says how good something is: the mesh on show, a run."""

from typing import Literal

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PyQt6.QtWidgets import QWidget

from npm_studio.views.theme import Theme, mixed, theme_of

Tone = Literal["good", "warn", "bad"]


def tone_colour(tone: Tone, theme: Theme) -> str:
    return {"good": theme.good, "warn": theme.warn, "bad": theme.bad}[tone]


def colours_of(tone: Tone, theme: Theme) -> tuple[str, QColor]:
    """Of the text and of the ground of a badge, which lets through what is behind it."""
    ground = QColor(tone_colour(tone, theme))
    ground.setAlpha(45)
    return mixed(ground.name(), theme.text, 0.5), ground


class Badge(QWidget):
    """A word on a rounded ground, in a colour of the theme."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text: str = ""
        self._tone: Tone = "good"
        self.hide()

    @property
    def text(self) -> str:
        return self._text

    def set_state(self, text: str, tone: Tone) -> None:
        """Show ``text``; an empty one hides the badge."""
        self._text, self._tone = text, tone
        self.setVisible(bool(text))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(QFontMetrics(self.font()).horizontalAdvance(self._text) + 20, 20)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text, ground = colours_of(self._tone, theme_of(self))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        area = QRectF(0, (self.height() - 18) / 2, self.width(), 18)
        painter.drawRoundedRect(area, 9, 9)
        painter.setPen(QColor(text))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self._text)
