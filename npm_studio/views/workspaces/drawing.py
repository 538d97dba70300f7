"""A frame of depth in a viewport: its points, and the mesh over them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from npm_studio.session.document.observation import ObservedFrame
from npm_studio.session.document.view_state import FrameDrawing
from npm_studio.views.scene import DEPTH_COLOURS, colours_of
from npm_studio.views.viewport import Viewport

Surface = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]
"""Vertices (V, 3), metres, their normals (V, 3) and faces (T, 3)."""

_SIZE_OVER_MESH = 0.5
"""Over a mesh points are small enough for the mesh to show between them."""


def draw_frame(
    view: Viewport,
    drawing: FrameDrawing,
    observed: ObservedFrame,
    depth_range: tuple[float, float],
    surface: Surface | None,
    draw_points: Callable[[], None] | None = None,
) -> None:
    """Bring ``view`` up to date.

    Args:
        depth_range: metres, of the colours of points
        draw_points: draws the points instead, in colours of another meaning
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
    if draw_points is not None:
        draw_points()
    else:
        view.points.show(observed.points_world, observed.depth_m, depth_range)
        view.colour_bar.set_scale("Observed depth", *depth_range, "m", colours_of(DEPTH_COLOURS))
    view.surroundings.show(observed.removed_world)
