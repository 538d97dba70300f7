"""Fits of a recording that lie in the folder of runs, from a start before."""

from pathlib import Path

import numpy as np
from pytestqt.qtbot import QtBot

from engine.methods.run import Run, RunInputs, frame_records, save_run
from engine.sequences.depth_sequence import save_depth_sequence
from npm_studio.session.jobs.fitting import runs_folder
from tests.npm_studio.views.saving import save
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.walking_ball import CAMERA, RATE, ball_depths, ball_meshes

SECONDS = 30_000


def fitted(sequence: Path, name: str) -> Path:
    """A run of ``sequence`` in the folder of runs."""
    meshes = ball_meshes(3)
    run = Run(runs_folder() / name, "npm", RunInputs(sequence), meshes, frame_records(meshes), {"total": 1.0})
    save_run(run)
    return run.folder.resolve()


def opened(window: StudioWindow, qtbot: QtBot, tmp_path: Path) -> None:
    """The ball is on show, and earlier fits of it have been looked for."""
    window.files.open_sequence(tmp_path / "ball")
    qtbot.waitUntil(window.fit.runs.earlier.isVisible, timeout=SECONDS)


def test_earlier_fits_of_a_recording_are_offered_and_opened_as_one_step(
    window: StudioWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    for name in ("ball", "other"):
        save_depth_sequence(tmp_path / name, ball_depths(3), CAMERA, np.eye(4), RATE)
    mine = {fitted(tmp_path / "ball", "one"), fitted(tmp_path / "ball", "two")}
    fitted(tmp_path / "other", "three")
    opened(window, qtbot, tmp_path)
    runs, document = window.fit.runs, window.session.document
    assert runs.earlier.text() == "Open 2 earlier fits of this recording"
    runs.earlier.click()
    qtbot.waitUntil(lambda: len(document.runs) == 2, timeout=SECONDS)
    assert {one.folder for one in document.state.runs} == mine
    assert document.state.fit.run == document.state.runs[-1].folder
    assert document.undo_name == "Open Earlier Fits"


def test_a_damaged_earlier_fit_is_told_and_the_others_are_opened(
    window: StudioWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    save_depth_sequence(tmp_path / "ball", ball_depths(3), CAMERA, np.eye(4), RATE)
    whole, damaged = fitted(tmp_path / "ball", "whole"), fitted(tmp_path / "ball", "damaged")
    next((damaged / "meshes").glob("*.ply")).unlink()
    opened(window, qtbot, tmp_path)
    window.fit.runs.earlier.click()
    qtbot.waitUntil(lambda: window.error is not None, timeout=SECONDS)
    assert window.error is not None and str(damaged) in window.error.details
    window.error.close()
    assert [one.folder for one in window.session.document.state.runs] == [whole]
    assert not window.fit.runs.earlier.isVisible()


def test_an_earlier_fit_that_was_copied_into_the_open_project_is_not_offered_once_more(
    window: StudioWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    save_depth_sequence(tmp_path / "ball", ball_depths(3), CAMERA, np.eye(4), RATE)
    fitted(tmp_path / "ball", "one")
    opened(window, qtbot, tmp_path)
    window.fit.runs.earlier.click()
    qtbot.waitUntil(lambda: len(window.session.document.runs) == 1, timeout=SECONDS)
    save(qtbot, window, tmp_path / "study")
    window.files.open_project(tmp_path / "study")
    qtbot.waitUntil(lambda: not window.session.jobs.is_busy("load"), timeout=SECONDS)
    qtbot.waitUntil(lambda: not window.session.jobs.is_busy("look"), timeout=SECONDS)
    assert len(window.session.document.runs) == 1
    assert not window.fit.runs.earlier.isVisible()
