"""Motion capture on Anny bodies: retargeting, and the dataset of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engine.core.errors import InputError
from engine.dataset.registered import load_registered_dataset
from external.anny.generate import body_character
from external.anny.identities import sample_identity
from external.anny.rig import AnnyModel, RestBody, bone_transforms
from external.bvh.contact import swing_arms_away
from external.bvh.generate import ClipRequest, generate_from_bvh
from external.bvh.joint_names import find_body_joints
from external.bvh.motion import body_motion
from external.bvh.parse import read_bvh
from external.bvh.retarget import bone_rotations, relative_rotations, world_rotations
from external.bvh.retargeted_clip import longest_stretch
from npm_studio.cli.main import main
from tests.support.bvh_files import TINY, Tree, biovision, motion_builder, random_frame, swinging, write, z_up
from tests.support.progress import Listener


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


def test_hanging_arms_are_carried_further_out_and_raised_ones_are_not(model: AnnyModel, tmp_path: Path) -> None:
    """By as little as a stout body needs: the angle is no longer given, but found for each frame and arm."""
    stout = {"gender": 0.5, "age": 0.8, "muscle": 0.2, "weight": 0.95, "proportions": 0.5, "height": 0.4}
    (body,) = model.rest_bodies([stout])
    raised = {f"{side}Shoulder": {"Z": sign * 170.0} for side, sign in (("Left", 1), ("Right", -1))}
    clip = read_bvh(write(tmp_path / "a.bvh", biovision(), [{}, raised], time=1.0))
    world = world_rotations(model.rig, body, body_motion(clip))
    test = body_character(model.rig, body).contact_test(body)
    mended = swing_arms_away(model.rig, body, world, test, seconds=1.0)
    before = bone_transforms(model.rig, body, relative_rotations(model.rig, world))
    assert test.finds_contact(before[:1]) and not test.finds_contact(mended.poses) and not mended.in_contact.any()
    wrists = [model.rig.bone(f"wrist.{side}") for side in "LR"]
    moved = (mended.poses - before)[..., :3, 3][:, wrists]
    assert moved[0, 0, 0] > 0.06 and moved[0, 1, 0] < -0.06
    np.testing.assert_allclose(moved[1], 0, atol=1e-9)
    assert (mended.swings[0] < 0.3).all()


# --- datasets


@pytest.fixture(scope="module")
def motions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mocap")
    write(folder / "swing 2.bvh", motion_builder(), swinging(40))  # 20 frames a second
    (folder / "more").mkdir()
    down = {"LeftArm": {"Z": -70.0}, "RightArm": {"Z": 70.0}}
    through = {"LeftArm": {"Z": -60.0}, "LeftForeArm": {"Y": 0.0, "Z": -100.0}, "RightArm": {"Z": 60.0}}
    write(folder / "more" / "belly.bvh", motion_builder(), [down] * 2 + [through] * 8 + [{}] * 10, time=1 / 15)
    return folder


@pytest.mark.slow
def test_every_clip_becomes_a_sequence_of_every_identity(motions: Path, tmp_path: Path) -> None:
    listener = Listener()
    counts = generate_from_bvh(
        motions, tmp_path / "d", identities=2, seed=3, request=ClipRequest(fps=10.0), progress=listener, workers=1
    )
    loaded = load_registered_dataset(tmp_path / "d")
    assert loaded.category == "human bodies" and loaded.frame_rate == 10.0
    assert loaded.identities == ("anny_000", "anny_001")
    for identity in range(2):
        belly, swing = loaded.sequences_of(identity)
        assert swing == "01_swing_2" and loaded.sequence(identity, swing).shape == (20, 12_182, 3)
        assert np.abs(loaded.sequence(identity, swing)).max() < 0.5
        assert len(loaded.sequence(identity, belly)) == 7  # those with the arms out again
    assert counts == {"clips": 2, "sequences": 4, "frames": len(loaded.labels), "left_out": []}
    assert sum("00_belly" in line and "with limbs in the body" in line for line in listener.messages) == 2
    again = generate_from_bvh(
        motions, tmp_path / "again", identities=2, seed=3, request=ClipRequest(fps=10.0), workers=2
    )
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


def test_what_was_assumed_of_a_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "a.bvh", motion_builder(), swinging(4))
    text = path.read_text().replace("Frames:\t4", "Frames:\t5").replace("Frame Time:\t0.05", "Frame Time:\t0")
    path.write_text(text.replace("Left", "Links").replace("Right", "Rechts"))
    assert main(["dataset", "bvh", str(path), str(tmp_path / "d"), "--identities", "1"]) == 0
    said = capsys.readouterr().err
    for words in ("declares 5 frames and holds 4", "taken for 30 frames per second", "guessed by shape"):
        assert words in said
    assert load_registered_dataset(tmp_path / "d").frame_rate == 15.0


def test_frames_that_make_no_sense_are_refused(motions: Path, tmp_path: Path) -> None:
    for keywords in ({"fps": 0.0}, {"fps": float("nan")}, {"frames": 0}):
        with pytest.raises(InputError, match=r"the (frame rate|number of frames)"):
            generate_from_bvh(motions, tmp_path / "x", 1, 0, ClipRequest(**keywords))  # type: ignore[arg-type]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.bvh files"):
        generate_from_bvh(tmp_path / "empty", tmp_path / "x", 1, 0)
