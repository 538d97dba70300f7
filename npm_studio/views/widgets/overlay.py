"""What floats over a 3-D view: captions, a colour scale, and invitations."""

from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QAction, QColor, QFontMetrics, QImage, QPainter, QPaintEvent
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from npm_studio.views.theme import Theme, pixmap
from npm_studio.views.widgets.side_marks import SIZE, paint_mark


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
        self._text, self._muted = QColor(theme.text), QColor(theme.muted)
        if theme.name == "dark":
            self._muted = self._muted.lighter(125)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, 44)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        font = painter.font()
        font.setWeight(font.Weight.DemiBold)
        font.setPointSizeF(font.pointSizeF() + 1)
        metrics = QFontMetrics(font)
        room = self.width()
        if self._place is not None:
            room -= SIZE + 8
            left = 0 if self._side == Qt.AlignmentFlag.AlignLeft else room + 8
            paint_mark(painter, QRectF(left, 0, SIZE, SIZE), self._place)
        first = self.width() - room if self._side == Qt.AlignmentFlag.AlignLeft else 0
        top = 0
        for text, of_line, colour in ((self._title, font, self._text), (self._detail, self.font(), self._muted)):
            painter.setFont(of_line)
            painter.setPen(colour)
            metrics = QFontMetrics(of_line)
            elided = metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRectF(first, top, room, metrics.height()), self._side, elided)
            top += metrics.height() + 2


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
        self._text, self._ground = QColor("white"), QColor("black")
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
        self._text, self._ground = QColor(theme.text), QColor(theme.panel)
        self._ground.setAlpha(255 if self._is_strip else 190)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._ground)
        if self._is_strip:
            painter.drawRect(self.rect())
            self._paint_strip(painter)
            return
        painter.drawRoundedRect(QRectF(self.rect()), 7, 7)
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
        return (f"{value:.3g} {self._unit}" if share == 1.0 else f"{value:.3g}").replace("-", "−")


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
