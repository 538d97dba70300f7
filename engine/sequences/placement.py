"""Where the camera of a recording stands in the model's world, when the recording does not say."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.geometry.depth import point_image
from engine.geometry.similarity import Similarity
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.planes import background_planes

if TYPE_CHECKING:
    from engine.models.model import NeuralParametricModel

_FRONT = 0.04
"""Canonical units from the axis of a body to the surface that is seen: 0.1 m at 0.4 per metre."""
_FRAMES = 3
_POSES = 16


@dataclass(frozen=True)
class Standpoint:
    """Where a model expects its subjects."""

    visible_world: tuple[float, float, float]
    """Median position, in metres of the world, of the surface that a camera in front sees."""
    size_m: float
    """Side of the model's cube."""

    @staticmethod
    def of_similarity(similarity: Similarity) -> "Standpoint":
        """Taking the centre of the cube for the middle of the subject, which is all that a similarity tells."""
        x, y, z = similarity.to_world([0.0, 0.0, _FRONT]).tolist()
        return Standpoint((x, y, z), 1 / similarity.scale)

    @staticmethod
    def of_model(model: "NeuralParametricModel") -> "Standpoint":
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
            return Standpoint.of_similarity(similarity)
        medians = [_facing_median(vertices.astype(np.float64), mesh.faces) for vertices in bodies]
        x, y, z = similarity.to_world(np.median(medians, axis=0)).tolist()
        return Standpoint((x, y, z), 1 / similarity.scale)


def states_pose(sequence: DepthSequence) -> bool:
    """Whether the camera's pose is known: the identity, OpenCV axes in a world of Y up, stands for "not stated"."""
    return not np.array_equal(sequence.camera_to_world, np.eye(4))


def floor_normal(scene: DepthSequence) -> NDArray[np.float64] | None:
    """Upward unit normal (3,) of the floor in camera axes, sought before isolation; None where no floor is seen."""
    floors = [plane for plane in background_planes(scene) if plane.is_floor]
    return np.array(floors[0].normal) if floors else None


def place(sequence: DepthSequence, standpoint: Standpoint, scene: DepthSequence | None = None) -> DepthSequence:
    """``sequence`` with an estimated ``camera_to_world``; as it is, when it states one.

    The world has Y up, its vertical from the floor where one is seen, or else the camera is taken to be level; the
    subject faces the camera and +z. The median of its visible points in the first frames comes to where ``standpoint``
    has it: a median hardly moves when an arm is raised, the middle of the bounding box does.

    Args:
        scene: the recording before isolation, in which the floor is sought; ``sequence`` when absent.
    """
    if states_pose(sequence):
        return sequence
    up = floor_normal(scene or sequence)
    pose = np.eye(4)
    pose[:3, :3] = upright(np.array([0.0, -1.0, 0.0]) if up is None else up)
    points = [_points(sequence, index) @ pose[:3, :3].T for index in range(min(_FRAMES, len(sequence)))]
    pose[:3, 3] = np.asarray(standpoint.visible_world) - np.median([np.median(p, axis=0) for p in points], axis=0)
    tilt = np.degrees(np.arccos(np.clip(-up[1], -1, 1))) if up is not None else 0.0
    how = f"tilt of {tilt:.0f} degrees from the floor" if up is not None else "no floor seen, camera taken to be level"
    warnings = [f"the position of the camera was estimated ({how}, subject facing it)"]
    low, high = (np.median([np.quantile(p, q, axis=0) for p in points], axis=0) for q in (0.005, 0.995))
    extent, size_m = high - low, standpoint.size_m
    if extent.max() > size_m:
        size = " x ".join(f"{length:.1f}" for length in extent)
        cure = "isolate the subject with --near, --far, --masks or --remove-planes"
        warnings.append(f"what is seen measures {size} m and does not fit into the model's {size_m:.1f} m; {cure}")
    return replace(
        sequence,
        camera_to_world=pose,
        origin=f"{sequence.origin}; placed by estimate",
        warnings=(*sequence.warnings, *warnings),
    )


def upright(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation (3, 3) from camera axes to a world with ``up`` (3,) as +y that the camera looks into along -z."""
    y = up / np.linalg.norm(up)
    forward = np.array([0.0, 0.0, 1.0])
    z = -(forward - (forward @ y) * y)
    z /= np.linalg.norm(z)
    return np.stack([np.cross(y, z), y, z])


def _facing_median(vertices: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """Median position (3,) of the triangles that face +z, each coordinate weighted with their projected area."""
    corners = vertices[faces]
    area = np.maximum(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2], 0)
    centres = corners.mean(axis=1)
    order = np.argsort(centres, axis=0)
    share = np.cumsum(area[order], axis=0) / max(float(area.sum()), 1e-12)
    middle = np.minimum((share < 0.5).sum(axis=0), len(faces) - 1)
    return np.array([centres[order[middle[axis], axis], axis] for axis in range(3)])


def _points(sequence: DepthSequence, index: int) -> NDArray[np.floating[Any]]:
    image = point_image(sequence.depth_m(index), sequence.camera)
    return image[image[..., 2] > 0].astype(np.float64)
