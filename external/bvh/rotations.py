"""Rotations of many frames: shortest turns, frames from two directions, means, steps between two and twists."""

from collections.abc import Iterable

import numpy as np
from scipy.spatial.transform import Rotation

from external.bvh.clip import Array


def unit(vectors: Array) -> Array:
    """Vectors (..., 3) of length 1; 0 stays 0."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))


def dot(a: Array, b: Array) -> Array:
    """Scalar products (...) of vectors (..., 3)."""
    return np.asarray(np.einsum("...i,...i->...", a, b))


def frames_of(first: Array, second: Array) -> Array:
    """Rotations (..., 3, 3) whose second column is ``second`` and the first as near to ``first`` as may be (..., 3)."""
    y = unit(second)
    x = unit(first - dot(first, y)[..., None] * y)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def shortest_turns(a: Array, b: Array) -> Array:
    """The rotations (..., 3, 3) by the smallest angles that take the directions of ``a`` to those of ``b`` (..., 3)."""
    a, b = np.broadcast_arrays(unit(a), unit(b))
    cosine, axis = dot(a, b), np.cross(a, b)
    x, y, z = np.moveaxis(axis, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)
    # Rodrigues' formula with sin = |axis|; of opposite directions any half turn will do.
    turns = np.eye(3) + cross + cross @ cross / np.maximum(1.0 + cosine, 1e-12)[..., None, None]
    opposite = cosine < -1.0 + 1e-9
    if np.any(opposite):
        aside = unit(np.cross(a, np.eye(3)[np.abs(a).argmin(axis=-1)]))
        half = 2.0 * aside[..., :, None] * aside[..., None, :] - np.eye(3)
        turns = np.where(opposite[..., None, None], half, turns)
    return np.asarray(turns)


def fitted(rotations: Array, evidence: Iterable[tuple[Array, Array]]) -> Array:
    """``rotations`` (F, 3, 3) times the one constant that brings them nearest to what is wanted of them.

    The axes in which a file gives a joint's rotation are unknown, but the same in all frames. The constant is the
    rotation C that maximises the sum of ``weight * trace((R C)^T wanted)`` (the chordal mean; Hartley et al.,
    "Rotation Averaging", 2013).

    Args:
        evidence: weights (E,) and wanted rotations (E, 3, 3), for the last E of the frames.
    """
    moments = np.zeros((3, 3))
    for weights, wanted in evidence:
        moments += np.einsum("f,fji,fjk->ik", weights, rotations[len(rotations) - len(weights) :], wanted)
    u, _, vt = np.linalg.svd(moments)
    u[:, 2] *= np.sign(np.linalg.det(u @ vt))
    return np.asarray(rotations @ (u @ vt))


def between(a: Array, b: Array, fraction: float) -> Array:
    """Rotations (F, 3, 3) a ``fraction`` of the way from ``a`` to ``b``."""
    step = Rotation.from_matrix(a.swapaxes(-1, -2) @ b).as_rotvec() * fraction
    return np.asarray(a @ Rotation.from_rotvec(step).as_matrix())


def twist_angles(a: Array, b: Array, axis: Array) -> Array:
    """Angles (F,) in [-pi, pi) that ``b`` (F, 3, 3) turns about its own ``axis`` (3,) since ``a``."""
    quaternion = Rotation.from_matrix(a.swapaxes(-1, -2) @ b).as_quat()
    angle = 2.0 * np.arctan2(quaternion[:, :3] @ unit(axis), quaternion[:, 3])
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)


def twists(axis: Array, angles: Array) -> Array:
    """Rotations (F, 3, 3) by ``angles`` (F,) about ``axis`` (3,) or (F, 3)."""
    return np.asarray(Rotation.from_rotvec(angles[:, None] * unit(axis)).as_matrix())
