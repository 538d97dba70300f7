"""What a right click offers."""

from collections.abc import Callable, Mapping, Sequence

from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QMenu, QWidget

_ENTRIES = (
    *("view.frame", "view.front", "view.side", "view.top", "view.link_cameras", ""),
    *("display.wireframe", "display.points", "display.correspondence", "display.inset", "view.floor", ""),
    *("edit.copy_picture", "edit.copy_path", "edit.copy_command", "edit.copy_python", ""),
    *("file.screenshot", "file.export"),
)
"""Ids of commands; an empty one is a line between groups."""


def show_view_menu(actions: Mapping[str, QAction], window: QWidget, place: QPoint) -> QMenu:
    """The menu at ``place`` on the screen, with what can be done now."""
    menu = QMenu(window)
    for name in _ENTRIES:
        if not name:
            menu.addSeparator()
        elif actions[name].isEnabled():
            menu.addAction(actions[name])
    menu.aboutToHide.connect(menu.deleteLater)
    menu.popup(place)
    return menu


def show_menu(parent: QWidget, place: QPoint, entries: Sequence[tuple[str, Callable[[], object]]]) -> QMenu:
    """The menu at ``place`` on the screen, with ``entries``: titles, and what each does."""
    menu = QMenu(parent)
    for title, act in entries:
        action = QAction(title, menu)
        action.triggered.connect(lambda _, act=act: act())
        menu.addAction(action)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.popup(place)
    return menu
