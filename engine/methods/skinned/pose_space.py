"""A pose space from examples of poses."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from engine.methods.skinned.body import PoseSpace

_STILL = 1e-6
"""Entries of rotations that change by less belong to joints that do not move."""
_LEAST = 0.03
"""Radians of deviation along each axis of a joint beside that of the examples, which were made from a few angles:
people bend in other ways, too."""


def pose_space(examples: NDArray[np.floating]) -> PoseSpace:
    """The Gaussian of the rotation vectors from the mean rotations to those of ``examples`` (N, B, 3, 3) of all joints.

    Joints that are at zero in all examples, and the root's, do not move: the root turns with the place of the subject.
    """
    assert examples.ndim == 4 and examples.shape[2:] == (3, 3), examples.shape
    away = np.abs(examples - np.eye(3)).max((0, 2, 3))
    away[0] = 0
    moving = np.flatnonzero(away > _STILL)
    means, vectors = [], []
    for joint in moving:
        rotations = Rotation.from_matrix(examples[:, joint])
        mean = rotations.mean()
        means.append(mean.as_matrix())
        vectors.append((mean.inv() * rotations).as_rotvec())
    rows = np.concatenate(vectors, axis=1)  # (N, 3 A)
    moments = rows.T @ rows / len(rows) + _LEAST**2 * np.eye(rows.shape[1])
    values, axes = np.linalg.eigh(moments)
    directions = np.ascontiguousarray((axes * np.sqrt(values))[:, ::-1])
    return PoseSpace(
        torch.from_numpy(moving),
        torch.from_numpy(np.stack(means)),
        torch.from_numpy(directions.reshape(len(moving), 3, -1)),
    )


def rotation_vectors(rotations: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 3) of ``rotations`` (..., 3, 3), radians."""
    vectors: NDArray[np.float64] = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec()
    return vectors.reshape(rotations.shape[:-1])
