"""BVH files written out by hand here: reading them, what is refused, and their motion on Anny bodies."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engine.dataset.registered import load_registered_dataset
from engine.errors import InputError
from engine.progress import Progress
from external.anny.identities import sample_identity
from external.anny.rig import AnnyModel, RestBody, bone_transforms
from external.bvh import parse
from external.bvh.generate import generate_from_bvh, longest_stretch
from external.bvh.joint_names import find_body_joints
from external.bvh.parse import read_bvh
from external.bvh.retarget import body_motion, bone_rotations
from npm_studio.cli.main import main

Tree = tuple[str, tuple[float, float, float], list[Any]]
TINY = """HIERARCHY
ROOT Hips
{
\tOFFSET 0.0 90.0 0.0
\tCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
\tJOINT Left Arm
\t{
\t\tOFFSET 10 20 0
\t\tCHANNELS 3 Yrotation Xrotation Zrotation
\t\tEnd Site
\t\t{
\t\t\tOFFSET 30 0 0
\t\t}
\t}
}
MOTION
Frames: 2
Frame Time: 0.0333333
0 90 0 10 20 30 40 50 60
1 91 2 -10 -20 -30 1e1 -5.5 0
"""


def leg(side: int, names: tuple[str, str, str], hip: float, thigh: float, shin: float, foot: float) -> Tree:
    a, b, c = names
    return (a, (side * hip, -0.05 * thigh, 0), [(b, (0, -thigh, 0), [(c, (0, -shin, 0), [(0, -0.3 * foot, foot)])])])


def motion_builder(prefix: str = "") -> Tree:
    """A T-pose in centimetres with the joint names of MotionBuilder."""

    def arm(side: int, word: str) -> Tree:
        hand = (f"{prefix}{word}Hand", (side * 25, 0, 0), [(side * 10, 0, 0)])
        upper = (f"{prefix}{word}Arm", (side * 12, 0, 0), [(f"{prefix}{word}ForeArm", (side * 28, 0, 0), [hand])])
        return (f"{prefix}{word}Shoulder", (side * 4, 16, 0), [upper])

    def limb(side: int, word: str) -> Tree:
        return leg(side, tuple(f"{prefix}{word}{part}" for part in ("UpLeg", "Leg", "Foot")), 9, 42, 40, 14)  # type: ignore[arg-type]

    head = (f"{prefix}Neck", (0, 20, 0), [(f"{prefix}Head", (0, 9, 0), [(0, 18, 0)])])
    chest = (f"{prefix}Spine1", (0, 15, 0), [head, arm(1, "Left"), arm(-1, "Right")])
    return (f"{prefix}Hips", (0, 95, 0), [limb(1, "Left"), limb(-1, "Right"), (f"{prefix}Spine", (0, 10, 0), [chest])])


def biovision() -> Tree:
    """Arms hanging at rest, in inches, with the joint names of Biovision."""

    def arm(side: int, word: str) -> Tree:
        wrist = (f"{word}Wrist", (0, -10, 0), [(0, -7, 0)])
        return (
            f"{word}Collar",
            (side, 16, 0),
            [(f"{word}Shoulder", (side * 6, 0, 0), [(f"{word}Elbow", (0, -12, 0), [wrist])])],
        )

    def limb(side: int, word: str) -> Tree:
        return leg(side, (f"{word}Hip", f"{word}Knee", f"{word}Ankle"), 4, 18, 17, 6)

    neck = ("Neck", (0, 20, 0), [("Head", (0, 5, 0), [(0, 4, 0)])])
    chest = ("Chest", (0, 5, 0), [arm(1, "Left"), arm(-1, "Right"), neck])
    return ("Hips", (0, 36, 0), [limb(1, "Left"), limb(-1, "Right"), chest])


def z_up(tree: Tree) -> Tree:
    """The same skeleton with z up, facing -y."""
    name, (x, y, z), children = tree
    return (
        name,
        (x, -z, y),
        [z_up(child) if isinstance(child[0], str) else (child[0], -child[2], child[1]) for child in children],
    )


def write(
    path: Path, tree: Tree, frames: list[dict[str, dict[str, float]]], order: str = "ZXY", time: float = 0.05
) -> Path:
    """A BVH file: ``frames`` give angles in degrees by joint and axis; what they do not name is 0."""
    lines, names = ["HIERARCHY"], []

    def joint(tree: Tree, word: str, indent: str) -> None:
        name, offset, children = tree
        names.append(name)
        lines.extend([f"{indent}{word} {name}", indent + "{", f"{indent}\tOFFSET {offset[0]} {offset[1]} {offset[2]}"])
        rotations = " ".join(f"{axis}rotation" for axis in order)
        positions = "6 Xposition Yposition Zposition" if word == "ROOT" else "3"
        lines.append(f"{indent}\tCHANNELS {positions} {rotations}")
        for child in children:
            if isinstance(child[0], str):
                joint(child, "JOINT", indent + "\t")
            else:
                lines.extend(
                    [
                        indent + "\tEnd Site",
                        indent + "\t{",
                        f"{indent}\t\tOFFSET {child[0]} {child[1]} {child[2]}",
                        indent + "\t}",
                    ]
                )
        lines.append(indent + "}")

    joint(tree, "ROOT", "")
    lines.extend(["MOTION", f"Frames:\t{len(frames)}", f"Frame Time:\t{time}"])
    for number, frame in enumerate(frames):
        assert set(frame) <= set(names), set(frame) - set(names)
        values = [3.0 * number, 90.0, -number]
        for name in names:
            values += [frame.get(name, {}).get(axis, 0.0) for axis in order]
        lines.append(" ".join(f"{value:.6f}" for value in values))
    path.write_bytes("\r\n".join(lines).encode() + b"\r\n")
    return path


@pytest.fixture(scope="module")
def model() -> AnnyModel:
    return AnnyModel()


@pytest.fixture(scope="module")
def body(model: AnnyModel) -> RestBody:
    return sample_identity(model, np.random.default_rng(1))[1]


def heads(model: AnnyModel, body: RestBody, path: Path) -> list[dict[str, np.ndarray]]:
    """Positions (3,) in metres of Anny's bone heads by name, per frame, as a file says."""
    poses = bone_transforms(model.rig, body, bone_rotations(model.rig, body, body_motion(read_bvh(path))))
    return [dict(zip(model.rig.bone_names, frame[:, :3, 3], strict=True)) for frame in poses]


def random_frame(random: np.random.Generator, tree: Tree, most: float = 40.0) -> dict[str, dict[str, float]]:
    angles = {tree[0]: dict(zip("XYZ", random.uniform(-most, most, 3), strict=True))}
    for child in tree[2]:
        if isinstance(child[0], str):
            angles |= random_frame(random, child, most)
    return angles


# --- reading


def test_a_file_is_read_with_its_channels_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(TINY)
    clip = read_bvh(tmp_path / "a.bvh")
    assert [joint.name for joint in clip.joints] == ["Hips", "Left Arm"]
    assert [joint.parent for joint in clip.joints] == [-1, 0] and clip.joints[1].end == (30, 0, 0)
    assert clip.seconds_per_frame == pytest.approx(1 / 30, rel=1e-4)
    np.testing.assert_array_equal(clip.values[1], [1, 91, 2, -10, -20, -30, 10, -5.5, 0])
    np.testing.assert_array_equal(clip.rest_positions, [[0, 90, 0], [10, 110, 0]])
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
        (lambda text: text[: text.index("1 91")], "declares 2 frames and holds 1"),
        (lambda text: text.replace("Frames: 2", "Frames: 999999999999"), "declares 999999999999 frames and holds 2"),
        (lambda text: text.replace("Frames: 2", "Frames: -2"), "a.bvh:17: declares -2 frames"),
        (lambda text: text.replace("Frames: 2", "Frames: nan"), "'nan' where a number belongs"),
        (lambda text: text.replace("1e1 -5.5 0", "1e1 -5.5"), "a.bvh:20: holds 8 values, its skeleton has 9"),
        (lambda text: text.replace("-5.5", "nan"), "a.bvh:20: holds a value that is not finite"),
        (lambda text: text.replace("-5.5", "1e999"), "a.bvh:20: holds a value that is not finite"),
        (lambda text: text.replace("-5.5", "up"), "a.bvh:20: holds something that is not a number"),
        (lambda text: text.replace("0.0333333", "0"), "seconds per frame"),
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
            data[start : start + random.integers(0, 40)] = random.bytes(random.integers(0, 4))
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


def test_a_t_pose_gives_a_t_pose(model: AnnyModel, body: RestBody, tmp_path: Path) -> None:
    (pose,) = heads(model, body, write(tmp_path / "a.bvh", motion_builder(), [{}]))
    for side, sign in (("L", 1), ("R", -1)):
        shoulder, elbow, wrist = (pose[f"{name}.{side}"] for name in ("upperarm01", "lowerarm01", "wrist"))
        for a, b in ((shoulder, elbow), (elbow, wrist)):
            np.testing.assert_allclose((b - a) / np.linalg.norm(b - a), [sign, 0, 0], atol=1e-6)
        hip, knee, ankle = (pose[f"{name}.{side}"] for name in ("upperleg01", "lowerleg01", "foot"))
        for a, b in ((hip, knee), (knee, ankle)):
            np.testing.assert_allclose((b - a) / np.linalg.norm(b - a), [0, -1, 0], atol=1e-6)
    np.testing.assert_allclose(pose["root"], 0, atol=1e-9)


@pytest.mark.parametrize(
    ("tree", "arm", "lift"), [(motion_builder(), "LeftArm", 80), (biovision(), "LeftShoulder", 170)]
)
def test_a_raised_left_arm_raises_annys_left_wrist(
    tree: Tree, arm: str, lift: float, model: AnnyModel, body: RestBody, tmp_path: Path
) -> None:
    rest, raised = heads(model, body, write(tmp_path / "a.bvh", tree, [{}, {arm: {"Z": lift}}]))
    assert raised["wrist.L"][1] > raised["head"][1] + 0.1 > rest["wrist.L"][1]
    np.testing.assert_allclose(raised["wrist.R"], rest["wrist.R"], atol=1e-9)


@pytest.mark.parametrize(
    ("tree", "knee"), [(motion_builder("mixamorig:"), "mixamorig:LeftLeg"), (biovision(), "LeftKnee")]
)
def test_a_bent_knee_bends(tree: Tree, knee: str, model: AnnyModel, body: RestBody, tmp_path: Path) -> None:
    rest, bent = heads(model, body, write(tmp_path / "a.bvh", tree, [{}, {knee: {"X": 90}}]))
    shin = bent["foot.L"] - bent["lowerleg01.L"]
    np.testing.assert_allclose(shin / np.linalg.norm(shin), [0, 0, -1], atol=1e-6)
    np.testing.assert_allclose(bent["lowerleg01.L"], rest["lowerleg01.L"], atol=1e-9)
    np.testing.assert_allclose(bent["foot.R"], rest["foot.R"], atol=1e-9)


@pytest.mark.parametrize("tree", [motion_builder(), biovision()], ids=["T-pose", "hanging arms"])
def test_all_limbs_point_as_those_of_the_source_do(
    tree: Tree, model: AnnyModel, body: RestBody, tmp_path: Path
) -> None:
    random = np.random.default_rng(4)
    frames = [random_frame(random, tree) for _ in range(4)]
    frames[0][tree[0]] = {}  # the clip starts facing +z, so that the heading stays
    path = write(tmp_path / "a.bvh", tree, frames)
    source = {part.replace("hand", "wrist"): i for part, i in find_body_joints(read_bvh(path)).limbs.items()}
    anny = {"thigh": "upperleg01", "shin": "lowerleg01", "upperarm": "upperarm01", "forearm": "lowerarm01"}
    for frame, pose in zip(frames, heads(model, body, path), strict=True):
        positions = forward_kinematics(tree, frame)
        names = [joint.name for joint in read_bvh(path).joints]
        for a, b in (("thigh", "shin"), ("shin", "foot"), ("upperarm", "forearm"), ("forearm", "wrist")):
            for side in "LR":
                theirs = positions[names[source[f"{b}.{side}"]]] - positions[names[source[f"{a}.{side}"]]]
                ours = pose[f"{anny.get(b, b)}.{side}"] - pose[f"{anny[a]}.{side}"]
                assert (
                    theirs @ ours / np.linalg.norm(theirs) / np.linalg.norm(ours) > 0.9995
                )  # a thigh's two bones are not quite in line


def forward_kinematics(tree: Tree, frame: dict[str, dict[str, float]]) -> dict[str, np.ndarray]:
    """Joint positions by name: the slow, recursive way."""
    positions: dict[str, np.ndarray] = {}

    def visit(tree: Tree, origin: np.ndarray, turned: Rotation) -> None:
        name, offset, children = tree
        positions[name] = origin + turned.apply(offset)
        own = Rotation.from_euler("ZXY", [frame.get(name, {}).get(axis, 0.0) for axis in "ZXY"], degrees=True)
        for child in children:
            if isinstance(child[0], str):
                visit(child, positions[name], turned * own)

    visit(tree, np.zeros(3), Rotation.identity())
    return positions


@pytest.mark.parametrize("tree", [motion_builder(), biovision()], ids=["T-pose", "hanging arms"])
def test_a_mirrored_clip_gives_the_mirrored_pose(tree: Tree, model: AnnyModel, body: RestBody, tmp_path: Path) -> None:
    frame = random_frame(np.random.default_rng(5), tree)
    swap = {"Left": "Right", "Righ": "Left"}
    mirrored = {
        (swap[name[:4]] + name.removeprefix("Left").removeprefix("Right") if name[:4] in swap else name): {
            "X": angles["X"], "Y": -angles["Y"], "Z": -angles["Z"]
        }
        for name, angles in frame.items()
    }  # fmt: skip
    (pose,) = heads(model, body, write(tmp_path / "a.bvh", tree, [frame]))
    (other,) = heads(model, body, write(tmp_path / "b.bvh", tree, [mirrored]))
    for name, position in pose.items():
        opposite = name[:-1] + {"L": "R", "R": "L"}.get(name[-1], name[-1])
        if not name.endswith((".L", ".R")):
            opposite = name
        np.testing.assert_allclose(other[opposite] * [-1, 1, 1], position, atol=2e-3)  # Anny is symmetric to 1 mm


def test_neither_where_a_clip_is_nor_where_it_heads_matters(model: AnnyModel, body: RestBody, tmp_path: Path) -> None:
    frames = [random_frame(np.random.default_rng(6), motion_builder(), 20.0) for _ in range(2)]
    for frame in frames:
        frame["Hips"] = {}
    ahead = heads(model, body, write(tmp_path / "a.bvh", motion_builder(), frames))
    for frame in frames:
        frame["Hips"] = {"Y": 130.0}
    aside = heads(model, body, write(tmp_path / "b.bvh", motion_builder(), frames))
    for a, b in zip(ahead, aside, strict=True):
        for name in a:
            np.testing.assert_allclose(a[name], b[name], atol=1e-6)


def test_a_skeleton_with_z_up_moves_the_same_way(model: AnnyModel, body: RestBody, tmp_path: Path) -> None:
    frame = {"LeftArm": {"Z": 60.0}, "RightLeg": {"X": 50.0}, "Spine": {"Y": 20.0}}
    turned = {"LeftArm": {"Y": -60.0}, "RightLeg": {"X": 50.0}, "Spine": {"Z": 20.0}}
    (pose,) = heads(model, body, write(tmp_path / "a.bvh", motion_builder(), [frame]))
    (other,) = heads(model, body, write(tmp_path / "b.bvh", z_up(motion_builder()), [turned]))
    for name in pose:
        np.testing.assert_allclose(pose[name], other[name], atol=1e-6)


def test_joints_that_are_missing_follow_their_parent(model: AnnyModel, body: RestBody, tmp_path: Path) -> None:
    def without(tree: Tree, words: tuple[str, ...]) -> Tree:
        children = [without(c, words) if isinstance(c[0], str) else c for c in tree[2] if c[0] not in words]
        return (tree[0], tree[1], children or [tree[1]])

    tree = without(motion_builder(), ("LeftHand", "RightHand", "LeftFoot", "RightFoot", "Neck"))
    frames: list[dict[str, dict[str, float]]] = [{}, {"LeftForeArm": {"Y": -90.0}, "Spine1": {"X": 20.0}}]
    rest, bent = heads(model, body, write(tmp_path / "a.bvh", tree, frames))
    assert bent["wrist.L"][2] > rest["wrist.L"][2] + 0.15 and bent["finger3-1.L"][2] > bent["wrist.L"][2]
    assert bent["head"][2] > rest["head"][2] + 0.05


def test_hanging_arms_are_carried_further_out_and_raised_ones_are_not(
    model: AnnyModel, body: RestBody, tmp_path: Path
) -> None:
    raised = {f"{side}Shoulder": {"Z": sign * 170.0} for side, sign in (("Left", 1), ("Right", -1))}
    motion = body_motion(read_bvh(write(tmp_path / "a.bvh", biovision(), [{}, raised])))
    wrists = []
    for out in (0.0, 0.2):
        poses = bone_transforms(model.rig, body, bone_rotations(model.rig, body, motion, out))
        wrists.append(poses[..., :3, 3][:, [model.rig.bone(f"wrist.{side}") for side in "LR"]])
    moved = wrists[1] - wrists[0]
    assert moved[0, 0, 0] > 0.06 and moved[0, 1, 0] < -0.06
    np.testing.assert_allclose(moved[1], 0, atol=1e-9)


# --- datasets


def swinging(count: int) -> list[dict[str, dict[str, float]]]:
    phase = np.linspace(0, 2 * np.pi, count)
    return [
        {"LeftArm": {"Z": -20 + 30 * np.sin(p)}, "RightArm": {"Z": 20.0}, "LeftLeg": {"X": 20 + 20 * np.sin(p)}}
        for p in phase
    ]


@pytest.fixture(scope="module")
def motions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mocap")
    write(folder / "swing 2.bvh", motion_builder(), swinging(40))  # 20 frames a second
    (folder / "more").mkdir()
    down = {"LeftArm": {"Z": -70.0}, "RightArm": {"Z": 70.0}}
    through = {"LeftArm": {"Z": -60.0}, "LeftForeArm": {"Y": 0.0, "Z": -100.0}, "RightArm": {"Z": 60.0}}
    write(folder / "more" / "belly.bvh", motion_builder(), [down] * 2 + [through] * 8 + [{}] * 10, time=1 / 15)
    return folder


def test_every_clip_becomes_a_sequence_of_every_identity(motions: Path, tmp_path: Path) -> None:
    class Listener(Progress):
        def __init__(self) -> None:
            self.lines: list[str] = []

        def message(self, text: str) -> None:
            self.lines.append(text)

    listener = Listener()
    counts = generate_from_bvh(motions, tmp_path / "d", identities=2, seed=3, fps=10.0, progress=listener, workers=1)
    loaded = load_registered_dataset(tmp_path / "d")
    assert loaded.category == "human bodies" and loaded.frame_rate == 10.0
    assert loaded.identities == ("anny_000", "anny_001")
    for identity in range(2):
        belly, swing = loaded.sequences_of(identity)
        assert swing == "01_swing_2" and loaded.sequence(identity, swing).shape == (20, 13_348, 3)
        assert np.abs(loaded.sequence(identity, swing)).max() < 0.5
        assert len(loaded.sequence(identity, belly)) == 7  # those with the arms out again
    assert counts == {"clips": 2, "sequences": 4, "frames": len(loaded.labels), "left_out": []}
    assert sum("00_belly" in line and "with limbs in the body" in line for line in listener.lines) == 2
    again = generate_from_bvh(motions, tmp_path / "again", identities=2, seed=3, fps=10.0, workers=2)
    assert again["frames"] == counts["frames"]
    for name in ("dataset.json", "anny_001/canonical.npy", "anny_001/01_swing_2.npy"):
        assert (tmp_path / "d" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_bodies_of_any_build_can_let_their_arms_hang(tmp_path: Path) -> None:
    hang = write(tmp_path / "hang.bvh", biovision(), [{}])
    assert generate_from_bvh(hang, tmp_path / "d", identities=8, seed=3, workers=1)["frames"] == 8


def test_the_longest_usable_stretch_is_kept() -> None:
    assert longest_stretch(np.array([1, 0, 1, 1, 0, 1, 1], bool)) == slice(2, 4)
    assert longest_stretch(np.zeros(3, bool)) == slice(0, 0)
    assert longest_stretch(np.ones(3, bool)) == slice(0, 3)


def test_a_broken_file_of_a_folder_is_named_and_left_out_and_a_single_one_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mocap"
    folder.mkdir()
    write(folder / "a.bvh", motion_builder(), swinging(6))
    (folder / "b.bvh").write_text(TINY.replace("-5.5", "nan"))
    arguments = ["--identities", "1", "--frames", "3", "--seed", "2", "--json"]
    assert main(["dataset", "bvh", str(folder), str(tmp_path / "d"), *arguments]) == 0
    output = capsys.readouterr()
    results = json.loads(output.out.splitlines()[-1])
    assert results["left_out"] == ["b.bvh"] and results["frames"] == 3 and "b.bvh:20" in output.err
    assert load_registered_dataset(tmp_path / "d").frame_rate == pytest.approx(10.0)  # 3 frames of 0.3 s
    assert main(["dataset", "bvh", str(folder / "b.bvh"), str(tmp_path / "e"), *arguments]) == 2
    assert main(["dataset", "bvh", str(tmp_path / "nothing"), str(tmp_path / "e"), *arguments]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert not (tmp_path / "e").exists()


def test_frames_that_make_no_sense_are_refused(motions: Path, tmp_path: Path) -> None:
    for keywords in ({"fps": 0.0}, {"fps": float("nan")}, {"frames": 0}):
        with pytest.raises(InputError, match=r"--f(ps|rames)"):
            generate_from_bvh(motions, tmp_path / "x", 1, 0, **keywords)  # type: ignore[arg-type]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.bvh files"):
        generate_from_bvh(tmp_path / "empty", tmp_path / "x", 1, 0)
