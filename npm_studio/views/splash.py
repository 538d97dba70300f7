"""What is on screen until the window is there: of Qt alone, so that it comes before anything large is imported."""

from types import TracebackType

from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QGuiApplication, QPainter, QPaintEvent
from PyQt6.QtWidgets import QApplication, QWidget

from npm_studio.views.theme import Theme, pixmap

_SIZE = (440, 190)
_MARGIN = 28


class Splash(QWidget):
    """The name of the program and what it is loading; to be used as a context, at whose end it is gone."""

    def __init__(self, theme: Theme) -> None:
        flags = Qt.WindowType.SplashScreen | Qt.WindowType.FramelessWindowHint
        super().__init__(None, flags)  # a QSplashScreen would wait for a second until it is shown
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("NPM Studio")
        self.resize(*_SIZE)
        screen = QGuiApplication.primaryScreen()
        if screen is not None:
            self.move(screen.availableGeometry().center() - self.rect().center())
        self._theme, self._said = theme, ""

    def __enter__(self) -> "Splash":
        self.show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def say(self, text: str) -> None:
        """Show ``text`` now, though the event loop does not run yet."""
        self._said = text
        self.repaint()
        QApplication.processEvents()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter, theme, scale = QPainter(self), self._theme, self.devicePixelRatioF()
        painter.fillRect(self.rect(), QColor(theme.panel))
        painter.setPen(QColor(theme.border))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.drawPixmap(_MARGIN, _MARGIN, 72, 72, pixmap("app", "", round(72 * scale)))
        left = _MARGIN + 72 + 22
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() + 10)
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(theme.text))
        painter.drawText(QRectF(left, _MARGIN, _SIZE[0] - left, 40), "NPM Studio")
        painter.setFont(self.font())
        painter.setPen(QColor(theme.muted))
        wrapped = Qt.TextFlag.TextWordWrap.value
        painter.drawText(
            QRectF(left, _MARGIN + 42, _SIZE[0] - left - _MARGIN, 40),
            wrapped,
            "Learn, explore and fit neural parametric models",
        )
        painter.drawText(QRectF(_MARGIN, _SIZE[1] - _MARGIN - 18, _SIZE[0] - 2 * _MARGIN, 20), self._said)
