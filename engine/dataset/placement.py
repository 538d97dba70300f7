"""Where the camera of a recording stands in the model's world, when the recording does not say."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.dataset.depth_sequence import DepthSequence
from engine.dataset.planes import background_planes
from engine.geometry.depth import point_image

FRONT_M = 0.1
"""How far the visible surface of a body lies in front of its axis, metres."""
_FRAMES = 3


def states_pose(sequence: DepthSequence) -> bool:
    """Whether the camera's pose is known: the identity, OpenCV axes in a world of Y up, stands for "not stated"."""
    return not np.array_equal(sequence.camera_to_world, np.eye(4))


def floor_normal(scene: DepthSequence) -> NDArray[np.float64] | None:
    """Upward unit normal (3,) of the floor in camera axes, sought before isolation; None where no floor is seen."""
    floors = [plane for plane in background_planes(scene) if plane.is_floor]
    return np.array(floors[0].normal) if floors else None


def place(
    sequence: DepthSequence,
    centre_world: ArrayLike,
    scene: DepthSequence | None = None,
    front_m: float = FRONT_M,
    size_m: float | None = None,
) -> DepthSequence:
    """``sequence`` with an estimated ``camera_to_world``; as it is, when it states one.

    The world has Y up, its vertical from the floor where one is seen, or else the camera is taken to be level; the
    subject faces the camera and +z. The bounding box of the first frames is centred on ``centre_world`` across and
    in height, and the visible surface lies ``front_m`` in front of it.

    Args:
        centre_world: (3,) metres, the world position of the model's centre (`Similarity.centre`).
        scene: the recording before isolation, in which the floor is sought; ``sequence`` when absent.
        front_m: metres; `FRONT_M` suits bodies.
        size_m: side of the model's cube in metres, to warn of a subject that does not fit.
    """
    if states_pose(sequence):
        return sequence
    up = floor_normal(scene or sequence)
    pose = np.eye(4)
    pose[:3, :3] = upright(np.array([0.0, -1.0, 0.0]) if up is None else up)
    points = [_points(sequence, index) @ pose[:3, :3].T for index in range(min(_FRAMES, len(sequence)))]
    low, high = (np.median([np.quantile(p, q, axis=0) for p in points], axis=0) for q in (0.005, 0.995))
    subject = (low + high) / 2
    subject[2] = np.median([np.median(p[:, 2]) for p in points]) - front_m
    pose[:3, 3] = np.asarray(centre_world, np.float64) - subject
    tilt = np.degrees(np.arccos(np.clip(-up[1], -1, 1))) if up is not None else 0.0
    how = f"tilt of {tilt:.0f} degrees from the floor" if up is not None else "no floor seen, camera taken to be level"
    warnings = [f"the position of the camera was estimated ({how}, subject facing it)"]
    extent = high - low
    if size_m is not None and extent.max() > size_m:
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


def _points(sequence: DepthSequence, index: int) -> NDArray[np.floating[Any]]:
    image = point_image(sequence.depth_m(index), sequence.camera)
    return image[image[..., 2] > 0].astype(np.float64)
