"""Recordings of depth cameras in the application: opened, looked at, their subject isolated."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from engine.core.progress import Progress
from engine.models.checkpoint import load_model
from engine.models.networks.coordinates import CoordinateNetwork
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import load_depth_sequence, write_frame
from engine.sequences.isolation import Isolation
from engine.sequences.opening import open_subject
from engine.sequences.reader import registered_readers
from npm_studio.session.document import recording_look
from npm_studio.session.document.project import load_project
from npm_studio.session.document.recording_look import FrameLook, RecordingLook
from npm_studio.session.document.state import OpenRecording
from npm_studio.views.recording_sheet import RecordingSheet
from npm_studio.views.widgets.subject import SubjectPanel
from npm_studio.views.workspaces.fit import FitWorkspace
from tests.npm_studio.views.drops import drop
from tests.npm_studio.views.saving import save
from tests.npm_studio.views.sheets import answerable, asked, open_dropped
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support import capture_files as files
from tests.support.present import present
from tests.support.toy_model import toy_model

SECONDS = 30_000


@pytest.fixture
def recording(tmp_path: Path, depth_capture: Path) -> Path:
    """The doll in front of a wall, as an npz file that says nothing about where the camera is."""
    sequence = load_depth_sequence(depth_capture)
    depths = np.stack([sequence.depth_m(index) for index in range(len(sequence))])
    wall = float(depths.max()) + 0.6
    stored = np.rint(np.where(depths > 0, depths, wall) * 1000).astype(np.uint16)
    camera = sequence.camera
    matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    np.savez(tmp_path / "room.npz", depth=stored, K=matrix, depth_scale=1000.0)
    return tmp_path / "room.npz"


def opened(qtbot: QtBot, window: StudioWindow, recording: Path) -> FitWorkspace:
    """The workspace that shows ``recording`` once it was dropped on the window."""
    open_dropped(qtbot, window, recording)
    return window.fit


def test_the_subject_of_a_dropped_recording_is_isolated_on_request(
    qtbot: QtBot, studio_window: StudioWindow, recording: Path
) -> None:
    fit = opened(qtbot, studio_window, recording)
    whole = fit.observation
    assert whole is not None
    assert "estimated" in fit.subject.notes.text()
    assert not studio_window.session.is_fitting  # there is something to look at first
    assert studio_window.viewports.left.surroundings.count == 0

    fit.subject.surroundings.setChecked(True)
    qtbot.waitUntil(lambda: fit.observation is not whole, timeout=SECONDS)
    assert fit.observation is not None
    kept, removed = fit.observation.frame(0), studio_window.viewports.left.surroundings
    assert 0 < len(kept.points_world) < 0.5 * len(whole.frame(0).points_world)
    assert removed.count == len(whole.frame(0).points_world) - len(kept.points_world)
    assert len(studio_window.session.document.observations) == 1


def test_a_project_remembers_how_a_recording_was_isolated(
    qtbot: QtBot, studio_window: StudioWindow, recording: Path, tmp_path: Path
) -> None:
    fit = opened(qtbot, studio_window, recording)
    whole = fit.observation
    assert whole is not None
    far_m = round(whole.depth_range[1] - 0.3, 2)  # between the doll and the wall
    fit.subject.far.setValue(far_m)
    qtbot.waitUntil(lambda: fit.observation is not whole, timeout=SECONDS)
    save(qtbot, studio_window, tmp_path / "project")
    (opened_so,) = load_project(tmp_path / "project").state.recordings
    assert opened_so == OpenRecording(recording, CaptureOptions(isolation=Isolation(far_m=far_m)))

    studio_window.files.open_project(tmp_path / "project")
    isolated = fit.observation
    qtbot.waitUntil(lambda: fit.observation is not isolated and fit.observation is not None, timeout=SECONDS)
    assert fit.subject.far.value() == pytest.approx(far_m)


def test_a_choice_that_leaves_nothing_is_refused_and_the_recording_stays(
    qtbot: QtBot, studio_window: StudioWindow, recording: Path
) -> None:
    fit = opened(qtbot, studio_window, recording)
    whole = fit.observation
    with qtbot.waitSignal(studio_window.session.failed, timeout=SECONDS) as refusal:
        fit.subject.far.setValue(0.1)
    assert "nothing is left" in str(refusal.args[0])
    assert fit.observation is whole
    assert fit.subject.far.value() == 0.0  # "none" again
    qtbot.waitUntil(lambda: studio_window.error is not None, timeout=SECONDS)
    present(studio_window.error).close()
    qtbot.waitUntil(lambda: studio_window.error is None, timeout=SECONDS)


def test_a_wrong_unit_of_depth_is_corrected_in_the_panel(
    qtbot: QtBot, studio_window: StudioWindow, recording: Path
) -> None:
    fit = opened(qtbot, studio_window, recording)
    first = fit.observation
    assert first is not None
    fit.subject.scale.setValue(2000.0)
    qtbot.waitUntil(lambda: fit.observation is not first, timeout=SECONDS)
    assert fit.observation is not None
    assert fit.observation.depth_range[1] == pytest.approx(first.depth_range[1] / 2, rel=1e-3)


def test_a_recording_opened_without_a_model_is_placed_once_there_is_one(
    qtbot: QtBot, window: StudioWindow, recording: Path, toy_folder: Path
) -> None:
    fit = opened(qtbot, window, recording)
    alone = fit.observation
    assert alone is not None
    assert alone.sequence.camera_at(0)[1, 1] < -0.9  # upright: y of the camera is down
    window.session.document.timeline.seek(1)
    window.files.open_model(toy_folder)
    qtbot.waitUntil(lambda: fit.observation is not alone, timeout=SECONDS)
    assert fit.observation is not None
    placed = open_subject(recording, registered_readers(), CaptureOptions(), load_model(toy_folder))
    np.testing.assert_allclose(fit.observation.sequence.camera_at(0), placed.camera_at(0), atol=1e-5)
    assert fit.can_fit
    assert window.session.document.timeline.frame == 1
    assert len(window.session.document.observations) == 1


def test_notes_on_a_recording_speak_of_the_panel_and_not_of_the_command_line(
    qtbot: QtBot, studio_window: StudioWindow, recording: Path
) -> None:
    notes = asked(qtbot, studio_window, recording).subject.notes
    assert "does not fit into the model" in notes.text()
    assert "--" not in notes.text()


def bag_of(tmp_path: Path, *topics: str) -> Path:
    """A ROS bag with frames of each of ``topics``: three of the first, one more of each that follows."""
    messages = []
    for place, topic in enumerate(topics):
        beside = f"{topic.rsplit('/', 1)[0]}/camera_info"
        messages.append((beside, "sensor_msgs/CameraInfo", files.ros_camera_info()))
        for index, frame in enumerate(files.depth_frames(3 + place)):
            image = files.ros_image(files.stored(frame, 1000).astype("<u2"), "16UC1", index)
            messages.append((topic, "sensor_msgs/Image", image))
    (tmp_path / "two.bag").write_bytes(files.bag_bytes(messages))
    return tmp_path / "two.bag"


def name_stream(panel: SubjectPanel, name: str) -> None:
    line = present(panel.stream.lineEdit())
    line.setText(name)
    line.editingFinished.emit()


def test_the_second_camera_of_a_recording_is_chosen_in_the_panel_and_remembered(
    qtbot: QtBot, window: StudioWindow, tmp_path: Path
) -> None:
    fit = opened(qtbot, window, bag_of(tmp_path, "/left/depth/image", "/right/depth/image"))
    first = fit.observation
    assert first is not None and len(first) == 3
    assert "choose with “Depth stream”" in fit.subject.notes.text()
    choices = [fit.subject.stream.itemText(index) for index in range(fit.subject.stream.count())]
    assert choices == ["/left/depth/image", "/right/depth/image"]
    assert fit.subject.stream_row.isVisibleTo(fit) and fit.subject.stream.currentText() == ""
    name_stream(fit.subject, "/right/depth/image")
    qtbot.waitUntil(lambda: fit.observation is not first, timeout=SECONDS)
    assert fit.observation is not None and len(fit.observation) == 4
    assert fit.subject.stream.currentText() == "/right/depth/image"
    save(qtbot, window, tmp_path / "project")
    (opened_so,) = load_project(tmp_path / "project").state.recordings
    assert opened_so.capture == CaptureOptions(stream="/right/depth/image")


def test_where_a_fit_has_found_several_subjects_one_is_chosen_in_the_panel(qtbot: QtBot) -> None:
    panel = SubjectPanel()
    qtbot.addWidget(panel)
    panel.show_choice(CaptureOptions(), ())
    assert not panel.which_row.isVisibleTo(panel) and panel.notes.text() == ""
    panel.show_choice(CaptureOptions(), (), subjects=2)
    assert panel.which_row.isVisibleTo(panel)
    assert panel.notes.text().startswith("2 subjects were found; the one that shows most at first is followed")
    assert "“Which subject”" in panel.notes.text()
    with qtbot.waitSignal(panel.changed, timeout=SECONDS) as told:
        panel.which.setValue(2)
    assert told.args == [CaptureOptions(subject=2)]
    panel.show_choice(CaptureOptions(subject=2), ())
    assert panel.which_row.isVisibleTo(panel) and panel.which.value() == 2
    assert panel.notes.text() == ""


def test_recordings_of_one_camera_have_no_choice_of_streams(
    qtbot: QtBot, studio_window: StudioWindow, recording: Path
) -> None:
    fit = opened(qtbot, studio_window, recording)
    assert not fit.subject.stream_row.isVisibleTo(fit)


def troubled(qtbot: QtBot, window: StudioWindow, recording: Path) -> RecordingSheet:
    """The sheet of a ``recording`` that cannot be opened as it is."""
    drop(window, recording)
    sheets = window.files.sheets
    qtbot.waitUntil(lambda: sheets.sheet is not None and sheets.sheet.isVisible(), timeout=SECONDS)
    sheet = present(sheets.sheet)
    qtbot.waitUntil(lambda: sheet.subject.notes.text() != "", timeout=SECONDS)
    assert window.error is None and not sheet.open_button.isEnabled() and not sheet.fit_button.isEnabled()
    return sheet


def test_a_recording_that_cannot_be_opened_without_a_name_asks_for_it_in_the_sheet(
    qtbot: QtBot, window: StudioWindow, tmp_path: Path
) -> None:
    sheet = troubled(qtbot, window, bag_of(tmp_path, "/a/image", "/b/image"))
    assert sheet.subject.stream_row.isVisibleTo(sheet)
    assert "has no depth topic" in sheet.subject.notes.text()
    assert "name one that is depth with “Depth stream”" in sheet.subject.notes.text()
    name_stream(sheet.subject, "/b/image")
    answerable(qtbot, window).open_button.click()
    assert len(present(window.fit.observation)) == 4


def test_a_recording_of_an_unknown_unit_asks_for_it_in_the_sheet(
    qtbot: QtBot, window: StudioWindow, tmp_path: Path
) -> None:
    np.savez(tmp_path / "a.npz", depth=(files.depth_frames() * 12).astype(np.uint16), K=files.K)
    sheet = troubled(qtbot, window, tmp_path / "a.npz")
    assert "The recording does not state its unit of depth" in sheet.subject.notes.text()
    sheet.subject.scale.setValue(12.0)
    assert sheet.subject.example.text() == "At 12 units per metre, 1234 in the file is 102.8 m."
    answerable(qtbot, window).open_button.click()
    assert present(window.fit.observation).depth_range[1] == pytest.approx(2.0, abs=0.2)


def test_images_without_intrinsics_are_opened_with_a_guess_that_can_be_corrected(
    qtbot: QtBot, window: StudioWindow, tmp_path: Path
) -> None:
    folder = tmp_path / "bare"
    folder.mkdir()
    for number, frame in enumerate(files.depth_frames()):
        write_frame(folder / f"{number:04d}.png", frame)
    height, width = files.depth_frames()[0].shape
    sheet = asked(qtbot, window, folder)
    focal = round(width / 2 / np.tan(np.radians(30)), 1)
    assert sheet.intrinsics.is_guess and "A guess" in sheet.intrinsics.said.text()
    assert sheet.intrinsics.stated == f"{focal:g},{focal:g},{width / 2:g},{height / 2:g}"
    sheet.intrinsics.numbers["fx"].setValue(400.0)
    assert not sheet.intrinsics.is_guess
    look = sheet._look
    qtbot.waitUntil(lambda: sheet._look is not look and sheet.open_button.isEnabled(), timeout=SECONDS)
    sheet.open_button.click()
    assert present(window.fit.observation).sequence.camera.fx == 400.0


def test_nothing_is_opened_by_a_sheet_that_is_cancelled_and_several_are_asked_about_one_by_one(
    qtbot: QtBot, window: StudioWindow, recording: Path, capture: Path
) -> None:
    sheet = asked(qtbot, window, recording, capture)
    assert sheet.windowTitle() == "Open recording 1 of 2"
    sheet.reject()
    qtbot.waitUntil(lambda: window.files.sheets.sheet is not sheet)
    second = answerable(qtbot, window)
    assert (second.path, second.windowTitle()) == (capture, "Open recording 2 of 2")
    assert window.session.document.observations == []
    second.open_button.click()
    assert [each.sequence.root for each in window.session.document.observations] == [capture]
    assert window.files.sheets.sheet is None and window.session.document.undo_name == "Open doll"


def test_a_sheet_waits_until_another_question_is_answered(qtbot: QtBot, window: StudioWindow, capture: Path) -> None:
    window.files._ask("Is it late?", "", {"Yes": lambda: None})
    sheet = asked(qtbot, window, capture)
    qtbot.wait(500)
    assert not sheet.isVisible()
    present(window.files.question).answer("Yes")
    qtbot.waitUntil(sheet.isVisible, timeout=SECONDS)
    sheet.open_button.click()


def test_colours_of_depth_span_the_subject_that_the_model_sees(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def doll(look: RecordingLook, *_: object) -> tuple[FrameLook, ...]:
        return tuple(replace(frame, kept=frame.depth_m < frame.depth_m.max() - 0.3) for frame in look.frames)

    monkeypatch.setattr(recording_look, "_by_network", doll)
    monkeypatch.setattr(recording_look, "looks_like_another", lambda *_: None)
    network = SimpleNamespace(config=SimpleNamespace(upright=False))
    model = replace(toy_model(), coordinate_network=cast(CoordinateNetwork, network))
    seen = present(recording_look.look_at(recording, CaptureOptions(), model, Progress()).observation)
    assert seen.colour_range[1] < seen.depth_range[1] - 0.3


def test_the_range_of_depth_is_dragged_in_the_histogram(
    qtbot: QtBot, studio_window: StudioWindow, recording: Path
) -> None:
    sheet = asked(qtbot, studio_window, recording)
    histogram, look = sheet.histogram, present(sheet._look)
    far = float(np.quantile(look.frames[0].depth_m, 0.999)) - 0.3  # between the doll and the wall
    y, button = histogram.height() // 2, Qt.MouseButton.LeftButton
    start, end = (QPoint(round(histogram.x_of(depth)), y) for depth in (100.0, far))
    qtbot.mousePress(histogram, button, pos=start)
    qtbot.mouseMove(histogram, end)
    qtbot.mouseRelease(histogram, button, pos=end)
    qtbot.waitUntil(lambda: sheet._look is not look and present(sheet._look).observation is not None, timeout=SECONDS)
    assert sheet.subject.far.value() == pytest.approx(far, abs=0.1)
    frame = present(sheet._look).frames[0]
    assert 0 < frame.kept.sum() < 0.5 * (frame.depth_m > 0).sum()


def test_a_model_of_other_sizes_than_what_is_seen_is_warned_of_before_the_fit(
    qtbot: QtBot, studio_window: StudioWindow, recording: Path
) -> None:
    sheet = asked(qtbot, studio_window, recording)
    assert sheet.checks.model.text().startswith("toy")
    sheet.subject.scale.setValue(20000.0)
    qtbot.waitUntil(lambda: sheet.fit_button.text() == "Fit anyway", timeout=SECONDS)
    line = sheet.checks.lines[-1].text()
    assert "The subject measures" in line and "correct “Depth units per metre”" in line
