"""Where crotch, armpits, shoulders and soles of a body are, from its surface in the canonical pose alone.

The body stands upright (Y up) and faces +z, its legs apart and its arms held away from the trunk, anywhere between
hanging and half way up. No skeleton or template is needed: parts meet where a level that rises floods them together.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluate.sections import Sections
from engine.geometry.mesh import Mesh
from engine.geometry.topology import defects, part_of_faces

_LEG_CENTRES = (0.2, 0.8)
"""Parts of the way from sole to crotch where the middle of a leg is looked for; its axis goes through both."""
_SOLE_WIDTH = 0.02
"""Metres to either side of its axis in which a leg ends."""
_CROTCH = (0.3, 0.65)
"""Of the height, where the crotch of anybody is."""
_ARMPITS = (0.55, 0.9)
_ARM_LENGTH = (0.25, 0.6)
_ARMPIT_SIZE, _ARMPIT_FLATNESS = 0.04, 0.005
"""Metres around the top of the way through the armpit, and below or above it, that the armpit is the middle of: along
its curve the level hardly changes, and one vertex or its neighbour may be the highest."""
_WRIST = np.arange(0.55, 0.85, 0.01)
"""Of the way from shoulder to fingertip, where a wrist is."""
_NARROW = 1.05
"""Times the least girth of a lower arm that still counts as its wrist."""
_DIFFERENT = 0.15
"""Part of the length by which two limbs of one body do not differ."""


class NotABody(Exception):
    """The surface is not that of a body that stands as the canonical pose does; the text says what it lacks."""


@dataclass(frozen=True, eq=False)
class Leg:
    """A leg that may be spread, metres."""

    hip: NDArray[np.float64]
    """(3,) where its axis is level with the crotch; a spread leg is set straight about it"""
    axis: NDArray[np.float64]
    """(3,) unit vector down the leg, without a part along z"""
    length: float
    """From the hip along the axis to the sole."""


@dataclass(frozen=True, eq=False)
class Arm:
    """An arm that is held out, metres."""

    armpit: NDArray[np.float64]
    """(3,)"""
    shoulder: NDArray[np.float64]
    """(3,) highest point above the armpit"""
    wrist: NDArray[np.float64]
    """(3,) where the lower arm is narrowest"""
    fingertip: NDArray[np.float64]
    """(3,) farthest from the middle of the body"""


@dataclass(frozen=True, eq=False)
class BodyLandmarks:
    """Levels are coordinates y; of two limbs the left one, at larger x, is first."""

    middle: float
    """Coordinate x of the plane between left and right."""
    top: float
    """Level of the highest point."""
    crotch: float
    """Level."""
    legs: tuple[Leg, Leg]
    arms: tuple[Arm, Arm]

    @property
    def floor(self) -> float:
        """Level of the soles if the legs stood straight below the hips."""
        return float(np.mean([leg.hip[1] - leg.length for leg in self.legs]))

    @property
    def armpits(self) -> float:
        """Their mean level."""
        return float(np.mean([arm.armpit[1] for arm in self.arms]))


def largest_part(surface: Mesh) -> Mesh:
    """The connected part of ``surface`` with most triangles, which must be closed.

    Raises:
        NotABody: it is empty or open.
    """
    if surface.is_empty:
        raise NotABody("the surface is empty")
    part = part_of_faces(surface.faces)
    faces = surface.faces[part == np.bincount(part).argmax()]
    problem = defects(faces)
    if problem:
        raise NotABody(f"the surface {problem}")
    used, renumbered = np.unique(faces, return_inverse=True)
    return Mesh(surface.vertices[used], renumbered.reshape(faces.shape).astype(np.int32))


def find_landmarks(surface: Mesh) -> BodyLandmarks:
    """Landmarks of a closed ``surface`` of one part, metres.

    Raises:
        NotABody: there are no two legs, no two arms, or no head above them, as in a hand or an animal on four legs.
    """
    vertices, faces = np.asarray(surface.vertices, np.float64), surface.faces
    x, y = vertices[:, 0], vertices[:, 1]
    middle, bottom, top = float(x.min() + x.max()) / 2, float(y.min()), float(y.max())
    sides = x >= middle, x < middle
    feet = [_extreme(np.where(side, -y, -np.inf)) for side in sides]
    crotch = joining_level(y, faces, feet[0], feet[1])
    _check("legs that meet at a crotch", (crotch - bottom) / (top - bottom), _CROTCH)
    legs = [_leg(vertices, faces, crotch, foot) for foot in feet]
    _check_alike("legs", [leg.length for leg in legs])
    arms = [_arm(vertices, faces, middle, side, foot) for side, foot in zip(sides, feet, strict=True)]
    _check_alike("arms", [float(np.linalg.norm(arm.fingertip - arm.shoulder)) for arm in arms])
    return BodyLandmarks(middle, top, crotch, (legs[0], legs[1]), (arms[0], arms[1]))


def joining_level(values: NDArray[np.float64], faces: NDArray[np.integer], one: int, other: int) -> float:
    """The lowest level up to which ``values`` (V,) on a surface must be flooded for two vertices to be connected.

    In words of Morse theory the value at the saddle where the parts that hold ``one`` and ``other`` merge.

    Args:
        faces: (T, 3), of one part
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = np.concatenate((faces[:, :2], faces[:, 1:], faces[:, [2, 0]]))
    higher = values[edges].max(axis=1)
    levels = np.unique(higher)

    def joined(level: float) -> bool:
        flooded = edges[higher <= level]
        links = coo_matrix((np.ones(len(flooded), np.int8), flooded.T), (len(values), len(values)))
        labels = connected_components(links, directed=False)[1]
        return bool(labels[one] == labels[other])

    return float(levels[_first(joined, levels)])


def _first(holds: Callable[[float], bool], levels: NDArray[np.float64]) -> int:
    """Row of the first of rising ``levels`` (L,) for which ``holds``, as it does for all above and for the last."""
    low, high = 0, len(levels) - 1
    while low < high:
        half = (low + high) // 2
        low, high = (low, half) if holds(levels[half]) else (half + 1, high)
    return low


def _leg(vertices: NDArray[np.float64], faces: NDArray[np.integer], crotch: float, foot: int) -> Leg:
    """The leg below ``crotch`` that the vertex ``foot`` is of."""
    leg = _part_with(faces[(vertices[faces, 1] < crotch).all(axis=1)], foot, "legs")
    points = vertices[np.unique(leg)]
    bottom = points[:, 1].min()
    section = Sections(vertices, leg)
    low, high = (section.middle(bottom + fraction * (crotch - bottom)) for fraction in _LEG_CENTRES)
    axis = (low - high) * (1, 1, 0)
    axis /= np.linalg.norm(axis)
    hip = high + axis * (crotch - high[1]) / axis[1]
    below = np.abs((points - hip) @ (-axis[1], axis[0], 0)) < _SOLE_WIDTH
    return Leg(hip, axis, float(((points[below] - hip) @ axis).max()))


def _arm(
    vertices: NDArray[np.float64], faces: NDArray[np.integer], middle: float, side: NDArray[np.bool_], foot: int
) -> Arm:
    """The arm on a ``side`` (V,), by the vertex of the ``foot`` below it.

    The level ``y - |x|`` falls from the armpit along trunk and leg, and along an arm that is at most half way up: the
    way from fingertip to foot with the lowest top leads through the armpit, which is that top.
    """
    outwards = np.abs(vertices[:, 0] - middle)
    fingertip = _extreme(np.where(side, outwards, -np.inf))
    level = np.where(side, vertices[:, 1] - outwards, np.inf)
    inner = _part_with(faces[side[faces].all(axis=1)], foot, "arms")
    top = joining_level(level, inner, fingertip, foot)
    saddle = vertices[_extreme(-np.abs(level - top))]
    near = np.linalg.norm(vertices - saddle, axis=1) < _ARMPIT_SIZE
    armpit = vertices[near & (np.abs(level - top) < _ARMPIT_FLATNESS)].mean(axis=0)
    beside = abs(armpit[0] - middle)
    above = vertices[side & (np.abs(outwards - beside) < 0.01)]
    shoulder = above[above[:, 1].argmax()]
    bottom, height = vertices[:, 1].min(), np.ptp(vertices[:, 1])
    _check("armpits", (armpit[1] - bottom) / height, _ARMPITS)
    _check("arms", float(np.linalg.norm(vertices[fingertip] - shoulder)) / height, _ARM_LENGTH)
    held_out = _part_with(inner[(outwards[inner] > beside).all(axis=1)], fingertip, "arms")
    return Arm(
        armpit, shoulder, _wrist(Sections(vertices, held_out), shoulder, vertices[fingertip]), vertices[fingertip]
    )


def _wrist(arm: Sections, shoulder: NDArray[np.float64], fingertip: NDArray[np.float64]) -> NDArray[np.float64]:
    """The middle (3,) of the narrowest stretch of an ``arm``."""
    along = fingertip - shoulder
    girths = np.array([arm.girth_of_all(shoulder + part * along, along * (1, 1, 0)) for part in _WRIST])
    wrist: NDArray[np.float64] = shoulder + _WRIST[girths < _NARROW * girths.min()].mean() * along
    return wrist


def _part_with(faces: NDArray[np.integer], vertex: int, what: str) -> NDArray[np.integer]:
    """Those of ``faces`` (T, 3) that hang together with ``vertex``.

    Raises:
        NotABody: there are none.
    """
    beside = (faces == vertex).any(axis=1)
    if not beside.any():
        raise NotABody(f"no {what} were found where a standing body has them")
    part = part_of_faces(faces)
    return faces[part == part[beside][0]]


def _extreme(values: NDArray[np.float64]) -> int:
    return int(values.argmax())


def _check(what: str, part_of_height: float, usual: tuple[float, float]) -> None:
    if not usual[0] <= part_of_height <= usual[1]:
        raise NotABody(f"no {what} were found where a standing body has them")


def _check_alike(what: str, lengths: list[float]) -> None:
    if max(lengths) > (1 + _DIFFERENT) * min(lengths):
        raise NotABody(f"its two {what} are not of one length")
