"""A track in the window, with a tracker that is quick: where each frame is, the test says."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from engine.core.errors import InputError, Notice
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera
from engine.geometry.mesh import Mesh
from engine.methods.method import FitResult, LoadedModel
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.depth_source import DepthFrame
from engine.sequences.mesh_sequence import mesh_sequence
from engine.sequences.source_kind import Pace
from engine.tracking.config import TrackerConfig
from engine.tracking.tracker import TrackedFrame
from npm_studio.session.jobs.tracking import folder_being_written, recording_on_show
from tests.conftest import doll_frames
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present
from tests.support.toy_model import toy_model

SECONDS = 30_000


class Standing:
    """A tracker that sees the first identity of the toy model in every frame; it goes on when it is told to."""

    def __init__(self) -> None:
        self.step = threading.Semaphore(0)
        self.lost: set[str] = set()
        self.others_from: str | None = None
        self.resets = 0
        self.names: list[str] = []
        self.error: InputError | None = None

    def __call__(self, loaded: LoadedModel, config: TrackerConfig) -> "Standing":
        self._model = loaded.model
        return self

    def start(self, camera: PinholeCamera, world: World, subject_alone: bool = False, keep: bool = True) -> None:
        if self.error is not None:
            raise self.error

    def push(self, frame: DepthFrame) -> TrackedFrame:
        self.step.acquire()
        self.names.append(frame.name)
        codes = self._model.pose_codes
        assert codes is not None
        others = int(self.others_from is not None and frame.name >= self.others_from)
        pose = np.eye(4) if frame.camera_to_world is None else frame.camera_to_world
        lost = frame.name in self.lost
        return TrackedFrame(
            frame.name,
            float(len(self.names)),
            pose,
            np.eye(4),
            codes[0].numpy(),
            self._model.shape_codes[0].numpy(),
            1,
            0.1 if lost else 0.9,
            lost,
            False,
            others,
            0.01,
        )

    def improve(self) -> bool:
        return False

    def mesh(self, frame: TrackedFrame) -> Mesh:
        raise NotImplementedError

    @property
    def notices(self) -> tuple[Notice, ...]:
        return ()

    def reset(self) -> None:
        self.resets += 1

    def finish(
        self,
        progress: Progress,
        source: DepthSequence | None = None,
        folder: Path | None = None,
        keep: object = None,
    ) -> FitResult:
        vertices, faces = doll_frames()
        names = tuple(self.names)
        placed: NDArray[np.float32] = toy_model().info.similarity.to_world(vertices[: len(names)])
        times = np.arange(len(names), dtype=float)
        return FitResult(mesh_sequence("track", placed, faces, names, times))


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Standing]:
    tracker = Standing()
    monkeypatch.setattr("engine.tracking.npm_tracker.NpmTracker", tracker)
    yield tracker
    tracker.step.release(100)


@pytest.fixture
def tracking(
    qtbot: QtBot, window: StudioWindow, toy_folder: Path, capture: Path, tracker: Standing
) -> Iterator[StudioWindow]:
    """A window in which a track of three frames has begun."""
    window.files.open_model(toy_folder)
    window.files.open_sequence(capture)
    qtbot.waitUntil(lambda: window.fit.observation is not None, timeout=SECONDS)
    window.fit.tracking.start(recording_on_show(present(window.fit.observation), Pace.EVERY))
    yield window
    tracker.step.release(100)
    window.fit.tracking.discard()
    qtbot.waitUntil(lambda: not window.fit.tracking.is_there, timeout=SECONDS)


def frame_on_show(window: StudioWindow) -> str:
    view = window.fit.tracking.view
    return "" if view is None else view.tracked.name


def test_each_frame_comes_on_show_as_a_mesh_over_its_points_with_its_figures(
    qtbot: QtBot, tracking: StudioWindow, tracker: Standing
) -> None:
    assert tracking.session.document.timeline.frame_count == 0
    tracker.step.release()
    qtbot.waitUntil(lambda: frame_on_show(tracking) == "000000", timeout=SECONDS)
    view, panel = tracking.viewports.left, tracking.fit.tracking.panel
    assert view.mesh.is_visible and view.points.count > 100
    first, faces = view.points.data.points.copy(), view.mesh.faces
    assert "confidence 0.90" in view.caption.text[1]
    assert tracking.badge.text == "Tracked"
    tracker.step.release()
    qtbot.waitUntil(lambda: frame_on_show(tracking) == "000001", timeout=SECONDS)
    assert not np.array_equal(view.points.data.points, first)
    assert view.mesh.faces is faces  # only its points move
    figures = {title: figure.text() for title, figure in panel.figures.items()}
    assert (figures["Frame"], figures["Latency"], figures["Lost"]) == ("000001", "10 ms", "0 of 2")


def test_a_lost_frame_is_marked_and_somebody_else_announced_once(
    qtbot: QtBot, tracking: StudioWindow, tracker: Standing
) -> None:
    tracker.lost, tracker.others_from = {"000001"}, "000001"
    colour = tracking.viewports.left.mesh.actor.prop.color
    tracker.step.release(2)
    qtbot.waitUntil(lambda: frame_on_show(tracking) == "000001", timeout=SECONDS)
    view, panel = tracking.viewports.left, tracking.fit.tracking.panel
    assert (tracking.badge.text, panel.badge.text, panel.figures["Lost"].text()) == ("Lost", "Lost", "1 of 2")
    assert view.mesh.actor.prop.color == tracking.theme.bad != colour
    tracking.show_explore()
    assert view.mesh.actor.prop.color == colour
    tracking.show_fit()
    assert view.mesh.actor.prop.color == tracking.theme.bad
    tracker.step.release()
    qtbot.waitUntil(lambda: tracking.fit.tracking.can_be_kept, timeout=SECONDS)
    assert view.mesh.actor.prop.color == colour
    assert panel.notes.text().count("has come into view") == 1


def test_a_paused_track_waits_and_a_reset_has_the_subject_searched_anew(
    qtbot: QtBot, tracking: StudioWindow, tracker: Standing
) -> None:
    tracker.step.release()
    qtbot.waitUntil(lambda: frame_on_show(tracking) == "000000", timeout=SECONDS)
    qtbot.waitUntil(tracking.fit.tracking.panel.pause.isEnabled)
    qtbot.mouseClick(tracking.fit.tracking.panel.pause, Qt.MouseButton.LeftButton)
    assert tracking.fit.tracking.is_paused and tracking.fit.tracking.panel.pause.text() == "Go on"
    assert tracking.fit.tracking.panel.badge.text == "Paused"
    tracker.step.release(1)
    qtbot.waitUntil(lambda: frame_on_show(tracking) == "000001", timeout=SECONDS)  # it was on its way
    tracker.step.release(1)
    qtbot.wait(300)
    assert tracker.names == ["000000", "000001"]
    tracking.actions_by_id["fit.track_reset"].trigger()
    qtbot.mouseClick(tracking.fit.tracking.panel.pause, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: frame_on_show(tracking) == "000002", timeout=SECONDS)
    assert tracker.resets == 1


def test_sliders_stay_live_beside_a_track_which_does_not_take_the_stage(
    qtbot: QtBot, tracking: StudioWindow, tracker: Standing, fine: Callable[..., None]
) -> None:
    fine(tracking, tracking.show_explore)
    tracker.step.release()
    fine(tracking, lambda: tracking.explore.shape.sliders[0].slider.setValue(100))
    qtbot.waitUntil(lambda: frame_on_show(tracking) == "000000", timeout=SECONDS)
    assert tracking.viewports.left.points.count == 0
    assert tracking.badge.text == "Fine"
    tracking.show_fit()
    assert tracking.viewports.left.points.count > 100


def test_a_stopped_track_is_kept_as_a_run_that_comes_on_show(
    qtbot: QtBot, tracking: StudioWindow, tracker: Standing
) -> None:
    fit = tracking.fit
    tracker.step.release(1)
    qtbot.waitUntil(lambda: frame_on_show(tracking) == "000000", timeout=SECONDS)
    tracking.actions_by_id["fit.track_stop"].trigger()
    tracker.step.release(1)
    qtbot.waitUntil(lambda: fit.tracking.can_be_kept, timeout=SECONDS)
    assert not fit.progress.isVisible() and fit.tracking.panel.keep.isVisible()
    assert tracking.viewports.left.caption.text[0] == "Track of doll"
    qtbot.mouseClick(fit.tracking.panel.keep, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: fit.run is not None, timeout=SECONDS)
    run = present(fit.run)
    assert (run.method, run.interrupted, len(run.frames)) == ("npm-tracker", True, 2)
    assert fit.runs.list.count() == 1 and tracking.viewports.left.mesh.is_visible
    assert not fit.tracking.is_there and fit.progress.isVisible()
    assert tracking.session.document.timeline.frame_count == 3


def test_a_discarded_track_leaves_the_recording_as_it_was(
    qtbot: QtBot, tracking: StudioWindow, tracker: Standing, tmp_path: Path
) -> None:
    tracker.step.release(3)
    qtbot.waitUntil(lambda: tracking.fit.tracking.can_be_kept, timeout=SECONDS)
    qtbot.mouseClick(tracking.fit.tracking.panel.discard, Qt.MouseButton.LeftButton)
    assert not tracking.fit.tracking.is_there
    assert tracking.viewports.left.caption.text == ("doll", "Frame 1 of 3 · observed points")
    assert not (tmp_path / "data" / "npm-studio" / "runs").exists()
    assert tracking.actions_by_id["fit.start"].isEnabled()


def test_where_nobody_was_seen_there_is_nothing_to_keep(
    qtbot: QtBot, tracking: StudioWindow, tracker: Standing
) -> None:
    tracker.lost = {"000000", "000001", "000002"}
    tracker.step.release(3)
    qtbot.waitUntil(lambda: not tracking.fit.tracking.is_there, timeout=SECONDS)
    assert tracking.session.document.runs == []


def test_opening_another_model_ends_the_track_which_can_still_be_kept(
    qtbot: QtBot, tracking: StudioWindow, tracker: Standing, toy_folder: Path, tmp_path: Path
) -> None:
    tracker.step.release(1)
    qtbot.waitUntil(lambda: frame_on_show(tracking) == "000000", timeout=SECONDS)
    before = tracking.session.document.model
    tracking.files.open_model(Path(shutil.copytree(toy_folder, tmp_path / "other.npm")))
    qtbot.waitUntil(lambda: tracking.session.document.model is not before, timeout=SECONDS)
    tracker.step.release(1)
    qtbot.waitUntil(lambda: tracking.fit.tracking.can_be_kept, timeout=SECONDS)
    tracking.close()  # the track is over: there is nothing to stop
    assert list(present(tracking.closing.question).buttons_by_answer) == ["Keep", "Discard", "Cancel"]


def test_a_window_that_is_closed_asks_about_a_track_that_would_be_lost(
    qtbot: QtBot, tracking: StudioWindow, tracker: Standing
) -> None:
    tracker.step.release(1)
    qtbot.waitUntil(lambda: frame_on_show(tracking) == "000000", timeout=SECONDS)
    tracking.close()
    assert tracking.isVisible()
    question = present(tracking.closing.question)
    assert "not kept yet" in question.text()
    button = next(each for each in question.findChildren(QPushButton) if "Cancel" in each.text().replace("&", ""))
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert tracking.isVisible() and tracking.fit.tracking.is_running


def test_a_track_that_is_kept_on_closing_is_written_before_the_window_goes(
    qtbot: QtBot, tracking: StudioWindow, tracker: Standing, tmp_path: Path
) -> None:
    tracker.step.release(1)
    qtbot.waitUntil(lambda: frame_on_show(tracking) == "000000", timeout=SECONDS)
    tracking.close()
    question = present(tracking.closing.question)
    qtbot.mouseClick(present(question.defaultButton()), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: tracking.files.question is not None, timeout=SECONDS)
    present(tracking.files.question).answer("Discard")
    assert not tracking.isVisible()  # the user need not wait
    ended: list[bool] = []
    tracking.closed.connect(lambda: ended.append(True))
    tracker.step.release(1)
    qtbot.waitUntil(lambda: ended == [True], timeout=SECONDS)
    assert len(list((tmp_path / "data" / "npm-studio" / "runs").iterdir())) == 1


def test_a_source_that_is_none_is_explained_and_one_that_never_begins_can_be_given_up(
    qtbot: QtBot, studio_window: StudioWindow, tracker: Standing, tmp_path: Path
) -> None:
    studio_window.show_fit()
    file = tmp_path / "notes.txt"
    file.write_text("nothing")
    studio_window.fit.tracking.start(folder_being_written(file))
    qtbot.waitUntil(lambda: studio_window.error is not None, timeout=SECONDS)
    assert "is a file" in present(studio_window.error).sentence
    present(studio_window.error).close()
    assert not studio_window.fit.tracking.is_there
    assert studio_window.actions_by_id["fit.track"].isEnabled()
    (tmp_path / "empty").mkdir()
    studio_window.fit.tracking.start(folder_being_written(tmp_path / "empty"))
    qtbot.wait(100)
    studio_window.actions_by_id["fit.track_stop"].trigger()
    qtbot.waitUntil(lambda: not studio_window.fit.tracking.is_there, timeout=4000)
    qtbot.waitUntil(lambda: studio_window.error is None, timeout=SECONDS)


def test_the_question_what_to_track_offers_what_there_is(
    qtbot: QtBot, studio_window: StudioWindow, capture: Path, tracker: Standing
) -> None:
    studio_window.actions_by_id["fit.track"].trigger()
    dialog = present(studio_window.fit.tracking.dialog)
    assert not dialog.recording.isEnabled() and dialog.folder.isChecked()
    assert not present(dialog.start).isEnabled()
    dialog.reject()
    studio_window.files.open_sequence(capture)
    qtbot.waitUntil(lambda: studio_window.fit.observation is not None, timeout=SECONDS)
    studio_window.actions_by_id["fit.track"].trigger()
    dialog = present(studio_window.fit.tracking.dialog)
    assert dialog.recording.isChecked()
    assert dialog.pace.currentIndex() == int(torch.cuda.is_available())
    qtbot.mouseClick(present(dialog.start), Qt.MouseButton.LeftButton)
    assert studio_window.fit.tracking.is_running
    tracker.step.release(3)
    qtbot.waitUntil(lambda: studio_window.fit.tracking.can_be_kept, timeout=SECONDS)
    studio_window.fit.tracking.discard()
