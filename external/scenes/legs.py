"""Legs that reach for given feet: inverse kinematics of two bones, in closed form."""

import numpy as np

from external.anny.joints import turn
from external.anny.rig import Array, Rig
from external.scenes.build import Build, knees_of
from external.scenes.feet import Feet, ankles, foot_rotations

_RELAXED = 3.0
_ERODED_S, _SMOOTHED_S = 0.07, 0.05


def with_legs(rig: Rig, build: Build, rotations: Array, roots: Array, heading: Array, feet: Feet) -> Array:
    """Joint ``rotations`` (F, B, 3, 3) with legs, feet and toes as ``feet`` demand.

    The leg lies in the plane of hip and ankle whose normal is nearest to the left of foot and pelvis together.

    Args:
        roots: (F, 3) where the root is in the room, metres.
        heading: (F,) of the body, which its joint rotations do not have.
    """
    result = rotations.copy()
    x, y = np.eye(3)[:2]
    back = turn(y, -heading)
    targets = np.einsum("fij,fsj->fsi", back, ankles(feet, build) - roots[:, None])
    soles = back[:, None] @ foot_rotations(feet)
    pelvis = rotations[:, 0]
    lines = targets - np.einsum("fij,sj->fsi", pelvis, build.hips)
    knees = knees_of(build, np.linalg.norm(lines, axis=-1))
    for side, name in enumerate("LR"):
        bend = turn(x, knees[:, side])
        at_rest = build.thighs[side] + bend @ build.shins[side]
        left = pelvis[:, :, 0] + soles[:, side, :, 0]
        thigh = _frames(lines[:, side], left) @ _frames(at_rest, np.broadcast_to(x, at_rest.shape)).swapaxes(1, 2)
        result[:, rig.bone(f"pelvis.{name}")] = np.eye(3)
        result[:, rig.bone(f"upperleg01.{name}")] = pelvis.swapaxes(1, 2) @ thigh
        result[:, rig.bone(f"upperleg02.{name}")] = np.eye(3)
        result[:, rig.bone(f"lowerleg01.{name}")] = bend
        result[:, rig.bone(f"lowerleg02.{name}")] = np.eye(3)
        result[:, rig.bone(f"foot.{name}")] = (thigh @ bend).swapaxes(1, 2) @ soles[:, side]
        for toe in range(1, 6):
            result[:, rig.bone(f"toe{toe}-1.{name}")] = turn(x, -np.maximum(feet.pitch[:, side], 0.0))
    return result


def root_heights(
    build: Build, pelvis: Array, ground: Array, heading: Array, feet: Feet, wanted: Array, seconds: float
) -> Array:
    """Heights (F,) of the root: as ``wanted`` (F,), lower where a leg would not reach its foot, and smooth.

    The higher a foot is above the floor, the less it matters whether it is reached.

    Args:
        pelvis: (F, 3, 3) its rotations, without the heading.
        ground: (F, 2) x and z of the root.
        seconds: between one frame and the next.
    """
    hips = np.einsum("fij,fjk,sk->fsi", turn(np.eye(3)[1], heading), pelvis, build.hips)
    reached = ankles(feet, build)
    across = reached[:, :, [0, 2]] - ground[:, None] - hips[:, :, [0, 2]]
    squared = build.leg**2 - (across**2).sum(axis=-1)
    allowed = (reached[..., 1] + np.sqrt(np.maximum(squared, 0.0)) - hips[..., 1] + _RELAXED * feet.lift).min(axis=1)
    allowed = np.minimum(allowed, wanted)
    return np.minimum(_smoothed(_eroded(allowed, _ERODED_S / seconds), _SMOOTHED_S / seconds), allowed)


def _eroded(values: Array, frames: float) -> Array:
    from scipy.ndimage import minimum_filter1d

    return np.asarray(minimum_filter1d(values, 2 * round(frames) + 1, mode="nearest"))


def _smoothed(values: Array, frames: float) -> Array:
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(values, frames, mode="nearest"))


def _frames(along: Array, left: Array) -> Array:
    """Rotations (F, 3, 3) whose columns are ``along`` (F, 3), what is left of ``left`` (F, 3) across it, and both."""
    first = along / np.linalg.norm(along, axis=-1, keepdims=True)
    second = left - (left * first).sum(axis=-1, keepdims=True) * first
    second = second / np.linalg.norm(second, axis=-1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], axis=-1)
