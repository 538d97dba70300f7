"""Rooms around what happens in them: floor, walls, and furniture that the edges of the picture cut."""

import numpy as np

from external.anny.rig import Array
from external.scenes.cameras import Viewpoint
from external.scenes.solids import Solid, box, chair, cupboard, rectangle, table

_TRIES = 60
_MARGIN = 0.12
"""Metres between furniture and those who move."""
_HEIGHT = 2.7
TABLE = 0.46
"""Height of a table that hides legs, against the stature."""
_FAR = 7.0


def walls_and_floor(back: float, wall: float, random: np.random.Generator) -> list[Solid]:
    """A floor, a wall ``wall`` metres behind z = ``back``, turned a little, and perhaps one at a side.

    What is behind the camera is left out.
    """
    z = back - wall
    yaw = random.uniform(-1, 1) * min(0.2, 0.25 * wall)
    floor = rectangle(np.array([-_FAR, 0.0, z - _FAR]), np.array([0.0, 0.0, 4 * _FAR]), np.array([2 * _FAR, 0.0, 0.0]))
    up = np.array([0.0, _HEIGHT, 0.0])
    far = rectangle(np.array([-_FAR, 0.0, 0.0]), np.array([2 * _FAR, 0.0, 0.0]), up)
    solids = [floor, far.moved(np.array([0.0, 0.0, z]), yaw)]
    if random.uniform() < 0.5:
        side = 1 if random.uniform() < 0.5 else -1
        x = side * random.uniform(2.0, 3.0)
        solids.append(rectangle(np.array([x, 0.0, z - 1.0]), np.array([0.0, 0.0, 9.0]), up))
    return solids


def furniture(pieces: int, view: Viewpoint, swept: Array, wall_z: float, random: np.random.Generator) -> list[Solid]:
    """Pieces that the left or the right edge of the picture cuts and that are in nobody's way or sight.

    Args:
        pieces: at most so many; there is not always room for them.
        swept: (N, 2, 3) boxes, least and largest coordinates, of everything that moves.
        wall_z: where the wall behind is.
    """
    found: list[Solid] = []
    for _ in range(_TRIES):
        if len(found) == pieces:
            break
        piece = _piece(random)
        side = 1 if len(found) % 2 else -1
        z = random.uniform(wall_z + 0.4, view.poses[0, 2, 3] - 1.0)
        edge = _edge_x(view, side, z)
        width = float(np.diff(piece.footprint[:, 0])[0])
        x = edge + side * width * random.uniform(-0.2, 0.35)
        candidate = piece.moved(np.array([x, 0.0, z]), random.uniform(-0.4, 0.4) - side * np.pi / 2 * 0.3)
        if candidate.vertices[:, 2].min() > wall_z + 0.05 and not _in_the_way(candidate, swept, view):
            found.append(candidate)
    return found


def hiding_table(stature: float, legs: Array, random: np.random.Generator) -> Solid:
    """A table with a panel before somebody's legs, from the camera at +z.

    Args:
        legs: (2, 3) least and largest coordinates of what is below its top.
    """
    depth = random.uniform(0.5, 0.75)
    piece = table(random.uniform(1.2, 1.7), depth, TABLE * stature, panel=True)
    middle = legs[:, 0].mean() + random.uniform(-0.1, 0.1)
    return piece.moved(np.array([middle, 0.0, legs[1, 2] + 0.08 + depth / 2]))


def _piece(random: np.random.Generator) -> Solid:
    kind = random.integers(4)
    width, depth = random.uniform(0.4, 0.9), random.uniform(0.35, 0.6)
    if kind == 0:
        return cupboard(width, depth, random.uniform(0.7, 2.0))
    if kind == 1:
        return table(random.uniform(0.8, 1.4), depth, random.uniform(0.5, 0.78))
    if kind == 2:
        return chair(random.uniform(0.38, 0.48), random.uniform(0.4, 0.5), 0.45, random.uniform(0.75, 1.0))
    return box(np.array([width, random.uniform(0.3, 0.7), depth]), np.zeros(3))


def _edge_x(view: Viewpoint, side: int, z: float) -> float:
    """x in the room, at z and half a metre up, that the left (-1) or right (1) edge of the picture shows."""
    camera, pose = view.camera, view.poses[0]
    ahead = (np.array([0.0, 0.5, z]) - pose[:3, 3]) @ pose[:3, 2]
    column = camera.width if side > 0 else 0
    return float(pose[0, 3] + (column - camera.cx) / camera.fx * ahead * pose[0, 0])


def _in_the_way(solid: Solid, swept: Array, view: Viewpoint) -> bool:
    """Whether a piece stands where somebody moves, or between somebody and the camera."""
    low, high = solid.footprint
    apart = (swept[:, 0, [0, 2]] > high + _MARGIN) | (swept[:, 1, [0, 2]] < low - _MARGIN)
    if not apart.any(axis=1).all():
        return True
    own = _seen_box(solid.vertices, view)
    if own is None:
        return True  # it reaches behind the camera
    left, right = own[0][0], own[1][0]
    if not (left < 0 < right or left < view.camera.width < right):
        return True
    for corners in swept:
        points = np.stack(np.meshgrid(*corners.T), axis=-1).reshape(-1, 3)
        theirs = _seen_box(points, view)
        if theirs is None or (((own[0] < theirs[1]) & (theirs[0] < own[1])).all() and own[2] < theirs[2]):
            return True
    return False


def _seen_box(points: Array, view: Viewpoint) -> tuple[Array, Array, float] | None:
    """Least and largest pixel of ``points`` (N, 3) and their least depth; None where some are behind the camera."""
    pose = view.poses[0]
    seen = (points - pose[:3, 3]) @ pose[:3, :3]
    if seen[:, 2].min() < 0.2:
        return None
    pixels = view.camera.project(seen)
    return pixels.min(axis=0), pixels.max(axis=0), float(seen[:, 2].min())
