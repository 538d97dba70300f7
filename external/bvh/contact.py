"""Keeping limbs out of the body: where an arm passes through it, the arm is swung away by the smallest angle.

A body of another build than the actor's has its trunk where the actor's arm was. So the whole arm is turned about the
shoulder, away from the axis of the trunk, as far as it takes in that frame; frames around
it follow, so that no arm jumps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from external.anny.rig import Array, RestBody, Rig, bone_transforms
from external.anny.self_contact import PARTS, ContactTest
from external.bvh.retarget import relative_rotations
from external.bvh.rotations import dot, twists, unit

LARGEST_SWING = 0.5
"""Radians."""
_FIRST_SWING = 0.125
_SMALLEST_STEP = 0.04
_FASTEST = 2.0
"""Radians per second by which the angle of a swing changes."""
_ASIDE = 0.1
"""Part of the swing to the arm's own side, against that away from the trunk: there is no away on its axis."""
_ARM_PARTS = {side: [PARTS.index(f"{part}.{side}") for part in ("hand", "arm")] for side in "LR"}


@dataclass(frozen=True, eq=False)
class Mended:
    """Bone poses (F, B, 4, 4) after swinging arms away, and how far."""

    poses: Array
    swings: Array
    """Angles (F, 2) in radians, of the left and the right arm."""
    in_contact: NDArray[np.bool_]
    """Frames (F,) in which a limb passes through the body nevertheless."""


def swing_arms_away(rig: Rig, body: RestBody, world: Array, test: ContactTest, seconds: float) -> Mended:
    """Bone poses for rotations ``world`` (F, B, 3, 3) since the reference pose, with no arm in the body if possible.

    ``seconds`` lie between one frame and the next.
    """
    swinging = _Swinging(rig, body, world)
    contact = test.parts_in_contact(swinging.poses)
    in_contact = np.asarray(contact.any(axis=1))
    swings = np.zeros((len(world), 2))
    rows = np.flatnonzero(contact[:, _ARM_PARTS["L"] + _ARM_PARTS["R"]].any(axis=1))
    if len(rows):
        which = np.stack([contact[rows][:, _ARM_PARTS[side]].any(axis=1) for side in "LR"], axis=1)
        needed = _smallest_swings(swinging, test, rows, which)
        mended = ~np.isnan(needed)
        in_contact[rows[mended]] = False
        swings[rows[mended]] = needed[mended, None] * which[mended]
        smooth = _slowly_changing(swings, _FASTEST * seconds)
        moved = np.flatnonzero((smooth > swings).any(axis=1) & ~in_contact)
        spoilt = moved[test.parts_in_contact(swinging.posed(moved, smooth[moved])).any(axis=1)]
        smooth[spoilt] = swings[spoilt]
        swings = smooth
    swings[in_contact] = 0.0
    poses = swinging.poses
    turned = np.flatnonzero(swings.any(axis=1))
    poses[turned] = swinging.posed(turned, swings[turned])
    return Mended(poses, swings, in_contact)


class _Swinging:
    """A body in motion whose arms can be swung away from its trunk."""

    def __init__(self, rig: Rig, body: RestBody, world: Array) -> None:
        self._rig, self._body, self._world = rig, body, world
        self.poses = bone_transforms(rig, body, relative_rotations(rig, world))
        self._axes: list[Array] = []
        self._arms: list[list[int]] = []
        chest = world[:, rig.bone("spine01")]
        for side, sign in (("L", 1.0), ("R", -1.0)):
            shoulder, wrist = (self.poses[:, rig.bone(f"{name}.{side}"), :3, 3] for name in ("upperarm01", "wrist"))
            up, own = chest[:, :, 1], sign * chest[:, :, 0]
            out = wrist - self.poses[:, rig.bone("spine02"), :3, 3]
            away = unit(unit(out - dot(out, up)[:, None] * up) + _ASIDE * own)
            self._axes.append(unit(np.cross(wrist - shoulder, away)))
            self._arms.append(_below(rig, rig.bone(f"upperarm01.{side}")))

    def posed(self, rows: NDArray[np.int64], swings: Array) -> Array:
        """Bone poses (K, B, 4, 4) of the frames ``rows`` (K,) with the arms swung by ``swings`` (K, 2)."""
        world = self._world[rows]
        for axes, arm, angles in zip(self._axes, self._arms, swings.T, strict=True):
            world[:, arm] = twists(axes[rows], angles)[:, None] @ world[:, arm]
        return bone_transforms(self._rig, self._body, relative_rotations(self._rig, world))


def _below(rig: Rig, bone: int) -> list[int]:
    """A bone and all that hangs on it."""
    found = [bone]
    for index, parent in enumerate(rig.bone_parents):
        if parent in found:
            found.append(index)
    return found


def _smallest_swings(
    swinging: _Swinging, test: ContactTest, rows: NDArray[np.int64], which: NDArray[np.bool_]
) -> Array:
    """Angles (K,) by which the arms ``which`` (K, 2) of the frames ``rows`` (K,) come free, NaN where none does.

    Found by doubling and then halving the interval, up to `_SMALLEST_STEP`.
    """

    def is_free(chosen: NDArray[np.int64], angles: Array) -> NDArray[np.bool_]:
        poses = swinging.posed(rows[chosen], angles[chosen, None] * which[chosen])
        return np.asarray(~test.parts_in_contact(poses).any(axis=1))

    low, high = np.zeros(len(rows)), np.full(len(rows), np.nan)
    angle = _FIRST_SWING
    while angle <= LARGEST_SWING and np.isnan(high).any():
        open_rows = np.flatnonzero(np.isnan(high))
        free = is_free(open_rows, np.full(len(rows), angle))
        high[open_rows[free]] = angle
        low[open_rows[~free]] = angle
        angle *= 2
    while len(narrow := np.flatnonzero(high - low > _SMALLEST_STEP)):
        middle = (low + high) / 2
        free = is_free(narrow, middle)
        high[narrow[free]] = middle[narrow[free]]
        low[narrow[~free]] = middle[narrow[~free]]
    return high


def _slowly_changing(swings: Array, most: float) -> Array:
    """The smallest angles (F, 2) not below ``swings`` that change by ``most`` from one frame to the next at most."""
    smooth = swings.copy()
    for frame in range(1, len(smooth)):
        smooth[frame] = np.maximum(smooth[frame], smooth[frame - 1] - most)
    for frame in range(len(smooth) - 2, -1, -1):
        smooth[frame] = np.maximum(smooth[frame], smooth[frame + 1] - most)
    return smooth
