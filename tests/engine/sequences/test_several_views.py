"""Several cameras of one scene: which frames go together, and in which world they all are."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.ray_casting import render_depth
from engine.sequences.camera_path import World
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence, save_depth_sequence
from engine.sequences.isolation import Isolation
from engine.sequences.mirroring import mirrored_sequence
from engine.sequences.several_views import listed_views, open_views
from tests.support.around import CAMERA, FRAMES, RATE, doll_meshes, poses_around, record, recorded_around
from tests.support.toy_model import toy_model


def opened(*paths: Path, options: CaptureOptions = AS_RECORDED) -> DepthSequence:
    return open_views(paths, (), options, toy_model())


def test_cameras_of_one_world_see_the_same_surface(tmp_path: Path) -> None:
    sequence = opened(*recorded_around(tmp_path, 3))
    assert len(sequence.views) == 3
    assert sequence.origin.endswith("with 2 other cameras")
    middles = [view.points_world(1).mean(0) for view in sequence.views]
    assert np.ptp(middles, axis=0).max() < 0.5  # sides of a doll of a metre and a half
    for view in sequence.others:
        assert view.frame_names == sequence.frame_names


def test_where_the_first_camera_is_put_the_others_are_put_with_it(tmp_path: Path) -> None:
    """Of an upright world a doll may stand anywhere: the first camera decides where models have it."""
    poses = poses_around(2)
    elsewhere = np.eye(4)
    elsewhere[:3, 3] = 7.0, 0.0, 3.0
    folders = []
    for number, pose in enumerate(poses):
        folders.append(record(tmp_path / f"view_{number}", pose, pose))
        depths = [load_depth_sequence(folders[-1]).depth_m(frame) for frame in range(FRAMES)]
        save_depth_sequence(folders[-1], depths, CAMERA, elsewhere @ pose, file_format="npz", world=World.UPRIGHT)
    sequence = opened(*folders)
    (other,) = sequence.others
    between = np.linalg.inv(sequence.camera_at(0)) @ other.camera_at(0)
    np.testing.assert_allclose(between, np.linalg.inv(poses[0]) @ poses[1], atol=1e-6)
    assert np.abs(other.points_world(0).mean(0)).max() < 1.0
    assert other.world is sequence.world


def test_frames_go_together_within_half_of_the_usual_interval_and_others_are_left_out_and_said(tmp_path: Path) -> None:
    poses = poses_around(2)
    first = record(tmp_path / "first", poses[0], poses[0], [0.0, 0.1, 0.2])
    late = record(tmp_path / "late", poses[1], poses[1], [0.14, 0.23, 0.33])
    sequence = opened(first, late)
    assert sequence.frame_names == ("000001", "000002")
    (other,) = sequence.others
    np.testing.assert_array_equal(other.depth_m(0), load_depth_sequence(late).depth_m(0))
    said = " ".join(notice.line() for notice in sequence.warnings)
    assert "frames that all cameras took together: 2 of 3, 2 of 3; others are left out" in said


def test_cameras_of_other_times_are_refused_with_how_far_they_are_apart(tmp_path: Path) -> None:
    poses = poses_around(2)
    first = record(tmp_path / "first", poses[0], poses[0], [0.0, 0.1, 0.2])
    other = record(tmp_path / "other", poses[1], poses[1], [9.2, 9.3, 9.4])
    with pytest.raises(InputError, match=r"other: has no frame at the time of one of .*first: the nearest are 9 s"):
        opened(first, other)


def test_one_camera_may_be_what_the_world_is_measured_from_but_not_two(tmp_path: Path) -> None:
    poses = poses_around(3)
    relative = np.linalg.inv(poses[0]) @ poses
    folders = [record(tmp_path / f"view_{view}", poses[view], relative[view]) for view in range(2)]
    (other,) = opened(*folders).others
    between = np.linalg.inv(opened(*folders).camera_at(0)) @ other.camera_at(0)
    np.testing.assert_allclose(between, relative[1], atol=1e-6)
    silent = record(tmp_path / "silent", poses[2], None)
    with pytest.raises(InputError, match=r"silent: does not state where its camera is among the others; calibrate"):
        opened(*folders, silent)


def test_cameras_of_several_subjects_are_not_told_which_one(tmp_path: Path) -> None:
    folders = recorded_around(tmp_path, 2)
    with pytest.raises(InputError, match="each of several cameras may count subjects in another order"):
        opened(*folders, options=CaptureOptions(subject=2))


def test_frames_of_which_isolation_leaves_nothing_in_one_camera_stay_where_another_sees_the_subject(
    tmp_path: Path,
) -> None:
    poses = poses_around(2)
    first = record(tmp_path / "first", poses[0], poses[0])
    leaving = np.stack([poses[1]] * FRAMES)
    leaving[-1, :3, 3] *= 3
    depths = [
        render_depth(mesh.vertices, mesh.faces, CAMERA, pose) for mesh, pose in zip(doll_meshes(), leaving, strict=True)
    ]
    save_depth_sequence(tmp_path / "leaving", depths, CAMERA, leaving, RATE, file_format="npz")
    far_m = 1.5 * float(depths[0].max())
    sequence = opened(first, tmp_path / "leaving", options=CaptureOptions(isolation=Isolation(far_m=far_m)))
    assert [bool(sequence.others[0].depth_m(frame).any()) for frame in range(FRAMES)] == [True, True, False]


def test_subsets_and_mirrors_are_of_all_cameras(tmp_path: Path) -> None:
    sequence = opened(*recorded_around(tmp_path, 2))
    part = sequence.subset([2, 0])
    assert part.others[0].frame_names == ("000002", "000000")
    twice = mirrored_sequence(mirrored_sequence(sequence, 0.1), 0.1)
    np.testing.assert_allclose(twice.others[0].camera_at(1), sequence.others[0].camera_at(1), atol=1e-9)
    there = mirrored_sequence(sequence, 0.1).others[0].points_world(0)
    np.testing.assert_allclose(sorted(0.2 - there[:, 0]), sorted(sequence.others[0].points_world(0)[:, 0]), atol=1e-4)


def test_a_folder_may_name_its_recordings(tmp_path: Path) -> None:
    assert listed_views(tmp_path) == ()
    (tmp_path / "views.json").write_text(json.dumps({"views": ["front", "left"]}))
    assert listed_views(tmp_path) == (tmp_path / "front", tmp_path / "left")
    (tmp_path / "views.json").write_text(json.dumps({"views": []}))
    with pytest.raises(InputError, match=r"views\.json: does not name recordings; write"):
        listed_views(tmp_path)
