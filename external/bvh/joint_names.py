"""Which joint of a BVH skeleton is which part of a body, by the names in common use."""

import re

from engine.core.errors import InputError
from external.bvh.clip import BvhClip
from external.bvh.skeleton import BodyJoints, assemble, is_body, missing_parts
from external.bvh.skeleton_shape import limbs_by_shape

_PARTS = {
    "upleg": "thigh", "upperleg": "thigh", "thigh": "thigh", "hip": "thigh", "femur": "thigh", "uleg": "thigh",
    "leg": "shin", "lowleg": "shin", "lowerleg": "shin", "knee": "shin", "shin": "shin", "calf": "shin",
    "tibia": "shin", "lleg": "shin",
    "foot": "foot", "ankle": "foot",
    "collar": "clavicle", "clavicle": "clavicle", "shoulder": "clavicle", "collarbone": "clavicle",
    "arm": "upperarm", "uparm": "upperarm", "upperarm": "upperarm", "shldr": "upperarm", "humerus": "upperarm",
    "uarm": "upperarm",
    "forearm": "forearm", "lowarm": "forearm", "lowerarm": "forearm", "elbow": "forearm", "radius": "forearm",
    "farm": "forearm",
    "hand": "hand", "wrist": "hand",
}  # fmt: skip
_SIDES = {"left": "L", "right": "R", "l": "L", "r": "R"}
_HELPERS = {"ik", "pole", "target", "ctrl", "control", "effector", "twist", "roll", "nub", "end", "helper", "prop"}
"""Words in the names of joints that are no part of a body."""
_FILLERS = {"bend", "stretch", "bone", "jnt", "bind"}
"""Words that say nothing about which part a joint is."""


def find_body_joints(clip: BvhClip) -> BodyJoints:
    """The parts of a body in a skeleton.

    Known are the names of MotionBuilder and CMU (LeftUpLeg, LeftLeg, LeftFoot, LeftShoulder, LeftArm, LeftForeArm,
    LeftHand), Biovision (LeftHip, LeftKnee, LeftAnkle, LeftCollar, LeftShoulder, LeftElbow, LeftWrist), Daz and Poser
    (lThigh, lShin, lFoot, lCollar, lShldr), 3ds Max (L Thigh, L Calf, L UpperArm), Rigify (thigh.L, upper_arm.L), VRoid
    and Bandai Namco (L_UpperLeg, LowerArm_L), and whatever uses the same words, with any prefix. Spine and neck are
    what lies between hips, arms and head, whatever their names. Where names tell nothing the shape of the skeleton
    does (`external.bvh.skeleton_shape`).

    Raises:
        InputError: thighs, shins, upper arms or forearms cannot be found; names them and the joints that there are.
    """
    limbs = limbs_by_name(clip)
    if is_body(clip, limbs):
        return assemble(clip, limbs, _starts(clip, limbs))
    guess = limbs_by_shape(clip)
    if guess is not None:
        found, notice = guess
        return assemble(clip, found, found, (notice,))
    known = ", ".join(joint.name for joint in clip.joints[:30])
    missing = missing_parts(limbs)
    problem = f"has no joint for {', '.join(missing)}" if missing else "has joints of limbs that do not hang together"
    raise InputError(
        clip.path, f"{problem} among {known}", "rename its joints as MotionBuilder, Mixamo or Biovision do"
    )


def limbs_by_name(clip: BvhClip) -> dict[str, int]:
    """Joints by part and side, such as ``thigh.L``, as far as their names tell."""
    parts: dict[str, int] = {}
    for index, joint in enumerate(clip.joints):
        part = limb_of(joint.name)
        # Of several joints for one part those nearest to knee and elbow have all of its rotation.
        if part and (part not in parts or part.startswith(("thigh", "upperarm"))):
            parts[part] = index
    for side in "LR":  # LeftShoulder is a collar bone, unless the upper arm has no other name: then it is that
        shoulders = [i for i, joint in enumerate(clip.joints) if limb_of(joint.name) == f"clavicle.{side}"]
        if f"upperarm.{side}" not in parts and shoulders:
            parts[f"upperarm.{side}"] = shoulders[-1]
            if len(shoulders) == 1:
                del parts[f"clavicle.{side}"]
    return parts


def limb_of(name: str) -> str | None:
    """Part and side that a joint's name stands for, such as ``thigh.L``."""
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name.rsplit(":", 1)[-1])]
    if _HELPERS & set(words):
        return None
    words = [word for word in words if word not in _FILLERS]
    sides = [_SIDES[word] for word in words if word in _SIDES]
    bare = [word for word in words if word not in _SIDES]
    if sides and (part := next((p for p in map(_PARTS.get, _endings(bare)) if p), None)):
        return f"{part}.{sides[-1]}"
    for ending in _endings(words):  # sides that are not words of their own: lhip, leftupleg, forearmr
        for word, side in _SIDES.items():
            for rest in (ending.removeprefix(word), ending.removesuffix(word)):
                if rest != ending and rest in _PARTS:
                    return f"{_PARTS[rest]}.{side}"
    return None


def _endings(words: list[str]) -> list[str]:
    """The last words of a name put together, the most of them first."""
    return ["".join(words[start:]) for start in range(len(words))]


def _starts(clip: BvhClip, limbs: dict[str, int]) -> dict[str, int]:
    """Where the parts begin: at the first of several joints that are called the same."""
    starts = {}
    for part, joint in limbs.items():
        starts[part] = joint
        while (parent := clip.joints[starts[part]].parent) >= 0 and limb_of(clip.joints[parent].name) == part:
            starts[part] = parent
    return starts
