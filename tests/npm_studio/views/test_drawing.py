"""What is drawn of a frame of depth and of the mesh over it."""

import numpy as np
from numpy.typing import NDArray

from npm_studio.session.document.observation import ObservedFrame, box_of
from npm_studio.session.document.view_state import FrameDrawing
from npm_studio.views.workspaces.drawing import draw_frame
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.walking_ball import RADIUS, ball

_ON_BALL, _ON_WALL, _ON_FLOOR = 20_000, 60_000, 30_000


def in_a_room() -> tuple[ObservedFrame, NDArray[np.bool_]]:
    """A ball on a floor before a wall, seen densely, and which points are the ball's."""
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(_ON_BALL, 3))
    on_ball = RADIUS * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    wall, floor = rng.uniform(-3, 3, (_ON_WALL, 3)), rng.uniform(-3, 3, (_ON_FLOOR, 3))
    wall[:, 2], floor[:, 1] = -4.0, -RADIUS
    points = np.concatenate([on_ball, wall, floor]).astype(np.float32)
    is_ball = np.arange(len(points)) < _ON_BALL
    return ObservedFrame(points, 3 - points[:, 2], np.empty((0, 3), np.float32)), is_ball


def test_over_a_mesh_the_room_is_faint_and_the_points_of_the_subject_leave_it_to_be_seen(
    studio_window: StudioWindow,
) -> None:
    view, mesh = studio_window.viewports.left, ball()
    observed, is_ball = in_a_room()
    surface = mesh.vertices, mesh.vertices / RADIUS, mesh.faces
    draw_frame(view, FrameDrawing(), observed, (2.0, 7.0), surface)
    assert view.mesh.is_visible
    assert 500 < view.points.count <= 2000
    assert view.points.bounds[0, 2] > -RADIUS - 0.01  # nothing of the wall
    assert view.points.bounds[0, 1] > -RADIUS  # nor of the floor
    assert 1000 < view.surroundings.count < _ON_WALL + _ON_FLOOR
    assert view.surroundings.bounds[0, 2] < -3.9

    room = view.surroundings.count
    lost = mesh.vertices + np.float32(2.5), *surface[1:]
    for shown in (None, lost):  # of a frame without a mesh, or with one that is somewhere else
        draw_frame(view, FrameDrawing(), observed, (2.0, 7.0), shown, subject=box_of(mesh.vertices))
        assert view.surroundings.count == room and view.points.bounds[0, 2] > -RADIUS - 0.01

    draw_frame(view, FrameDrawing(mesh=False), observed, (2.0, 7.0), surface)
    assert view.points.count == len(is_ball) and view.surroundings.count == 0


def test_points_in_other_colours_are_all_those_of_the_subject(studio_window: StudioWindow) -> None:
    view, mesh = studio_window.viewports.left, ball()
    observed, is_ball = in_a_room()
    asked: list[NDArray[np.bool_]] = []
    surface = mesh.vertices, mesh.vertices / RADIUS, mesh.faces
    draw_frame(view, FrameDrawing(), observed, (2.0, 7.0), surface, asked.append)
    (near,) = asked
    assert not near[_ON_BALL : _ON_BALL + _ON_WALL].any()
    assert near[is_ball].mean() > 0.95
