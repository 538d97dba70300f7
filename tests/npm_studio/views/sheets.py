"""Recordings that are dropped on the window, and the sheet that asks about them."""

from pathlib import Path

from pytestqt.qtbot import QtBot

from npm_studio.views.recording_sheet import RecordingSheet
from tests.npm_studio.views.drops import drop
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

SECONDS = 30_000


def asked(qtbot: QtBot, window: StudioWindow, *paths: Path) -> RecordingSheet:
    """Drop ``paths`` on ``window``; the sheet of the first, once it can be answered."""
    drop(window, *paths)
    return answerable(qtbot, window)


def answerable(qtbot: QtBot, window: StudioWindow) -> RecordingSheet:
    """The sheet on show, once its recording can be opened."""
    sheets = window.files.sheets
    qtbot.waitUntil(lambda: sheets.sheet is not None and sheets.sheet.open_button.isEnabled(), timeout=SECONDS)
    return present(sheets.sheet)


def open_dropped(qtbot: QtBot, window: StudioWindow, path: Path) -> None:
    """Drop a recording on ``window`` and open it without a fit."""
    asked(qtbot, window, path).open_button.click()
    qtbot.waitUntil(lambda: window.fit.observation is not None, timeout=SECONDS)


def fit_dropped(qtbot: QtBot, window: StudioWindow, path: Path) -> None:
    """Drop a recording on ``window`` and have it fitted."""
    asked(qtbot, window, path).fit_button.click()
    qtbot.waitUntil(lambda: window.session.is_fitting, timeout=SECONDS)
