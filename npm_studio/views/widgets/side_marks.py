"""How a side of a comparison is known wherever it appears: a letter in a colour, and a kind of line."""

from functools import cache

from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QIcon, QPainter, QPen, QPixmap

_COLOURS = ("#3d8bd4", "#d9622b", "#1f9e77", "#b65fa5", "#b98a12", "#7f8593")
"""Told apart by those who see red and green alike, and seen on the ground of both themes."""
_LINES = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
    Qt.PenStyle.DashDotDotLine,
    Qt.PenStyle.SolidLine,
)
SIZE = 18


def side_letter(place: int) -> str:
    return "ABCDEF"[place]


def side_pen(place: int, width: float = 1.8) -> QPen:
    """Of its curve."""
    pen = QPen(QColor(_COLOURS[place]), width, _LINES[place])
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return pen


def paint_mark(painter: QPainter, area: QRectF, place: int) -> None:
    """The letter in white on a rounded ground of the colour of the side."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(_COLOURS[place]))
    painter.drawRoundedRect(area, 4, 4)
    font = QFont(painter.font())
    font.setPixelSize(round(0.68 * area.height()))
    font.setWeight(QFont.Weight.Bold)
    painter.setFont(font)
    painter.setPen(QColor("white"))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, side_letter(place))
    painter.restore()


@cache
def side_icon(place: int) -> QIcon:
    icon = QIcon()
    for scale in (1, 2):
        image = QPixmap(scale * SIZE, scale * SIZE)
        image.setDevicePixelRatio(scale)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        paint_mark(painter, QRectF(0, 0, SIZE, SIZE), place)
        painter.end()
        icon.addPixmap(image)
    return icon
