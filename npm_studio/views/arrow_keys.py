"""Who has the keys of playback."""

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QFocusEvent, QKeyEvent
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
)

from npm_studio.views.widgets.basics import BY_TAB
from npm_studio.views.widgets.latent_map import LatentMap

_OWN_KEYS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End)
_OWNERS = (QAbstractSlider, QAbstractItemView, QComboBox, QAbstractSpinBox, QLineEdit, LatentMap)


class ArrowKeys(QObject):
    """Filters events of the application: arrow keys belong to a slider or a list that has the focus, not to playback,
    which is led by the slider ``playback``; and Space to a button that somebody went to by Tab."""

    def __init__(self, playback: QAbstractSlider, parent: QObject) -> None:
        super().__init__(parent)
        self._playback = playback
        self._is_by_key = False
        """Whether the focus came to where it is by Tab."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if isinstance(event, QFocusEvent) and event.gotFocus():
            self._is_by_key = event.reason() in BY_TAB
        is_asked = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride
        if isinstance(event, QKeyEvent) and is_asked and self._is_own(watched, event):
            event.accept()
            return True
        return super().eventFilter(watched, event)

    def _is_own(self, watched: QObject | None, event: QKeyEvent) -> bool:
        if event.key() == Qt.Key.Key_Space:
            return isinstance(watched, QAbstractButton) and self._is_by_key
        return event.key() in _OWN_KEYS and isinstance(watched, _OWNERS) and watched is not self._playback
