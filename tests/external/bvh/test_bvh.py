"""BVH files written out by hand here: reading them, what is refused, and which joint is which."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engine.core.errors import InputError
from external.bvh import parse
from external.bvh.joint_names import find_body_joints
from external.bvh.motion import body_motion
from external.bvh.parse import read_bvh
from tests.support.bvh_files import TINY, biovision, motion_builder, random_frame, swinging, write


def test_a_file_is_read_with_its_channels_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(TINY)
    clip = read_bvh(tmp_path / "a.bvh")
    assert [joint.name for joint in clip.joints] == ["Hips", "Left Arm"]
    assert [joint.parent for joint in clip.joints] == [-1, 0] and clip.joints[1].end == (30, 0, 0)
    assert clip.seconds_per_frame == pytest.approx(1 / 30, rel=1e-4)
    np.testing.assert_array_equal(clip.values[1], [1, 91, 2, -10, -20, -30, 10, -5.5, 0])
    at_rest = dataclasses.replace(clip, values=np.zeros_like(clip.values)).posed()
    np.testing.assert_array_equal(at_rest.positions[0], [[0, 90, 0], [10, 110, 0]])
    hips = Rotation.from_euler("ZXY", [10, 20, 30], degrees=True)  # capitals: about the turned axes, as BVH has it
    arm = Rotation.from_euler("YXZ", [40, 50, 60], degrees=True)
    np.testing.assert_allclose(clip.local_rotations[0, 1], arm.as_matrix(), atol=1e-12)
    np.testing.assert_allclose(clip.world_rotations[0], [hips.as_matrix(), (hips * arm).as_matrix()], atol=1e-12)


@pytest.mark.parametrize("order", ["XYZ", "ZYX", "YZX"])
def test_every_order_of_channels_agrees_with_scipy(order: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frames = [random_frame(random, biovision(), 170.0) for _ in range(3)]
    clip = read_bvh(write(tmp_path / "a.bvh", biovision(), frames, order))
    for index, joint in enumerate(clip.joints):
        for row, frame in enumerate(frames):
            expected = Rotation.from_euler(order, [frame[joint.name][axis] for axis in order], degrees=True)
            np.testing.assert_allclose(clip.local_rotations[row, index], expected.as_matrix(), atol=1e-7)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\t", "    ").replace("Frames: 2", "Frames:2").replace("Frame Time: ", "Frame Time:"),
        lambda text: text.replace("Hips\n{", "Hips {").replace("End Site", "END SITE").replace("rotation", "Rotation"),
        lambda text: text.replace("MOTION", "\n\nMOTION\n") + "\n \n",
        lambda text: text.replace("Frames: 2", "FRAMES : 2"),
    ],
    ids=["crlf", "cr", "byte order mark", "spaces", "braces and capitals", "empty lines", "colon apart"],
)
def test_the_ways_in_which_programs_write_are_all_read(change: Any, tmp_path: Path) -> None:
    (tmp_path / "plain.bvh").write_text(TINY)
    (tmp_path / "other.bvh").write_bytes(change(TINY).encode())
    plain, other = read_bvh(tmp_path / "plain.bvh"), read_bvh(tmp_path / "other.bvh")
    assert plain.joints == other.joints
    np.testing.assert_array_equal(plain.values, other.values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: text.index("\nFrame Time")], "a.bvh:18: ends or has something else where Frame Time"),
        (lambda text: text[: text.index("\t\tEnd Site")], "ends in the middle"),
        (lambda text: text[: text.index("0 90 0 10")], "declares 2 frames and holds 0"),
        (lambda text: text.replace("Frames: 2", "Frames: 999999999999"), "declares 999999999999 frames and holds 2"),
        (lambda text: text.replace("Frames: 2", "Frames: -2"), "a.bvh:17: declares -2 frames"),
        (lambda text: text.replace("Frames: 2", "Frames: nan"), "'nan' where a number belongs"),
        (lambda text: text.replace("40 50 60", "40 50"), "a.bvh:19: holds 8 values, its skeleton has 9"),
        (lambda text: text.replace("-5.5", "nan"), "a.bvh:20: holds something that is not a finite number"),
        (lambda text: text.replace("-5.5", "1e999"), "a.bvh:20: holds something that is not a finite number"),
        (lambda text: text.replace("-5.5", "up"), "a.bvh:20: holds something that is not a finite number"),
        (lambda text: text.replace("0.0333333", "-0.1"), "declares -0.1 seconds per frame"),
        (lambda text: text.replace("CHANNELS 3", "CHANNELS 999999999"), "a.bvh:9: gives joint Left Arm 1e.09 channels"),
        (lambda text: text.replace("CHANNELS 3", "CHANNELS 2.5"), "2.5 channels"),
        (lambda text: text.replace("Yrotation Xrotation Z", "Yrotation Yrotation Z"), "the same channel twice"),
        (lambda text: text.replace("Yrotation Xrotation Z", "Yrotation Wrotation Z"), "unknown channel 'wrotation'"),
        (lambda text: text.replace("OFFSET 10 20 0", "OFFSET 10 20"), "a.bvh:9: has 'CHANNELS' where a number"),
        (lambda text: text.replace("HIERARCHY", "PK\x03\x04"), "where HIERARCHY belongs"),
        (lambda text: text.replace("MOTION", "ROOT Second\n{\n}\nMOTION"), "second skeleton"),
        (lambda text: "", "ends in the middle"),
    ],
)  # fmt: skip
def test_broken_files_are_refused_with_file_and_line(change: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(change(TINY))
    with pytest.raises(InputError, match=message):
        read_bvh(tmp_path / "a.bvh")


def test_hostile_nesting_and_sizes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "deep.bvh"
    path.write_text("HIERARCHY ROOT a { OFFSET 0 0 0 " + "JOINT a { OFFSET 0 0 0 " * 100_000)
    with pytest.raises(InputError, match="100 below each other"):
        read_bvh(path)
    path.write_text("HIERARCHY ROOT a { OFFSET 0 0 0 " + "JOINT a { OFFSET 0 0 0 } " * 100_000)
    with pytest.raises(InputError, match="more than 1000 joints"):
        read_bvh(path)
    path.write_bytes(np.random.default_rng(0).bytes(20_000))
    with pytest.raises(InputError):
        read_bvh(path)
    monkeypatch.setattr(parse, "LARGEST_FILE_BYTES", 100)
    with pytest.raises(InputError, match="MB large"):
        read_bvh(path)
    with pytest.raises(InputError, match="no such file"):
        read_bvh(tmp_path / "none.bvh")


# --- names


@pytest.mark.parametrize("prefix", ["", "mixamorig:", "mixamorig1:", "mixamorig_", "Bob:"])
def test_joints_of_motion_builder_and_mixamo_are_known(prefix: str, tmp_path: Path) -> None:
    clip = read_bvh(write(tmp_path / "a.bvh", motion_builder(prefix), [{}]))
    joints = find_body_joints(clip)
    names = {part: clip.joints[index].name.removeprefix(prefix) for part, index in joints.limbs.items()}
    assert names["thigh.L"] == "LeftUpLeg" and names["shin.R"] == "RightLeg" and names["foot.L"] == "LeftFoot"
    assert names["clavicle.L"] == "LeftShoulder" and names["upperarm.R"] == "RightArm" and names["hand.L"] == "LeftHand"
    assert clip.joints[joints.hips].name == f"{prefix}Hips" and clip.joints[joints.head or 0].name == f"{prefix}Head"
    assert [clip.joints[i].name.removeprefix(prefix) for i in joints.spine] == ["Spine", "Spine1"]
    assert [clip.joints[i].name.removeprefix(prefix) for i in joints.neck] == ["Neck"]


def test_the_shoulder_of_biovision_is_an_upper_arm(tmp_path: Path) -> None:
    clip = read_bvh(write(tmp_path / "a.bvh", biovision(), [{}]))
    names = {part: clip.joints[index].name for part, index in find_body_joints(clip).limbs.items()}
    assert names["upperarm.L"] == "LeftShoulder" and names["clavicle.L"] == "LeftCollar"
    assert names["forearm.R"] == "RightElbow" and names["hand.R"] == "RightWrist" and names["thigh.L"] == "LeftHip"


def test_of_two_hip_joints_the_one_that_moves_the_thigh_is_taken(tmp_path: Path) -> None:
    name, offset, (left, right, spine) = motion_builder()
    tree = (name, offset, [("LeftHip", (0, 0, 0), [left]), ("RightHip", (0, 0, 0), [right]), spine])
    clip = read_bvh(write(tmp_path / "a.bvh", tree, [{}]))
    joints = find_body_joints(clip)
    assert clip.joints[joints.limbs["thigh.L"]].name == "LeftUpLeg" and clip.joints[joints.hips].name == "Hips"


def test_damaged_files_are_read_or_refused_but_never_crash(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    good = write(tmp_path / "a.bvh", motion_builder(), swinging(3)).read_bytes()
    refused = 0
    for _ in range(300):
        data = bytearray(good)
        for _ in range(random.integers(1, 6)):
            start = random.integers(len(data))
            data[start : start + random.integers(0, 40)] = random.bytes(int(random.integers(0, 4)))
        (tmp_path / "b.bvh").write_bytes(data)
        try:
            body_motion(read_bvh(tmp_path / "b.bvh"))
        except InputError:
            refused += 1
    assert refused > 100


def test_a_skeleton_that_is_no_body_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(TINY)
    with pytest.raises(InputError, match=r"a.bvh: has no joint for L thigh, R thigh.*among Hips, Left Arm.*rename"):
        body_motion(read_bvh(tmp_path / "a.bvh"))


# --- retargeting
