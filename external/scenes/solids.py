"""Boxes, and what stands in rooms made of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from external.anny.joints import turn
from external.anny.rig import Array

_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
     [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]], np.int32,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Solid:
    """A mesh in the room: ``vertices`` (V, 3) metres, ``faces`` (T, 3) outward."""

    vertices: Array
    faces: NDArray[np.int32]

    def moved(self, offset: Array, yaw: float = 0.0) -> "Solid":
        """Turned about the vertical through the origin and then moved by ``offset`` (3,)."""
        return Solid(self.vertices @ turn(np.eye(3)[1], yaw).T + offset, self.faces)

    @property
    def footprint(self) -> Array:
        """(2, 2) least and largest x and z."""
        flat = self.vertices[:, [0, 2]]
        return np.stack([flat.min(axis=0), flat.max(axis=0)])


def box(size: Array, bottom_centre: Array) -> Solid:
    """An upright box of ``size`` (3,) that stands on ``bottom_centre`` (3,)."""
    centre = bottom_centre + np.array([0.0, size[1] / 2, 0.0])
    return Solid(_CORNERS * size + centre, _BOX_FACES)


def together(solids: list[Solid]) -> Solid:
    """All of them as one."""
    offsets = np.cumsum([0, *(len(solid.vertices) for solid in solids[:-1])])
    faces = [solid.faces + np.int32(offset) for solid, offset in zip(solids, offsets, strict=True)]
    return Solid(np.concatenate([solid.vertices for solid in solids]), np.concatenate(faces))


def rectangle(corner: Array, first: Array, second: Array) -> Solid:
    """A flat rectangle between ``corner`` (3,) and the edges ``first`` and ``second`` (3,) from there."""
    corners = np.stack([corner, corner + first, corner + first + second, corner + second])
    return Solid(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def table(width: float, depth: float, height: float, panel: bool = False) -> Solid:
    """A table in the middle of the room; with a ``panel`` its front, towards +z, reaches to the floor."""
    top = box(np.array([width, 0.03, depth]), np.array([0.0, height - 0.03, 0.0]))
    leg = np.array([0.05, height - 0.03, 0.05])
    x, z = width / 2 - 0.05, depth / 2 - 0.05
    legs = [box(leg, np.array([sx * x, 0.0, sz * z])) for sx in (-1, 1) for sz in (-1, 1)]
    front = [box(np.array([width, height - 0.03, 0.02]), np.array([0.0, 0.0, z]))] if panel else []
    return together([top, *legs, *front])


def chair(seat: float, width: float, depth: float, back: float) -> Solid:
    """A chair in the middle of the room that one sits on facing +z; ``seat`` and ``back`` are heights of both.

    Without legs, as a box; a stool where ``back`` is no higher than the seat.
    """
    body = box(np.array([width, seat, depth]), np.zeros(3))
    if back <= seat:
        return body
    rest = box(np.array([width, back, 0.05]), np.array([0.0, 0.0, -depth / 2 - 0.025]))
    return together([body, rest])


def cupboard(width: float, depth: float, height: float) -> Solid:
    """A closed box with a plinth."""
    plinth = box(np.array([width - 0.04, 0.08, depth - 0.04]), np.zeros(3))
    return together([plinth, box(np.array([width, height - 0.08, depth]), np.array([0.0, 0.08, 0.0]))])
