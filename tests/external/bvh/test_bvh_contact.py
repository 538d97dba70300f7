"""Arms that would pass through a body, messages about it, and the path of a body through the world."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.dataset.registered import load_registered_dataset
from external.anny.generate import SIMILARITY, body_character
from external.anny.identities import sample_identity
from external.anny.rig import AnnyModel, RestBody, bone_transforms
from external.bvh.contact import LARGEST_SWING, swing_arms_away
from external.bvh.motion import body_motion
from external.bvh.parse import read_bvh
from external.bvh.retarget import bone_rotations, world_rotations
from external.bvh.retargeted_clip import RetargetedClip
from npm_studio.cli.main import main
from tests.support.bvh_files import Frames, motion_builder, write


@pytest.fixture(scope="module")
def model() -> AnnyModel:
    return AnnyModel()


@pytest.fixture(scope="module")
def body(model: AnnyModel) -> RestBody:
    return sample_identity(model, np.random.default_rng(1))[1]


def hands_on_hips(inward: float) -> dict[str, dict[str, float]]:
    """From a T-pose: arms half down, elbows bent towards the hips."""
    frame: dict[str, dict[str, float]] = {}
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        frame |= {f"{side}Arm": {"Z": -sign * 45.0}, f"{side}ForeArm": {"Z": -sign * inward}}
    return frame


def test_a_clip_with_hands_on_the_hips_is_not_lost(model: AnnyModel, body: RestBody, tmp_path: Path) -> None:
    path = write(tmp_path / "hips.bvh", motion_builder(), [hands_on_hips(80.0 + n % 4) for n in range(12)])
    character = body_character(model.rig, body)
    made = RetargetedClip("hips", body_motion(read_bvh(path)))(character, body)
    assert len(made.vertices) == 12
    assert "swung away from this body" in made.note and "left out" not in made.note


def test_a_swing_begins_and_ends_slowly(model: AnnyModel, body: RestBody, tmp_path: Path) -> None:
    frames: Frames = [{} for _ in range(9)]  # arms held out to the sides
    frames[4] = hands_on_hips(85.0)
    world = world_rotations(model.rig, body, body_motion(read_bvh(write(tmp_path / "a.bvh", motion_builder(), frames))))
    test = body_character(model.rig, body).contact_test(body)
    mended = swing_arms_away(model.rig, body, world, test, seconds=0.02)
    assert 0 < mended.swings.max() <= LARGEST_SWING and mended.swings.argmax(axis=0).tolist() == [4, 4]
    assert np.abs(np.diff(mended.swings, axis=0)).max() <= 0.04 + 1e-9 and mended.swings[3].min() > 0


def test_messages_tell_what_was_done_and_do_not_blame_the_motion(
    model: AnnyModel, body: RestBody, tmp_path: Path
) -> None:
    through = {"LeftArm": {"Z": -60.0}, "LeftForeArm": {"Z": -100.0}, "RightArm": {"Z": 60.0}}
    path = write(tmp_path / "a.bvh", motion_builder(), [{}] * 4 + [through] * 2 + [{}] * 3)
    note = RetargetedClip("a", body_motion(read_bvh(path)))(body_character(model.rig, body), body).note
    assert "frames 0 to 3 kept, of 9 frames 2 with limbs in the body that no swing of the arms" in note
    assert "retargeting turned away" not in note


def test_collar_bones_that_no_body_has_are_moved_as_the_source_and_said(
    model: AnnyModel, body: RestBody, tmp_path: Path
) -> None:
    """Joints of some skeletons begin in the middle of the chest; shoulders stay where a body has them."""
    name, offset, (left, right, (spine, at, [(chest, above, [neck, *collars])])) = motion_builder()
    low = [(n, (x, 0.0, 0.0), [(arm, (ax, 16.0, 0.0), below)]) for n, (x, _, _), [(arm, (ax, _, _), below)] in collars]
    tree = (name, offset, [left, right, (spine, at, [(chest, above, [neck, *low])])])
    frames: Frames = [{}, {"LeftShoulder": {"Z": 10.0}}]
    motion = body_motion(read_bvh(write(tmp_path / "a.bvh", tree, frames)))
    assert any("left collar bone lies" in str(notice) for notice in motion.notices)
    made = RetargetedClip("a", motion)(body_character(model.rig, body), body)
    assert "retargeting turned away from the source: left collar bone by up to" in made.note
    assert "right collar bone" in made.note and "upper arm" not in made.note
    plain = body_motion(read_bvh(write(tmp_path / "b.bvh", motion_builder(), [{}, {"LeftShoulder": {"Z": 10.0}}])))
    poses = [bone_transforms(model.rig, body, bone_rotations(model.rig, body, m)) for m in (motion, plain)]
    shoulder = model.rig.bone("upperarm01.L")
    lifted = [pose[1, shoulder, 1, 3] - pose[0, shoulder, 1, 3] for pose in poses]
    assert lifted[0] == pytest.approx(lifted[1], abs=0.005) and lifted[0] > 0.02
    assert abs(poses[0][:, shoulder, :3, 3] - poses[1][:, shoulder, :3, 3]).max() < 0.05


# --- paths

_LEG = ("upperleg01", "lowerleg01", "foot")


def walking(heading: float) -> Frames:
    return [{"Hips": {"Y": heading}, "LeftArm": {"Z": -60.0}, "RightArm": {"Z": 60.0}} for _ in range(3)]


def test_without_the_flag_a_dataset_is_the_same_and_has_no_paths(tmp_path: Path) -> None:
    clip = write(tmp_path / "a.bvh", motion_builder(), walking(90.0))
    for out, flags in (("plain", []), ("moving", ["--path"])):
        arguments = ["dataset", "bvh", str(clip), str(tmp_path / out), "--identities", "1", "--frames", "3", *flags]
        assert main(arguments) == 0
    plain = {p.relative_to(tmp_path / "plain") for p in (tmp_path / "plain").rglob("*")}
    moving = {p.relative_to(tmp_path / "moving") for p in (tmp_path / "moving").rglob("*")}
    assert moving - plain == {Path("paths"), Path("paths/anny_000"), Path("paths/anny_000/00_a.npy")}
    for name in plain - {Path("dataset.json"), Path("anny_000")}:
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "moving" / name).read_bytes()
    recipes = [json.loads((tmp_path / out / "dataset.json").read_text())["recipe"] for out in ("plain", "moving")]
    assert recipes[1].pop("paths") == "paths" and recipes[0] == recipes[1]
    assert np.load(tmp_path / "moving/paths/anny_000/00_a.npy").shape == (3, 4, 4)
    assert len(load_registered_dataset(tmp_path / "moving").labels) == 3


@pytest.mark.parametrize("heading", [0.0, 90.0, -130.0])
def test_a_path_has_heading_and_motion_in_lengths_of_the_body(
    heading: float, model: AnnyModel, body: RestBody, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.bvh", motion_builder(), walking(heading))  # 3 cm along x and -1 cm along z a frame
    made = RetargetedClip("a", body_motion(read_bvh(path)), with_path=True)(body_character(model.rig, body), body)
    assert made.path is not None
    body_m = SIMILARITY.to_world(made.vertices.astype(np.float32))
    world = np.einsum("fij,fvj->fvi", made.path[:, :3, :3], body_m) + made.path[:, None, :3, 3]
    angle = np.radians(heading)
    np.testing.assert_allclose(made.path[:, :3, 2], [[np.sin(angle), 0, np.cos(angle)]] * 3, atol=1e-6)
    legs = np.linalg.norm(np.diff(body.bone_heads[[model.rig.bone(f"{n}.L") for n in _LEG]], axis=0), axis=1).sum()
    steps = np.diff(world.mean(axis=1), axis=0)
    np.testing.assert_allclose(steps, [np.array([3.0, 0.0, -1.0]) * legs / 82.0] * 2, rtol=0.02, atol=1e-3)
    assert world[..., 1].min() == pytest.approx(0.0, abs=2e-3)
