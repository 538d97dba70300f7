"""Menus and shortcuts of a window, from the commands that there are."""

import functools
from collections.abc import Callable, Sequence

from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import QMainWindow, QMenu

from npm_studio.session.commands.command import Command, Menu, Submenu
from npm_studio.session.commands.registry import Commands
from npm_studio.session.commands.table import commands_in
from npm_studio.views.theme import Theme, icon


class Actions(dict[str, QAction]):
    """One for each command, by its id."""

    def __init__(self, window: QMainWindow, commands: Commands, menus: Sequence[Menu]) -> None:
        super().__init__()
        self._commands, self._menus = commands, menus
        for _, command in commands_in(menus):
            self[command.id] = self._make(window, command)
            window.addAction(self[command.id])

    def fill(self, window: QMainWindow) -> None:
        """Put the menus into the menu bar of ``window``."""
        bar = window.menuBar()
        assert bar is not None
        for menu in self._menus:
            shown = bar.addMenu(menu.title)
            assert shown is not None
            shown.setToolTipsVisible(False)
            shown.aboutToShow.connect(self.refresh)
            for entry in menu.entries:
                if entry is None:
                    shown.addSeparator()
                elif isinstance(entry, Submenu):
                    inner = QMenu(entry.title, shown)
                    inner.aboutToShow.connect(functools.partial(self.fill_submenu, entry.id, inner))
                    shown.addMenu(inner)
                else:
                    shown.addAction(self[entry.id])

    def fill_submenu(self, name: str, menu: QMenu) -> None:
        """Put into ``menu`` what there is to choose now."""
        menu.clear()
        for choice in self._commands.choices(name):
            action = menu.addAction(choice.title)
            if action is not None:
                action.triggered.connect(lambda _, choose=choice.choose: choose())
        if menu.isEmpty():
            empty = menu.addAction("Nothing yet")
            if empty is not None:
                empty.setEnabled(False)

    def refresh(self) -> None:
        """Enable, check and name every command by how things are now."""
        for _, command in commands_in(self._menus):
            action = self[command.id]
            action.setEnabled(self._commands.is_enabled(command))
            action.setText(self._commands.title(command))
            if command.checked:
                action.setChecked(self._commands.is_checked(command))

    def disabled_at(self, keys: QKeySequence) -> Command | None:
        """The command that ``keys`` ask for while it cannot be used; None where there is none."""
        for _, command in commands_in(self._menus):
            if command.shortcut and QKeySequence(command.shortcut) == keys and not self[command.id].isEnabled():
                return command
        return None

    def set_theme(self, theme: Theme) -> None:
        for action in self.values():
            name = action.property("icon name")
            if name:
                action.setIcon(icon(name, theme))
                action.setIconVisibleInMenu(False)

    def _make(self, window: QMainWindow, command: Command) -> QAction:
        action = QAction(command.title, window)
        action.setStatusTip(command.tooltip)
        keys = f" ({command.shortcut})" if command.shortcut else ""
        action.setToolTip(f"{command.tooltip}{keys}")
        action.setShortcut(QKeySequence(command.shortcut))
        action.setCheckable(bool(command.checked))
        action.setProperty("icon name", command.icon)
        run: Callable[[bool], None] = functools.partial(self._run, command)
        action.triggered.connect(run)
        return action

    def _run(self, command: Command, checked: bool) -> None:
        self._commands.run(command, checked)
        self.refresh()
