"""What the cameras do without being asked: everything in view, past the inset, and a ground of the right size."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PyQt6 import sip
from pytestqt.qtbot import QtBot

from npm_studio.session.document.view_state import CameraState
from npm_studio.views import viewport_area
from npm_studio.views.framing import (
    Room,
    below,
    box_among,
    camera_for,
    in_sight,
    meet,
    rooms_beside,
    seen_in,
    short_of_pole,
)
from npm_studio.views.session import Session
from npm_studio.views.viewport import Viewport
from tests.npm_studio.views.studio_window import StudioWindow
from tests.npm_studio.views.test_display import Fine, toggle

ANGLE = 28.0
TALL = np.array([[-0.3, 0.0, -0.2], [0.3, 1.8, 0.2]])
WIDE = np.array([[-0.9, 0.0, -0.2], [0.9, 1.7, 0.2]])
HAND = np.array([[-0.08, 0.0, -0.04], [0.08, 0.19, 0.04]])
DIRECTIONS = [(0.34, 0.1, 1.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.34, 1.0, 1.0), (0.0, 1.0, 0.0)]


def corners_of(bounds: np.ndarray) -> np.ndarray:
    """(8, 3) of a box."""
    return np.array([[bounds[i, 0], bounds[j, 1], bounds[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])


def pixels(points: np.ndarray, state: CameraState, size: tuple[int, int]) -> np.ndarray:
    """(N, 2) where points (N, 3) are seen, from the upper left corner."""
    forward = np.subtract(state.focal_point, state.position)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, state.up)
    right /= np.linalg.norm(right)
    away = points - state.position
    scale = size[1] / 2 / np.tan(np.radians(ANGLE / 2)) / (away @ forward)
    across, upwards = away @ right * scale, away @ np.cross(right, forward) * scale
    x, y = state.window_centre
    return np.stack([size[0] / 2 * (1 - x) + across, size[1] / 2 * (1 + y) - upwards], axis=1)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("bounds", [TALL, WIDE, HAND], ids=["tall", "wide", "hand"])
@pytest.mark.parametrize("size", [(230, 560), (420, 720), (870, 760), (1300, 900)])
def test_a_framed_box_is_large_and_clear_of_the_inset(
    size: tuple[int, int], bounds: np.ndarray, direction: tuple[float, float, float]
) -> None:
    inset = Room(size[0] - 150, 0, 150, 180)
    for covered in (None, inset):
        state = camera_for(bounds, direction, size, rooms_beside(size, covered), ANGLE)
        seen = pixels(corners_of(bounds), state, size)
        low, high = seen.min(axis=0), seen.max(axis=0)
        assert (low >= -2).all()
        assert (high <= np.array(size) + 2).all()
        if covered is None:
            assert ((high - low) / size).max() > 0.5
            assert state.window_centre == (0, 0)
        else:
            assert high[0] <= covered.left + 2 or low[1] >= covered.height - 2


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_where_a_box_is_seen_is_known(direction: tuple[float, float, float]) -> None:
    size = (420, 720)
    state = camera_for(TALL, direction, size, rooms_beside(size, Room(300, 0, 120, 180)), ANGLE)
    seen, room = pixels(corners_of(TALL), state, size), seen_in(TALL, state, size, ANGLE)
    np.testing.assert_allclose((room.left, room.top), seen.min(axis=0), atol=1e-6)
    np.testing.assert_allclose((room.left + room.width, room.top + room.height), seen.max(axis=0), atol=1e-6)


def test_what_reaches_over_a_good_part_of_a_view_is_in_sight() -> None:
    size, body = (870, 760), TALL[0] + np.random.default_rng(0).random((500, 3)) * np.ptp(TALL, axis=0)
    state = camera_for(TALL, (0.0, 0.0, 1.0), size, [Room(0, 0, *size)], ANGLE)

    def is_in_sight(z: float, x: float = 0.0, least: float = 0.0) -> bool:
        camera = replace(state, position=(x, 0.9, z), focal_point=(x, 0.9, z - 1))
        return in_sight(body, camera, size, ANGLE, least)

    assert is_in_sight(state.position[2], least=0.9)
    assert is_in_sight(1.0) and not is_in_sight(1.0, least=0.9)  # a part of it, near
    assert not is_in_sight(-1.0) and not is_in_sight(40.0) and not is_in_sight(4.0, x=3.0)


def test_rectangles_meet_where_they_have_something_in_common() -> None:
    one = Room(10, 10, 20, 20)
    assert meet(one, Room(29, 29, 5, 5)) and meet(one, Room(0, 0, 100, 100)) and meet(Room(12, 12, 1, 1), one)
    assert not meet(one, Room(30, 10, 5, 5)) and not meet(one, Room(10, 0, 20, 10))
    assert below(one, 15) == Room(10, 15, 20, 15)
    assert below(one, 5) == one
    assert below(one, 99).height == 1


def test_a_subject_in_a_room_is_looked_at_and_a_fit_that_missed_the_points_is_not() -> None:
    room = np.array([[-2.0, -1.0, -5.0], [2.0, 2.0, -2.0]])
    subject = np.array([[-0.4, -1.05, -3.5], [0.4, 0.8, -2.7]])
    np.testing.assert_array_equal(box_among(subject, room), subject)
    assert box_among(subject + np.array([0, 0, 4]), room) is None
    assert box_among(subject + np.array([3, 0, 0]), room) is None
    np.testing.assert_array_equal(box_among(room, room), room)


def seen_box(view: Viewport) -> tuple[np.ndarray, np.ndarray]:
    """Upper left and lower right corner of the mesh as the view shows it, pixels."""
    bounds = view.visible_bounds()
    assert bounds is not None
    seen = pixels(corners_of(bounds), view.camera_state(), (view.width(), view.height()))
    return seen.min(axis=0), seen.max(axis=0)


def covers(view: Viewport) -> bool:
    """Whether the inset lies over the mesh."""
    room = view.inset.room
    assert room is not None
    low, high = seen_box(view)
    return bool(high[0] > room.left + 2 and low[1] < room.height - 2)


def test_the_inset_covers_no_figure_and_no_caption_in_narrow_views(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine
) -> None:
    studio_window.resize(1000, 830)
    fine(studio_window, studio_window.show_transfer)
    studio_window.viewports.frame_all()
    before = studio_window.viewports.left.camera_state()
    toggle(studio_window, "display.inset")
    views = studio_window.viewports.views
    qtbot.waitUntil(lambda: all(view.inset.room and not covers(view) for view in views), timeout=20_000)
    for view in views:
        room = view.inset.room
        assert room is not None
        assert not covers(view)
        assert view.caption.geometry().right() < room.left
    toggle(studio_window, "display.inset")
    qtbot.waitUntil(lambda: studio_window.viewports.left.camera_state().is_near(before), timeout=20_000)


def test_the_caption_covers_no_figure(studio_window: StudioWindow) -> None:
    studio_window.resize(1400, 560)
    view = studio_window.viewports.left
    view.caption.set_text("A name of a body that is long", 4 * "and the name of a pose that is longer still, ")
    studio_window.viewports.frame_all()
    low, high = seen_box(view)
    written = view.caption.y() + view.caption.ground.bottom()
    assert low[1] >= written - 2 and high[1] <= view.height() + 2
    assert (high[1] - low[1]) / view.height() > 0.5
    view.caption.set_text("")
    studio_window.viewports.frame_all()
    assert seen_box(view)[0][1] < written


def test_what_is_looked_at_is_framed_and_not_all_that_is_shown(studio_window: StudioWindow) -> None:
    area = studio_window.viewports
    area.left.focus = np.array([[1.0, 0.0, -4.0], [1.5, 1.8, -3.5]])
    area.keep_framed()
    area.frame_all()
    np.testing.assert_allclose(area.left.camera_state().focal_point, [1.25, 0.9, -3.75])
    area.clear()
    assert area.left.focus is None


def test_what_is_framed_stays_framed_until_somebody_moves_the_camera(qtbot: QtBot, studio_window: StudioWindow) -> None:
    view = studio_window.viewports.left
    studio_window.viewports.frame_all()
    studio_window.resize(760, 800)

    def is_in_view() -> bool:
        low, high = seen_box(view)
        return bool(low[0] >= -2 and high[0] <= view.width() + 2)

    qtbot.waitUntil(is_in_view, timeout=20_000)
    view.view.camera.Azimuth(40)
    moved = view.camera_state()
    studio_window.resize(1000, 700)
    qtbot.wait(50)
    assert view.camera_state().is_near(moved)


def test_a_figure_that_outgrows_its_view_is_framed_again(studio_window: StudioWindow) -> None:
    viewports, view = studio_window.viewports, studio_window.viewports.left
    viewports.frame_all()
    before = view.camera_state()
    viewports.keep_in_view()
    assert view.camera_state() == before
    assert view.mesh.faces is not None
    grown = view.mesh.vertices * np.float32(1.6)
    view.mesh.show(grown, view.mesh._normals.copy(), view.mesh.faces)
    viewports.keep_in_view()
    low, high = seen_box(view)
    assert (low >= -2).all()
    assert (high <= (view.width() + 2, view.height() + 2)).all()
    outside = view.camera_state()
    view.mesh.show(grown * np.float32(0.3), view.mesh._normals.copy(), view.mesh.faces)
    viewports.keep_in_view()
    assert view.camera_state() == outside
    viewports.keep_in_view(inwards=True)
    low, high = seen_box(view)
    assert float((high - low).max()) > 0.6 * min(view.width(), view.height())


def test_a_camera_that_was_moved_stays_in_other_workspaces_unless_the_body_is_out_of_sight_there(
    studio_window: StudioWindow, fine: Fine
) -> None:
    window, view = studio_window, studio_window.viewports.left
    window.viewports.frame_all()
    view.view.camera.Azimuth(40)
    moved = view.camera_state()
    fine(window, window.show_interpolate)
    assert view.camera_state().is_near(moved)
    view.set_camera_state(replace(moved, position=(9.0, 1.0, 4.0), focal_point=(9.0, 1.0, 0.0)))
    fine(window, window.show_explore)
    low, high = seen_box(view)
    assert (low >= -2).all() and (high <= (view.width() + 2, view.height() + 2)).all()


def test_undo_brings_back_where_the_camera_was_before_it_followed_the_body(
    studio_window: StudioWindow, fine: Fine, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, view, document = studio_window, studio_window.viewports.left, studio_window.session.document
    has_outgrown = False
    monkeypatch.setattr(viewport_area, "is_outgrown", lambda *_: has_outgrown)
    window.viewports.frame_all()
    fine(window, lambda: window.library.identity_chosen.emit(1))
    before = view.camera_state()
    window.viewports.note_cameras()
    has_outgrown = True
    fine(window, window.explore.randomise_shape)
    has_outgrown, after = False, view.camera_state()
    window.viewports.note_cameras()
    assert not after.is_near(before)
    fine(window, document.undo)
    assert view.camera_state().is_near(before)
    window.viewports.note_cameras()
    fine(window, document.redo)
    assert view.camera_state().is_near(after)
    view.view.camera.Azimuth(40)
    moved = view.camera_state()
    fine(window, document.undo)
    assert view.camera_state().is_near(moved)


def test_choosing_the_axis_of_a_slice_turns_to_where_it_is_seen(qtbot: QtBot, studio_window: StudioWindow) -> None:
    toggle(studio_window, "display.slice")
    for axis in (1, 0, 2):
        studio_window.explore.slicing.section.axes.button(axis).click()
        assert abs(studio_window.viewports.left.view.camera.direction[axis]) > 0.6


def test_the_ground_has_lines_at_a_round_distance_that_suits_the_model(studio_window: StudioWindow) -> None:
    viewports = studio_window.viewports
    ground = viewports.left.ground
    for scale, cell in ((0.4, 0.25), (3.0, 0.025), (1.0, 0.1), (0.04, 2.5)):
        viewports.set_scale(scale)
        assert ground.cell == pytest.approx(cell)
        assert viewports.right.ground.cell == ground.cell
        ground.cast_shadow(np.array([[-0.1, 0, -0.1], [0.1, 0.2, 0.1]], np.float32) / scale)
        low, high = np.asarray(ground._shadow.GetBounds()).reshape(3, 2).T
        assert high[0] - low[0] == pytest.approx(8 * cell)


def test_opening_a_model_sets_the_ground_for_it(studio_window: StudioWindow) -> None:
    model = studio_window.session.document.model
    assert model is not None
    cell = studio_window.viewports.left.ground.cell
    assert 0.4 < cell * model.info.similarity.scale / 0.1 <= 1 + 1e-9


def test_a_thread_that_outlives_its_window_tells_nobody(qapp: object) -> None:
    session = Session()
    sip.delete(session)
    session._deliver("_live_failed", None, ValueError("late"))  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_program_that_ends_by_an_exception_ends_the_threads_of_its_window(
    screen: None, toy_folder: Path, tmp_path: Path
) -> None:
    script = f"""
from npm_studio import bootstrap
app = bootstrap.create_application()
from PyQt6.QtCore import QSettings
QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, {str(tmp_path)!r})
from tests.npm_studio.views.studio_window import StudioWindow
window = StudioWindow()
window.show()
window.files.open_path(__import__("pathlib").Path({str(toy_folder)!r}))
while window.session.document.model is None:
    app.processEvents()
window.explore.shape.sliders[0].slider.setValue(40)
raise ValueError("boom")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.strip().endswith("ValueError: boom"), done.stderr


def degrees_from_upright(state: CameraState) -> float:
    away = np.subtract(state.position, state.focal_point)
    return float(np.degrees(np.arccos(abs(away @ state.up) / np.linalg.norm(away) / np.linalg.norm(state.up))))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("degrees", [0.0, 1.0, 2.9])
def test_a_camera_near_the_pole_is_moved_to_three_degrees_at_the_same_distance(sign: float, degrees: float) -> None:
    level, height = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    state = CameraState((0.0, 1.0 + 2 * sign * height, 2 * level), (0.0, 1.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0))
    moved = short_of_pole(state)
    assert degrees_from_upright(moved) == pytest.approx(3.0, abs=1e-6)
    assert np.linalg.norm(np.subtract(moved.position, moved.focal_point)) == pytest.approx(2.0)
    assert np.sign(moved.position[1] - 1.0) == sign
    assert (moved.focal_point, moved.up) == (state.focal_point, state.up)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_camera_away_from_the_pole_stays_where_it_is(direction: tuple[float, float, float]) -> None:
    state = camera_for(TALL, direction, (900, 700), [Room(0, 0, 900, 700)], ANGLE)
    assert short_of_pole(state) is state


def test_dragging_over_the_top_stops_before_the_marker_of_the_axes_has_no_upright(
    studio_window: StudioWindow,
) -> None:
    viewport = studio_window.viewports.left
    for _ in range(5):
        viewport.view.camera.elevation = 40
    viewport.view.camera.position = (0.0, 9.0, 0.01)
    assert degrees_from_upright(viewport.camera_state()) > 2.99


def test_a_camera_that_rounding_keeps_at_the_pole_is_moved_once(
    studio_window: StudioWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[object] = []
    monkeypatch.setattr(sys, "excepthook", lambda *error: failures.append(error))
    viewport = studio_window.viewports.left
    upright, centre = (0.0, 1.0, 0.0), (0.0, 0.0)
    x, y, z = focal = (-0.5884769781918052, -1.8635266726001958, -0.0009332907205464242)
    viewport.set_camera_state(CameraState((x, y, z + 0.2), focal, upright, centre))
    viewport.view.camera.position = (-0.5864171407811535, -1.679470937064255, -0.0009005211241898454)
    assert degrees_from_upright(viewport.camera_state()) > 2.99
    assert failures == []


def test_a_view_from_straight_above_is_kept_and_comes_back_as_it_was(studio_window: StudioWindow) -> None:
    viewport = studio_window.viewports.left
    above = CameraState((0.0, 5.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (0.0, 0.0))
    viewport.set_camera_state(CameraState((0.0, 1.0, 4.0), (0.0, 1.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0)))
    viewport.set_camera_state(above)
    assert viewport.camera_state().is_near(above)
