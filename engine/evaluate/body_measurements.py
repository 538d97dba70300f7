"""Lengths, girths and the volume of a body, on its surface in the canonical pose: they do not depend on how it moves.

After ISO 7250-1 and ISO 8559-1, as far as a surface alone has what these measure between bones. A girth is the length
of the convex hull of a section, as a tape spans hollows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluate.body_landmarks import BodyLandmarks, Leg, find_landmarks, largest_part
from engine.geometry.mesh import Mesh
from engine.geometry.topology import signed_volume

_LEVELS = np.linspace(0.1, 0.9, 33)
"""Of the trunk, where 0 is the crotch and 1 the armpits."""
_HIP_LEVEL = 0.2
_WAIST_LEVELS = (0.3, 0.8)
_CHEST_TOP = 0.875
_THIGH_LEVEL = 0.1
"""Of the way from the crotch down to the sole."""
_LEAST_LINES = 3
"""Of a part of a section: fewer enclose nothing."""
_DIGITS = 7
"""Decimals of metres by which ends of lines are the same point."""
_DOWN = np.array([0.0, -1.0, 0.0])


@dataclass(frozen=True)
class MeasurementDefinition:
    """What is measured."""

    name: str
    title: str
    unit: str
    definition: str


BODY_MEASUREMENTS = (
    MeasurementDefinition(
        "height", "height", "cm", "From the soles to the highest point, as if the legs stood straight below the hips."
    ),
    MeasurementDefinition(
        "chest_girth",
        "chest girth",
        "cm",
        "Largest girth of the trunk between the waist and an eighth of the trunk below the armpits.",
    ),
    MeasurementDefinition("waist_girth", "waist girth", "cm", "Smallest girth of the trunk between hip and chest."),
    MeasurementDefinition(
        "hip_girth", "hip girth", "cm", "Girth of the trunk at the buttocks, a fifth of the way from crotch to armpits."
    ),
    MeasurementDefinition(
        "thigh_girth", "thigh girth", "cm", "Girth of a leg across its axis, a tenth of it below the crotch; mean."
    ),
    MeasurementDefinition(
        "arm_length",
        "arm length",
        "cm",
        "From the top of the shoulder above the armpit straight to the fingertip; mean.",
    ),
    MeasurementDefinition(
        "leg_length", "leg length", "cm", "From the soles to the crotch, the legs straight below the hips."
    ),
    MeasurementDefinition("volume", "volume", "l", "Within the surface."),
)


def measure_body(surface: Mesh) -> dict[str, float]:
    """`BODY_MEASUREMENTS` by name, in their units, of a body's ``surface`` in the canonical pose, metres.

    The canonical pose is as `engine.evaluate.body_landmarks` says. Of several parts the largest one counts.

    Raises:
        NotABody: it is no body, stands otherwise, or is not closed.
    """
    body = largest_part(surface)
    marks, section = find_landmarks(body), Sections(body)
    trunk = np.array([section.girth(np.array([marks.middle, level, 0.0]), _DOWN) for level in _trunk_levels(marks)])
    low, high = np.searchsorted(_LEVELS, _WAIST_LEVELS)
    waist = int(low + trunk[low:high].argmin())
    lengths = {
        "height": marks.top - marks.floor,
        "chest_girth": trunk[waist:][_LEVELS[waist:] <= _CHEST_TOP].max(),
        "waist_girth": trunk[waist],
        "hip_girth": np.interp(_HIP_LEVEL, _LEVELS, trunk),
        "thigh_girth": np.mean([section.girth(_thigh(marks, leg), leg.axis) for leg in marks.legs]),
        "arm_length": np.mean([np.linalg.norm(arm.fingertip - arm.shoulder) for arm in marks.arms]),
        "leg_length": marks.crotch - marks.floor,
    }
    volume = signed_volume(body.vertices, body.faces)
    return {name: 100 * float(length) for name, length in lengths.items()} | {"volume": 1000 * volume}


def _trunk_levels(marks: BodyLandmarks) -> NDArray[np.float64]:
    levels: NDArray[np.float64] = marks.crotch + _LEVELS * (marks.armpits - marks.crotch)
    return levels


def _thigh(marks: BodyLandmarks, leg: Leg) -> NDArray[np.float64]:
    """Point (3,) of the axis of ``leg`` where its thigh is measured."""
    crotch = float((np.array([marks.middle, marks.crotch, leg.hip[2]]) - leg.hip) @ leg.axis)
    point: NDArray[np.float64] = leg.hip + leg.axis * (crotch + _THIGH_LEVEL * (leg.length - crotch))
    return point


class Sections:
    """What planes cut of one surface."""

    def __init__(self, surface: Mesh) -> None:
        import trimesh

        self._mesh = trimesh.Trimesh(np.asarray(surface.vertices, np.float64), surface.faces, process=False)

    def girth(self, point: NDArray[np.float64], axis: NDArray[np.float64]) -> float:
        """Length of the convex hull of the part of a section whose middle is nearest to ``point`` (3,).

        Args:
            axis: (3,) unit vector across which it lies, without a part along z
        """
        from scipy.spatial import ConvexHull

        across = np.array([-axis[1], axis[0], 0.0])
        parts = [np.stack((part @ across, part[:, 2]), axis=1) for part in self._parts(point, axis)]
        wanted = np.array([point @ across, point[2]])
        nearest = min(parts, key=lambda part: np.linalg.norm((part.min(axis=0) + part.max(axis=0)) / 2 - wanted))
        return float(ConvexHull(nearest).area)  # which is the length of the boundary in two dimensions

    def _parts(self, point: NDArray[np.float64], axis: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Points (N, 3) of each connected part of a section."""
        import trimesh
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        lines = trimesh.intersections.mesh_plane(self._mesh, axis, point)
        ends = np.unique(lines.reshape(-1, 3).round(_DIGITS), axis=0, return_inverse=True)[1].reshape(-1, 2)
        links = coo_matrix((np.ones(len(ends), np.int8), ends.T), (2 * len(ends), 2 * len(ends)))
        part = connected_components(links, directed=False)[1][ends[:, 0]]
        numbers = np.flatnonzero(np.bincount(part) >= _LEAST_LINES)
        return [lines[part == number].reshape(-1, 3) for number in numbers]
