"""Which keys a field for a number leaves to the window."""

from collections.abc import Callable

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtGui import QKeyEvent, QKeySequence
from PyQt6.QtWidgets import QAbstractSpinBox, QLineEdit, QWidget

from npm_studio.views.widgets.direction_slider import ValueField

_UNDO = (QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo)
_CLIPBOARD = (
    *(QKeySequence.StandardKey.Copy, QKeySequence.StandardKey.Cut),
    *(QKeySequence.StandardKey.Paste, QKeySequence.StandardKey.SelectAll),
)
_RETURN = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class NumberFields(QObject):
    """Filters events of the application. With Control, a field for a number has the clipboard, and its own undo while
    somebody types in it; all else is the window's, such as Ctrl+E, which in a field is the end of the line. Return
    and Escape take the focus from the value of a slider to ``elsewhere``, so that letters are shortcuts again."""

    def __init__(self, elsewhere: Callable[[], QWidget], parent: QObject) -> None:
        super().__init__(parent)
        self._elsewhere = elsewhere

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if isinstance(event, QKeyEvent) and (field := _field_of(watched)) is not None:
            if event.type() == QEvent.Type.ShortcutOverride and _is_for_window(event, field):
                event.ignore()
                return True
            if event.type() == QEvent.Type.KeyPress and isinstance(field, ValueField):
                if event.key() in (*_RETURN, Qt.Key.Key_Escape):
                    field.event(event)
                    self._elsewhere().setFocus()
                    return True
            elif event.type() == QEvent.Type.KeyPress and event.key() in _RETURN:
                field.setModified(False)  # what was typed is taken
        return super().eventFilter(watched, event)


def _field_of(watched: QObject | None) -> QLineEdit | None:
    if isinstance(watched, QAbstractSpinBox):
        return watched.lineEdit()
    return watched if isinstance(watched, ValueField) else None


def _is_for_window(event: QKeyEvent, field: QLineEdit) -> bool:
    if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
        return False
    if any(event.matches(key) for key in _UNDO):
        return not field.isModified()
    return not any(event.matches(key) for key in _CLIPBOARD)
