"""What a run says of itself, in the window: verdict, reason, and each frame on the timeline."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PyQt6.QtGui import QColor
from pytestqt.qtbot import QtBot

from engine.methods.method import FitResult
from engine.methods.request import FitRequest
from engine.methods.run import Run, RunInputs, frame_records, load_run, save_run
from engine.sequences.depth_sequence import save_depth_sequence
from npm_studio.session.document.observation import box_of
from npm_studio.session.jobs import fitting
from npm_studio.views.theme import DARK, LIGHT, Theme
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present
from tests.support.walking_ball import CAMERA, RATE, Tells, TellsConfig, ball_depths, ball_meshes

SECONDS = 30_000


def a_run(folder: Path, sequence: Path, lost: Sequence[int], **changed: object) -> Run:
    """Of the walking ball, three frames long, with what it says of itself."""
    meshes = ball_meshes(3)
    records = [
        replace(frame, confidence=0.9, lost=False, mean_distance_mm=6.0)
        if row not in lost
        else replace(frame, confidence=0.1, lost=True, mean_distance_mm=60.0)
        for row, frame in enumerate(frame_records(meshes))
    ]
    run = Run(folder, "tells", RunInputs(sequence), meshes, tuple(records), {"total": 1.0})
    save_run(replace(run, **changed))  # type: ignore[arg-type]
    return load_run(folder)


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    folder = tmp_path / "captures" / "ball"
    save_depth_sequence(folder, ball_depths(3, empty=[1]), CAMERA, np.eye(4), RATE)
    return folder


@pytest.fixture
def runs(ball: Path) -> list[Run]:
    """A good one, a poor one with a lost frame, and one of a program that gave no verdict."""
    folder = ball.parent / "runs"
    good = a_run(folder / "a-good", ball, (), verdict="good", reason="what was seen lies 6 mm from the fit")
    side = {"side": {"word": "left", "fitted": "left", "how": "by the network, 20 to 1"}}
    poor = a_run(folder / "b-poor", ball, (1,), verdict="poor", reason="1 of the 3 frames is lost", details=side)
    silent = Run(
        folder / "c-old",
        "tells",
        good.inputs,
        good.meshes,
        tuple(replace(frame, confidence=None, lost=None, mean_distance_mm=None) for frame in good.frames),
        {"total": 1.0},
    )
    save_run(silent)
    return [good, poor, load_run(silent.folder)]


def show(qtbot: QtBot, window: StudioWindow, run: Run) -> None:
    window.files.open_path(run.folder)
    qtbot.waitUntil(lambda: window.fit.run is not None and window.fit.run.folder == run.folder, timeout=SECONDS)


def test_a_run_on_show_has_its_verdict_and_reason_beside_the_list(
    qtbot: QtBot, window: StudioWindow, runs: list[Run]
) -> None:
    note = window.fit.runs.verdict
    show(qtbot, window, runs[0])
    assert note.isVisibleTo(window)
    assert note.reason.text() == "What was seen lies 6 mm from the fit."
    assert not note.lost.isVisibleTo(window) and not note.side.isVisibleTo(window)
    assert window.badge.text == "Good fit"
    show(qtbot, window, runs[1])
    assert note.lost.text() == "Lost: 000001 (1 of 3 frames)."
    assert note.side.text() == "Side: left, by the network, 20 to 1." and note.side.isVisibleTo(window)
    assert window.badge.text == "Poor fit"
    show(qtbot, window, runs[2])
    assert not note.isVisibleTo(window)
    assert window.badge.text == "Fitted"
    assert [card.verdict for card in window.fit.runs.cards] == ["good", "poor", None]
    assert [card.state for card in window.fit.runs.cards] == ["", "1 of 3 frames lost", ""]
    assert window.fit.runs.cards[0].figures == "6.0 mm · took 1 s"


def test_the_timeline_shows_distance_confidence_and_lost_frames_of_the_run_on_show(
    qtbot: QtBot, window: StudioWindow, runs: list[Run]
) -> None:
    timeline, track = window.session.document.timeline, window.timeline.track
    assert not track.isVisible()
    show(qtbot, window, runs[1])
    assert track.isVisible()
    assert [present(fit).lost for fit in timeline.fits] == [False, True, False]
    assert track.limit_mm == pytest.approx(10.0)  # by the frames that are not lost
    assert track.frame_at(track.width()) == 2
    assert track.words_of(1).startswith("Frame 2: 60 mm from what was seen · confidence 0.10 · lost\n")
    meshes = present(window.fit._meshes)  # in a lost frame the subject is where it was, for the room to stay as it is
    np.testing.assert_array_equal(present(window.fit._subject_near(meshes, 1)), box_of(meshes.read(0).vertices))
    assert window.fit._subject_near(meshes, 2) is None
    window.session.document.timeline.seek(1)
    assert "60 mm from what was seen · confidence 0.10 · lost" in window.viewports.left.caption.text[1]
    show(qtbot, window, runs[2])
    assert not track.isVisible()  # it says nothing of its frames
    window.fit.runs.list.setCurrentRow(0)
    qtbot.waitUntil(track.isVisible)
    window.show_explore()
    assert not track.isVisible()


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_lost_frames_and_verdicts_have_the_colours_of_the_theme(
    qtbot: QtBot, window: StudioWindow, runs: list[Run], theme: Theme
) -> None:
    window.set_dark(theme is DARK)
    show(qtbot, window, runs[1])
    qtbot.wait(50)
    track = window.timeline.track
    picture = track.grab().toImage()
    scale = picture.width() / track.width()
    middle = round(track.x_of(1) * scale)
    column = {picture.pixelColor(middle, y).name() for y in range(picture.height())}
    assert theme.bad in column
    badge = present(window.fit.runs.list.card(0)).badge.grab().toImage()
    wanted = QColor(theme.warn)
    colours = [badge.pixelColor(x, y) for x in range(badge.width()) for y in range(badge.height())]
    assert any(abs(one.hue() - wanted.hue()) < 4 and abs(one.value() - wanted.value()) < 8 for one in colours)


@pytest.mark.parametrize("wanted", [False, True])
def test_lost_frames_are_filled_when_the_box_is_checked(
    qtbot: QtBot, window: StudioWindow, runs: list[Run], monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    show(qtbot, window, runs[0])
    result = FitResult(ball_meshes(3), np.array([0.9, 0.1, 0.9]), lost_below=0.5)
    asked = fitting.fit_request

    def told(*arguments: Any) -> FitRequest:
        return replace(asked(*arguments), method=Tells(result), config=TellsConfig(), model=None)

    monkeypatch.setattr("npm_studio.views.workspaces.starting_fits.fit_request", told)
    monkeypatch.setattr("npm_studio.views.workspaces.starting_fits.what_to_do_first", lambda *_: "")
    window.fit.fill_lost.setChecked(wanted)
    window.fit.start()
    qtbot.waitUntil(lambda: window.fit.run not in (None, runs[0]), timeout=SECONDS)
    assert [frame.filled for frame in present(window.fit.run).frames] == [False, wanted, False]
    assert "Verdict: good." in window.fit.progress.detail.text()


def test_frames_in_which_nothing_is_seen_are_shown_as_they_are(
    qtbot: QtBot, window: StudioWindow, runs: list[Run]
) -> None:
    show(qtbot, window, runs[0])
    window.session.document.timeline.pause()
    counts = []
    for frame in range(3):
        window.session.document.timeline.seek(frame)
        counts.append(window.viewports.left.points.count)
    assert counts[0] > 100 and counts[1] == 0 and counts[2] > 100


def test_on_a_small_screen_the_verdict_keeps_its_height(qtbot: QtBot, window: StudioWindow, runs: list[Run]) -> None:
    window.resize(1024, 640)
    show(qtbot, window, runs[1])
    panel = window.fit.runs
    qtbot.waitUntil(lambda: panel.verdict.height() >= panel.verdict.heightForWidth(panel.verdict.width()))
    assert panel.verdict.y() >= panel.list.y() + panel.list.height()
    assert panel.list.height() >= panel.list.minimumHeight()
