"""Which way is up for a camera at rest, by what its accelerometer measures."""

import numpy as np
from numpy.typing import NDArray

from engine.sequences.placement import ahead, upright

FEWEST = 10
"""Samples that tell whether a camera rests."""
_GRAVITY = 9.81
_OFF = 1.5
"""m/s^2 by which uncalibrated accelerometers are off."""
_RESTLESS = 0.5
"""m/s^2, standard deviation of a camera that is moved; that of one at rest is a tenth."""


def why_no_vertical(accelerations: NDArray[np.float64]) -> str:
    """Why samples (N, 3), m/s^2, do not tell the vertical; empty where they do."""
    assert accelerations.ndim == 2 and accelerations.shape[1] == 3, accelerations.shape
    if len(accelerations) < FEWEST:
        return f"it gave {len(accelerations)} samples"
    if float(accelerations.std(axis=0).max()) > _RESTLESS:
        return "the camera was being moved"
    size = float(np.linalg.norm(accelerations.mean(axis=0)))
    if abs(size - _GRAVITY) > _OFF:
        return f"it measures {size:.1f} m/s^2 at rest"
    return ""


def pose_of(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pose (4, 4) of a camera at the origin of a world with Y up that looks along -z.

    Args:
        up: (3,) in camera axes, of any length: what an accelerometer at rest measures, which is pushed up by what it
            lies on.
    """
    assert up.shape == (3,), up.shape
    pose = np.eye(4)
    pose[:3, :3] = upright(up, ahead(pose, up))
    return pose
