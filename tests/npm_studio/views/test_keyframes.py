"""Interpolation through keyframes, and transfer onto several bodies, by what a person does."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QDropEvent, QFontMetrics, QGuiApplication
from PyQt6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from npm_studio.session.document.bookmarks import with_bookmark
from npm_studio.session.document.state import Exploration, Interpolation, Keyframe
from npm_studio.session.document.timeline import Timeline
from npm_studio.views.widgets.body_cards import BodyCard
from npm_studio.views.widgets.dragged import Dragged
from npm_studio.views.widgets.key_track import KeyTrack
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

Fine = Callable[..., None]


def drop(card: BodyCard, what: Dragged) -> None:
    mime, copy = what.to_mime(), Qt.DropAction.CopyAction
    button, modifiers = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    card.dropEvent(QDropEvent(QPointF(5, 5), copy, mime, button, modifiers))


def test_the_chosen_keyframe_and_both_ends_say_their_times_before_others_that_have_no_room(qapp: QApplication) -> None:
    track = KeyTrack(Timeline())  # a pixel for each frame
    keys = tuple(Keyframe(time_s, Exploration()) for time_s in (0.0, 1.8, 2.0, 2.2, 4.0))
    metrics = QFontMetrics(track.font())
    for card in (0, 2, 3):
        track.show_keys(Interpolation(keys=keys, card=card))
        labels = track.labels(metrics)
        assert {card, 0, 4} <= labels.keys()
        ends = [(left, left + metrics.horizontalAdvance("0.00 s")) for left in sorted(labels.values())]
        assert all(end < start for (_, end), (start, _) in pairwise(ends))


def test_keyframes_are_added_dragged_timed_and_deleted_by_named_steps(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, document, work = studio_window, studio_window.session.document, studio_window.interpolate
    fine(window, window.show_interpolate)
    assert work.track.isVisible()
    document.timeline.seek(15)
    qtbot.keyClick(window, Qt.Key.Key_K)
    assert [key.time_s for key in work.now.keys] == [0.0, 0.5, 2.0]
    assert document.undo_name == "Add Keyframe"
    assert work.now.card == 1

    # bodies are dropped onto its card, and shown: a training identity, a pose, a bookmark
    document.timeline.seek(40)
    drop(work.cards.cards[1], Dragged("identity", 2))
    assert work.now.frame == 15
    assert work.now.keys[1].body.shape_name == "Stout"
    drop(work.cards.cards[1], Dragged("pose", -1))
    assert work.now.keys[1].body.pose is None
    assert document.undo_name == "Pose of Keyframe 2"
    document.change("Add Bookmark", with_bookmark(document.state, "Mine", document.state.explore))
    drop(work.cards.cards[1], Dragged("bookmark", 0))
    assert work.now.keys[1].body == document.state.explore

    # its diamond is dragged to another time, which is one step
    place = work.track.place_of(0.5).toPoint()
    second = work.track.place_of(1.5).toPoint().x() - place.x()
    qtbot.mousePress(work.track, Qt.MouseButton.LeftButton, pos=place)
    for share in (0.25, 0.5):
        qtbot.mouseMove(work.track, place + QPoint(round(share * second), 0))
    qtbot.mouseRelease(work.track, Qt.MouseButton.LeftButton)
    assert work.now.keys[1].time_s == pytest.approx(1.0, abs=0.05)
    assert document.timeline.frame == work.now.frame == round(30 * work.now.keys[1].time_s)
    document.undo()
    assert work.now.keys[1].time_s == 0.5
    work.cards.cards[1].time.setValue(1.5)
    assert work.now.keys[1].time_s == 1.5
    assert document.undo_name == "Move Keyframe"

    # the command line needs a file for a body without a name, and names the others
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "keys.npz"), ""))
    work.add_explore()
    window.actions_by_id["edit.copy_command"].trigger()
    clipboard = present(QGuiApplication.clipboard())
    assert clipboard.text().startswith("npm-studio interpolate --model ")
    work.cards.cards[1].remove.click()
    work.track.removed.emit(1)
    assert len(work.now.keys) == 2
    assert not work.cards.cards[0].remove.isVisible()
    fine(window, work.reverse)
    assert document.undo_name == "Reverse Keyframes"
    window.show_explore()
    assert not work.track.isVisible()


def test_constant_speed_is_measured_in_the_background_and_moves_the_surface_evenly(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine
) -> None:
    window, work = studio_window, studio_window.interpolate
    fine(window, window.show_interpolate)
    work.cards.timed.emit(1, 0.3)
    work.spaces.button(1).click()
    work.even.click()
    assert work.speed.words == "Measuring movement…"
    qtbot.waitUntil(lambda: work.speed.times is not None, timeout=60_000)
    times = present(work.speed.times)
    assert (len(times), times[0], times[-1]) == (10, 0.0, pytest.approx(0.3))
    assert "mm from frame to frame" in work._speed_note.text()
    window.session.document.undo()
    assert work.speed.times is None

    # what nobody wants any more is not measured to its end
    work.cards.timed.emit(1, 60.0)
    work.even.click()
    qtbot.waitUntil(lambda: "pass 1" in work._speed_note.text(), timeout=20_000)
    work.even.click()
    assert work._speed_note.isHidden()
    qtbot.waitUntil(lambda: not window.session.jobs.is_busy("measure"), timeout=20_000)


def test_a_transfer_shows_up_to_four_bodies_in_the_pose_of_explore_or_of_a_run(
    qtbot: QtBot, studio_window: StudioWindow, fitted_run: Path, fine: Fine
) -> None:
    window, document, work = studio_window, studio_window.session.document, studio_window.transfer
    window.files.open_run(fitted_run)
    qtbot.waitUntil(lambda: window.fit.run is not None, timeout=20_000)
    fine(window, window.show_transfer)
    fine(window, work.add_identity)
    fine(window, work.add_explore)
    assert len(window.viewports.views) == 4
    assert not work.add.isEnabled()
    assert [view.caption.text[0] for view in window.viewports.views][2:] == ["Small", "Tall"]
    before = [view.mesh.vertices.copy() for view in window.viewports.views]
    fine(window, lambda: work.run_chosen(document.state.runs[0].folder))
    assert document.undo_name == "Poses of a Run"
    assert document.timeline.frame_count == 3
    assert work.pose_card.cards[0].title.text() == "Frame 1 of 3"
    assert work.pose_card.cards[0].detail.text() == "Fit run"
    fine(window, lambda: document.timeline.seek(2))
    assert document.state.transfer.frame == 2
    for view, old in zip(window.viewports.views, before, strict=True):
        assert len(view.mesh.vertices) == len(old)
        assert np.abs(view.mesh.vertices - old).max() > 0.01

    # bodies go where the subject of the run went, and the whole way is in view
    run = document.state.runs[0].folder
    walk = np.repeat(np.eye(4)[None], 3, axis=0)
    walk[:, 0, 3] = -1.0, 0.0, 1.0
    work._walked = present(document.run_at(run)), walk
    fine(window, lambda: document.timeline.seek(0))
    first = [view.mesh.vertices.copy() for view in window.viewports.views]
    fine(window, lambda: document.timeline.seek(2))
    for view, old in zip(window.viewports.views, first, strict=True):
        assert view.mesh.vertices[:, 0].mean() - old[:, 0].mean() == pytest.approx(2.0, abs=0.2)
        low, high = present(view.visible_bounds())
        assert low[0] < -1.0 and high[0] > 1.0
    drop(work.cards.cards[0], Dragged("run", 0))
    assert document.state.transfer.bodies[0].shape_name == "run"
    fine(window, work.take_explore_pose)
    assert document.state.transfer.run is None
    work.cards.cards[0].remove.click()
    work.cards.cards[0].remove.click()
    assert len(window.viewports.views) == 2
    window.actions_by_id["edit.copy_command"].trigger()
    assert "--pose-from tall" in present(QGuiApplication.clipboard()).text()
