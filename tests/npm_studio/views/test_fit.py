import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QSpinBox
from pytestqt.qtbot import QtBot

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.methods import job
from engine.methods.npm.fit import FitPreview
from engine.methods.request import FitRequest
from engine.methods.run import Run, load_run
from npm_studio.session.document.project import load_project
from npm_studio.session.document.timeline import FrameFit
from npm_studio.session.jobs.job import JobInfo
from tests.conftest import doll_frames
from tests.npm_studio.views.saving import save
from tests.npm_studio.views.sheets import asked, fit_dropped
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present
from tests.support.runs import save_npm_run
from tests.support.toy_model import toy_model

SECONDS = 30_000


class StandInFit:
    """In place of the fit: goes on when it is told to, and writes the truth as its result."""

    def __init__(self) -> None:
        self.step = threading.Semaphore(0)
        self.steps = 4
        self.has_something = True

    def __call__(self, request: FitRequest, progress: Progress) -> Run:
        vertices, faces = doll_frames()
        progress.stage("search", 1)
        progress.advance(1)
        progress.stage("fit", self.steps)
        done = 0
        while done < self.steps and not progress.cancelled():
            if not self.step.acquire(timeout=0.01):
                continue
            done += 1
            if progress.wants_preview():
                progress.preview(FitPreview(done, torch.from_numpy(faces), torch.from_numpy(vertices + 0.02)))
            progress.advance(done, {"distance_mm": 1.0 / done})
        if not self.has_something:
            raise Cancelled
        model = toy_model()
        assert model.pose_codes is not None
        codes = (model.shape_codes[0].numpy(), model.pose_codes[:3].numpy())
        names, inputs = ("000000", "000001", "000002"), (request.sequence.root, present(request.model).folder)
        stopped = done < self.steps
        return save_npm_run(request.out, vertices, faces, model.info.similarity, inputs, codes, names, stopped)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInFit]:
    fit = StandInFit()
    monkeypatch.setattr(job, "run_fit", fit)
    yield fit
    fit.step.release(100)


@pytest.fixture
def fitting(qtbot: QtBot, studio_window: StudioWindow, capture: Path, stand_in: StandInFit) -> StudioWindow:
    """A window in which a fit has begun."""
    fit_dropped(qtbot, studio_window, capture)
    return studio_window


def distances_to_points(window: StudioWindow) -> np.ndarray:
    """Of the observed points to the nearest vertex of the mesh on show, metres."""
    from scipy.spatial import cKDTree

    points = np.asarray(window.viewports.left.points.data.points)
    return cKDTree(window.viewports.left.mesh.vertices).query(points)[0]


def test_a_dropped_sequence_is_fitted_once_that_is_asked_for_with_a_mesh_over_the_points(
    qtbot: QtBot, studio_window: StudioWindow, capture: Path, tmp_path: Path
) -> None:
    sheet = asked(qtbot, studio_window, capture)
    assert not studio_window.session.document.observations
    steps = sheet.form.fields["steps"]
    assert isinstance(steps, QSpinBox)
    steps.setValue(40)
    place = tmp_path / "data" / "npm-studio" / "runs"
    assert sheet.runs_go_to.text() == f"The run goes to {place}"
    sheet.fit_button.click()
    qtbot.waitUntil(lambda: studio_window.session.is_fitting, timeout=SECONDS)
    assert studio_window.fit.form.values()["steps"] == 40
    assert studio_window.workspace is studio_window.fit
    assert studio_window.viewports.left.points.count > 100
    qtbot.waitUntil(lambda: studio_window.fit.run is not None, timeout=2 * SECONDS)
    run = load_run(present(studio_window.fit.run).folder)
    assert run.folder.parent == place
    assert not run.interrupted
    view = studio_window.viewports.left
    assert view.mesh.is_visible
    assert view.points.count > 100
    assert np.median(distances_to_points(studio_window)) < 0.06
    assert studio_window.badge.text == "Good fit"
    assert studio_window.session.document.timeline.playing


def test_a_running_fit_shows_its_progress_and_a_preview_over_the_points(
    qtbot: QtBot, fitting: StudioWindow, stand_in: StandInFit
) -> None:
    progress = fitting.fit.progress
    stand_in.step.release(1)
    qtbot.waitUntil(lambda: progress.curve.points == ((1, 1.0),), timeout=SECONDS)
    stand_in.step.release(1)
    qtbot.waitUntil(lambda: progress.stage.text() == "Fitting 2 / 4", timeout=SECONDS)
    assert progress.bar.value() > 250
    assert "0.5 mm so far" in progress.detail.text() and "Mean distance" in progress.detail.toolTip()
    assert progress.eta.text().endswith("left")
    assert progress.cancel_button.isVisible()
    assert progress.cancel_button.y() < progress.curve.y()  # which comes later, and moves no button
    assert not progress.start_button.isVisible() and not fitting.fit.subject.isEnabled()
    assert not fitting.fit.form.isEnabled() and not fitting.fit.fill_lost.isEnabled()
    assert progress.curve.isVisible() and progress.curve.points == ((1, 1.0), (2, 0.5))
    qtbot.waitUntil(lambda: fitting.viewports.left.mesh.is_visible, timeout=SECONDS)
    assert fitting.badge.text == "Preview"
    assert fitting.viewports.left.points.count > 100
    stand_in.step.release(2)
    qtbot.waitUntil(lambda: fitting.fit.run is not None, timeout=SECONDS)
    assert progress.start_button.isVisible()


def test_another_recording_waits_until_the_fit_before_it_is_done(
    qtbot: QtBot, fitting: StudioWindow, capture: Path, stand_in: StandInFit
) -> None:
    other = Path(shutil.copytree(capture, capture.with_name("other")))
    sheet = asked(qtbot, fitting, other)
    assert sheet.fit_button.text() == "Queue fit"
    sheet.fit_button.click()
    progress = fitting.fit.progress
    assert progress.waiting.text() == "Then: other" and not fitting.fit.subject.isEnabled()
    assert not fitting.actions_by_id["fit.start"].isEnabled()
    stand_in.step.release(4)
    qtbot.waitUntil(lambda: fitting.fit.fitting.observation is fitting.fit.observation, timeout=SECONDS)
    assert [run.inputs.sequence.name for run in fitting.session.document.runs] == ["doll"]
    assert fitting.session.is_fitting and not progress.waiting.isVisible()
    stand_in.step.release(4)
    qtbot.waitUntil(lambda: not fitting.session.is_fitting, timeout=SECONDS)
    assert present(fitting.fit.run).inputs.sequence.name == "other"


def test_all_recordings_that_were_dropped_are_fitted_after_one_answer(
    qtbot: QtBot, studio_window: StudioWindow, capture: Path, stand_in: StandInFit
) -> None:
    others = [Path(shutil.copytree(capture, capture.with_name(name))) for name in ("second", "third")]
    sheet = asked(qtbot, studio_window, capture, *others)
    assert sheet.all_button.text() == "Fit all 3"
    qtbot.waitUntil(sheet.all_button.isEnabled, timeout=SECONDS)
    sheet.all_button.click()
    progress, sheets = studio_window.fit.progress, studio_window.files.sheets
    qtbot.waitUntil(lambda: progress.waiting.text() == "Then: second, third", timeout=SECONDS)
    assert sheets.sheet is None
    stand_in.step.release(100)
    qtbot.waitUntil(lambda: len(studio_window.session.document.runs) == 3, timeout=SECONDS)
    lone = asked(qtbot, studio_window, others[0])
    assert lone.all_button.isHidden() and lone.isVisible()  # the answer was for those that waited then
    lone.reject()


def test_marked_frames_of_a_run_are_fitted_again_between_their_neighbours(
    qtbot: QtBot, fitting: StudioWindow, capture: Path, stand_in: StandInFit
) -> None:
    stand_in.step.release(4)
    qtbot.waitUntil(lambda: fitting.fit.run is not None, timeout=SECONDS)
    document, actions = fitting.session.document, fitting.actions_by_id
    document.timeline.pause()
    document.timeline.set_fits((FrameFit(2.0, 0.9, False, False),) * 3)
    assert not actions["fit.refit"].isEnabled() and not fitting.timeline.refit.isVisible()
    track = fitting.timeline.track
    first, last = (QPoint(round(track.x_of(frame)), 30) for frame in (1, 2))
    qtbot.mousePress(track, Qt.MouseButton.LeftButton, pos=first)
    qtbot.mouseMove(track, last)
    qtbot.mouseRelease(track, Qt.MouseButton.LeftButton, pos=last)
    assert document.timeline.marked == range(1, 3)
    assert fitting.timeline.refit.text() == "Refit 2 to 3" and actions["fit.refit"].isEnabled()
    document.timeline.seek(0)
    actions["fit.mark_first"].trigger()
    assert document.timeline.marked == range(3)
    assert not actions["fit.refit"].isEnabled()  # nothing would be left to lead them
    actions["fit.mark_last"].trigger()
    assert document.timeline.marked == range(1)
    fitting.timeline.refit.click()
    qtbot.waitUntil(lambda: fitting.session.is_fitting, timeout=SECONDS)
    refit = present(present(fitting.fit.fitting.current).request.refit)
    assert refit.names == ("000000",) and document.timeline.marked is None
    stand_in.step.release(4)
    qtbot.waitUntil(lambda: len(document.runs) == 2, timeout=SECONDS)


def test_cancelling_keeps_the_best_so_far(qtbot: QtBot, fitting: StudioWindow, stand_in: StandInFit) -> None:
    stand_in.step.release(1)
    qtbot.waitUntil(lambda: fitting.fit.fitting.status.done == 1, timeout=SECONDS)
    qtbot.mouseClick(fitting.fit.progress.cancel_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: fitting.fit.run is not None, timeout=SECONDS)
    assert fitting.fit.run is not None
    assert fitting.fit.run.interrupted
    assert fitting.viewports.left.mesh.is_visible
    (card,) = fitting.fit.runs.cards
    assert card.state == "stopped early"


def test_a_fit_is_paused_and_goes_on(qtbot: QtBot, fitting: StudioWindow, stand_in: StandInFit) -> None:
    stand_in.step.release(1)
    qtbot.waitUntil(lambda: fitting.fit.fitting.status.done == 1, timeout=SECONDS)
    pause = fitting.fit.progress.pause_button
    pause.click()
    assert pause.text() == "Go on"
    assert fitting.fit.progress.stage.text() == "Paused after this step"
    stand_in.step.release(3)
    qtbot.wait(100)
    assert fitting.session.is_fitting
    (card,) = (card for card in fitting.jobs_sheet.cards.values() if card.job.lane == "fit")
    assert card.badge.text == "Paused"
    card.pause.click()  # the sheet of jobs and the workspace agree
    assert pause.text() == "Pause"
    qtbot.waitUntil(lambda: fitting.fit.run is not None, timeout=SECONDS)
    assert not present(fitting.fit.run).interrupted


def test_closing_during_a_fit_asks_and_waits_when_that_is_wanted(
    qtbot: QtBot, fitting: StudioWindow, stand_in: StandInFit
) -> None:
    fitting.close()
    present(fitting.closing.question).answer("Wait, then close")
    assert fitting.isVisible() and fitting.session.is_fitting
    stand_in.step.release(4)
    qtbot.waitUntil(lambda: fitting.files.question is not None, timeout=SECONDS)
    assert not present(fitting.fit.run).interrupted
    present(fitting.files.question).answer("Discard")
    qtbot.waitUntil(lambda: not fitting.isVisible(), timeout=SECONDS)


def test_closing_names_what_runs_and_waits_and_what_is_stopped_is_kept_after_the_window_has_gone(
    qtbot: QtBot, fitting: StudioWindow, stand_in: StandInFit
) -> None:
    stand_in.step.release(1)
    qtbot.waitUntil(lambda: fitting.fit.fitting.status.done == 1, timeout=SECONDS)
    jobs = fitting.session.jobs
    waiting = jobs.submit("fit", lambda _: None, lambda _: None, lambda *_: None, info=JobInfo("Fit another"))
    fitting.actions_by_id["view.jobs"].trigger()
    card = fitting.jobs_sheet.cards[waiting]
    assert fitting.jobs_sheet.button.text() == "Jobs (2)"
    assert (card.badge.text, card.stop.text()) == ("Waiting", "Drop")
    assert not card.pause.isVisible()

    fitting.close()
    question = present(fitting.closing.question)
    assert question.text() == "2 things are not finished:\n•  Fit doll: fitting, 1 of 4\n•  Fit another: waiting"
    assert list(question.buttons_by_answer) == ["Stop and keep", "Wait, then close", "Stop and discard", "Cancel"]
    question.answer("Stop and keep")
    qtbot.waitUntil(lambda: fitting.files.question is not None, timeout=SECONDS)
    ended: list[bool] = []
    fitting.closed.connect(lambda: ended.append(True))
    present(fitting.files.question).answer("Discard")
    assert not fitting.isVisible()
    stand_in.step.release(1)
    qtbot.waitUntil(lambda: ended == [True], timeout=SECONDS)
    assert present(fitting.session.document.runs[0]).interrupted


def test_a_run_that_is_kept_on_closing_is_saved_in_a_project_that_was_saved(
    qtbot: QtBot, fitting: StudioWindow, stand_in: StandInFit, tmp_path: Path
) -> None:
    save(qtbot, fitting, tmp_path / "study")
    stand_in.step.release(1)
    qtbot.waitUntil(lambda: fitting.fit.fitting.status.done == 1, timeout=SECONDS)
    ended: list[bool] = []
    fitting.closed.connect(lambda: ended.append(True))
    fitting.close()
    present(fitting.closing.question).answer("Stop and keep")
    qtbot.waitUntil(lambda: not fitting.isVisible(), timeout=SECONDS)
    stand_in.step.release(1)
    qtbot.waitUntil(lambda: ended == [True], timeout=SECONDS)
    (run,) = load_project(tmp_path / "study").state.runs
    assert run.folder.parent == tmp_path / "study" / "runs"


def test_cancelling_before_there_is_anything_leaves_the_points_and_says_so(
    qtbot: QtBot, fitting: StudioWindow, stand_in: StandInFit
) -> None:
    stand_in.has_something = False
    fitting.actions_by_id["fit.cancel"].trigger()
    qtbot.waitUntil(lambda: not fitting.session.is_fitting, timeout=SECONDS)
    assert fitting.fit.run is None
    assert "before there was anything to keep" in fitting.fit.progress.detail.text()
    assert fitting.viewports.left.points.count > 100
    assert fitting.actions_by_id["fit.start"].isEnabled()


def test_the_window_stays_usable_while_a_fit_runs(
    fitting: StudioWindow, fine: Callable[..., None], stand_in: StandInFit
) -> None:
    fine(fitting, fitting.show_explore)
    fine(fitting, lambda: fitting.explore.shape.sliders[0].slider.setValue(100))
    assert fitting.session.is_fitting
    assert fitting.viewports.left.mesh.is_visible
    assert fitting.viewports.left.points.count == 0


def test_a_fit_that_ends_while_another_workspace_is_on_show_does_not_take_the_stage(
    qtbot: QtBot, fitting: StudioWindow, fine: Callable[..., None], stand_in: StandInFit
) -> None:
    fine(fitting, fitting.show_explore)
    stand_in.step.release(4)
    qtbot.waitUntil(lambda: fitting.fit.run is not None, timeout=SECONDS)
    assert fitting.workspace is fitting.explore
    assert fitting.viewports.left.points.count == 0
    assert not fitting.session.document.timeline.playing
    fitting.show_fit()
    assert fitting.viewports.left.points.count > 100
    assert fitting.viewports.left.mesh.is_visible


def test_a_second_drop_during_a_fit_opens_the_sequence_and_leaves_the_fit_alone(
    qtbot: QtBot, fitting: StudioWindow, capture: Path, stand_in: StandInFit
) -> None:
    other = Path(shutil.copytree(capture, capture.with_name("other")))
    asked(qtbot, fitting, other).open_button.click()
    qtbot.waitUntil(lambda: len(fitting.session.document.observations) == 2, timeout=SECONDS)
    assert fitting.viewports.left.caption.text[0] == "other"
    stand_in.step.release(4)
    qtbot.waitUntil(lambda: len(fitting.session.document.runs) == 1, timeout=SECONDS)
    assert fitting.fit.run is None  # it belongs to the first sequence
    fitting.fit.sequences.chosen.emit(fitting.fit.sequences.choice.findText("doll"))
    assert fitting.fit.run is not None


def test_a_failing_fit_is_explained_and_can_be_started_again(
    qtbot: QtBot, studio_window: StudioWindow, capture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: FitRequest, progress: Progress) -> Run:
        raise RuntimeError("the table has the wrong shape")

    monkeypatch.setattr(job, "run_fit", fail)
    asked(qtbot, studio_window, capture).fit_button.click()
    qtbot.waitUntil(lambda: studio_window.error is not None, timeout=SECONDS)
    error = present(studio_window.error)
    assert "has the wrong shape" in error.sentence
    assert "RuntimeError" in error.details
    error.close()
    qtbot.waitUntil(lambda: studio_window.error is None, timeout=SECONDS)
    assert studio_window.actions_by_id["fit.start"].isEnabled()
