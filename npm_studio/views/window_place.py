"""Where a window is on the screens that there are, and how large."""

from collections.abc import Sequence

from PyQt6.QtCore import QRect, QSize
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QMainWindow

_FRAME = QSize(16, 44)
"""Pixels that the window manager may draw around a window; not known before it is shown."""


def place_within(window: QRect, screens: Sequence[QRect]) -> QRect:
    """``window`` moved, and made smaller where it must be, so that it lies on the one of ``screens`` it is most on.

    Args:
        window: without its frame, pixels
        screens: what is free of panels on each of them; one that covers nothing of the window is as good as another
    """
    screen = max(screens, key=lambda one: _area(one.intersected(window)))
    size = window.size().boundedTo(screen.size() - _FRAME)
    left = screen.left() + _FRAME.width() // 2
    top = screen.top() + _FRAME.height() - _FRAME.width() // 2
    x = min(max(window.left(), left), screen.left() + screen.width() - _FRAME.width() // 2 - size.width())
    y = min(max(window.top(), top), screen.top() + screen.height() - _FRAME.width() // 2 - size.height())
    return QRect(x, y, size.width(), size.height())


def keep_on_screen(window: QMainWindow) -> None:
    """Bring ``window`` to where all of it is seen; one that fills its screen is left alone."""
    screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
    if screens and not window.isMaximized() and not window.isFullScreen():
        window.setGeometry(place_within(window.geometry(), screens))


def centre(window: QMainWindow, size: tuple[int, int]) -> None:
    """Give ``window`` this ``size``, or what there is room for, in the middle of the first screen."""
    screen = QGuiApplication.primaryScreen()
    if screen is None:
        window.resize(*size)
        return
    room = screen.availableGeometry()
    wanted = QRect(0, 0, *size)
    wanted.moveCenter(room.center())
    window.setGeometry(place_within(wanted, [room]))


def _area(rect: QRect) -> int:
    return max(rect.width(), 0) * max(rect.height(), 0)
