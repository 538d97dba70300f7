"""Where the camera of a recording was in each frame, and in what world."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Notice

_STILL_M, _STILL_DEGREES = 0.03, 2.0
"""A camera on a tripod whose poses were measured moves no more."""
Z_UP_TO_Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""(4, 4) from a world with Z up, as motion capture and ScanNet have it, to one with Y up."""


class World(Enum):
    """The world that camera poses lead to."""

    PLACED = "the subject is where models expect it"
    UPRIGHT = "of the recording, with Y up"
    ARBITRARY = "of the recording, its vertical unknown"


@dataclass(frozen=True, eq=False)
class CameraPath:
    """Which frames of a recording are kept, and where their camera was."""

    kept: NDArray[np.intp]
    """(K,) indices of frames, increasing."""
    poses: NDArray[np.float64] | None = None
    """(K, 4, 4) OpenCV camera axes to world metres; None where nobody knows."""
    warnings: tuple[Notice, ...] = ()


def are_rigid(poses: NDArray[np.floating[Any]], tolerance: float = 1e-3) -> NDArray[np.bool_]:
    """Which of ``poses`` (..., 4, 4) are finite rigid transforms: a rotation, a translation and the row 0 0 0 1."""
    assert poses.shape[-2:] == (4, 4), poses.shape
    finite = np.isfinite(poses).all(axis=(-2, -1))
    safe = np.where(finite[..., None, None], poses, 0).astype(np.float64)
    rotation = safe[..., :3, :3]
    gap = np.abs(rotation @ np.swapaxes(rotation, -2, -1) - np.eye(3)).max(axis=(-2, -1))
    last_row = np.abs(safe[..., 3, :] - [0, 0, 0, 1]).max(axis=-1)
    return np.asarray(finite & (gap <= tolerance) & (np.linalg.det(rotation) > 0) & (last_row <= tolerance))


def stated_poses(poses: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """``poses`` (F, 4, 4), or None where all are the identity, by which files say that they do not know."""
    return None if (poses == np.eye(4)).all() else poses


def settle_poses(recorded: NDArray[np.float64], frame_names: Sequence[str]) -> CameraPath:
    """What to make of recorded poses (F, 4, 4), not finite where a frame has none.

    Frames without a rigid pose are left out if others have one: nobody knows what they saw of the world. Without any,
    all frames stay and have no pose.
    """
    assert recorded.shape == (len(frame_names), 4, 4), (recorded.shape, len(frame_names))
    rigid = are_rigid(recorded, 1e-2)
    count = len(frame_names)
    if not rigid.any():
        text = f"none of the {count} camera poses can be used; the camera is taken to stand still"
        return CameraPath(np.arange(count), warnings=(Notice(text),))
    kept = np.flatnonzero(rigid)
    poses = stated_poses(recorded[kept])
    warnings: list[Notice] = []
    if len(kept) < count:
        first = frame_names[int(np.flatnonzero(~rigid)[0])]
        text = f"{count - len(kept)} of {count} frames left out: they have no camera pose, the first is {first}"
        warnings.append(Notice(text))
    if poses is not None and (motion := _motion(poses)):
        warnings.append(Notice(f"the camera {motion}; each frame is seen from its recorded pose"))
    return CameraPath(kept, poses, tuple(warnings))


def stands_still(poses: NDArray[np.float64] | None) -> bool:
    """Whether all of ``poses`` (F, 4, 4) are the same; a camera of which nobody knows is taken to stand still."""
    return poses is None or bool((poses == poses[0]).all())


def _motion(poses: NDArray[np.float64]) -> str:
    """How far ``poses`` (F, 4, 4), metres, go from the first; empty where it is next to nothing."""
    moved = float(np.linalg.norm(poses[:, :3, 3] - poses[0, :3, 3], axis=1).max())
    cosine = (np.einsum("fij,ij->f", poses[:, :3, :3], poses[0, :3, :3]) - 1) / 2
    turned = float(np.degrees(np.arccos(np.clip(cosine.min(), -1, 1))))
    if moved < _STILL_M and turned < _STILL_DEGREES:
        return ""
    return f"moves by {moved:.2f} m and turns by {turned:.0f} degrees"
