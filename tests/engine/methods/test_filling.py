"""Lost frames between their neighbours."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engine.geometry.mesh import Mesh
from engine.methods.filling import fill_lost
from engine.methods.method import FitResult
from engine.methods.run import RunFrame, frame_records
from engine.sequences.mesh_sequence import MeshSequence, mesh_sequence
from tests.support.present import present
from tests.support.walking_ball import ball, ball_meshes, moved


def records(meshes: MeshSequence, lost: list[int]) -> tuple[RunFrame, ...]:
    return tuple(replace(frame, lost=row in lost) for row, frame in enumerate(frame_records(meshes)))


def test_a_lost_frame_lies_between_its_neighbours_in_time() -> None:
    truth = ball_meshes(6)
    lost = [2, 3]
    result, frames = fill_lost(FitResult(moved(truth, lost, (9, 9, 9))), records(truth, lost))
    np.testing.assert_allclose(result.meshes.vertices(), truth.vertices(), atol=1e-6)  # it walks on a straight line
    assert [frame.filled for frame in frames] == [False, False, True, True, False, False]
    assert [frame.lost for frame in frames] == [row in lost for row in range(6)]


def test_time_stamps_that_are_not_regular_count_and_missing_ones_do_not() -> None:
    truth = ball_meshes(3)
    uneven = replace(truth, times_s=np.array([0.0, 0.3, 0.4]))
    result, _ = fill_lost(FitResult(moved(uneven, [1], (9, 9, 9))), records(uneven, [1]))
    expected = 0.25 * truth.read(0).vertices + 0.75 * truth.read(2).vertices
    np.testing.assert_allclose(result.meshes.read(1).vertices, expected, atol=1e-6)
    unknown = replace(truth, times_s=np.full(3, np.nan))
    result, _ = fill_lost(FitResult(moved(unknown, [1], (9, 9, 9))), records(unknown, [1]))
    np.testing.assert_allclose(result.meshes.read(1).vertices, truth.read(1).vertices, atol=1e-6)


def test_at_the_ends_the_nearest_frame_stays() -> None:
    truth = ball_meshes(4)
    result, frames = fill_lost(FitResult(truth), records(truth, [0, 3]))
    np.testing.assert_allclose(result.meshes.read(0).vertices, truth.read(1).vertices, atol=1e-6)
    np.testing.assert_allclose(result.meshes.read(3).vertices, truth.read(2).vertices, atol=1e-6)
    assert [frame.filled for frame in frames] == [True, False, False, True]


def test_a_subject_that_turns_does_not_shrink() -> None:
    shape = ball(1).vertices * np.array([1.0, 0.2, 0.2])
    turns = Rotation.from_euler("y", [[0.0], [60.0], [120.0]], degrees=True).as_matrix()
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, :3, :3], poses[:, 0, 3] = turns, [0.0, 1.0, 2.0]
    vertices = np.stack([shape @ pose[:3, :3].T + pose[:3, 3] for pose in poses]).astype(np.float32)
    truth = mesh_sequence("turn", vertices, ball(1).faces, ["a", "b", "c"], np.array([0.0, 1.0, 2.0]))
    wrong = poses.copy()
    wrong[1] = np.eye(4)
    given = FitResult(moved(truth, [1], (9, 9, 9)), subject_to_world=wrong)
    result, frames = fill_lost(given, records(truth, [1]))
    np.testing.assert_allclose(result.meshes.read(1).vertices, vertices[1], atol=1e-5)
    np.testing.assert_allclose(present(result.subject_to_world), poses, atol=1e-9)
    np.testing.assert_allclose(present(frames[1].subject_to_world), poses[1], atol=1e-9)
    straight, _ = fill_lost(replace(given, subject_to_world=None), records(truth, [1]))
    assert np.ptp(straight.meshes.read(1).vertices, axis=0).max() < 0.6 * np.ptp(vertices[1], axis=0).max()


def test_pose_codes_are_filled_too_and_shape_codes_stay() -> None:
    truth = ball_meshes(3)
    codes = {"shape": np.ones((1, 1, 2), np.float32), "pose": np.array([[[0, 0]], [[9, 9]], [[1, 2]]], np.float32)}
    result, _ = fill_lost(FitResult(truth, artefacts={"codes": codes}), records(truth, [1]))
    np.testing.assert_allclose(result.artefacts["codes"]["pose"][:, 0], np.array([[0, 0], [0.5, 1], [1, 2]]))
    assert result.artefacts["codes"]["shape"] is codes["shape"]
    assert codes["pose"][1, 0, 0] == 9


@pytest.mark.parametrize("lost", [[], [0, 1, 2]])
def test_without_a_lost_frame_or_without_another_one_nothing_changes(lost: list[int]) -> None:
    given, frames = FitResult(ball_meshes(3)), records(ball_meshes(3), lost)
    assert fill_lost(given, frames) == (given, frames)


def test_frames_with_triangles_of_their_own_are_not_filled() -> None:
    each = [ball(subdivisions) for subdivisions in (1, 2, 1)]
    meshes = MeshSequence("each", ("a", "b", "c"), np.arange(3.0), lambda row: each[row], False)
    given, frames = FitResult(meshes), records(meshes, [1])
    assert fill_lost(given, frames) == (given, frames)
    assert isinstance(given.meshes.read(1), Mesh)
