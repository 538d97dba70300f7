"""What floats over a 3-D view: captions, a colour scale, and invitations."""

from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QAction, QColor, QFont, QFontMetrics, QImage, QPainter, QPaintEvent, QRegion
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from npm_studio.views.theme import Theme, mixed, pixmap, theme_of
from npm_studio.views.widgets.side_marks import SIZE, paint_mark

_PADDING = 6
"""Pixels of ground around a caption."""


def paint_ground(widget: QWidget, painter: QPainter, area: QRectF) -> None:
    """What texts over a view stand on: it lets through where a surface is, and is seen before any background."""
    theme = theme_of(widget)
    ground = QColor(theme.panel)
    ground.setAlpha(210)
    painter.setPen(QColor(theme.border))
    painter.setBrush(ground)
    painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)


class FocusFrame(QWidget):
    """A frame around a view that has come to have the focus by the tabulator."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def place(self) -> None:
        """Along the edges of its parent; the middle is left out, which would have to be mixed with what is below."""
        parent = self.parentWidget()
        assert parent is not None
        self.setGeometry(parent.rect())
        self.setMask(QRegion(self.rect()).subtracted(QRegion(self.rect().adjusted(2, 2, -2, -2))))

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme_of(self).accent))


class Caption(QWidget):
    """A title and a second line in an upper corner of a view, behind the mark of a side where it shows one."""

    def __init__(self, parent: QWidget, side: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft) -> None:
        super().__init__(parent)
        self._side = side
        self._place: int | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._title, self._detail = "", ""
        self._text, self._muted = QColor("white"), QColor("grey")

    @property
    def text(self) -> tuple[str, str]:
        return self._title, self._detail

    @property
    def place(self) -> int | None:
        """Of the side whose mark is shown."""
        return self._place

    def set_text(self, title: str, detail: str = "", place: int | None = None) -> None:
        """
        Args:
            place: of a side of a comparison, whose mark stands before the title
        """
        self._title, self._detail, self._place = title, detail, place
        self.setVisible(bool(title or detail))
        self.update()

    def set_theme(self, theme: Theme) -> None:
        self._text = QColor(theme.text)
        self._muted = QColor(mixed(theme.muted, theme.text, 0.35))  # read over whatever is behind it
        self.update()

    def place_at(self, left: int, top: int, width: int) -> None:
        """Put the text there; the ground behind it reaches a little further."""
        self.setGeometry(left - _PADDING, top - _PADDING, width + 2 * _PADDING, 46 + 2 * _PADDING)

    def sizeHint(self) -> QSize:
        return QSize(420, 44 + 2 * _PADDING)

    @property
    def ground(self) -> QRectF:
        """What it covers, in its own pixels; empty where it says nothing."""
        metrics, texts = self._lines()
        if not any(texts):
            return QRectF()
        taken = self._mark + max(each.horizontalAdvance(text) for each, text in zip(metrics, texts, strict=True))
        high = sum(each.height() + 2 for each, text in zip(metrics, texts, strict=True) if text)
        first = 0 if self._side == Qt.AlignmentFlag.AlignLeft else self.width() - taken - 2 * _PADDING
        return QRectF(first, 0, taken + 2 * _PADDING, high + 2 * _PADDING)

    @property
    def _mark(self) -> int:
        """Pixels that the mark of a side takes."""
        return 0 if self._place is None else SIZE + 8

    def _fonts(self) -> tuple[QFont, QFont]:
        """Of the title and the second line."""
        bold = self.font()
        bold.setWeight(bold.Weight.DemiBold)
        bold.setPointSizeF(bold.pointSizeF() + 1)
        return bold, self.font()

    def _lines(self) -> tuple[list[QFontMetrics], list[str]]:
        """Both lines, as far as there is room for them."""
        metrics, room = [QFontMetrics(font) for font in self._fonts()], self.width() - 2 * _PADDING - self._mark
        said = zip(metrics, (self._title, self._detail), strict=True)
        return metrics, [each.elidedText(text, Qt.TextElideMode.ElideRight, room) for each, text in said]

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        at_left, mark = self._side == Qt.AlignmentFlag.AlignLeft, self._mark
        metrics, texts = self._lines()
        lines = zip(self._fonts(), (self._text, self._muted), metrics, texts, strict=True)
        room = self.width() - 2 * _PADDING - mark
        if any(texts):
            paint_ground(self, painter, self.ground)  # or it could not be read over a wall of points
        left = _PADDING if at_left else self.width() - _PADDING - SIZE
        if self._place is not None:
            paint_mark(painter, QRectF(left, _PADDING, SIZE, SIZE), self._place)
        top = _PADDING
        for font, colour, each, text in lines:
            painter.setFont(font)
            painter.setPen(colour)
            place = QRectF(_PADDING + (mark if at_left else 0), top, room, each.height())
            painter.drawText(place, self._side, text)
            top += each.height() + 2


class ColourBar(QWidget):
    """A horizontal colour scale with a title and numbers: over a view, or as a strip of one line."""

    _BAR = QRectF(10, 26, 240, 10)
    _STRIP_HEIGHT, _STRIP_BAR, _STRIP_GAP = 30, 240.0, 10.0

    def __init__(self, parent: QWidget, is_strip: bool = False) -> None:
        super().__init__(parent)
        self._is_strip = is_strip
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._title, self._low, self._high, self._unit = "", 0.0, 1.0, ""
        self._gradient = QImage()
        self._text = QColor("white")
        self.hide()

    def sizeHint(self) -> QSize:
        return QSize(260, self._STRIP_HEIGHT if self._is_strip else 60)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    @property
    def title(self) -> str:
        """Empty while it is hidden."""
        return "" if self.isHidden() else self._title

    @property
    def high(self) -> float:
        """The value of the last colour."""
        return self._high

    def set_scale(self, title: str, low: float, high: float, unit: str, colours: Sequence[Sequence[int]]) -> None:
        """``colours`` are (N, 3) red, green and blue from 0 to 255, from ``low`` to ``high``."""
        self._title, self._low, self._high, self._unit = title, low, high, unit
        row = np.ascontiguousarray(np.asarray(colours, np.uint8)[None])
        self._gradient = QImage(row.tobytes(), row.shape[1], 1, 3 * row.shape[1], QImage.Format.Format_RGB888).copy()
        self.show()
        self.update()

    def set_theme(self, theme: Theme) -> None:
        self._text = QColor(theme.text)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._is_strip:
            painter.fillRect(self.rect(), QColor(theme_of(self).panel))
            self._paint_strip(painter)
            return
        paint_ground(self, painter, QRectF(self.rect()))
        painter.drawImage(self._BAR, self._gradient)
        painter.setPen(self._text)
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() - 0.5)
        painter.setFont(font)
        width = self._BAR.width()
        area = QRectF(self._BAR.left(), 5, width, 18)
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._title)
        below = QRectF(self._BAR.left(), self._BAR.bottom() + 2, width, 18)
        sides = (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight)
        for share, side in zip((0.0, 0.5, 1.0), sides, strict=True):
            painter.drawText(below, side | Qt.AlignmentFlag.AlignVCenter, self._number(share))

    def _paint_strip(self, painter: QPainter) -> None:
        """Title, lowest number, colours and highest number, one behind the other in the middle."""
        metrics = QFontMetrics(painter.font())
        texts = (self._title, self._number(0.0), self._number(1.0))
        widths = [float(metrics.horizontalAdvance(text)) for text in texts]
        gap, bar = self._STRIP_GAP, min(self._STRIP_BAR, max(self.width() - sum(widths) - 6 * self._STRIP_GAP, 40.0))
        x = max((self.width() - sum(widths) - bar - 4 * gap) / 2, gap)
        painter.setPen(self._text)
        for place, (text, width) in enumerate(zip(texts, widths, strict=True)):
            if place == 2:
                painter.drawImage(QRectF(x, self.height() / 2 - 5, bar, 10), self._gradient)
                x += bar + gap
            painter.drawText(QRectF(x, 0, width + 2, self.height()), Qt.AlignmentFlag.AlignVCenter, text)
            x += width + gap * (2 if place == 0 else 1)

    def _number(self, share: float) -> str:
        value = self._low + share * (self._high - self._low)
        text = f"{value:.{_decimals(self._low, self._high)}f}"
        return (f"{text} {self._unit}" if share == 1.0 else text).replace("-", "−")


def _decimals(low: float, high: float) -> int:
    """So many that the larger number of a scale has three digits, and fewer where its numbers would end in zeros."""
    largest = max(abs(low), abs(high))
    most = max(2 - int(np.floor(np.log10(largest))), 0) if largest > 0 else 0
    numbers = np.array([low, (low + high) / 2, high])
    return next((few for few in range(most) if np.allclose(numbers.round(few), numbers, 0, 0.5 * 10.0**-most)), most)


class Invitation(QWidget):
    """In the middle of an empty view: what belongs here and how to get it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._picture, self._title, self._text = QLabel(), QLabel(), QLabel()
        font = self._title.font()
        font.setPointSizeF(font.pointSizeF() + 4)
        font.setWeight(font.Weight.DemiBold)
        self._title.setFont(font)
        self._text.setWordWrap(True)
        self._text.setObjectName("muted")
        column = QVBoxLayout(self)
        column.setSpacing(10)
        column.addStretch(1)
        for label in (self._picture, self._title, self._text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(label)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        column.addSpacing(6)
        column.addLayout(self._buttons)
        column.addStretch(1)
        self._icon = "drop"
        self.setFixedWidth(460)
        self.hide()

    @property
    def title(self) -> str:
        return self._title.text()

    def invite(self, icon: str, title: str, text: str, actions: Sequence[QAction] = ()) -> None:
        self._icon = icon
        self._title.setText(title)
        self._text.setText(text)
        while (item := self._buttons.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._buttons.addStretch(1)
        for index, action in enumerate(actions):
            button = QPushButton(action.text().replace("&", ""))
            button.setObjectName("primary" if index == 0 else "")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(action.trigger)
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)
        self.show()
        self.raise_()

    def set_theme(self, theme: Theme) -> None:
        self._picture.setPixmap(pixmap(self._icon, theme.muted, 56))
