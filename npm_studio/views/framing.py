"""Where a camera stands to see a box, in the part of a view that nothing covers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from npm_studio.session.document.view_state import CameraState

_MARGIN = 1.14
"""The view over the box."""
_SMALLEST_M = 1e-3
_BESIDE = 0.15
"""Of the size of what was seen, that a mesh among it may reach out of it."""

_POLE_DEGREES = 3.0
"""From straight above or below, nearer than which VTK's marker of the axes says that it has no upright."""

_IN_SIGHT = 0.25
"""Of the width or the height of a view: over as much reaches what is seen of something that is in sight."""

_SMALL = 0.7
"""Times the size of what was framed, below which a mesh is framed again when the hand rests."""
_SLACK = 0.06
"""Fraction of a framed mesh by which another one may be larger before it leaves the view."""

Direction = tuple[float, float, float]
"""From what is looked at to the camera."""


@dataclass(frozen=True)
class Room:
    """A rectangle of a view, pixels from its upper left corner."""

    left: float
    top: float
    width: float
    height: float


def meet(one: Room, other: Room) -> bool:
    """Whether two rectangles have something in common."""
    return (
        abs(2 * (one.left - other.left) + one.width - other.width) < one.width + other.width
        and abs(2 * (one.top - other.top) + one.height - other.height) < one.height + other.height
    )


def below(room: Room, top: float) -> Room:
    """The part of ``room`` that is below ``top``, with a pixel at least."""
    first = min(max(room.top, top), room.top + room.height - 1)
    return Room(room.left, first, room.width, room.top + room.height - first)


def above(room: Room, bottom: float) -> Room:
    """The part of ``room`` that is above ``bottom``, with a pixel at least."""
    return Room(room.left, room.top, room.width, max(min(room.height, bottom - room.top), 1))


def rooms_beside(size: tuple[int, int], covered: Room | None) -> list[Room]:
    """The rectangles that are left of a view of ``size`` with its upper right corner ``covered``."""
    width, height = size
    if covered is None:
        return [Room(0, 0, width, height)]
    bottom = covered.top + covered.height
    return [Room(0, 0, covered.left, height), Room(0, bottom, width, height - bottom)]


def camera_for(
    bounds: ArrayLike, direction: Direction, size: tuple[int, int], rooms: Sequence[Room], view_angle: float
) -> CameraState:
    """The camera that sees the box ``bounds`` (2, 3), lowest and highest corner, in the room where it is largest.

    Args:
        bounds: metres
        direction: from the box to the camera, of any length
        size: of the view, pixels
        rooms: of the view, see `rooms_beside`
        view_angle: from the lower to the upper edge of the view, degrees
    """
    low, high = np.asarray(bounds, np.float64)
    assert low.shape == high.shape == (3,), low.shape
    toward = np.asarray(direction) / np.linalg.norm(direction)
    up = np.array((0.0, 1.0, 0.0) if abs(toward[1]) < 0.99 else (0.0, 0.0, -1.0))
    right = np.cross(up, toward) / np.linalg.norm(np.cross(up, toward))
    across, tall, deep = (np.abs(axis) @ (high - low) for axis in (right, np.cross(toward, right), toward))
    width, height = (max(side, 1) for side in size)

    def pixel(room: Room) -> float:
        """Metres per pixel, at the box."""
        return float(max(across / max(room.width, 1), tall / max(room.height, 1), _SMALLEST_M / height))

    room = min(rooms, key=pixel)
    half_angle = np.tan(np.radians(view_angle / 2))
    distance = 0.5 * height * pixel(room) / half_angle * _MARGIN + 0.5 * deep
    centre = 0.5 * (low + high)
    window_centre = 1 - (2 * room.left + room.width) / width, (2 * room.top + room.height) / height - 1
    return CameraState(_triple(centre + distance * toward), _triple(centre), _triple(up), window_centre)


def seen_in(bounds: ArrayLike, state: CameraState, size: tuple[int, int], view_angle: float) -> Room:
    """The smallest rectangle of a view of ``size`` around what the camera sees of the box ``bounds`` (2, 3)."""
    low, high = np.asarray(bounds, np.float64)
    corners = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    (x, y), _ = _pixels(corners, state, size, view_angle)
    return Room(float(x.min()), float(y.min()), float(np.ptp(x)), float(np.ptp(y)))


def in_sight(points: ArrayLike, state: CameraState, size: tuple[int, int], view_angle: float, least: float) -> bool:
    """Whether more than a fraction ``least`` of ``points`` (N, 3) is in a view, and reaches over a good part of it."""
    pixels, ahead = _pixels(np.asarray(points, np.float64), state, size, view_angle)
    edge = np.array(size)[:, None]
    seen = pixels[:, (ahead > 0) & ((pixels >= 0) & (pixels <= edge)).all(axis=0)]
    is_large = seen.size > 0 and (np.ptp(seen, axis=1) >= _IN_SIGHT * edge[:, 0]).any()
    return bool(is_large and seen.shape[1] > least * pixels.shape[1])


def _pixels(
    points: NDArray[np.float64], state: CameraState, size: tuple[int, int], view_angle: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where ``points`` (N, 3) are in a view, (2, N) from its upper left corner, and how far before the camera (N,)."""
    forward = np.subtract(state.focal_point, state.position)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, state.up)
    right /= np.linalg.norm(right)
    away = points - state.position
    ahead = away @ forward
    scale = size[1] / 2 / np.tan(np.radians(view_angle / 2)) / np.where(ahead == 0, 1e-9, ahead)
    x = size[0] / 2 * (1 - state.window_centre[0]) + away @ right * scale
    y = size[1] / 2 * (1 + state.window_centre[1]) - away @ np.cross(right, forward) * scale
    return np.stack([x, y]), ahead


def short_of_pole(state: CameraState) -> CameraState:
    """``state`` with the camera moved about its focal point until it does not look along its upright, or itself."""
    centre, up = np.array(state.focal_point), np.array(state.up) / np.linalg.norm(state.up)
    away = np.subtract(state.position, centre)
    distance, height = np.linalg.norm(away), away @ up
    highest = distance * np.cos(np.radians(_POLE_DEGREES))
    if abs(height) <= highest:
        return state
    level = away - height * up
    length = np.linalg.norm(level)
    level = level / length if length > 1e-9 * distance else np.cross(up, (1.0, 0.0, 0.0))
    moved = np.sign(height) * highest * up + distance * np.sin(np.radians(_POLE_DEGREES)) * level
    return replace(state, position=_triple(centre + moved))


def box_among(box: ArrayLike, seen: ArrayLike) -> NDArray[np.float64] | None:
    """``box`` (2, 3) of a fitted subject, to look at; None where it does not lie within all that was ``seen`` (2, 3).

    A subject in a room is looked at, and not the room; a fit that missed it is to be seen together with the points.
    """
    (low, high), (lowest, highest) = np.asarray(box, np.float64), np.asarray(seen, np.float64)
    slack = _BESIDE * float((highest - lowest).max())
    is_within = (low > lowest - slack).all() and (high < highest + slack).all()
    return np.stack([low, high]) if is_within else None


def _triple(point: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = (float(part) for part in point)
    return x, y, z


@dataclass(frozen=True, eq=False)
class Framing:
    """Where cameras were put, and the boxes (2, 3) for which."""

    cameras: tuple[CameraState, ...]
    boxes: tuple[NDArray[np.float64], ...]

    def is_at(self, cameras: Sequence[CameraState]) -> bool:
        pairs = zip(self.cameras, cameras, strict=False)
        return len(self.cameras) == len(cameras) and all(one.is_near(other) for one, other in pairs)


def is_outgrown(boxes: Sequence[NDArray[np.float64]], framed: Sequence[NDArray[np.float64]]) -> bool:
    """Whether one of ``boxes`` (2, 3) reaches out of that which was framed in its view."""
    return any(
        bool((box[0] < old[0] - slack).any() or (box[1] > old[1] + slack).any())
        for box, old in zip(boxes, framed, strict=False)
        for slack in [_SLACK * (old[1] - old[0]).max()]
    )


def is_small(boxes: Sequence[NDArray[np.float64]], framed: Sequence[NDArray[np.float64]]) -> bool:
    """Whether none of ``boxes`` (2, 3) fills its view any more."""
    return all(
        float((box[1] - box[0]).max()) < _SMALL * float((old[1] - old[0]).max())
        for box, old in zip(boxes, framed, strict=False)
    )
