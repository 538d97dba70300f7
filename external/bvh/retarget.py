"""Retargeting to Anny bodies: the frames of a motion's parts become rotations of Anny's bones.

Each part of a body has a frame in Anny's reference pose, made of the heads of its own bones as the source's is of its
joints. What takes that frame to the motion's turns the bones of the part. Spine and neck share the rotations of the
source's joints between them, and twists of limbs are spread over the bones between two joints as in Anny's own motions.
Joints that the source lacks follow their parent.

The body stays where all Anny datasets have it: the root between the hips at the origin, and turned so that it faces +z
in the first frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from external.anny.rig import Array, RestBody, Rig, bone_transforms
from external.bvh.motion import ABOVE, BodyMotion
from external.bvh.rotations import between, frames_of, shortest_turns, twist_angles, twists

_SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
_NECK = ("neck01", "neck02", "neck03")
_BONES = {
    "clavicle": ("clavicle", "shoulder01"),
    "upperarm": ("upperarm01", "upperarm02"),
    "forearm": ("lowerarm01", "lowerarm02"),
    "hand": ("wrist",),
    "thigh": ("upperleg01", "upperleg02"),
    "shin": ("lowerleg01", "lowerleg02"),
    "foot": ("foot",),
}
"""Anny's bones of each part, from the root outward."""
_ENDS = {
    "clavicle": ("upperarm01",),
    "upperarm": ("lowerarm01",),
    "forearm": ("wrist",),
    "hand": ("finger3-1",),
    "thigh": ("lowerleg01",),
    "shin": ("foot",),
    "foot": tuple(f"toe{number}-1" for number in range(1, 6)),
}
"""Bones whose heads are where a part ends, on the average of them."""
_BENDING = 5
"""Iterations of the spine; each leaves about a fifth of what is missing."""


@dataclass(frozen=True, eq=False)
class _Reference:
    """Anny's reference pose: heads (B, 3) of the bones and frames (3, 3) of the parts."""

    heads: Array
    trunk: Array
    parts: Mapping[str, Array]


def part_ends(rig: Rig, part: str) -> tuple[int, list[int]]:
    """The bone where a part such as ``thigh.L`` begins, and those at which it ends."""
    name, side = part.split(".")
    return rig.bone(f"{_BONES[name][0]}.{side}"), [rig.bone(f"{end}.{side}") for end in _ENDS[name]]


def part_lines(rig: Rig, heads: Array) -> dict[str, Array]:
    """Vectors (..., 3) along the parts of bodies whose bones have their ``heads`` (..., B, 3) there, and the trunk."""
    lines = {}
    for name in _BONES:
        for side in "LR":
            start, ends = part_ends(rig, f"{name}.{side}")
            lines[f"{name}.{side}"] = heads[..., ends, :].mean(axis=-2) - heads[..., start, :]
    arms, legs = ([rig.bone(f"{bone}.{side}") for side in "LR"] for bone in ("clavicle", "upperleg01"))
    lines["trunk"] = heads[..., arms, :].mean(axis=-2) - heads[..., legs, :].mean(axis=-2)
    return lines


def bone_rotations(rig: Rig, body: RestBody, motion: BodyMotion) -> Array:
    """Joint rotations (F, B, 3, 3), for `external.anny.rig.bone_transforms`, that give a body the pose of a motion."""
    return relative_rotations(rig, world_rotations(rig, body, motion))


def relative_rotations(rig: Rig, world: Array) -> Array:
    """Joint rotations (F, B, 3, 3) of bones whose rotations since the reference pose are ``world`` (F, B, 3, 3)."""
    parents = np.array(rig.bone_parents)
    below = parents >= 0
    rotations = world.copy()
    rotations[:, below] = world[:, parents[below]].swapaxes(-1, -2) @ world[:, below]
    return rotations


def world_rotations(rig: Rig, body: RestBody, motion: BodyMotion) -> Array:
    """Rotations (F, B, 3, 3) of the bones since Anny's reference pose."""
    reference = _reference(rig, body)
    world: dict[int, Array] = {}
    _turn_trunk(rig, reference, motion, world)
    chest = world[rig.bone(_SPINE[-1])]
    for side in "LR":
        turned: dict[str, Array] = {}
        for part in _BONES:
            own = f"{part}.{side}"
            if own in motion.limbs:
                turned[part] = motion.limbs[own] @ reference.parts[own].T
            else:
                turned[part] = turned.get(ABOVE.get(part, ""), chest)
        for part, names in _BONES.items():
            bones = [rig.bone(f"{name}.{side}") for name in names]
            if part in ("thigh", "upperarm"):
                start = world[0] if part == "thigh" else turned["clavicle"]
                _twist_half(reference, bones, rig.bone(f"{_ENDS[part][0]}.{side}"), start, turned[part], world)
            elif part == "forearm":
                _pronate(reference, bones, rig.bone(f"wrist.{side}"), turned, world)
            else:
                world |= dict.fromkeys(bones, turned[part])
    result = np.empty((len(motion.hips), len(rig.bone_names), 3, 3))
    for bone, parent in enumerate(rig.bone_parents):
        result[:, bone] = world[bone] if bone in world else result[:, parent]
    return result


def _reference(rig: Rig, body: RestBody) -> _Reference:
    still = np.tile(np.eye(3), (1, len(rig.bone_names), 1, 1))
    heads = bone_transforms(rig, body, still)[0, :, :3, 3]
    lines = part_lines(rig, heads)
    left = np.array([1.0, 0.0, 0.0])
    up = lines["trunk"] * [0.0, 1.0, 1.0]
    up /= np.linalg.norm(up)
    trunk = np.stack([left, up, np.cross(left, up)], axis=1)
    parts = {}
    for side in "LR":
        collar, upper, fore, hand = (lines[f"{part}.{side}"] for part in ("clavicle", "upperarm", "forearm", "hand"))
        parts[f"clavicle.{side}"] = frames_of(trunk[:, 2], collar)
        elbow = np.cross(upper, fore)  # Anny's arm is bent in the reference pose
        parts[f"upperarm.{side}"], parts[f"forearm.{side}"] = frames_of(elbow, upper), frames_of(elbow, fore)
        parts[f"hand.{side}"] = shortest_turns(fore, hand) @ parts[f"forearm.{side}"]
        for part in ("thigh", "shin", "foot"):
            parts[f"{part}.{side}"] = frames_of(left, lines[f"{part}.{side}"])
    return _Reference(heads, trunk, parts)


def _turn_trunk(rig: Rig, reference: _Reference, motion: BodyMotion, world: dict[int, Array]) -> None:
    """Root, spine, neck and head."""
    world[0] = motion.hips @ reference.trunk.T
    keys = [frame @ reference.trunk.T for frame in (motion.hips, *motion.spine)]
    _spread(rig, world, _SPINE, keys)
    _bend_spine(rig, reference, motion.directions["trunk"], world)
    chest = world[rig.bone(_SPINE[-1])]
    neck = [frame @ reference.trunk.T for frame in motion.neck]
    head = None if motion.head is None else motion.head @ reference.trunk.T
    _spread(rig, world, _NECK, [chest, *(neck or ([] if head is None else [head]))])
    world[rig.bone("head")] = world[rig.bone(_NECK[-1])] if head is None else head


def _spread(rig: Rig, world: dict[int, Array], names: tuple[str, ...], keys: list[Array]) -> None:
    """Spread rotations (F, 3, 3) of source joints over bones, evenly from the first of the ``keys``."""
    for number, name in enumerate(names, start=1):
        place = (len(keys) - 1) * number / len(names)
        low = min(int(place), max(len(keys) - 2, 0))
        world[rig.bone(name)] = between(keys[low], keys[low + 1], place - low) if len(keys) > 1 else keys[0]


def _bend_spine(rig: Rig, reference: _Reference, wanted: Array, world: dict[int, Array]) -> None:
    """Turn the bones between hips and chest so that the trunk points as ``wanted`` (F, 3)."""
    bones = [rig.bone(name) for name in _SPINE]
    sides = ("L", "R")
    arms, legs = (
        reference.heads[[rig.bone(f"{bone}.{side}") for side in sides]].mean(axis=0)
        for bone in ("clavicle", "upperleg01")
    )
    ends = [*reference.heads[bones[1:]], arms]
    for _ in range(_BENDING):
        trunk = world[0] @ (reference.heads[bones[0]] - legs)
        for bone, end in zip(bones, ends, strict=True):
            trunk = trunk + world[bone] @ (end - reference.heads[bone])
        missing = Rotation.from_matrix(shortest_turns(trunk, wanted)).as_rotvec()
        for bone, fraction in zip(bones[:-1], (0.6, 1.0, 1.0, 0.6), strict=True):
            world[bone] = Rotation.from_rotvec(fraction * missing).as_matrix() @ world[bone]


def _twist_half(
    reference: _Reference, bones: list[int], end: int, start: Array, turned: Array, world: dict[int, Array]
) -> None:
    """The two bones of a thigh or an upper arm, the first with half of the twist since ``start`` (F, 3, 3).

    They are not in line, so that together they are turned back to where the part points.
    """
    first, second = bones
    heads = reference.heads
    along = heads[end] - heads[first]
    half = turned @ twists(along, -0.5 * twist_angles(start, turned, along))
    line = half @ (heads[second] - heads[first]) + turned @ (heads[end] - heads[second])
    back = shortest_turns(line, turned @ along)
    world[first], world[second] = back @ half, back @ turned


def _pronate(
    reference: _Reference, bones: list[int], wrist: int, turned: Mapping[str, Array], world: dict[int, Array]
) -> None:
    """The two bones of a forearm: its twist since the upper arm and the hand's since that, as Anny's motions do."""
    first, second = bones
    heads = reference.heads
    along = heads[wrist] - heads[first]
    own = twist_angles(turned["upperarm"], turned["forearm"], along)
    whole = own + twist_angles(turned["forearm"], turned["hand"], along)
    a, b = (turned["forearm"] @ twists(along, fraction * whole - own) for fraction in (0.2, 0.6))
    line = a @ (heads[second] - heads[first]) + b @ (heads[wrist] - heads[second])
    back = shortest_turns(line, turned["forearm"] @ along)
    world[first], world[second] = back @ a, back @ b
