"""Motion capture on Anny bodies: from joint rotations of a BVH skeleton to those of Anny's bones.

The rotation of a source joint since its rest pose is applied to Anny's bones as they lie in a T-pose, after turning
them to the direction that the source's bone has at rest: then all bones point as the source's do, in every frame, from
whatever pose (T, A, hanging arms) either skeleton starts. Spine and neck share the rotations of the source's joints
between them, and half of a limb's twist about itself goes to the bone before it. Joints that the source lacks follow
their parent.

The body stays where all Anny datasets have it: the root between the hips at the origin, and turned so that it faces +z
in the first frame.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from engine.core.errors import InputError
from external.anny.joints import joint_rotations as anny_joint_rotations
from external.anny.rig import Array, RestBody, Rig, bone_transforms
from external.bvh.joint_names import BodyJoints, find_body_joints
from external.bvh.parse import BvhClip

_SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
_NECK = ("neck01", "neck02", "neck03")
_BONES = {
    "thigh": ("upperleg01", "upperleg02"),
    "shin": ("lowerleg01", "lowerleg02"),
    "foot": ("foot",),
    "clavicle": ("clavicle", "shoulder01"),
    "upperarm": ("upperarm01", "upperarm02"),
    "forearm": ("lowerarm01", "lowerarm02"),
    "hand": ("wrist",),
}
"""Anny's bones of each part, from the root outward."""
_ABOVE = {"shin": "thigh", "foot": "shin", "upperarm": "clavicle", "forearm": "upperarm", "hand": "forearm"}
_TOWARDS = {"thigh": "shin", "shin": "foot", "upperarm": "forearm", "forearm": "hand"}
"""Parts whose direction is known: to the beginning of the next one."""
_T_POSE = {
    **{f"{name}.{side}": 0.0 for side in "LR" for name in ("arm_front", "arm_twist", "elbow", "knee", "hip_abduct")},
    **{f"{name}.{side}": 0.0 for side in "LR" for name in ("hip_twist", "forearm_twist")},
    **{f"arm_side.{side}": np.pi / 2 for side in "LR"},
}


@dataclass(frozen=True, eq=False)
class BodyMotion:
    """A motion of a body, whoever's: rotations (F, 3, 3) in Anny's axes (x left, y up, z front).

    They take a standing body that faces +z, with all bones as in the source's rest pose, to its pose.
    """

    hips: Array
    spine: tuple[Array, ...]
    neck: tuple[Array, ...]
    head: Array | None
    limbs: dict[str, Array]
    """By part and side, such as ``thigh.L``."""
    directions: dict[str, Array]
    """Unit vectors (3,) along the limbs in the source's rest pose."""


def body_motion(clip: BvhClip, frames: np.ndarray | slice = slice(None)) -> BodyMotion:
    """What the chosen ``frames`` of a clip say, free of the names, axes and units of its skeleton.

    Raises:
        InputError: the parts of a body cannot be found in the skeleton, or it has no extent.
    """
    joints = find_body_joints(clip)
    rest = _rest_axes(clip, joints)
    world = clip.world_rotations[frames]
    up = _vertical(clip, joints, rest, world)
    upright = Rotation.align_vectors([[0.0, 1.0, 0.0]], [up])[0].as_matrix() if up[1] < 0.5 else np.eye(3)

    def of(joint: int) -> Array:
        return np.asarray(upright @ world[:, joint] @ rest)

    hips = of(joints.hips)
    front = hips[0, :, 2] if abs(hips[0, 1, 2]) < 0.9 else -hips[0, :, 1]  # of one who lies: where the feet are not
    heading = Rotation.from_rotvec([0.0, -np.arctan2(front[0], front[2]), 0.0]).as_matrix()
    directions = {}
    for part, towards in _TOWARDS.items():
        for side in "LR":
            if (along := _direction(clip, joints.limbs, f"{part}.{side}", f"{towards}.{side}")) is not None:
                directions[f"{part}.{side}"] = rest.T @ along
    return BodyMotion(
        heading @ hips,
        tuple(heading @ of(joint) for joint in joints.spine),
        tuple(heading @ of(joint) for joint in joints.neck),
        None if joints.head is None else heading @ of(joints.head),
        {part: heading @ of(joint) for part, joint in joints.limbs.items()},
        directions,
    )


def bone_rotations(rig: Rig, body: RestBody, motion: BodyMotion, arms_out: float = 0.0) -> Array:
    """Joint rotations (F, B, 3, 3), for `external.anny.rig.bone_transforms`, that give a body the pose of a motion.

    Arms that hang are swung out to the side by ``arms_out`` radians, others by less, raised ones not at all: that is
    how a body carries its arms that is stouter than the actor's.
    """
    in_t_pose, heads = _t_pose(rig, body)
    world: dict[int, Array] = {0: motion.hips}  # rotation of bones since Anny's reference pose
    chest = _spread(rig, world, _SPINE, motion.hips, motion.spine)
    top = _spread(rig, world, _NECK, chest, motion.neck or (() if motion.head is None else (motion.head,)))
    world[rig.bone("head")] = top if motion.head is None else motion.head
    for side in "LR":
        turned = _turned_parts(rig, heads, motion, chest, side)
        swing = _swing_out(turned["upperarm"], chest, {"L": arms_out, "R": -arms_out}[side])
        turned |= {part: swing @ turned[part] for part in ("upperarm", "forearm", "hand")}
        for part, names in _BONES.items():
            for name in names:
                bone = rig.bone(f"{name}.{side}")
                world[bone] = turned[part] @ in_t_pose[bone]
        for bone, rotation in _half_twisted(rig, heads, turned, motion.hips, side).items():
            world[bone] = rotation @ in_t_pose[bone]
    return _since_parents(rig, world, len(motion.hips))


def _t_pose(rig: Rig, body: RestBody) -> tuple[Array, Array]:
    """Rotations (B, 3, 3) of Anny's bones in a T-pose since its reference pose, and their heads (B, 3) there."""
    t_pose = anny_joint_rotations(rig, body, {name: np.array([angle]) for name, angle in _T_POSE.items()})
    poses = bone_transforms(rig, body, t_pose)[0]
    in_t_pose, heads = poses[:, :3, :3] @ rig.reference_rotations.swapaxes(-1, -2), poses[:, :3, 3]

    for side in "LR":  # collar bones as at rest: they are lifted in Anny's T-pose, and as the source says otherwise
        for name in _BONES["clavicle"]:
            in_t_pose[rig.bone(f"{name}.{side}")] = np.eye(3)
    return in_t_pose, heads


def _turned_parts(rig: Rig, heads: Array, motion: BodyMotion, chest: Array, side: str) -> dict[str, Array]:
    """Rotations (F, 3, 3) of the parts of one side since Anny's T-pose; ``heads`` (B, 3) of its bones are there."""
    turned: dict[str, Array] = {}
    aligned: dict[str, Array] = {}
    for part, names in _BONES.items():
        own = f"{part}.{side}"
        trunk = motion.hips if part == "thigh" else chest
        if part in _TOWARDS and own in motion.directions:
            here = heads[rig.bone(f"{names[0]}.{side}")]
            there = heads[rig.bone(f"{_BONES[_TOWARDS[part]][0]}.{side}")]
            aligned[part] = _shortest_turn(there - here, motion.directions[own])
        else:  # flat feet and hands that go on from the forearm are the same in all rest poses
            aligned[part] = aligned["forearm"] if part == "hand" else np.eye(3)
        if own in motion.limbs:
            turned[part] = motion.limbs[own] @ aligned[part]
        else:
            turned[part] = turned.get(_ABOVE.get(part, ""), trunk)
    return turned


def _half_twisted(rig: Rig, heads: Array, turned: dict[str, Array], hips: Array, side: str) -> dict[int, Array]:
    """Rotations (F, 3, 3) since Anny's T-pose of the bones that take half of a limb's twist about itself."""
    rotations = {}
    for bone_name, before, part in (
        ("upperleg01", "", "thigh"),
        ("upperarm01", "clavicle", "upperarm"),
        ("lowerarm02", "forearm", "hand"),
    ):
        bone = rig.bone(f"{bone_name}.{side}")
        start = turned[before] if before else hips
        along = heads[rig.bone(f"{_BONES['hand' if part == 'hand' else _TOWARDS[part]][0]}.{side}")] - heads[bone]
        # For the hand its twist is added to the bone before it, for the others half of their own taken off.
        twist = _half_twist(start, turned[part], along)
        rotations[bone] = turned[before] @ twist if part == "hand" else turned[part] @ twist.swapaxes(-1, -2)
    return rotations


def _since_parents(rig: Rig, world: dict[int, Array], frames: int) -> Array:
    """Joint rotations (F, B, 3, 3) from those of bones since Anny's reference pose; others follow their parent."""
    bones = len(rig.bone_names)
    rotations = np.tile(np.eye(3), (frames, bones, 1, 1))
    for bone in range(bones):
        parent = rig.bone_parents[bone]
        if parent < 0:
            rotations[:, bone] = world[bone]
        elif bone in world:
            rotations[:, bone] = world[parent].swapaxes(-1, -2) @ world[bone]
        else:
            world[bone] = world[parent]
    return rotations


def _swing_out(upper_arm: Array, chest: Array, most: float) -> Array:
    """Rotations (F, 3, 3) of an arm about the front of the ``chest``: by ``most`` if it hangs, not at all from level.

    ``upper_arm`` (F, 3, 3) is its rotation since the T-pose; ``most`` is negative for a right arm.
    """
    along = upper_arm[:, :, 0] * np.sign(most)
    hanging = np.clip(-np.einsum("fi,fi->f", along, chest[:, :, 1]), 0.0, 1.0)
    return np.asarray(Rotation.from_rotvec(most * hanging[:, None] * chest[:, :, 2]).as_matrix())


def _rest_axes(clip: BvhClip, joints: BodyJoints) -> Array:
    """Left, up and front (columns, (3, 3)) of the body in the rest pose: axes of the file, as nearly as may be."""
    rest, limbs = clip.rest_positions, joints.limbs
    left = np.sum([rest[limbs[f"{part}.L"]] - rest[limbs[f"{part}.R"]] for part in ("thigh", "upperarm")], axis=0)
    arms = (rest[limbs["upperarm.L"]] + rest[limbs["upperarm.R"]]) / 2
    up = arms - (rest[limbs["shin.L"]] + rest[limbs["shin.R"]]) / 2
    cross = np.cross(left, up)
    if np.linalg.norm(cross) < 1e-3 * np.linalg.norm(left) * np.linalg.norm(up) or not np.any(left):
        raise InputError(clip.path, "has a skeleton of zero size", "export the motion with its skeleton's offsets")
    columns = np.stack([left / np.linalg.norm(left), up / np.linalg.norm(up), cross / np.linalg.norm(cross)], axis=1)
    axes = np.zeros((3, 3))
    for column in (1, 0):
        free = np.where(axes.any(axis=1), 0.0, columns[:, column])
        axes[np.abs(free).argmax(), column] = np.sign(free[np.abs(free).argmax()])
    axes[:, 2] = np.cross(axes[:, 0], axes[:, 1])
    return axes


def _vertical(clip: BvhClip, joints: BodyJoints, rest: Array, world: Array) -> Array:
    """The file's axis (3,) that points up: y, or that of its rest pose if bodies stand along it on average."""
    trunk = (world[:, joints.hips] @ rest[:, 1]).mean(axis=0)
    axis = rest[:, 1]
    return axis if abs(trunk @ axis) > abs(trunk[1]) else np.array([0.0, 1.0, 0.0])


def _direction(clip: BvhClip, limbs: dict[str, int], part: str, towards: str) -> Array | None:
    """Unit vector (3,) from one joint to the next in the rest pose, or to where the limb ends."""
    if part not in limbs:
        return None
    joint = clip.joints[limbs[part]]
    if towards in limbs:
        along = clip.rest_positions[limbs[towards]] - clip.rest_positions[limbs[part]]
    elif joint.end is not None:
        along = np.array(joint.end)
    else:
        return None
    length = float(np.linalg.norm(along))
    return along / length if length > 0 else None


def _spread(rig: Rig, world: dict[int, Array], names: tuple[str, ...], below: Array, above: tuple[Array, ...]) -> Array:
    """Spread rotations (F, 3, 3) of source joints over bones, evenly from ``below``; returns that of the last bone."""
    keys = [below, *above]
    for number, name in enumerate(names, start=1):
        place = (len(keys) - 1) * number / len(names)
        low = min(int(place), len(keys) - 2) if above else 0
        world[rig.bone(name)] = _between(keys[low], keys[low + 1], place - low) if above else below
    return world[rig.bone(names[-1])]


def _between(a: Array, b: Array, fraction: float) -> Array:
    """Rotations (F, 3, 3) a ``fraction`` of the way from ``a`` to ``b``."""
    step = Rotation.from_matrix(a.swapaxes(-1, -2) @ b).as_rotvec() * fraction
    return np.asarray(a @ Rotation.from_rotvec(step).as_matrix())


def _half_twist(a: Array, b: Array, axis: Array) -> Array:
    """Rotations (F, 3, 3) by half the angle that ``b`` (F, 3, 3) turns about its own ``axis`` (3,) since ``a``."""
    axis = axis / np.linalg.norm(axis)
    quaternion = Rotation.from_matrix(a.swapaxes(-1, -2) @ b).as_quat()
    angle = 2.0 * np.arctan2(quaternion[:, :3] @ axis, quaternion[:, 3])
    angle = (angle + np.pi) % (2 * np.pi) - np.pi
    return np.asarray(Rotation.from_rotvec(0.5 * angle[:, None] * axis).as_matrix())


def _shortest_turn(a: Array, b: Array) -> Array:
    """The rotation (3, 3) by the smallest angle that takes the direction of ``a`` (3,) to that of ``b`` (3,)."""
    return np.asarray(Rotation.align_vectors([b], [a])[0].as_matrix())
