"""The joint angles that motions are written in, their limits, and the bone rotations they stand for.

A motion is a mapping from joint names to angles (F,) in radians over F frames; joints left out stay neutral. Names
that end in ``.L`` and ``.R`` belong to one side, and the same angle means the mirrored pose on either side.

The two angles of an upper arm, ``arm_front`` and ``arm_side``, are the components of the rotation vector that takes
the arm from hanging straight down to its direction: (pi/2, 0) points to the front, (0, pi/2) to the side and
(pi, 0), (0, pi) and everything between them on that circle straight up. So straight lines between arm poses are
smooth motions, through the hanging arm as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from external.anny.rig import Array, RestBody, Rig, bone_transforms

Motion = Mapping[str, Array]
Angles = dict[str, Array]
"""A motion under construction."""


@dataclass(frozen=True)
class JointRange:
    """Range of an angle in radians, and its value in a relaxed standing pose."""

    low: float
    high: float
    neutral: float = 0.0


_CENTRE_JOINTS = {
    "yaw": JointRange(-0.75, 0.75),
    "pelvis_tilt": JointRange(-0.4, 0.7),
    "pelvis_roll": JointRange(-0.3, 0.3),
    "spine_bend": JointRange(-0.4, 1.3),
    "spine_side": JointRange(-0.5, 0.5),
    "spine_twist": JointRange(-0.8, 0.8),
    "neck_bend": JointRange(-0.6, 0.6),
    "neck_side": JointRange(-0.45, 0.45),
    "neck_turn": JointRange(-0.9, 0.9),
}
_SIDE_JOINTS = {
    "hip_flex": JointRange(-0.5, 1.9),
    "hip_abduct": JointRange(-0.2, 0.8, 0.05),
    "hip_twist": JointRange(-0.5, 0.5, 0.1),
    "knee": JointRange(0.0, 2.2, 0.08),
    "ankle": JointRange(-0.7, 0.45),
    "arm_front": JointRange(-0.9, 3.05, 0.05),
    "arm_side": JointRange(-0.8, 3.05, 0.3),
    "arm_twist": JointRange(-1.1, 1.1, 0.15),
    "elbow": JointRange(0.03, 2.4, 0.3),
    "forearm_twist": JointRange(-1.1, 1.1),
    "wrist_flex": JointRange(-0.8, 0.8),
    "wrist_side": JointRange(-0.3, 0.3),
}
JOINTS: dict[str, JointRange] = _CENTRE_JOINTS | {
    f"{name}.{side}": joint for side in "LR" for name, joint in _SIDE_JOINTS.items()
}
"""All joints by name, in their usual ranges. Positive: bending forward, flexing, turning to or leaning to the left,
abducting, turning the upper arm or thigh inward, pronating, dorsiflexing, palm towards the forearm, hand towards the
thumb."""

_FARTHEST = {
    "hip_flex": JointRange(-0.6, 2.4),
    "hip_abduct": JointRange(-0.3, 1.1, 0.05),
    "knee": JointRange(0.0, 2.6, 0.08),
    "ankle": JointRange(-0.8, 0.65),
}
LIMITS: dict[str, JointRange] = JOINTS | {f"{name}.{side}": joint for side in "LR" for name, joint in _FARTHEST.items()}
"""How far joints go at most: legs further than in most motions, as when a person crouches, kneels or kicks."""

_MIRRORED_SIGN = {"yaw", "pelvis_roll", "spine_side", "spine_twist", "neck_side", "neck_turn"}
_ARM_DIRECTIONS = np.array([-np.pi / 2, -0.5, 0.0, np.pi / 2, np.pi * 3 / 4])
_ARM_REACH = np.array([0.9, 1.6, 3.05, 3.05, 1.4])
_SPINE = {"spine05": 0.1, "spine04": 0.2, "spine03": 0.25, "spine02": 0.25, "spine01": 0.2}
_NECK = {"neck01": 0.25, "neck02": 0.25, "neck03": 0.2, "head": 0.3}


def largest_arm_angle(arm_front: ArrayLike, arm_side: ArrayLike) -> Array:
    """How far from hanging an arm can be lifted in the direction of these two angles: up, but not behind the back."""
    direction = np.arctan2(np.asarray(arm_front, np.float64), np.asarray(arm_side, np.float64))
    return np.interp(direction, _ARM_DIRECTIONS, _ARM_REACH)


def within_ranges(motion: Motion, joints: Mapping[str, JointRange]) -> Angles:
    """The angle (F,) of each of ``joints`` within its range, neutral where ``motion`` says nothing."""
    frames = len(next(iter(motion.values())))
    unknown = set(motion) - set(joints)
    assert not unknown, f"unknown joints {sorted(unknown)}"
    return {
        name: np.clip(motion.get(name, np.full(frames, joint.neutral)), joint.low, joint.high)
        for name, joint in joints.items()
    }


def limited(motion: Motion) -> dict[str, Array]:
    """All joints of ``motion`` (neutral where it says nothing) brought within their limits."""
    angles = within_ranges(motion, LIMITS)
    for side in "LR":
        front, aside = angles[f"arm_front.{side}"], angles[f"arm_side.{side}"]
        lifted = np.hypot(front, aside)
        scale = np.minimum(1.0, largest_arm_angle(front, aside) / np.maximum(lifted, 1e-9))
        angles[f"arm_front.{side}"], angles[f"arm_side.{side}"] = front * scale, aside * scale
    return angles


def mirrored(motion: Motion) -> dict[str, Array]:
    """The motion with left and right exchanged."""
    swap = {"L": "R", "R": "L"}
    result = {}
    for name, angle in motion.items():
        stem, dot, side = name.partition(".")
        result[f"{stem}.{swap[side]}" if dot else name] = -angle if name in _MIRRORED_SIGN else angle
    return result


def turn(axis: ArrayLike, angle: ArrayLike) -> Array:
    """Rotation matrices (..., 3, 3) by ``angle`` (...) about ``axis`` (3,)."""
    direction = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    angles = np.asarray(angle, np.float64)
    matrices = Rotation.from_rotvec(angles.reshape(-1, 1) * direction).as_matrix()
    return np.asarray(matrices).reshape(*angles.shape, 3, 3)


def joint_rotations(rig: Rig, body: RestBody, motion: Motion) -> Array:
    """Joint rotations (F, B, 3, 3), for `rig.bone_transforms`, of a motion within its limits."""
    angles = limited(motion)
    frames = len(angles["yaw"])
    rotations = np.tile(np.eye(3), (frames, len(rig.bone_names), 1, 1))
    x, y, z = np.eye(3)
    rotations[:, 0] = turn(y, angles["yaw"]) @ turn(x, angles["pelvis_tilt"]) @ turn(z, -angles["pelvis_roll"])
    for bones, part, twist in ((_SPINE, "spine", "spine_twist"), (_NECK, "neck", "neck_turn")):
        for name, fraction in bones.items():
            rotations[:, rig.bone(name)] = (
                turn(y, fraction * angles[twist])
                @ turn(z, -fraction * angles[f"{part}_side"])
                @ turn(x, fraction * angles[f"{part}_bend"])
            )
    heads = bone_transforms(rig, body, rotations[:1] * 0 + np.eye(3))[0, :, :3, 3]
    for side, sign in (("L", 1.0), ("R", -1.0)):
        own = {name: angles[f"{name}.{side}"] for name in _SIDE_JOINTS}
        _leg(rig, rotations, own, side, sign)
        _arm(rig, rotations, own, heads, side, sign)
    return rotations


def _leg(rig: Rig, rotations: Array, angles: Motion, side: str, sign: float) -> None:
    x, y, z = np.eye(3)
    half_twist = turn(y, -sign * angles["hip_twist"] / 2)
    rotations[:, rig.bone(f"upperleg01.{side}")] = (
        turn(x, -angles["hip_flex"]) @ turn(z, sign * angles["hip_abduct"]) @ half_twist
    )
    rotations[:, rig.bone(f"upperleg02.{side}")] = half_twist
    rotations[:, rig.bone(f"lowerleg01.{side}")] = turn(x, angles["knee"])
    rotations[:, rig.bone(f"foot.{side}")] = turn(x, -angles["ankle"])


def _arm(rig: Rig, rotations: Array, angles: Motion, heads: Array, side: str, sign: float) -> None:
    """Shoulder, elbow and wrist; ``heads`` (B, 3) are the bone heads in the reference pose."""

    def bone(name: str) -> int:
        return rig.bone(f"{name}.{side}")

    x, y, z = np.eye(3)
    front, aside = angles["arm_front"], angles["arm_side"]
    lifted = np.hypot(front, aside)

    # Anny's reference arm hangs obliquely with a bent elbow: its hinge is the normal of the plane of the arm.
    upper = _unit(heads[bone("lowerarm01")] - heads[bone("upperarm01")])
    forearm = _unit(heads[bone("wrist")] - heads[bone("lowerarm01")])
    hinge = _unit(np.cross(upper, forearm))
    bent_at_rest = np.arccos(np.clip(upper @ forearm, -1.0, 1.0))
    at_rest = np.stack([upper, hinge, np.cross(upper, hinge)], axis=1)
    hanging = np.stack([-y, -x, np.cross(y, x)], axis=1) @ at_rest.T  # down, elbow bending to the front

    # An arm lifted by the side turns outward on its way up and one lifted in front inward, so that the elbow bends
    # towards the head when the arm points up, by whatever way it got there.
    upward = _smooth_step((lifted - 1.0) / 1.9)
    twist = angles["arm_twist"] + upward * np.clip(2 * np.arctan2(front, aside) - np.pi / 2, -1.5, 1.5)
    half_twist = turn(y, -sign * twist / 2)
    shoulder_lift = 0.55 * _smooth_step((lifted - 0.4) / 2.6)
    forward = 0.25 * np.sin(np.minimum(lifted, np.pi)) * np.sin(np.arctan2(front, aside))
    clavicle = turn(y, -sign * forward) @ turn(z, sign * shoulder_lift * 0.55)
    shoulder = turn(z, sign * shoulder_lift * 0.45)
    rotations[:, bone("clavicle")] = clavicle
    rotations[:, bone("shoulder01")] = shoulder
    swing = Rotation.from_rotvec(np.stack([-front, np.zeros_like(front), sign * aside], axis=1)).as_matrix()
    girdle = clavicle @ shoulder
    rotations[:, bone("upperarm01")] = girdle.swapaxes(-1, -2) @ swing @ half_twist @ hanging
    rotations[:, bone("upperarm02")] = hanging.T @ half_twist @ hanging

    pronation = sign * angles["forearm_twist"]
    rotations[:, bone("lowerarm01")] = turn(hinge, angles["elbow"] - bent_at_rest) @ turn(forearm, 0.2 * pronation)
    rotations[:, bone("lowerarm02")] = turn(forearm, 0.4 * pronation)
    hand = _unit(heads[bone("finger3-1")] - heads[bone("wrist")])
    curl = heads[bone("finger3-3")] - heads[bone("finger3-1")]
    across = _unit(np.cross(hand, curl))
    rotations[:, bone("wrist")] = (
        turn(forearm, 0.4 * pronation)
        @ turn(across, angles["wrist_flex"])
        @ turn(np.cross(across, hand), sign * angles["wrist_side"])
    )


def _smooth_step(value: Array) -> Array:
    """0 below 0, 1 above 1, and smooth between."""
    value = np.clip(value, 0.0, 1.0)
    return value * value * (3.0 - 2.0 * value)


def _unit(vector: NDArray[np.float64]) -> Array:
    return vector / np.linalg.norm(vector)
