"""The sides of a comparison in their views: meshes or points, coloured by their errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from npm_studio.session.document.compared_sides import OpenedSide
from npm_studio.session.document.comparison import Mode
from npm_studio.session.document.lineup import Lineup
from npm_studio.session.document.side_errors import ErrorKind, SideErrors
from npm_studio.views.scene import DEPTH_COLOURS, DISTANCE_COLOURS, MeshItem, PointsItem, colours_of
from npm_studio.views.viewport import Viewport
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.overlay import Caption

_POINT_SIZE, _OVER_MESH = 4.0, 3.0
"""Pixels."""
_PLAIN = 0.62
"""Place, in the colours of depth, of what was seen: it has no error of its own."""


@dataclass(frozen=True, eq=False)
class Shown:
    """What is drawn."""

    lineup: Lineup
    errors: SideErrors | None
    """None where nothing is measured."""
    coloured: bool
    scale_mm: float


def draw_sides(area: ViewportArea, shown: Shown, mode: Mode, frame: int, other: bool) -> None:
    """Bring the views up to date.

    Args:
        other: whether it is the second side's turn in a blink
    """
    sides, views = shown.lineup.sides, area.views
    for view in views:
        view.focus = shown.lineup.bounds.astype(np.float64)
    if mode == "beside":
        views[0].hide_second()
        for place, view in enumerate(views):
            if place < len(sides):
                _draw(_Place(view, view.mesh, view.points, view.caption), shown, place, frame)
            else:
                view.mesh.hide()
                view.points.hide()
                view.ground.hide_shadow()
                view.caption.set_text("No side yet", "Choose one in the panel, or drop a run here", place)
    else:
        _draw_both(views[0], shown, mode, frame, other)
    for view in views:
        view.redraw()
    if shown.coloured and shown.errors is not None and shown.errors.compared:
        title = shown.errors.kind.value
        area.legend.set_scale(title, 0.0, shown.scale_mm, "mm", colours_of(DISTANCE_COLOURS))
    else:
        area.legend.hide()


@dataclass(frozen=True, eq=False)
class _Place:
    """Where a side is drawn."""

    view: Viewport
    mesh: MeshItem
    points: PointsItem
    caption: Caption


def _draw_both(view: Viewport, shown: Shown, mode: Mode, frame: int, other: bool) -> None:
    second = view.second
    places = (
        _Place(view, view.mesh, view.points, view.caption),
        _Place(view, second.mesh, second.points, second.caption if mode == "swipe" else view.caption),
    )
    order = (1, 0) if mode == "blink" and not other else (0, 1)  # the one that is seen has the caption
    for place in order:
        if place < len(shown.lineup.sides):
            _draw(places[place], shown, place, frame)
    if mode == "swipe" and len(shown.lineup.sides) > 1:
        second.divide()
    else:
        second.alternate(other and len(shown.lineup.sides) > 1)


def _draw(place: _Place, shown: Shown, number: int, frame: int) -> None:
    side = shown.lineup.sides[number]
    title, frames = side.title, side.meshes.frame_names
    detail = f"Frame {shown.lineup.row(side, frame) + 1} of {len(frames)}" if len(frames) > 1 else "One mesh"
    if side.source.kind == "identity":
        detail = "Canonical pose"
    values = _values(shown, side, frame)
    try:
        if side.observation is not None:
            _draw_points(place, side, shown, frame)
        else:
            _draw_mesh(place, side, shown, frame, values)
    except InputError as error:
        place.mesh.hide()
        place.points.hide()
        place.caption.set_text(title, str(error), number)
        return
    place.caption.set_text(title, " · ".join(filter(None, (detail, _in_words(shown, side, frame)))), number)


def _draw_mesh(place: _Place, side: OpenedSide, shown: Shown, frame: int, values: NDArray[np.float32] | None) -> None:
    surface = shown.lineup.surface(side, frame)
    place.mesh.set_opacity(1.0)
    # a canonical surface is nowhere in the world: those of all identities stand on one floor
    place.mesh.stand_on(place.view.ground.height if side.source.kind == "identity" else None)
    place.mesh.show(surface.vertices, surface.normals, surface.faces)
    place.view.ground.cast_shadow(surface.vertices)
    of_points = shown.errors is not None and shown.errors.kind is ErrorKind.SEEN
    if values is not None and of_points and shown.errors is not None:
        place.mesh.colour_by(None)
        seen = shown.errors.reference
        assert seen.observation is not None
        points, known = seen.observation.frame(shown.lineup.row(seen, frame)).points_world, np.isfinite(values)
        place.points.set_size(_OVER_MESH)
        place.points.show(points[known], values[known], (0.0, shown.scale_mm), DISTANCE_COLOURS)
        return
    place.points.hide()
    fits = values is not None and len(values) == len(surface.vertices)
    place.mesh.colour_by(values if fits else None, shown.scale_mm)


def _draw_points(place: _Place, side: OpenedSide, shown: Shown, frame: int) -> None:
    assert side.observation is not None
    points = side.observation.frame(shown.lineup.row(side, frame)).points_world
    place.mesh.hide()
    place.points.set_size(_POINT_SIZE)
    place.points.show(points, np.full(len(points), _PLAIN, np.float32), (0.0, 1.0), DEPTH_COLOURS)
    place.view.ground.cast_shadow(points)


def _values(shown: Shown, side: OpenedSide, frame: int) -> NDArray[np.float32] | None:
    """To be shown as colours; None where there are none, or none yet."""
    if shown.errors is None or not shown.coloured or side not in shown.errors.compared:
        return None
    return shown.errors.values_mm(side, frame)


def _in_words(shown: Shown, side: OpenedSide, frame: int) -> str:
    """The error of a side in this frame."""
    errors = shown.errors
    if errors is None:
        return ""
    if side is errors.reference:
        return "measured against"
    if side not in errors.compared:
        return ""
    figure = errors.figure(side, frame)
    if figure is None:
        return "measuring…"
    if not np.isfinite(figure.mean_mm):
        return "cannot be measured"
    return f"{figure.mean_mm:.1f} mm" + (" · lost" if figure.lost else "")


def place_ground(views: Sequence[Viewport], bounds: NDArray[np.float32]) -> None:
    """Put the ground of ``views`` below ``bounds`` (2, 3), metres."""
    low, high = bounds
    for view in views:
        view.ground.place(float(low[1]), (float(low[0] + high[0]) / 2, float(low[2] + high[2]) / 2))
