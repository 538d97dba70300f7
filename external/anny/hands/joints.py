"""The joint angles that hand motions are written in, their limits, and the bone rotations they stand for.

A motion is a mapping from joint names to angles (F,) in radians over F frames; joints left out stay neutral. The same
angles mean the mirrored pose on the other hand. At zero a finger is straight, in the plane of the palm, and points as
in Anny's reference pose.
"""

import numpy as np

from external.anny.joints import Angles, JointRange, Motion, turn, within_ranges
from external.anny.rig import Array, RestBody, Rig

FINGERS = ("index", "middle", "ring", "little")

_WHOLE_HAND = {
    "turn": JointRange(-0.75, 0.75),
    "tilt": JointRange(-0.5, 0.5),
    "roll": JointRange(-0.5, 0.5),
    "wrist_flex": JointRange(-0.5, 0.5),
    "wrist_side": JointRange(-0.25, 0.2),
}
_THUMB = {
    "thumb_across": JointRange(-0.25, 0.85),
    "thumb_out": JointRange(-0.35, 0.35),
    "thumb_base": JointRange(-0.15, 0.8, 0.1),
    "thumb_tip": JointRange(-0.2, 1.15, 0.15),
}
_FINGER = {"base": JointRange(-0.3, 1.5, 0.2), "middle": JointRange(0.0, 1.75, 0.3), "tip": JointRange(0.0, 1.1, 0.2)}
_SPREAD = {
    "index": JointRange(-0.2, 0.3),
    "middle": JointRange(-0.15, 0.2),
    "ring": JointRange(-0.15, 0.25),
    "little": JointRange(-0.15, 0.4),
}
JOINTS: dict[str, JointRange] = (
    _WHOLE_HAND
    | _THUMB
    | {f"{finger}_{name}": joint for finger in FINGERS for name, joint in _FINGER.items()}
    | {f"{finger}_spread": joint for finger, joint in _SPREAD.items()}
)
"""All joints by name. Positive: turning and rolling to the thumb's side, tilting and flexing towards the palm, fingers
spreading away from the middle one (which itself leans towards the thumb), the thumb coming round in front of the palm
and, in its plane, moving out."""

_BONES = {finger: f"finger{number}" for number, finger in enumerate(FINGERS, start=2)}
_LEAN = {"index": 1.0, "middle": 1.0, "ring": -1.0, "little": -1.0}
_CUPPING = {"ring": 0.06, "little": 0.15}
"""How far the palm's bones of these fingers bend with them, as a fraction of the angle at the knuckle."""


def limited(motion: Motion) -> Angles:
    """All joints of ``motion`` (neutral where it says nothing) brought within their limits.

    Bent fingers lie beside each other: a finger spreads the less, the more it is bent at the knuckle.
    """
    angles = within_ranges(motion, JOINTS)
    for finger in FINGERS:
        angles[f"{finger}_spread"] = angles[f"{finger}_spread"] * np.clip(np.cos(angles[f"{finger}_base"]), 0.0, 1.0)
    return angles


def joint_rotations(rig: Rig, body: RestBody, motion: Motion) -> Array:
    """Joint rotations (F, B, 3, 3), for `rig.bone_transforms`, of a motion within its limits."""
    angles = limited(motion)
    side = rig.bone_names[1][-1]
    sign = 1.0 if side == "R" else -1.0
    reference = rig.reference_rotations
    rotations = np.tile(np.eye(3), (len(angles["turn"]), len(rig.bone_names), 1, 1))
    x, y, z = np.eye(3)
    rotations[:, 0] = turn(y, sign * angles["turn"]) @ turn(x, angles["tilt"]) @ turn(z, -sign * angles["roll"])
    rotations[:, 1] = turn(x, angles["wrist_flex"]) @ turn(z, -sign * angles["wrist_side"])

    def chain(finger: str, flex: tuple[Array, Array]) -> None:
        """Bend the two outer joints about their hinges, from straight."""
        for number, angle in enumerate(flex, start=2):
            bone = rig.bone(f"{finger}-{number}.{side}")
            above = reference[rig.bone_parents[bone]]
            # Straight: the bone has the orientation of the one above. Its hinge is the x axis of both.
            rotations[:, bone] = above @ turn(x, angle) @ reference[bone].T

    for finger, bones in _BONES.items():
        first = rig.bone(f"{bones}-1.{side}")
        metacarpal = rig.bone_parents[first]
        hinge, along = reference[first][:, 0], reference[first][:, 1]
        out_of_plane = np.arctan2(along[2], hinge[0] * along[1] - hinge[1] * along[0])
        spread = -sign * _LEAN[finger] * angles[f"{finger}_spread"]
        base = angles[f"{finger}_base"]
        rotations[:, metacarpal] = turn(reference[metacarpal][:, 0], _CUPPING.get(finger, 0.0) * np.clip(base, 0, None))
        rotations[:, first] = turn(z, spread) @ turn(hinge, base - out_of_plane)
        chain(bones, (angles[f"{finger}_middle"], angles[f"{finger}_tip"]))
    rotations[:, rig.bone(f"finger1-1.{side}")] = turn(y, -sign * angles["thumb_across"]) @ turn(
        z, -sign * angles["thumb_out"]
    )
    chain("finger1", (angles["thumb_base"], angles["thumb_tip"]))
    return rotations


def canonical_motion() -> Angles:
    """One frame: a flat hand with spread fingers, so that no parts touch."""
    pose = dict.fromkeys(JOINTS, 0.0)
    pose |= {"index_spread": 0.12, "middle_spread": 0.02, "ring_spread": 0.1, "little_spread": 0.24}
    pose |= {f"{finger}_{joint}": 0.05 for finger in FINGERS for joint in ("middle", "tip")}
    pose |= {"thumb_out": 0.15}
    return {name: np.array([angle]) for name, angle in pose.items()}
