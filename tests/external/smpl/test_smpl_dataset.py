import json
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.dataset.registered import load_registered_dataset
from external.smpl.bodies import random_bodies, recorded_bodies
from external.smpl.clips import body_limits, legs_apart, random_body_clip, through_keyframes
from external.smpl.motion_files import evenly, load_motion, load_performers
from npm_studio.cli.main import main
from tests.support.smpl_files import (
    Arrays,
    body_arrays,
    readable_skinning,
    write_body_pickle,
    write_hand_pickle,
    write_npz,
)
from tests.support.smpl_files import hand_arrays as mitten


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return body_arrays(subdivisions=1)


@pytest.fixture(scope="module")
def models(arrays: Arrays, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a female and a male model; the male is larger."""
    folder = tmp_path_factory.mktemp("models")
    write_body_pickle(folder / "SMPL_FEMALE.pkl", arrays)
    larger = Arrays(**{**vars(arrays), "v_template": arrays.v_template * 1.2})
    write_body_pickle(folder / "SMPL_MALE.pkl", larger)
    return folder


def write_motion(path: Path, **changes: object) -> Path:
    random = np.random.default_rng(len(path.stem))
    content = {
        "poses": random.normal(0, 0.2, (9, 156)),
        "betas": np.arange(16) / 16,
        "trans": random.normal(size=(9, 3)),
        "gender": np.array("female"),
        "mocap_framerate": np.array(120.0),
    }
    arrays = {**content, **changes}
    return write_npz(path, {name: np.asarray(value) for name, value in arrays.items() if value is not None})


def test_random_bodies_become_a_registered_dataset(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "bodies"
    words = ["dataset", "smpl", str(out), "--model", str(models), "--identities", "3", "--sequences", "2"]
    assert main([*words, "--frames", "4", "--seed", "7", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["frames"] == 24
    dataset = load_registered_dataset(out)
    assert dataset.identities == ("body_0000", "body_0001", "body_0002")
    assert dataset.sequence(0, "motion_000").shape == (4, 42, 3)
    assert dataset.similarity.scale == pytest.approx(0.4)
    heights = [np.ptp(dataset.canonical(i)[:, 1]) for i in range(3)]
    assert heights[1] > max(heights[0], heights[2])  # the genders take turns

    again = tmp_path / "again"
    assert main([*words[:2], str(again), *words[3:], "--frames", "4", "--seed", "7"]) == 0
    for file in out.rglob("*.npy"):
        assert file.read_bytes() == (again / file.relative_to(out)).read_bytes()


def test_the_canonical_body_has_its_legs_apart(arrays: Arrays, models: Path) -> None:
    raw = random_bodies(models / "SMPL_FEMALE.pkl", 1, 1, 2, 0)
    pose = np.zeros(72)
    pose[3 + 2], pose[3 + 5] = 0.5, -0.5  # third and sixth number of the body pose
    np.testing.assert_array_equal(legs_apart(24), pose)
    expected, _ = readable_skinning(arrays, raw.bodies["body_0000"].betas, pose)
    np.testing.assert_allclose(raw.canonical("body_0000"), expected, atol=1e-12)


def test_random_clips_stay_within_the_joint_limits_and_are_smooth() -> None:
    low, high = body_limits()
    np.testing.assert_allclose(low[2], [low[1, 0], -high[1, 1], -high[1, 2]])  # the right hip mirrors the left
    clip = random_body_clip(np.random.default_rng(0), 200, 52).reshape(200, 52, 3)
    neutral_or_within = (clip[:, :22] >= np.minimum(low, -1.2) - 1e-9) & (clip[:, :22] <= np.maximum(high, 1.2) + 1e-9)
    assert neutral_or_within.all()
    within = [joint for joint in range(22) if joint not in (16, 17)]  # shoulders are drawn towards hanging arms
    assert (clip[:, within] >= low[within] - 1e-9).all() and (clip[:, within] <= high[within] + 1e-9).all()
    assert (clip[:, 22:] == 0).all()
    assert np.abs(np.diff(clip, axis=0)).max() < 0.2
    np.testing.assert_allclose(through_keyframes(np.array([[0.0], [1.0], [0.0]]), 5)[:, 0], [0, 0.5, 1, 0.5, 0])


def test_recorded_motions_give_one_identity_per_shape_and_one_sequence_per_file(
    arrays: Arrays, models: Path, tmp_path: Path
) -> None:
    write_motion(tmp_path / "motions" / "anna" / "walk.npz")
    write_motion(tmp_path / "motions" / "anna" / "jump.npz")
    write_motion(tmp_path / "motions" / "ben" / "walk.npz", betas=np.zeros(16), gender=np.array(b"male"))
    write_motion(tmp_path / "motions" / "ben" / "shape.npz", poses=None)
    out = tmp_path / "out"
    words = ["dataset", "smpl", str(out), "--model", str(models), "--motions", str(tmp_path / "motions")]
    assert main([*words, "--frames", "4"]) == 0
    dataset = load_registered_dataset(out)
    assert dataset.identities == ("anna", "ben")
    assert dataset.sequences_of(0) == ["jump", "walk"] and dataset.sequences_of(1) == ["walk"]

    poses = np.random.default_rng(4).normal(0, 0.2, (9, 156))[[0, 3, 5, 8]]  # four of nine, evenly
    from scipy.spatial.transform import Rotation

    for frame in (0, 3):
        pose = np.zeros(72)
        pose[:66] = poses[frame, :66]
        upright = Rotation.from_rotvec([-np.pi / 2, 0, 0]) * Rotation.from_rotvec(pose[:3])  # AMASS has z up
        pose[:3] = upright.as_rotvec()
        expected, _ = readable_skinning(arrays, np.arange(10) / 16, pose)
        stored = dataset.sequence(0, "walk")[frame].astype(np.float32)
        np.testing.assert_allclose(dataset.similarity.to_world(stored), expected, atol=2e-3)


def test_motions_that_are_upright_in_y_are_taken_as_they_are(arrays: Arrays, models: Path, tmp_path: Path) -> None:
    path = write_motion(tmp_path / "anna" / "walk.npz", poses=np.zeros((2, 72)), betas=np.zeros(10))
    raw = recorded_bodies(models, tmp_path, 2, up="y")
    np.testing.assert_allclose(raw.frames("anna", "walk")[0], arrays.v_template, atol=1e-12)
    assert load_motion(path) is not None


def test_a_missing_gender_is_refused_unless_one_file_is_given(models: Path, tmp_path: Path) -> None:
    write_motion(tmp_path / "x" / "walk.npz", gender=np.array("neutral"))
    with pytest.raises(InputError, match="no model for the neutral"):
        recorded_bodies(models, tmp_path, 2)
    assert recorded_bodies(models / "SMPL_MALE.pkl", tmp_path, 2).identities == ["x"]


def test_subjects_of_one_folder_name_are_told_apart(tmp_path: Path) -> None:
    write_motion(tmp_path / "a" / "subject" / "walk.npz")
    write_motion(tmp_path / "b" / "subject" / "walk.npz", betas=np.ones(10))
    write_motion(tmp_path / "c" / "subject" / "walk.npz")
    identities = load_performers(tmp_path)
    assert [one.name for one in identities] == ["subject", "subject_2"]
    assert [clip.name for clip in identities[0].clips] == ["walk", "walk_2"]
    assert len(evenly(identities[0].clips[0].poses, 100)) == 9


@pytest.mark.parametrize(
    "changes",
    [
        {"poses": np.zeros((0, 72))},
        {"poses": np.zeros((3, 70))},
        {"poses": np.full((3, 72), np.nan)},
        {"poses": np.array([["a"]])},
        {"betas": np.array([np.inf])},
        {"mocap_framerate": np.array(0.0)},
    ],
)
def test_a_recording_with_other_arrays_is_refused_with_its_name(changes: dict, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"walk\.npz"):
        load_motion(write_motion(tmp_path / "walk.npz", **changes))


def test_a_truncated_recording_and_a_folder_without_any_are_refused(models: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.npz"):
        load_performers(tmp_path)
    path = write_motion(tmp_path / "walk.npz")
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match=r"walk\.npz"):
        load_performers(tmp_path)


def test_hand_poses_and_hand_models_are_no_bodies(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_motion(tmp_path / "m" / "grasp.npz", poses=np.zeros((3, 48)))
    with pytest.raises(InputError, match="48 numbers"):
        recorded_bodies(models, tmp_path / "m", 2, up="y", identities=1)
    hand = write_hand_pickle(tmp_path / "MANO_RIGHT.pkl", mitten(1))
    assert main(["dataset", "smpl", str(tmp_path / "out"), "--model", str(hand)]) == 2
    assert "dataset mano" in capsys.readouterr().err
    assert main(["dataset", "smpl", str(tmp_path / "out"), "--model", str(models), "--frames", "0"]) == 2
    assert "--frames 0" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
