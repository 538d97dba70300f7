"""Which joint is which: by the names that programs give, and by the shape of the skeleton where they tell nothing."""

import re
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from external.bvh.joint_names import find_body_joints, limb_of
from external.bvh.motion import body_motion
from external.bvh.parse import read_bvh
from tests.support.bvh_files import (
    Tree,
    biovision,
    exercise,
    motion_builder,
    names_of,
    renamed,
    with_other_axes,
    write,
)

_PARTS = ("UpLeg", "Leg", "Foot", "Shoulder", "Arm", "ForeArm", "Hand")
_TRUNK = ("Hips", "Spine", "Spine1", "Neck", "Head")


def scheme(limb: str, parts: str, trunk: str, sides: str) -> dict[str, str]:
    """New names of `motion_builder`'s joints: ``limb`` has places for side and part."""
    names = dict(zip(_TRUNK, trunk.split(","), strict=True))
    for word, side in zip(("Left", "Right"), sides.split(","), strict=True):
        for old, new in zip(_PARTS, parts.split(","), strict=True):
            names[word + old] = limb.format(side=side, part=new)
    return names


SCHEMES = {
    "MotionBuilder": scheme("{side}{part}", ",".join(_PARTS), ",".join(_TRUNK), "Left,Right"),
    "MotionBuilder, Character1_": scheme(
        "Character1_{side}{part}", ",".join(_PARTS), ",".join(f"Character1_{name}" for name in _TRUNK), "Left,Right"
    ),
    "Mixamo, mixamorig1": scheme(
        "mixamorig1{side}{part}", ",".join(_PARTS), ",".join(f"mixamorig1{name}" for name in _TRUNK), "Left,Right"
    ),
    "3ds Max": scheme(
        "Bip01 {side} {part}",
        "Thigh,Calf,Foot,Clavicle,UpperArm,Forearm,Hand",
        "Bip01,Bip01 Spine,Bip01 Spine1,Bip01 Neck,Bip01 Head",
        "L,R",
    ),
    "Daz": scheme(
        "{side}{part}", "Thigh,Shin,Foot,Collar,Shldr,ForeArm,Hand", "hip,abdomen,chest,neck,head", "l,r"
    ),
    "Daz, figures that bend": scheme(
        "{side}{part}",
        "ThighBend,Shin,Foot,Collar,ShldrBend,ForearmBend,Hand",
        "hip,abdomenLower,chestUpper,neckLower,head",
        "l,r",
    ),
    "Rigify": scheme(
        "DEF-{part}.{side}",
        "thigh,shin,foot,shoulder,upper_arm,forearm,hand",
        "DEF-spine,DEF-spine.001,DEF-spine.003,DEF-spine.004,DEF-spine.006",
        "L,R",
    ),
    "VRoid": scheme(
        "J_Bip_{side}_{part}",
        "UpperLeg,LowerLeg,Foot,Shoulder,UpperArm,LowerArm,Hand",
        "J_Bip_C_Hips,J_Bip_C_Spine,J_Bip_C_Chest,J_Bip_C_Neck,J_Bip_C_Head",
        "L,R",
    ),
    "Rokoko": scheme("{side}{part}", "Thigh,Shin,Foot,Shoulder,Arm,ForeArm,Hand", ",".join(_TRUNK), "Left,Right"),
    "Bandai Namco": scheme(
        "{part}_{side}",
        "UpperLeg,LowerLeg,Foot,Shoulder,UpperArm,LowerArm,Hand",
        "Hips,Spine,Chest,Neck,Head",
        "L,R",
    ),
    "Talking With Hands": scheme(
        "b_{side}_{part}",
        "upleg,leg,foot,shoulder,arm,forearm,wrist",
        "b_root,b_spine0,b_spine1,b_neck0,b_head",
        "l,r",
    ),
    "OptiTrack": scheme(
        "{side}{part}", "Thigh,Shin,Foot,Shoulder,UArm,FArm,Hand", "Hip,Ab,Chest,Neck,Head", "L,R"
    ),
    "Unreal": scheme(
        "{part}_{side}",
        "thigh,calf,foot,clavicle,upperarm,lowerarm,hand",
        "pelvis,spine_01,spine_02,neck_01,head",
        "l,r",
    ),
    "Auto-Rig Pro": scheme(
        "{part}.{side}",
        "thigh_stretch,leg_stretch,foot,shoulder,arm_stretch,forearm_stretch,hand",
        "root.x,spine_01.x,spine_02.x,neck.x,head.x",
        "l,r",
    ),
    "SMPL": scheme(
        "{side}_{part}", "Hip,Knee,Ankle,Collar,Shoulder,Elbow,Wrist", "Pelvis,Spine1,Spine3,Neck,Head", "L,R"
    ),
    "Second Life": scheme(
        "m{part}{side}", "Hip,Knee,Ankle,Collar,Shoulder,Elbow,Wrist", "mPelvis,mTorso,mChest,mNeck,mHead", "Left,Right"
    ),
    "Source": scheme(
        "ValveBiped.Bip01_{side}_{part}",
        "Thigh,Calf,Foot,Clavicle,UpperArm,Forearm,Hand",
        ",".join(f"ValveBiped.Bip01_{name}" for name in ("Pelvis", "Spine", "Spine4", "Neck1", "Head1")),
        "L,R",
    ),
    "Acclaim": scheme(
        "{side}{part}", "femur,tibia,foot,clavicle,humerus,radius,wrist", "root,lowerback,thorax,upperneck,head", "l,r"
    ),
}  # fmt: skip


@pytest.mark.parametrize("program", SCHEMES)
def test_the_same_skeleton_is_found_under_the_names_of_every_program(program: str, tmp_path: Path) -> None:
    plain = find_body_joints(read_bvh(write(tmp_path / "a.bvh", motion_builder(), [{}])))
    tree = renamed(motion_builder(), SCHEMES[program])
    assert names_of(tree) != names_of(motion_builder()) or program == "MotionBuilder"
    found = find_body_joints(read_bvh(write(tmp_path / "b.bvh", tree, [{}])))
    assert found == plain and not found.notices


@pytest.mark.parametrize(
    "name",
    [
        "LeftHandThumb1", "LeftForeArmRoll", "b_l_wrist_twist", "upperarm_twist_01_l", "ik_hand_l", "J_Sec_L_Bust1",
        "LeftToeBase", "Bip01 L Toe0Nub", "lEye", "LHipJoint", "Collarless", "Bip01 HeadNub", "Hips", "L5", "RightEar",
    ],
)  # fmt: skip
def test_helpers_fingers_and_what_only_sounds_alike_are_no_limbs(name: str) -> None:
    assert limb_of(name) is None


def test_a_part_of_several_joints_begins_at_the_first(tmp_path: Path) -> None:
    name, offset, (left, right, spine) = motion_builder()
    _, knee, below = left[2][0]
    half = (0.0, knee[1] / 2, 0.0)
    left = ("DEF-thigh.L", left[1], [("DEF-thigh.L.001", half, [("LeftLeg", half, below)])])
    joints = find_body_joints(read_bvh(write(tmp_path / "a.bvh", (name, offset, [left, right, spine]), [{}])))
    clip = read_bvh(tmp_path / "a.bvh")
    assert clip.joints[joints.starts["thigh.L"]].name == "DEF-thigh.L"
    assert clip.joints[joints.limbs["thigh.L"]].name == "DEF-thigh.L.001"


def test_arms_that_hang_on_the_neck_leave_the_chest_where_it_is(tmp_path: Path) -> None:
    """As those of 3ds Max do."""
    name, offset, (left, right, (spine, at, [(chest, above, [neck, *arms])])) = motion_builder()
    moved = [(arm, (x, y - 20, z), below) for arm, (x, y, z), below in arms]
    tree = (name, offset, [left, right, (spine, at, [(chest, above, [(neck[0], neck[1], [*neck[2], *moved])])])])
    joints = find_body_joints(read_bvh(write(tmp_path / "a.bvh", tree, [{}])))
    names = names_of(tree)
    assert [names[j] for j in joints.spine] == ["Spine", "Spine1"] and [names[j] for j in joints.neck] == ["Neck"]
    assert joints.head is not None and names[joints.head] == "Head"


def numbered(tree: Tree) -> dict[str, str]:
    return {name: f"Bone.{number:03d}" for number, name in enumerate(names_of(tree))}


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_numbered_joints_are_told_apart_by_shape_whatever_their_axes(seed: int | None, tmp_path: Path) -> None:
    tree, frames = motion_builder(), exercise(6, motion_builder())
    expected = find_body_joints(read_bvh(write(tmp_path / "a.bvh", tree, frames)))
    if seed is not None:
        tree, frames = with_other_axes(tree, frames, np.random.default_rng(seed))
    names = numbered(tree)
    frames = [{names[name]: angles for name, angles in frame.items()} for frame in frames]
    found = find_body_joints(read_bvh(write(tmp_path / "b.bvh", renamed(tree, names), frames)))
    assert found.limbs == expected.limbs and found.hips == expected.hips and found.spine == expected.spine
    (notice,) = found.notices
    assert "names of its joints are not known" in str(notice) and "'Bone.001'" in str(notice)


def test_helpers_at_the_place_of_a_joint_hide_neither_shape_nor_directions(tmp_path: Path) -> None:
    """As the ends of bones that some rigs have beside each joint, with offsets of rounding errors."""

    def with_helpers(tree: Tree) -> Tree:
        name, offset, children = tree
        helper = (f"{name}End", (-2.8e-14, 0.0, 1e-20), [(0, 0, 0)])
        return (name, offset, [*(with_helpers(c) if isinstance(c[0], str) else c for c in children), helper])

    plain = body_motion(read_bvh(write(tmp_path / "a.bvh", motion_builder(), exercise(3, motion_builder()))))
    tree = with_helpers(motion_builder())
    for names in ({}, numbered(tree)):
        frames = [{names.get(n, n): a for n, a in frame.items()} for frame in exercise(3, motion_builder())]
        found = body_motion(read_bvh(write(tmp_path / "b.bvh", renamed(tree, names), frames)))
        assert found.directions.keys() == plain.directions.keys() and bool(found.notices) == bool(names)
        for part, along in plain.directions.items():
            np.testing.assert_allclose(found.directions[part], along, atol=1e-6)


def test_a_mirrored_skeleton_of_numbered_joints_has_left_and_right_exchanged(tmp_path: Path) -> None:
    def mirrored(tree: Tree) -> Tree:
        name, (x, y, z), children = tree
        children = [mirrored(c) if isinstance(c[0], str) else (-c[0], c[1], c[2]) for c in children]
        return (name, (-x, y, z), children)

    tree = renamed(biovision(), numbered(biovision()))
    limbs = find_body_joints(read_bvh(write(tmp_path / "a.bvh", tree, [{}]))).limbs
    others = find_body_joints(read_bvh(write(tmp_path / "b.bvh", mirrored(tree), [{}]))).limbs
    swap = {"L": "R", "R": "L"}
    assert others == {part[:-1] + swap[part[-1]]: joint for part, joint in limbs.items()}


def test_a_shape_whose_front_cannot_be_told_is_refused(tmp_path: Path) -> None:
    def stick(tree: Tree) -> Tree:  # feet straight down, no joint bent
        name, offset, children = tree
        if name.endswith("Foot"):
            return (name, offset, [(0, -5, 0)])
        return (name, offset, [stick(c) if isinstance(c[0], str) else c for c in children])

    tree = stick(motion_builder())
    with pytest.raises(InputError, match=r"has no joint for L thigh.*among Bone\.000.*rename"):
        find_body_joints(read_bvh(write(tmp_path / "a.bvh", renamed(tree, numbered(tree)), [{}])))


def test_names_that_contradict_the_tree_are_not_believed(tmp_path: Path) -> None:
    names = {"LeftLeg": "LeftUpLeg", "LeftUpLeg": "LeftLeg"}
    found = find_body_joints(read_bvh(write(tmp_path / "a.bvh", renamed(motion_builder(), names), [{}])))
    plain = find_body_joints(read_bvh(write(tmp_path / "b.bvh", motion_builder(), [{}])))
    assert found.limbs == plain.limbs and found.notices


@pytest.mark.parametrize(("up", "sign"), [(2, 1.0), (1, -1.0), (0, 1.0)], ids=["z", "-y", "x"])
def test_the_axis_along_which_bodies_stand_is_up_and_said(up: int, sign: float, tmp_path: Path) -> None:
    def turned(tree: Tree) -> Tree:
        def turn(v: tuple[float, float, float]) -> tuple[float, ...]:
            x, y, z = v
            return {(2, 1.0): (x, -z, y), (1, -1.0): (x, -y, -z), (0, 1.0): (y, -x, z)}[up, sign]

        name, offset, children = tree
        return (name, turn(offset), [turned(c) if isinstance(c[0], str) else turn(c) for c in children])  # type: ignore[return-value]

    plain = body_motion(read_bvh(write(tmp_path / "a.bvh", biovision(), [{}])))
    other = body_motion(read_bvh(write(tmp_path / "b.bvh", turned(biovision()), [{}])))
    assert not plain.notices and "is taken for up" in str(other.notices[0])
    for part, along in plain.directions.items():
        np.testing.assert_allclose(other.directions[part], along, atol=1e-6)


@pytest.mark.parametrize("turn", [{"X": -90.0}, {"X": 90.0}], ids=["on the back", "on the belly"])
def test_who_lies_on_a_floor_at_zero_all_the_time_is_not_stood_up(turn: dict[str, float], tmp_path: Path) -> None:
    path = write(tmp_path / "a.bvh", motion_builder(), [{"Hips": turn}] * 2)
    on_floor = re.sub(r"(?m)^([03]\.0+) 90\.0+ ", r"\1 15.0 ", path.read_text())
    (tmp_path / "b.bvh").write_text(on_floor)
    lying = body_motion(read_bvh(tmp_path / "b.bvh"))
    assert abs(lying.directions["trunk"][:, 1]).max() < 0.1 and "y is taken for up" in str(lying.notices[0])
    standing = body_motion(read_bvh(path))  # with the hips 90 cm above y = 0 there is nothing to lie on
    assert standing.directions["trunk"][:, 1].min() > 0.9 and "z is taken for up" in str(standing.notices[0])
