"""Who has the arrow keys."""

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit

_OWN_KEYS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End)


class ArrowKeys(QObject):
    """Filters events of the application: arrow keys belong to a slider or a list that has the focus, not to playback,
    which is led by the slider ``playback``."""

    def __init__(self, playback: QAbstractSlider, parent: QObject) -> None:
        super().__init__(parent)
        self._playback = playback

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and event.key() in _OWN_KEYS:
            owners = (QAbstractSlider, QAbstractItemView, QComboBox, QAbstractSpinBox, QLineEdit)
            if isinstance(watched, owners) and watched is not self._playback:
                event.accept()
                return True
        return super().eventFilter(watched, event)
