"""The cards of runs in Fit, and what can be done with a run from there."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QFile, QPoint, Qt
from PyQt6.QtGui import QDesktopServices, QGuiApplication
from pytestqt.qtbot import QtBot

from engine.methods.run import Run, RunInputs, frame_records, load_run, save_run
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import save_depth_sequence
from engine.sequences.isolation import Isolation
from npm_studio.session.document.run_steps import day_in_words, fitted_otherwise
from npm_studio.session.jobs.fitting import runs_folder
from tests.npm_studio.views.saving import save
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present
from tests.support.walking_ball import CAMERA, RATE, ball_depths, ball_meshes

SECONDS = 30_000


@pytest.fixture
def runs(window: StudioWindow, qtbot: QtBot, tmp_path: Path) -> list[Run]:
    """Two that this program made of one recording, and one from elsewhere; all are open."""
    sequence = tmp_path / "ball"
    save_depth_sequence(sequence, ball_depths(3), CAMERA, np.eye(4), RATE)
    made = []
    for folder in (runs_folder() / "one", runs_folder() / "two", tmp_path / "elsewhere"):
        meshes = ball_meshes(3)
        frames = tuple(replace(frame, confidence=0.9, mean_distance_mm=2.5) for frame in frame_records(meshes))
        save_run(
            Run(folder, "npm", RunInputs(sequence), meshes, frames, {"total": 75.0}, verdict="good", reason="near")
        )
        made.append(load_run(folder))
        window.files.open_path(folder)
        qtbot.waitUntil(lambda: len(window.session.document.runs) == len(made), timeout=SECONDS)
    window.session.document.timeline.pause()
    return made


def show(window: StudioWindow, run: Run) -> None:
    rows = [row for row, card in enumerate(window.fit.runs.cards) if card.folder == run.folder]
    window.fit.runs.list.setCurrentRow(rows[0])
    assert present(window.fit.run).folder == run.folder


def test_a_card_says_what_made_the_run_how_near_it_came_and_when_in_the_narrowest_panel(
    window: StudioWindow, runs: list[Run]
) -> None:
    card = window.fit.runs.cards[0]
    assert card.title.startswith("Today, ") and card.verdict == "good"
    assert card.made_by == "Neural parametric model"
    assert card.figures == "2.5 mm · took 1:15 min"
    assert "2.5 mm: mean from what was seen to the mesh" in card.tooltip
    window.resize(1024, 640)
    rows = window.fit.runs.list
    shown = present(rows.card(0))
    assert shown.width() <= present(rows.viewport()).width()
    assert shown.badge.geometry().right() < shown.more.geometry().left() < shown.width()


def test_a_run_is_renamed_and_that_is_undone_by_name_and_saved(
    qtbot: QtBot, window: StudioWindow, runs: list[Run], tmp_path: Path
) -> None:
    show(window, runs[0])
    window.actions_by_id["fit.rename_run"].trigger()
    question = present(window.fit.run_actions.question)
    question.setTextValue("Long steps")
    question.accept()
    assert window.fit.runs.cards[0].title == "Long steps"
    assert window.actions_by_id["edit.undo"].text() == "&Undo Rename Run"
    window.actions_by_id["edit.undo"].trigger()
    assert window.fit.runs.cards[0].title.startswith("Today")
    window.actions_by_id["edit.redo"].trigger()
    save(qtbot, window, tmp_path / "study")
    assert window.fit.runs.cards[0].title == "Long steps"
    names = [one["name"] for one in json.loads((tmp_path / "study" / "project.json").read_text())["document"]["runs"]]
    assert names == ["Long steps", "", ""]


def test_a_deleted_run_comes_back_by_undo_and_goes_to_the_wastebasket_when_the_window_closes(
    window: StudioWindow, runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    thrown: list[str] = []

    def throw(name: str) -> bool:
        thrown.append(name)
        return True

    monkeypatch.setattr(QFile, "moveToTrash", throw)
    show(window, runs[0])
    window.actions_by_id["fit.delete_run"].trigger()
    assert [card.folder for card in window.fit.runs.cards] == [run.folder for run in runs[1:]]
    assert window.actions_by_id["edit.undo"].text() == "&Undo Delete Run"
    window.actions_by_id["edit.undo"].trigger()
    assert len(window.fit.runs.cards) == 3 and present(window.fit.run).folder == runs[0].folder
    window.actions_by_id["edit.redo"].trigger()
    show(window, runs[2])
    window.actions_by_id["fit.delete_run"].trigger()
    assert window.actions_by_id["edit.undo"].text() == "&Undo Take Run off the List"
    assert thrown == []
    window.fit.give_up()
    assert thrown == [str(runs[0].folder)]


def test_a_project_does_not_name_deleted_runs(
    qtbot: QtBot, window: StudioWindow, runs: list[Run], tmp_path: Path
) -> None:
    show(window, runs[0])
    window.actions_by_id["fit.delete_run"].trigger()
    save(qtbot, window, tmp_path / "study")
    document = json.loads((tmp_path / "study" / "project.json").read_text())["document"]
    assert document["deleted_runs"] == [] and len(document["runs"]) == 2
    window.actions_by_id["edit.undo"].trigger()
    assert len(window.fit.runs.cards) == 3


def test_where_no_file_manager_opens_the_path_is_copied_and_that_is_said(
    window: StudioWindow, runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _: False)
    show(window, runs[1])
    window.actions_by_id["fit.show_folder"].trigger()
    assert present(QGuiApplication.clipboard()).text() == str(runs[1].folder)
    assert present(window.statusBar()).currentMessage().startswith("No file manager opened.")


def test_the_menu_of_a_card_is_about_its_run_and_compares_it_with_another(
    qtbot: QtBot, window: StudioWindow, runs: list[Run]
) -> None:
    card = present(window.fit.runs.list.card(1))
    qtbot.mouseClick(card.more, Qt.MouseButton.LeftButton)
    menu = present(window.fit.run_actions.menu)
    assert menu.isVisible() and present(window.fit.run).folder == runs[1].folder
    menu.close()
    window.fit.runs.menu_wanted.emit(QPoint(0, 0))
    present(window.fit.run_actions.menu).close()
    choices = window.session.commands.choices("fit.compare_run")
    assert len(choices) == 2
    choices[0].choose()
    assert window.workspace is window.compare
    sides = window.session.document.comparison.sides
    assert [side.path for side in sides] == [runs[1].folder, runs[0].folder]


def test_after_the_recording_is_opened_otherwise_the_run_is_out_of_date(
    qtbot: QtBot, window: StudioWindow, runs: list[Run]
) -> None:
    show(window, runs[0])
    assert window.badge.text == "Good fit"
    window.fit.subject.far.setValue(9.0)
    qtbot.waitUntil(lambda: window.badge.text == "Out of date", timeout=SECONDS)
    assert window.status.quality.text() == "Fitted with another range of depth"
    assert all(card.is_stale and card.state == "fitted with another range of depth" for card in window.fit.runs.cards)
    assert window.fit.runs.verdict.stale.isVisibleTo(window)
    window.actions_by_id["edit.undo"].trigger()
    assert window.badge.text == "Good fit" and not window.fit.runs.cards[0].is_stale


def test_dates_are_in_words() -> None:
    now = datetime(2026, 5, 4, 9, 30)
    assert day_in_words(datetime(2026, 5, 4, 9, 5), now) == "Today, 9:05"
    assert day_in_words(datetime(2026, 5, 3, 23, 59), now) == "Yesterday, 23:59"
    assert day_in_words(datetime(2026, 2, 1, 12, 0), now) == "1 February, 12:00"
    assert day_in_words(datetime(2025, 2, 1, 12, 0), now) == "1 February 2025, 12:00"


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (CaptureOptions(), CaptureOptions(), ""),
        (
            CaptureOptions(),
            CaptureOptions(isolation=Isolation(remove_planes=True, largest_component=True)),
            "fitted before floor and walls were removed",
        ),
        (CaptureOptions(depth_scale=500.0), CaptureOptions(), "fitted with another unit of depth"),
        (CaptureOptions(), CaptureOptions(intrinsics="1,1,2,2"), "fitted with other intrinsics"),
        (CaptureOptions(), CaptureOptions(subject=2), "fitted to another subject"),
    ],
)
def test_what_a_run_was_fitted_otherwise_in_is_said(then: CaptureOptions, now: CaptureOptions, said: str) -> None:
    assert fitted_otherwise(then, now) == said
