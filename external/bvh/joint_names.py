"""Which joint of a BVH skeleton is which part of a body, by the names in common use."""

import re
from dataclasses import dataclass

from engine.core.errors import InputError
from external.bvh.parse import BvhClip

_NEEDED = ("thigh", "shin", "upperarm", "forearm")
_PARTS = {
    "upleg": "thigh", "upperleg": "thigh", "thigh": "thigh", "hip": "thigh",
    "leg": "shin", "lowleg": "shin", "lowerleg": "shin", "knee": "shin", "shin": "shin", "calf": "shin",
    "foot": "foot", "ankle": "foot",
    "collar": "clavicle", "clavicle": "clavicle", "shoulder": "clavicle",
    "arm": "upperarm", "uparm": "upperarm", "upperarm": "upperarm",
    "forearm": "forearm", "lowarm": "forearm", "lowerarm": "forearm", "elbow": "forearm",
    "hand": "hand", "wrist": "hand",
}  # fmt: skip
_SIDES = (("left", "L"), ("right", "R"), ("l", "L"), ("r", "R"))


@dataclass(frozen=True)
class BodyJoints:
    """Indices of a skeleton's joints by part of the body."""

    hips: int
    spine: tuple[int, ...]
    """Joints between the hips and the neck, from below."""
    neck: tuple[int, ...]
    head: int | None
    limbs: dict[str, int]
    """By part and side, such as ``thigh.L``; what the skeleton does not have is left out."""


def find_body_joints(clip: BvhClip) -> BodyJoints:
    """The parts of a body in a skeleton.

    Known are the names of MotionBuilder and CMU (Hips, LeftUpLeg, LeftLeg, LeftFoot, LeftShoulder, LeftArm,
    LeftForeArm, LeftHand), the same with a prefix such as ``mixamorig:``, those of Biovision (LeftHip, LeftKnee,
    LeftAnkle, LeftCollar, LeftShoulder, LeftElbow, LeftWrist), and ``lhip``, ``thigh_l``, ``L_Knee`` and their like.
    Spine and neck are what lies between the hips and the head, whatever their names.

    Raises:
        InputError: thighs, shins, upper arms or forearms cannot be found; names them and the joints that there are.
    """
    parts: dict[str, int] = {}
    for index, joint in enumerate(clip.joints):
        part = _limb(joint.name)
        # Of several joints for one part those nearest to knee and elbow have all of its rotation.
        if part and (part not in parts or part.startswith(("thigh", "upperarm"))):
            parts[part] = index
    _sort_out_shoulders(clip, parts)
    missing = [f"{side} {name}" for name in _NEEDED for side in "LR" if f"{name}.{side}" not in parts]
    if missing:
        known = ", ".join(joint.name for joint in clip.joints[:30])
        cure = "rename its joints as MotionBuilder, Mixamo or Biovision do"
        raise InputError(clip.path, f"has no joint for {', '.join(missing)} among {known}", cure)

    hips = _common_ancestor(clip, parts["thigh.L"], parts["thigh.R"])
    head = next((i for i, joint in enumerate(clip.joints) if _plain(joint.name) == "head"), None)
    top = head if head is not None else parts.get("clavicle.L", parts["upperarm.L"])
    trunk = [index for index in _ancestors(clip, top) if index != hips and hips in _ancestors(clip, index)][::-1]
    neck = tuple(index for index in trunk if _plain(clip.joints[index].name).startswith("neck"))
    spine = tuple(index for index in trunk if index not in neck)
    return BodyJoints(hips, spine, neck, head, parts)


def _plain(name: str) -> str:
    """Lower-case letters and digits of a name without the prefix of its character."""
    name = re.sub(r"^mixamorig\d*[:_]?", "", name.rsplit(":", 1)[-1], flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _limb(name: str) -> str | None:
    """Part and side that a joint's name stands for, such as ``thigh.L``."""
    plain = _plain(name)
    for word, side in _SIDES:
        for rest in (plain.removeprefix(word), plain.removesuffix(word)):
            if rest != plain and rest in _PARTS:
                return f"{_PARTS[rest]}.{side}"
    return None


def _sort_out_shoulders(clip: BvhClip, parts: dict[str, int]) -> None:
    """``LeftShoulder`` is a collar bone, unless the upper arm has no other name: then it is that."""
    for side in "LR":
        shoulders = [i for i, joint in enumerate(clip.joints) if _limb(joint.name) == f"clavicle.{side}"]
        if f"upperarm.{side}" not in parts and shoulders:
            parts[f"upperarm.{side}"] = shoulders[-1]
            if len(shoulders) == 1:
                del parts[f"clavicle.{side}"]


def _ancestors(clip: BvhClip, joint: int) -> list[int]:
    """Joints above ``joint``, from its parent to the root."""
    above = []
    while (joint := clip.joints[joint].parent) >= 0:
        above.append(joint)
    return above


def _common_ancestor(clip: BvhClip, a: int, b: int) -> int:
    """The lowest joint above both."""
    others = set(_ancestors(clip, b))
    return next((joint for joint in _ancestors(clip, a) if joint in others), 0)
