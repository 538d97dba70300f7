"""Which way is up in a recording: as it says, by its floor, or else by what makes its subject look most familiar."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Notice
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.placement import ahead, floor_plane, upright

if TYPE_CHECKING:
    from engine.models.model import NeuralParametricModel

_TILTS_DEGREES = 0.0, 12.0, 24.0, 36.0, 48.0
"""That a camera which sees no floor may look down by."""
_CLEARLY = 1.05
"""Times as familiar as with a level camera, for another tilt to be taken."""
_RECORDED = "as recorded"
_LEVEL = 0.99
"""Cosine of the angle to the recorded vertical within which a plane is the floor."""
_FRAMES = 3


@dataclass(frozen=True, eq=False)
class Vertical:
    """What is known of up."""

    up: NDArray[np.float64]
    """(3,) unit vector in the world of the recording"""
    deviation_degrees: float
    """Expected error"""
    how: str
    """How it is known, in words"""
    is_guessed: bool = False
    """Whether neither the recording nor a floor says it"""
    floor: NDArray[np.float64] | None = None
    """(3,) a point of the floor there; None where none was seen"""


def stand_upright(sequence: DepthSequence, scene: DepthSequence, model: "NeuralParametricModel") -> DepthSequence:
    """``sequence`` in a world with Y up, the camera of the first frame looking along -z; its subject stays where it is.

    What up was taken from is said in its ``origin``, and in a warning where it was guessed.

    Args:
        scene: the recording before isolation, in which the floor is sought
        model: with a coordinate network, for which tilts are tried where there is neither a floor nor a statement
    """
    vertical = find_vertical(sequence, scene, model)
    first = sequence.camera_at(0)
    turned = np.eye(4)
    turned[:3, :3] = upright(vertical.up, ahead(first, vertical.up))
    turned[:3, 3] = -turned[:3, :3] @ first[:3, 3]
    poses = np.stack([turned @ sequence.camera_at(index) for index in range(len(sequence))])
    floor_m = None if vertical.floor is None else float(turned[1, :3] @ vertical.floor + turned[1, 3])
    said = f"up: {vertical.how} (within about {vertical.deviation_degrees:.0f} degrees)"
    if floor_m is not None and vertical.how == _RECORDED:  # else it has been said how it was seen
        said += f"; a floor is seen {-floor_m:.2f} m below the first camera"
    return replace(
        sequence,
        cameras_to_world=poses,
        world=World.UPRIGHT,
        floor_m=floor_m,
        origin=f"{sequence.origin}; {said}",
        warnings=(*sequence.warnings, Notice(said)) if vertical.is_guessed else sequence.warnings,
    )


def find_vertical(sequence: DepthSequence, scene: DepthSequence, model: "NeuralParametricModel") -> Vertical:
    """The vertical of a recording; see the head of this file."""
    floor, camera = floor_plane(scene), scene.camera_at(0)
    normal, point = None, None
    if floor is not None:
        normal = camera[:3, :3] @ floor.normal
        point = floor.offset * normal + camera[:3, 3]
    if sequence.cameras_to_world is not None and sequence.world is not World.ARBITRARY:
        is_level = normal is not None and normal[1] > _LEVEL
        return Vertical(np.array([0.0, 1.0, 0.0]), 1.0, _RECORDED, floor=point if is_level else None)
    if floor is not None and normal is not None:
        how = f"by the floor, the camera is tilted by {floor.tilt_degrees:.0f} degrees"
        return Vertical(normal, 2.0, how, floor=point)
    rotation = sequence.camera_at(0)[:3, :3]
    assert model.coordinate_network is not None
    if not model.coordinate_network.config.upright:  # what has no vertical is no worse for a wrong one
        how = f"no floor is seen and {model.info.category} may be turned anyhow, the camera is taken to be level"
        return Vertical(rotation @ np.array([0.0, -1.0, 0.0]), 30.0, how)
    tilt, is_clear = _familiar_tilt(sequence, model)
    angle = np.radians(tilt)
    up = rotation @ np.array([0.0, -np.cos(angle), -np.sin(angle)])
    how = f"no floor is seen, the subject looks most familiar with the camera tilted by {tilt:.0f} degrees"
    return Vertical(up, 8.0, how if is_clear else "no floor is seen, the camera is taken to be level", is_guessed=True)


def _familiar_tilt(sequence: DepthSequence, model: "NeuralParametricModel") -> tuple[float, bool]:
    """Degrees by which the camera looks down, and whether that is clearly better than level."""
    import torch

    from engine.sequences.subject_finder import SubjectFinder

    assert model.coordinate_network is not None
    finder = SubjectFinder(model.coordinate_network, model.info.similarity.scale, sequence.camera, model.device)
    scores = np.zeros(len(_TILTS_DEGREES))
    for index in sorted(set(np.linspace(0, len(sequence) - 1, _FRAMES).round().astype(int).tolist())):
        depth = torch.from_numpy(sequence.depth_m(index)).to(model.device)
        near = None
        for row, tilt in enumerate(_TILTS_DEGREES):
            angle = float(np.radians(tilt))
            up = torch.tensor([[0.0, -np.cos(angle), -np.sin(angle)]], dtype=torch.float32, device=model.device)
            found = finder.find(depth, finder.crop_axes(up)[0], near)
            if found is not None:
                scores[row] += found.score
                near = found.middle
    best = int(scores.argmax())
    clear = bool(scores[best] > _CLEARLY * scores[0])
    return (_TILTS_DEGREES[best], True) if clear else (0.0, False)
