"""An error in the window: in the words of the window, with the way to the log."""

from pathlib import Path

import pytest
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QCheckBox, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from engine.core.errors import Do, InputError, Task, remedy
from engine.sequences.capture_options import AS_RECORDED
from npm_studio.cli.main import main
from npm_studio.views.recording_sheet import RecordingSheet
from npm_studio.views.words import FIELDS
from tests.npm_studio.views.drops import drop
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.capture_files import depth_frames, write_pngs
from tests.support.present import present

SECONDS = 30_000


@pytest.fixture
def unitless(tmp_path: Path) -> Path:
    """A folder of depth images whose numbers no usual unit explains."""
    folder = tmp_path / "unitless"
    write_pngs(folder, depth_frames(), units_per_metre=12)
    (folder / "intrinsics.txt").write_text("50 0 19.5\n0 51 14.5\n0 0 1\n")
    return folder


def test_the_same_error_is_said_in_flags_by_the_command_line_and_in_fields_by_the_window(
    qtbot: QtBot, window: StudioWindow, unitless: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capture", "info", str(unitless)]) == 2
    said = capsys.readouterr().err
    drop(window, unitless)
    sheets = window.files.sheets
    qtbot.waitUntil(lambda: sheets.sheet is not None and sheets.sheet.subject.notes.text() != "", timeout=SECONDS)
    shown = present(sheets.sheet).subject.notes.text()

    problem = "does not state its unit of depth"
    assert problem in said and problem in shown
    assert "--depth-scale" in said and "Depth units per metre" not in said
    assert "“Depth units per metre”" in shown and "--" not in shown


def test_fields_that_errors_name_are_in_the_window(window: StudioWindow, unitless: Path) -> None:
    sheet = RecordingSheet(unitless, AS_RECORDED, window.session.document.state.fit, window)
    assert sheet.parent() is window
    on_show = {label.text() for label in window.findChildren(QLabel)}
    on_show |= {box.text() for box in window.findChildren(QCheckBox)}
    assert {label for labels in FIELDS.values() for label in labels} <= on_show


def test_what_the_window_cannot_do_is_a_command_to_run_in_a_terminal(window: StudioWindow) -> None:
    cure = remedy("{}", Do(Task.PREPARE, Path("my data")))
    window.show_error(InputError(Path("my data"), "has no samples", cure))
    error = present(window.error)
    assert error.sentence == "my data: has no samples."
    assert error.remedy == "Run `npm-studio prepare 'my data'` in a terminal."
    error.close()


def test_an_unexpected_error_names_the_log_which_can_be_opened_and_copied(window: StudioWindow, tmp_path: Path) -> None:
    window.show_error(ZeroDivisionError("division by zero"), "Traceback ...")
    error = present(window.error)
    assert "log" in error.remedy
    assert str(error.log) in error.details
    opens = next(button for button in error.findChildren(QPushButton) if button.text() == "Open log")
    assert opens.isEnabled() == error.log.is_file()
    next(button for button in error.findChildren(QPushButton) if button.text() == "Copy").click()
    assert str(error.log) in present(QGuiApplication.clipboard()).text()
    error.close()
