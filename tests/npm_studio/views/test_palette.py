from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QDesktopServices
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from npm_studio.views.palette import Palette
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present


def opened(window: StudioWindow) -> Palette:
    window.actions_by_id["help.palette"].trigger()
    return next(one for one in QApplication.topLevelWidgets() if isinstance(one, Palette) and one.isVisible())


def test_enter_does_the_command_that_was_searched_for(studio_window: StudioWindow, qtbot: QtBot) -> None:
    palette = opened(studio_window)
    qtbot.keyClicks(palette.field, "wireframe")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert studio_window.viewports.display.wireframe
    assert studio_window.actions_by_id["display.wireframe"].isChecked()


def test_what_cannot_be_done_is_grey_and_does_nothing(studio_window: StudioWindow, qtbot: QtBot) -> None:
    palette = opened(studio_window)
    qtbot.keyClicks(palette.field, "cancel fit")
    item = palette.list.item(0)
    assert item is not None
    assert not item.flags() & Qt.ItemFlag.ItemIsEnabled
    assert item.toolTip() == "No fit is running."
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible()
    palette.close()


def test_arrow_keys_move_through_the_list_from_the_field(studio_window: StudioWindow, qtbot: QtBot) -> None:
    palette = opened(studio_window)
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    assert palette.list.currentRow() == 1
    palette.close()


def test_words_that_no_command_has_are_said_to_match_none(studio_window: StudioWindow, qtbot: QtBot) -> None:
    palette = opened(studio_window)
    qtbot.keyClicks(palette.field, "qqq")
    assert [present(palette.list.item(row)).text() for row in range(palette.list.count())] == ["No command matches"]
    palette.list.grab()
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible()
    palette.close()


def test_a_shortcut_of_what_cannot_be_done_says_why(studio_window: StudioWindow, qtbot: QtBot) -> None:
    window = studio_window
    keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(window.viewports.left.view, Qt.Key.Key_C, keys)
    assert present(window.statusBar()).currentMessage() == "Compare with Truth: Go to Fit first."


def test_help_opens_the_tutorial_and_says_where_it_is_if_nothing_opens_it(
    studio_window: StudioWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda address: asked.append(address.toLocalFile()))
    studio_window.actions_by_id["help.tutorial"].trigger()
    assert [Path(one).name for one in asked] == ["tutorial.md"]
    assert present(QApplication.clipboard()).text() == asked[0]
