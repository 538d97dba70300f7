"""A frame of depth in a viewport: its points, and the mesh over them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from npm_studio.session.document.observation import ObservedFrame, box_of, is_around
from npm_studio.session.document.view_state import FrameDrawing
from npm_studio.views.scene import DEPTH_COLOURS, colours_of
from npm_studio.views.viewport import Viewport

Surface = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]
"""Vertices (V, 3), metres, their normals (V, 3) and faces (T, 3)."""

_SIZE_OVER_MESH, _MOST_OVER_MESH, _MOST_BEHIND = 0.5, 2000, 40_000
"""Over a mesh points are small enough, and few enough, for the mesh to show between them; so are those around it."""


def draw_frame(
    view: Viewport,
    drawing: FrameDrawing,
    observed: ObservedFrame,
    depth_range: tuple[float, float],
    surface: Surface | None,
    draw_points: Callable[[NDArray[np.bool_]], None] | None = None,
    subject: NDArray[np.floating] | None = None,
) -> None:
    """Bring ``view`` up to date. Over a mesh the room around it is faint, and some points of the subject are left out.

    Args:
        depth_range: metres, of the colours of points
        draw_points: draws the points (P,) of the subject instead, all of them in colours of another meaning
        subject: box (2, 3) of the subject in this frame where ``surface`` does not tell, so that the room is as in
            others
    """
    if surface is not None and drawing.mesh:
        view.mesh.stand_on(None)
        view.mesh.set_opacity(drawing.opacity_percent / 100)
        view.mesh.show(*surface)
        view.ground.cast_shadow(surface[0])
    else:
        surface = None
        view.mesh.hide()
        view.ground.cast_shadow(observed.points_world)
    if not drawing.points:
        view.points.hide()
        view.surroundings.hide()
        view.colour_bar.hide()
        return
    view.points.set_size(drawing.point_size * (_SIZE_OVER_MESH if surface is not None else 1.0))
    points, rest = observed.points_world, observed.removed_world
    near = np.ones(len(points), bool)
    if subject is None and surface is not None:
        subject = box_of(surface[0])
    if subject is not None:
        near = is_around(points, subject)
        rest = np.concatenate([rest, points[~near]])
        rest = rest[_some_of(len(rest), _MOST_BEHIND)]
    if draw_points is not None:
        draw_points(near)
    else:
        rows = np.flatnonzero(near)
        rows = rows if surface is None else rows[_some_of(len(rows), _MOST_OVER_MESH)]
        view.points.show(points[rows], observed.depth_m[rows], depth_range)
        view.colour_bar.set_scale("Observed depth", *depth_range, "m", colours_of(DEPTH_COLOURS))
    view.surroundings.show(rest)


def _some_of(count: int, most: int) -> NDArray[np.intp]:
    """Not more than ``most`` of ``count`` rows, at random: every so many would make stripes."""
    if count <= most:
        return np.arange(count)
    return np.random.default_rng(0).choice(count, most, replace=False, shuffle=False)
