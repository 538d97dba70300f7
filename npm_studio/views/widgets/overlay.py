"""What floats over a 3-D view: captions, a colour scale, and invitations."""

from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QAction, QColor, QFontMetrics, QImage, QPainter, QPaintEvent
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from npm_studio.views.theme import Theme, pixmap


class Caption(QWidget):
    """A title and a second line in the upper left corner of a view."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._title, self._detail = "", ""
        self._text, self._muted = QColor("white"), QColor("grey")

    @property
    def text(self) -> tuple[str, str]:
        return self._title, self._detail

    def set_text(self, title: str, detail: str = "") -> None:
        self._title, self._detail = title, detail
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
        painter.setFont(font)
        painter.setPen(self._text)
        metrics = QFontMetrics(font)
        elide = Qt.TextElideMode.ElideRight
        painter.drawText(0, metrics.ascent(), metrics.elidedText(self._title, elide, self.width()))
        top = metrics.height() + 2
        font = self.font()
        painter.setFont(font)
        painter.setPen(self._muted)
        metrics = QFontMetrics(font)
        painter.drawText(0, top + metrics.ascent(), metrics.elidedText(self._detail, elide, self.width()))


class ColourBar(QWidget):
    """A horizontal colour scale with a title and numbers."""

    _BAR = QRectF(10, 26, 240, 10)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._title, self._low, self._high, self._unit = "", 0.0, 1.0, ""
        self._gradient = QImage()
        self._text, self._ground = QColor("white"), QColor("black")
        self.hide()

    def sizeHint(self) -> QSize:
        return QSize(260, 60)

    def set_scale(self, title: str, low: float, high: float, unit: str, colours: Sequence[Sequence[int]]) -> None:
        """``colours`` are (N, 3) red, green and blue from 0 to 255, from ``low`` to ``high``."""
        self._title, self._low, self._high, self._unit = title, low, high, unit
        row = np.ascontiguousarray(np.asarray(colours, np.uint8)[None])
        self._gradient = QImage(row.tobytes(), row.shape[1], 1, 3 * row.shape[1], QImage.Format.Format_RGB888).copy()
        self.show()
        self.update()

    def set_theme(self, theme: Theme) -> None:
        self._text, self._ground = QColor(theme.text), QColor(theme.panel)
        self._ground.setAlpha(190)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._ground)
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
            value = self._low + share * (self._high - self._low)
            text = f"{value:.3g} {self._unit}" if share == 1.0 else f"{value:.3g}"
            painter.drawText(below, side | Qt.AlignmentFlag.AlignVCenter, text.replace("-", "−"))


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
