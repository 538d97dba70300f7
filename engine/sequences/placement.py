"""Where the cameras of a recording are in the model's world, when the recording does not say where its subject is."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Notice, Setting, remedy
from engine.geometry.depth import point_image
from engine.geometry.similarity import Similarity
from engine.sequences.camera_path import World, stands_still
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.planes import Plane, background_planes

if TYPE_CHECKING:
    from engine.models.model import NeuralParametricModel

_ISOLATE = remedy("isolate the subject with {} or {}", Setting.DEPTH_RANGE, Setting.REMOVE_PLANES)
_FRONT = 0.04
"""Canonical units from the axis of a body to the surface that is seen: 0.1 m at 0.4 per metre."""
_STRAIGHT = 0.99
"""Cosine of the angle to the vertical beyond which a camera looks at the floor or the ceiling."""
_FRAMES = 3
_SMALLEST = 0.12
"""Of the cube: less is not what a model has learned, which fills most of it."""
_OUTSIDE = 0.2
_POSES = 16


@dataclass(frozen=True)
class CameraPlacement:
    """Where a model expects its subjects."""

    visible_world: tuple[float, float, float]
    """Median position, in metres of the world, of the surface that a camera in front sees."""
    size_m: float
    """Side of the model's cube."""

    @staticmethod
    def of_similarity(similarity: Similarity) -> "CameraPlacement":
        """Taking the centre of the cube for the middle of the subject, which is all that a similarity tells."""
        x, y, z = similarity.to_world([0.0, 0.0, _FRONT]).tolist()
        return CameraPlacement((x, y, z), 1 / similarity.scale)

    @staticmethod
    def of_model(model: "NeuralParametricModel") -> "CameraPlacement":
        """From the mean shape in training poses: the medians of what faces +z, by projected area."""
        import torch

        from engine.surface.extract import extract_surface, pose_vertices

        similarity, code = model.info.similarity, model.shape_codes.mean(dim=0)
        with torch.no_grad():
            mesh = extract_surface(model, code, 48)
            bodies = [mesh.vertices]
            if model.pose_codes is not None and len(mesh.vertices):
                rows = np.linspace(0, len(model.pose_codes) - 1, min(_POSES, len(model.pose_codes))).round().astype(int)
                bodies = [pose_vertices(model, code, model.pose_codes[row], mesh.vertices) for row in rows]
        if not len(mesh.faces):
            return CameraPlacement.of_similarity(similarity)
        medians = [_facing_median(vertices.astype(np.float64), mesh.faces) for vertices in bodies]
        x, y, z = similarity.to_world(np.median(medians, axis=0)).tolist()
        return CameraPlacement((x, y, z), 1 / similarity.scale)


def states_pose(sequence: DepthSequence) -> bool:
    """Whether the recording says where its camera is in a world in which the subject is where models expect it."""
    return sequence.cameras_to_world is not None and sequence.world is World.PLACED


def floor_plane(scene: DepthSequence) -> Plane | None:
    """The floor in the camera axes of the first frame, sought before isolation; None where none is seen."""
    still = stands_still(scene.cameras_to_world)
    planes = background_planes(scene) if still else background_planes(scene, frames=1)
    return next((plane for plane in planes if plane.is_floor), None)


def place(sequence: DepthSequence, placement: CameraPlacement, scene: DepthSequence | None = None) -> DepthSequence:
    """``sequence`` with its subject where a model expects it, by estimate; as it is, when it states that already.

    The world of the recording, or that of a camera at rest where it has none, is moved as a whole, so that the camera
    keeps its path. Up becomes +y: as the recording says, or else by the floor where one is seen, or else the first
    frame is taken to be level; the subject faces the camera of the first frame and +z. The median of its visible
    points in the first frames comes to where ``placement`` has it: a median hardly moves when an arm is raised, the
    middle of the bounding box does.

    Args:
        scene: the recording before isolation, in which the floor is sought; ``sequence`` when absent.
    """
    if states_pose(sequence):
        return sequence
    recorded = np.stack([sequence.camera_at(index) for index in range(len(sequence))])
    up, how = _up_world(sequence, scene or sequence)
    moved = np.eye(4)
    moved[:3, :3] = upright(up, ahead(recorded[0], up))
    seen = sequence.first_seen(_FRAMES)
    first, poses = [_points(sequence, index) for index in seen], [moved @ recorded[index] for index in seen]
    points = [p @ pose[:3, :3].T + pose[:3, 3] for p, pose in zip(first, poses, strict=True)]
    moved[:3, 3] = np.asarray(placement.visible_world) - np.median([np.median(p, axis=0) for p in points], axis=0)
    warnings = [Notice(f"the position of the camera was estimated ({how}, subject facing it)")]
    low, high = (np.median([np.quantile(p, q, axis=0) for p in points], axis=0) for q in (0.005, 0.995))
    extent, size_m = high - low, placement.size_m
    if extent.max() > size_m:
        size = " x ".join(f"{length:.1f}" for length in extent)
        text = f"what is seen measures {size} m and does not fit into the model's {size_m:.1f} m"
        warnings.append(Notice(text, _ISOLATE))
    return replace(
        move_world(sequence, moved),
        origin=f"{sequence.origin}; placed by estimate",
        warnings=(*sequence.warnings, *warnings),
    )


def place_at(sequence: DepthSequence, frame: str, camera_to_world: NDArray[np.float64]) -> DepthSequence:
    """``sequence`` moved as a whole so that ``frame`` is seen from ``camera_to_world`` (4, 4).

    As it is where it has no such frame.
    """
    if frame not in sequence.frame_names:
        return sequence
    now = sequence.camera_at(sequence.frame_names.index(frame))
    return move_world(sequence, camera_to_world @ np.linalg.inv(now))


def move_world(sequence: DepthSequence, transform: NDArray[np.float64]) -> DepthSequence:
    """``sequence`` with all its cameras moved by a rigid ``transform`` (4, 4), to where the subject is placed."""
    poses = [transform @ sequence.camera_at(index) for index in range(len(sequence))]
    others = tuple(move_world(other, transform) for other in sequence.others)
    return replace(sequence, cameras_to_world=np.stack(poses), world=World.PLACED, floor_m=None, others=others)


def upright(up: NDArray[np.float64], forward: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Rotation (3, 3) to axes with ``up`` (3,) as +y, in which ``forward`` (3,), or else +z, leads along -z."""
    y = up / np.linalg.norm(up)
    forward = np.array([0.0, 0.0, 1.0]) if forward is None else forward
    z = -(forward - (forward @ y) * y)
    z /= np.linalg.norm(z)
    return np.stack([np.cross(y, z), y, z])


def ahead(camera_to_world: NDArray[np.float64], up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the camera looks (3,); where that is straight up or down, where the top or bottom of its image is."""
    forward = camera_to_world[:3, 2]
    cosine = float(forward @ up) / float(np.linalg.norm(up))
    return forward if abs(cosine) < _STRAIGHT else np.sign(cosine) * camera_to_world[:3, 1]


def _up_world(sequence: DepthSequence, scene: DepthSequence) -> tuple[NDArray[np.float64], str]:
    """Up (3,) in the world of the recording, and in words how it is known."""
    if sequence.cameras_to_world is not None and sequence.world is World.UPRIGHT:
        return np.array([0.0, 1.0, 0.0]), "vertical and path of the camera as recorded"
    rotation = scene.camera_at(0)[:3, :3]
    floor = floor_plane(scene)
    if floor is None:
        return rotation @ [0.0, -1.0, 0.0], "no floor seen, camera taken to be level"
    return rotation @ np.array(floor.normal), f"tilt of {floor.tilt_degrees:.0f} degrees from the floor"


def _facing_median(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """Median position (3,) of the triangles that face +z, each coordinate weighted with their projected area."""
    corners = vertices[faces]
    area = np.maximum(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2], 0)
    centres = corners.mean(axis=1)
    order = np.argsort(centres, axis=0)
    fraction = np.cumsum(area[order], axis=0) / max(float(area.sum()), 1e-12)
    middle = np.minimum((fraction < 0.5).sum(axis=0), len(faces) - 1)
    return np.array([centres[order[middle[axis], axis], axis] for axis in range(3)])


def _points(sequence: DepthSequence, index: int) -> NDArray[np.floating[Any]]:
    image = point_image(sequence.depth_m(index), sequence.camera)
    return image[image[..., 2] > 0].astype(np.float64)


def size_notice(sequence: DepthSequence, model: "NeuralParametricModel", is_stated: bool) -> Notice | None:
    """That what is seen is too small for the subjects of a model, or too large or elsewhere.

    Args:
        sequence: placed
        is_stated: whether the subject alone is seen, and from where the recording says; `place` has said what is too
            large else.
    """
    info = model.info
    points = [info.similarity.to_canonical(sequence.points_world(i)) for i in sequence.first_seen(_FRAMES)]
    outside = float(np.mean([(np.abs(each) > 0.5).any(axis=1).mean() for each in points]))
    extents = [np.diff(np.quantile(each, (0.005, 0.995), axis=0), axis=0).max() for each in points]
    extent, size_m = float(np.median(extents)), 1 / info.similarity.scale
    subjects = f"model {info.name} ({info.category}) in its cube of {size_m:.3g} m"
    other = remedy("fit a model of what is seen, or correct {}", Setting.DEPTH_UNITS)
    if extent < _SMALLEST:
        text = f"what is seen measures {extent * size_m:.2g} m, far less than the subjects of {subjects}"
        return Notice(text, other)
    if is_stated and extent > 1:
        text = f"what is seen measures {extent * size_m:.2g} m, more than the subjects of {subjects}"
        return Notice(text, _ISOLATE)
    if is_stated and outside > _OUTSIDE:
        return Notice(f"{outside:.0%} of what is seen lies where {subjects} has nothing", _ISOLATE)
    return None
