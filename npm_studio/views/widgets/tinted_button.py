"""A small button of an icon alone, always in the colours of the theme that it is shown in."""

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QPainter, QPaintEvent
from PyQt6.QtWidgets import QAbstractButton

from npm_studio.views.theme import pixmap, theme_of

_PIXELS = 14


class TintedButton(QAbstractButton):
    """Muted until the mouse is over it; the keyboard reaches it with Tab alone."""

    def __init__(self, icon: str, name: str, tooltip: str, checked_icon: str = "") -> None:
        """
        Args:
            name: for those who do not see it
            checked_icon: of one that can be switched on
        """
        super().__init__()
        self._icon, self._checked_icon = icon, checked_icon
        self.setCheckable(bool(checked_icon))
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setAccessibleName(name)
        self.setToolTip(tooltip)
        self.setFixedSize(18, 26)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        theme = theme_of(self)
        colour = theme.accent if self.isChecked() else theme.text if self.underMouse() else theme.muted
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.SmoothPixmapTransform | QPainter.RenderHint.Antialiasing)
        picture = pixmap(self._checked_icon if self.isChecked() else self._icon, colour, 2 * _PIXELS)
        left, top = (self.width() - _PIXELS) // 2, (self.height() - _PIXELS) // 2
        painter.drawPixmap(left, top, _PIXELS, _PIXELS, picture)
        if self.hasFocus():
            painter.setPen(self.palette().color(self.palette().ColorRole.Highlight))
            painter.drawRoundedRect(self.rect().adjusted(0, 3, -1, -4), 4, 4)
