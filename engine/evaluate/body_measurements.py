"""Lengths, girths and the volume of a body, on its surface in the canonical pose: they do not depend on how it moves.

After ISO 7250-1 and ISO 8559-1, as far as a surface alone has what these measure between bones. A girth is the length
of the convex hull of a section, as a tape spans hollows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.evaluate.body_landmarks import BodyLandmarks, Leg, find_landmarks, largest_part
from engine.evaluate.sections import Sections
from engine.geometry.mesh import Mesh
from engine.geometry.topology import signed_volume

_LEVELS = np.linspace(0.1, 0.9, 33)
"""Of the trunk, where 0 is the crotch and 1 the armpits."""
_HIP_LEVEL = 0.2
_WAIST_LEVELS = (0.3, 0.8)
_CHEST_TOP = 0.875
_THIGH_LEVEL = 0.1
"""Of the way from the crotch down to the sole."""
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
        "From the top of the shoulder above the armpit straight to the wrist; mean.",
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
    marks, section = find_landmarks(body), Sections(body.vertices, body.faces)
    trunk = np.array([section.girth(np.array([marks.middle, level, 0.0]), _DOWN) for level in _trunk_levels(marks)])
    low, high = np.searchsorted(_LEVELS, _WAIST_LEVELS)
    waist = int(low + trunk[low:high].argmin())
    lengths = {
        "height": marks.top - marks.floor,
        "chest_girth": trunk[waist:][_LEVELS[waist:] <= _CHEST_TOP].max(),
        "waist_girth": trunk[waist],
        "hip_girth": np.interp(_HIP_LEVEL, _LEVELS, trunk),
        "thigh_girth": np.mean([section.girth(_thigh(marks, leg), leg.axis) for leg in marks.legs]),
        "arm_length": np.mean([np.linalg.norm(arm.wrist - arm.shoulder) for arm in marks.arms]),
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
