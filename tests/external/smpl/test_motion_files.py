"""Motions as they are found on disks: some files damaged, some with other names for the same numbers."""

from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.dataset.registered import load_registered_dataset
from external.smpl.bodies import recorded_bodies
from external.smpl.motion_files import load_motion, load_performers
from npm_studio.cli.main import main
from tests.support.present import present
from tests.support.progress import Listener
from tests.support.smpl_files import body_arrays, write_body_pickle, write_npz

POSES = np.random.default_rng(0).normal(0, 0.2, (9, 156))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_body_pickle(tmp_path_factory.mktemp("models") / "SMPL_NEUTRAL.pkl", body_arrays(subdivisions=1))


def write_motion(path: Path, **changes: object) -> Path:
    content = {"poses": POSES, "betas": np.arange(16) / 16, "mocap_framerate": np.array(120.0), **changes}
    return write_npz(path, {name: np.asarray(value) for name, value in content.items() if value is not None})


def damaged(path: Path) -> Path:
    write_motion(path).write_bytes(path.read_bytes()[:-50])
    return path


def test_a_damaged_file_of_many_is_left_out_and_named(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_motion(tmp_path / "m" / "anna" / "a.npz")
    damaged(tmp_path / "m" / "anna" / "b.npz")
    write_motion(tmp_path / "m" / "anna" / "c.npz", poses=np.full((3, 72), np.nan))
    write_motion(tmp_path / "m" / "anna" / "d.npz")
    words = ["dataset", "smpl", str(tmp_path / "out"), "--model", str(model), "--motions", str(tmp_path / "m")]
    assert main([*words, "--frames", "3"]) == 0
    assert load_registered_dataset(tmp_path / "out").sequences_of(0) == ["a", "d"]
    printed = capsys.readouterr()
    lines = [line for line in (printed.out + printed.err).splitlines() if line.startswith("left out: ")]
    assert len(lines) == 2
    assert all(f"{name}.npz: " in line for line, name in zip(lines, "bc", strict=True))


def test_where_all_files_are_damaged_the_first_one_is_named(tmp_path: Path) -> None:
    damaged(tmp_path / "anna" / "a.npz")
    damaged(tmp_path / "anna" / "b.npz")
    with pytest.raises(InputError, match=r"a\.npz: is truncated"):
        load_performers(tmp_path)


def test_root_and_body_may_be_arrays_of_their_own(model: Path, tmp_path: Path) -> None:
    parts = {"root_orient": POSES[:, :3], "pose_body": POSES[:, 3:66]}
    whole = load_motion(write_motion(tmp_path / "whole.npz", poses=POSES[:, :66]))
    for name, more in (
        ("two", {}),
        ("smplx", {"global_orient": POSES[:, None, :3], "body_pose": POSES[:, 3:66].reshape(9, 21, 3)}),
    ):
        named = more or parts
        clip = load_motion(write_motion(tmp_path / f"{name}.npz", poses=None, **named))
        np.testing.assert_array_equal(present(clip).poses, present(whole).poses)
    hands = load_motion(write_motion(tmp_path / "hands.npz", poses=None, **parts, pose_hand=POSES[:, 66:]))
    np.testing.assert_array_equal(present(hands).poses, POSES)
    raw = recorded_bodies(model, tmp_path, 3)
    assert set(raw.sequences(raw.identities[0])) == {"whole", "two", "smplx", "hands"}
    clips = raw.bodies[raw.identities[0]].clips
    assert all(np.array_equal(clips["whole"], clips[name]) for name in ("two", "smplx", "hands"))


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"pose_body": POSES[:, 3:66]}, "pose_body without the turn of the root"),
        ({"root_orient": POSES[:4, :3], "pose_body": POSES[:, 3:66]}, "different numbers of frames"),
        ({"root_orient": POSES[:, 0], "pose_body": POSES[:, 3:66]}, "different numbers of frames"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(parts: dict[str, np.ndarray], problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=problem):
        load_motion(write_motion(tmp_path / "x.npz", poses=None, **parts))


@pytest.mark.parametrize("name", ["mocap_framerate", "mocap_frame_rate", "fps", "framerate", "frame_rate"])
def test_the_frame_rate_is_read_under_each_of_its_names(tmp_path: Path, name: str) -> None:
    rates = {"mocap_framerate": None, name: np.array(100)}
    clip = present(load_motion(write_motion(tmp_path / "x.npz", **rates)))
    assert clip.frame_rate == 100
    assert clip.assumed == ()


def test_an_assumed_frame_rate_and_files_without_poses_are_said(tmp_path: Path) -> None:
    write_motion(tmp_path / "anna" / "a.npz")
    for name in ("b", "c"):
        write_motion(tmp_path / "anna" / f"{name}.npz", mocap_framerate=None)
    write_motion(tmp_path / "anna" / "shape.npz", poses=None)
    listener = Listener()
    (anna,) = load_performers(tmp_path, listener)
    assert [clip.frame_rate for clip in anna.clips] == [120, 60, 60]
    said = "\n".join(listener.messages)
    assert "2 of 3 motions, such as" in said
    assert "no frame rate: 60 frames per second are assumed; add an array mocap_framerate" in said
    assert "left out: 1 files without poses, such as" in said


def test_shapes_that_change_from_frame_to_frame_become_their_mean_and_are_said(tmp_path: Path) -> None:
    betas = np.stack([np.zeros(10), np.ones(10)])
    write_motion(tmp_path / "anna" / "a.npz", betas=betas)
    write_motion(tmp_path / "ben" / "b.npz", betas=np.full((9, 10), 2.0))
    listener = Listener()
    anna, ben = load_performers(tmp_path, listener)
    np.testing.assert_array_equal(anna.betas, np.full(10, 0.5))
    np.testing.assert_array_equal(ben.betas, np.full(10, 2.0))
    assert len(listener.messages) == 1
    assert "their mean is taken" in listener.messages[0]


def test_poses_may_have_an_axis_for_joints_and_a_gender_may_be_unreadable(tmp_path: Path) -> None:
    write_motion(tmp_path / "anna" / "a.npz", poses=POSES.reshape(9, 52, 3))
    np.savez(tmp_path / "anna" / "b.npz", poses=POSES, betas=np.arange(16) / 16, gender=np.array(["x"], object), fps=30)
    (tmp_path / "anna" / "._a.npz").write_bytes(b"\0\5\26\7")
    listener = Listener()
    (anna,) = load_performers(tmp_path, listener)
    assert [clip.name for clip in anna.clips] == ["a", "b"]
    assert all(np.array_equal(clip.poses, POSES) for clip in anna.clips)
    assert len(listener.messages) == 1
    assert "no readable gender: neutral is assumed" in listener.messages[0]
