"""Saving the document of a window."""

from pathlib import Path

from pytestqt.qtbot import QtBot

from tests.npm_studio.views.studio_window import StudioWindow


def save(qtbot: QtBot, window: StudioWindow, folder: Path) -> None:
    """As a project, and wait until that is written."""
    window.files.save_in(folder)
    qtbot.waitUntil(lambda: window.session.document.folder == folder.resolve(), timeout=20_000)
