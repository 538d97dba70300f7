from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PyQt6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from npm_studio.session.document.explorer import Codes
from npm_studio.session.live import mesher
from npm_studio.session.live.mesher import Mesher
from npm_studio.session.live.request import MeshReply
from npm_studio.views.widgets.slider import BarSlider
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

Fine = Callable[..., None]


def vertices(window: StudioWindow) -> np.ndarray:
    return window.viewports.left.mesh.vertices.copy()


def drag(qtbot: QtBot, slider: BarSlider, value: int, release: bool = True) -> None:
    """With the mouse, from where the handle is."""
    middle = slider.height() // 2
    start, end = (QPoint(round(slider.x_of(v)), middle) for v in (slider.value(), value))
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=start)
    for share in (0.4, 0.7, 1.0):
        qtbot.mouseMove(slider, QPoint(round(start.x() + share * (end.x() - start.x())), middle))
    assert abs(slider.value() - value) < 10
    if release:
        qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=end)


def test_dragging_a_shape_slider_changes_the_mesh(qtbot: QtBot, studio_window: StudioWindow, fine: Fine) -> None:
    before = vertices(studio_window)
    slider = studio_window.explore.shape.sliders[0]
    fine(studio_window, lambda: drag(qtbot, slider.slider, -150))
    after = vertices(studio_window)
    assert len(after) != len(before) or np.abs(after - before).max() > 0.01
    assert slider.readout == f"{slider.slider.value() / 100:+.2f} σ".replace("-", "−")
    assert studio_window.badge.text == "Fine"


def test_a_shape_is_previewed_before_the_fine_mesh_comes(
    qtbot: QtBot, fine: Fine, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr(mesher, "SHAPE_BUDGET_MS", 0.0)  # a fast machine makes the fine mesh in no time
    window: StudioWindow = request.getfixturevalue("studio_window")
    qualities: list[str] = []
    window.session.meshes_ready.connect(lambda reply: qualities.append(reply.quality.name))
    fine(window, lambda: drag(qtbot, window.explore.shape.sliders[1].slider, -150))
    assert qualities[-1] == "FINE"
    assert "PREVIEW" in qualities


def test_dragging_a_pose_slider_moves_the_vertices_and_keeps_the_topology(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine
) -> None:
    mesh = studio_window.viewports.left.mesh
    before, faces = vertices(studio_window), mesh.faces
    changed: list[bool] = []
    studio_window.session.meshes_ready.connect(lambda reply: changed.append(reply.meshes[0].faces is not faces))
    fine(studio_window, lambda: drag(qtbot, studio_window.explore.pose.sliders[0].slider, 200))
    assert mesh.faces is faces
    assert not any(changed)
    assert np.abs(vertices(studio_window) - before).max() > 0.01


def test_the_mesh_follows_while_the_slider_is_held(qtbot: QtBot, studio_window: StudioWindow) -> None:
    slider = studio_window.explore.pose.sliders[0].slider
    before = vertices(studio_window)
    drag(qtbot, slider, 220, release=False)
    qtbot.waitUntil(lambda: bool(np.abs(vertices(studio_window) - before).max() > 0.01), timeout=10_000)
    assert slider.isSliderDown()
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton)


def test_what_the_viewport_draws_is_the_mesh_of_the_codes(studio_window: StudioWindow) -> None:
    shown = np.asarray(studio_window.viewports.left.mesh.data.points)
    np.testing.assert_array_equal(shown, vertices(studio_window))


def test_codes_without_a_surface_are_named_as_such(studio_window: StudioWindow, fine: Fine) -> None:
    fine(studio_window, lambda: studio_window.explore.shape.sliders[0].slider.setValue(300))
    assert not studio_window.viewports.left.mesh.is_visible
    assert studio_window.badge.text == "No surface"
    fine(studio_window, studio_window.explore.reset_shape)
    assert studio_window.viewports.left.mesh.is_visible
    assert studio_window.badge.text == "Fine"


def test_randomise_and_reset_change_the_codes_and_the_readouts(studio_window: StudioWindow, fine: Fine) -> None:
    for space in ("shape", "pose"):
        sliders = getattr(studio_window.explore, space).sliders
        fine(studio_window, studio_window.actions_by_id[f"edit.random_{space}"].trigger)
        assert any(slider.readout != "0.00 σ" for slider in sliders)
        fine(studio_window, studio_window.actions_by_id[f"edit.reset_{space}"].trigger)
        assert all(slider.readout == "0.00 σ" for slider in sliders)


def test_a_double_click_sets_a_slider_back(qtbot: QtBot, studio_window: StudioWindow, fine: Fine) -> None:
    slider = studio_window.explore.shape.sliders[0]
    fine(studio_window, lambda: slider.slider.setValue(120))
    fine(studio_window, lambda: qtbot.mouseDClick(slider.slider, Qt.MouseButton.LeftButton))
    assert slider.readout == "0.00 σ"


def test_undo_brings_the_mesh_back_and_redo_takes_it_away_again(studio_window: StudioWindow, fine: Fine) -> None:
    before = vertices(studio_window)
    undo, redo = (studio_window.actions_by_id[f"edit.{name}"] for name in ("undo", "redo"))
    assert not undo.isEnabled()
    fine(studio_window, lambda: studio_window.explore.shape.sliders[0].slider.setValue(150))
    after = vertices(studio_window)
    studio_window.refresh_actions()
    fine(studio_window, undo.trigger)
    np.testing.assert_allclose(vertices(studio_window), before, atol=1e-4)
    fine(studio_window, redo.trigger)
    np.testing.assert_allclose(vertices(studio_window), after, atol=1e-4)


def test_clicking_an_identity_shows_it_and_opens_its_poses(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine
) -> None:
    library = studio_window.library.identities
    item = library.item(2)
    assert item is not None

    def click() -> None:
        place = library.visualItemRect(item).center()
        qtbot.mouseClick(library.viewport(), Qt.MouseButton.LeftButton, pos=place)

    fine(studio_window, click)
    assert studio_window.viewports.left.caption.text[0] == "Stout"
    branch = studio_window.library.poses.topLevelItem(3)
    assert branch is not None
    assert branch.text(0) == "Stout"
    assert branch.isExpanded()


def test_clicking_a_frame_poses_the_shape_and_gives_its_sequence_to_the_timeline(
    studio_window: StudioWindow, fine: Fine
) -> None:
    before = studio_window.session.document.state.explore
    fine(studio_window, lambda: studio_window.library.frame_chosen.emit(8))  # second doll, bend, frame 2
    after = studio_window.session.document.state.explore
    assert after.shape is before.shape
    timeline = studio_window.session.document.timeline
    assert (timeline.frame_count, timeline.frame) == (3, 2)
    assert "Bend, frame 3 of Small" in studio_window.viewports.left.caption.text[1]


def test_a_random_pose_is_no_frame_of_the_sequence_that_it_was_taken_from(
    studio_window: StudioWindow, fine: Fine
) -> None:
    window, bar = studio_window, studio_window.timeline
    fine(window, lambda: window.library.frame_chosen.emit(8))
    assert bar.readout.text() == "3 / 3"
    fine(window, window.explore.randomise_pose)
    assert bar.readout.text() == "– / 3" and "no frame" in bar.readout.toolTip()
    fine(window, bar.slider.sliderReleased.emit)
    assert bar.readout.text() == "3 / 3" and window.session.document.state.explore.row == 8
    fine(window, window.explore.randomise_pose)
    fine(window, window.session.document.undo)
    assert bar.readout.text() == "3 / 3"


def test_playing_a_training_sequence_moves_the_figure(qtbot: QtBot, studio_window: StudioWindow) -> None:
    seen: set[int] = set()
    studio_window.session.document.timeline.frame_changed.connect(seen.add)
    before = vertices(studio_window)
    qtbot.keyClick(studio_window, Qt.Key.Key_Space)
    assert studio_window.session.document.timeline.playing
    qtbot.waitUntil(lambda: len(seen) >= 2, timeout=10_000)
    qtbot.waitUntil(lambda: bool(np.abs(vertices(studio_window) - before).max() > 0.005), timeout=10_000)
    qtbot.keyClick(studio_window, Qt.Key.Key_Space)
    assert not studio_window.session.document.timeline.playing


def test_playback_tells_the_live_thread_what_comes_next(
    qtbot: QtBot, studio_window: StudioWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, explorer = studio_window.session, studio_window.explore.explorer
    assert explorer is not None
    asked: list[tuple[Codes, ...]] = []
    monkeypatch.setattr(session, "request", lambda codes, settled, ahead: asked.append((*codes, *ahead)))
    studio_window.library.frame_chosen.emit(6)  # second doll, bend, frame 0
    assert len(asked[-1]) == 1
    qtbot.keyClick(studio_window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(asked[-1]) > 1, timeout=10_000)
    qtbot.keyClick(studio_window, Qt.Key.Key_Space)
    codes = explorer.model.pose_codes
    assert codes is not None
    rows = [next(row for row in (6, 7, 8) if torch.equal(codes[row], present(one.pose))) for one in asked[-1]]
    start = rows[0]
    assert rows == [start, 6 + (start - 5) % 3, 6 + (start - 4) % 3]


def test_what_the_live_thread_has_to_say_is_in_the_status_bar(studio_window: StudioWindow, fine: Fine) -> None:
    make = Mesher.make

    def make_and_say(*arguments: object) -> MeshReply:
        return replace(make(*arguments), notice="Memory is short.")  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mesher, "make", make_and_say)
        fine(studio_window, studio_window.explore.randomise_pose)
    assert present(studio_window.statusBar()).currentMessage() == "Memory is short."


def test_the_filter_leaves_matching_names(studio_window: StudioWindow) -> None:
    studio_window.library.search.setText("lea")
    identities = studio_window.library.identities
    items = [present(identities.item(i)) for i in range(identities.count())]
    assert [item.text() for item in items if not item.isHidden()] == ["Lean"]


def test_the_timeline_goes_from_one_identity_to_another(studio_window: StudioWindow, fine: Fine) -> None:
    interpolate, timeline = studio_window.interpolate, studio_window.session.document.timeline
    fine(studio_window, studio_window.show_interpolate)
    fine(studio_window, lambda: interpolate.identity_chosen(1))
    interpolate.cards.picked.emit(1)
    interpolate.identity_chosen(2)
    widths = []
    for frame in (1, 30, 60):
        fine(studio_window, lambda frame=frame: timeline.seek(frame))
        widths.append(np.ptp(vertices(studio_window)[:, 0]))
    assert widths[0] < widths[1] < widths[2]  # "small" has shorter arms than "stout"
    assert studio_window.viewports.left.caption.text == ("Small  →  Stout", "100% of the way · 2.00 s of 2.00 s")
    fine(studio_window, lambda: timeline.seek(75))
    assert studio_window.viewports.left.caption.text[1] == "75% of the way · 1.50 s of 2.00 s, going back"


@pytest.mark.parametrize(("space", "keeps_faces"), [(0, False), (1, True)])
def test_interpolating_the_pose_alone_keeps_the_shape(
    studio_window: StudioWindow, fine: Fine, space: int, keeps_faces: bool
) -> None:
    fine(studio_window, studio_window.show_interpolate)
    fine(studio_window, lambda: studio_window.interpolate.spaces.button(space).click())
    faces = studio_window.viewports.left.mesh.faces
    fine(studio_window, lambda: studio_window.session.document.timeline.seek(50))
    assert (studio_window.viewports.left.mesh.faces is faces) is keeps_faces


def test_transfer_shows_two_identities_in_the_same_pose(studio_window: StudioWindow, fine: Fine) -> None:
    fine(studio_window, studio_window.show_transfer)
    viewports = studio_window.viewports
    assert viewports.is_split
    assert [view.caption.text[0] for view in viewports.views] == ["Tall", "Lean"]
    straight = [view.mesh.vertices.copy() for view in viewports.views]
    fine(studio_window, lambda: studio_window.library.frame_chosen.emit(2))  # bend, frame 2
    for view, before in zip(viewports.views, straight, strict=True):
        assert view.caption.text[1] == "Bend, frame 3"
        assert np.abs(view.mesh.vertices - before).max() > 0.05
    fine(studio_window, lambda: studio_window.library.identity_chosen.emit(2))
    assert viewports.left.caption.text[0] == "Stout"


def test_leaving_a_workspace_forgets_meshes_that_were_asked_for_in_it(
    qtbot: QtBot, studio_window: StudioWindow
) -> None:
    studio_window.explore.randomise_shape()
    studio_window.show_fit()
    assert studio_window.viewports.invitation.title == "Drop a depth recording here"
    with qtbot.assertNotEmitted(studio_window.session.meshes_ready, wait=400):
        pass
    assert not studio_window.viewports.left.mesh.is_visible
