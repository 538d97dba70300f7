"""A camera that walks around a subject at rest: all frames show it at one place in the world."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from engine.geometry.similarity import Similarity
from engine.methods.npm.observing import observe
from engine.methods.npm.search import match_scores
from engine.sequences.camera_path import World, are_rigid, settle_poses
from engine.sequences.depth_sequence import DepthSequence, observed_points_and_normals
from engine.sequences.depth_source import DepthSource
from engine.sequences.isolation import Isolation, Isolator, isolate
from engine.sequences.placement import CameraPlacement, place, place_at, states_pose
from tests.support.depth_room import BODY, HEAD
from tests.support.moving_camera import walk, walked_room
from tests.support.toy_model import toy_model_in

torch = pytest.importorskip("torch")
STANDPOINT = CameraPlacement((0.3, 1.2, -0.5), 2.5)
SPACING_M = 0.03
"""Between neighbouring points of the surface, three metres away."""


def off_the_subject(points: np.ndarray) -> np.ndarray:
    """Distance (N,) of points to the two spheres of the room, metres."""
    return np.min([np.abs(np.linalg.norm(points - centre, axis=1) - radius) for centre, radius in (HEAD, BODY)], axis=0)


def assert_one_place(sequence: DepthSequence) -> None:
    """The points of all frames lie among those of the first and the frames before them, wherever both look."""
    clouds = [sequence.points_world(index) for index in range(len(sequence))]
    for before, after in pairwise(clouds):
        distance, _ = KDTree(before).query(after)
        assert np.quantile(distance, 0.9) < SPACING_M


def test_points_of_all_frames_coincide_in_the_world() -> None:
    sequence, _ = walked_room(walk(), background=False)
    for index in range(len(sequence)):
        assert off_the_subject(sequence.points_world(index)).max() < 1e-4
        assert off_the_subject(sequence.mesh_world(index).vertices).max() < 1e-4
        points, normals = observed_points_and_normals(sequence, index)
        outward = points - np.where(
            (np.linalg.norm(points - HEAD[0], axis=1) < HEAD[1] + 0.01)[:, None], HEAD[0], BODY[0]
        )
        assert np.median((outward * normals).sum(axis=1) / np.linalg.norm(outward, axis=1)) > 0.98
    assert_one_place(sequence)
    one = replace(sequence, cameras_to_world=np.tile(walk()[0], (5, 1, 1)))
    with pytest.raises(AssertionError):
        assert_one_place(one)  # as it was when a sequence had the pose of its first frame


def test_a_sequence_is_a_source_of_frames_with_their_own_time_and_pose() -> None:
    sequence, _ = walked_room(walk(3))
    source: DepthSource = sequence
    frames = list(source)
    assert [frame.name for frame in frames] == ["000000", "000001", "000002"]
    assert [frame.time_s for frame in frames] == pytest.approx([0, 1 / 30, 2 / 30])
    for frame, pose in zip(frames, walk(3), strict=True):
        np.testing.assert_array_equal(frame.camera_to_world, pose)
    unknown = list(replace(sequence, times_assumed=True, cameras_to_world=None))
    assert {frame.time_s for frame in unknown} == {frame.camera_to_world for frame in unknown} == {None}


@pytest.mark.parametrize("world", [World.UPRIGHT, World.ARBITRARY])
def test_placing_moves_the_world_as_a_whole_and_keeps_the_path_of_the_camera(world: World) -> None:
    true = walk()
    away = np.eye(4)  # the recording's own world: elsewhere, and turned, about the vertical alone where that is known
    turn = [0, 130, 0] if world is World.UPRIGHT else [30, 130, -70]
    away[:3, :3], away[:3, 3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix(), (7, -2, 3)
    scene, _ = walked_room(true, world, away @ true)
    subject = isolate(scene, Isolation(remove_planes=True, largest_component=True))
    placed = place(subject, STANDPOINT, scene)
    assert states_pose(placed) and not states_pose(subject)
    for index, pose in enumerate(true):
        relative = np.linalg.inv(placed.camera_at(0)) @ placed.camera_at(index)
        np.testing.assert_allclose(relative, np.linalg.inv(true[0]) @ pose, atol=1e-9)
    up = placed.camera_at(0)[:3, :3] @ true[0, :3, :3].T @ [0, 1, 0]
    assert np.degrees(np.arccos(min(up[1], 1))) < (1e-4 if world is World.UPRIGHT else 0.5)
    points = np.concatenate([placed.points_world(index) for index in range(3)])
    np.testing.assert_allclose(np.median(points, axis=0), STANDPOINT.visible_world, atol=0.02)
    assert placed.camera_at(0)[2, 3] > STANDPOINT.visible_world[2] + 1  # seen from in front
    assert_one_place(placed)
    assert "estimated" in str(placed.warnings[-1])


def test_a_recording_comes_back_to_where_a_fit_had_it_by_one_frame() -> None:
    true = walk()
    scene, _ = walked_room(true)
    placed = place(scene, STANDPOINT)
    back = place_at(scene, "000003", placed.camera_at(3))
    for index in range(len(true)):
        np.testing.assert_allclose(back.camera_at(index), placed.camera_at(index), atol=1e-9)
    assert place_at(scene, "gone", placed.camera_at(3)) is scene


def test_stated_poses_of_a_moving_camera_stay_untouched() -> None:
    sequence, _ = walked_room(walk(), World.PLACED)
    assert place(sequence, STANDPOINT) is sequence


def test_a_camera_that_looks_straight_down_is_placed() -> None:
    down = np.eye(4)
    down[:3, :3] = np.column_stack([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
    down[:3, 3] = 0.1, 4.0, 0.0
    sequence, _ = walked_room(np.stack([down, down]))
    placed = place(sequence, STANDPOINT)
    assert np.isfinite(placed.camera_at(0)).all()
    np.testing.assert_allclose(placed.camera_at(0)[:3, :3] @ down[:3, :3].T @ [0, 1, 0], [0, 1, 0], atol=1e-9)


def test_floor_and_walls_are_removed_for_every_view_of_a_moving_camera() -> None:
    scene, masks = walked_room(walk())
    isolator = Isolator(scene, Isolation(remove_planes=True, largest_component=True))
    assert len(isolator.planes) == 3
    for index, mask in enumerate(masks):
        _, kept = isolator(index)
        assert (kept & mask).sum() / (kept | mask).sum() > 0.93, index


def test_frames_that_are_left_out_take_their_pose_and_time_with_them() -> None:
    poses = walk()
    scene, _ = walked_room(poses)
    chosen = scene.subset([1, 4])
    assert chosen.frame_names == ("000001", "000004")
    np.testing.assert_allclose(chosen.times_s, [1 / 30, 4 / 30])
    np.testing.assert_array_equal(chosen.camera_at(1), poses[4])
    np.testing.assert_array_equal(chosen.points_world(1), scene.points_world(4))


def test_observations_of_a_fit_coincide_and_project_onto_their_own_pixels() -> None:
    sequence, _ = walked_room(walk(), World.PLACED, background=False)
    similarity = Similarity(0.4, (0.1, 1.0, 0.0))
    observations = observe(sequence, toy_model_in(similarity))
    for index in range(len(sequence)):
        world = similarity.to_world(observations.points[index].numpy())
        assert off_the_subject(world).max() < 1e-4
        frames = torch.tensor([index])
        pixels, depth = observations.project(frames, observations.points[index][None])
        flat, inside = observations.pixel_index(pixels)
        assert inside.all()
        assert (observations.depth[index].flatten()[flat[0]] - depth[0]).abs().max() < 1e-4
        centre = similarity.to_canonical(sequence.camera_at(index)[:3, 3])
        np.testing.assert_allclose(observations.camera_centres(frames)[0], centre, atol=1e-5)
        alone = observations.at(frames)
        torch.testing.assert_close(alone.project(torch.tensor([0]), observations.points[index][None]), (pixels, depth))
    one = observe(replace(sequence, cameras_to_world=np.tile(walk()[0], (5, 1, 1))), toy_model_in(similarity))
    assert off_the_subject(similarity.to_world(one.points[4].numpy())).max() > 0.02


def test_a_fit_sees_the_points_and_normals_of_the_whole_image_in_the_part_that_shows_the_subject() -> None:
    sequence, _ = walked_room(walk(), World.PLACED, background=False)
    similarity = Similarity(0.4, (0.1, 1.0, 0.0))
    observations = observe(sequence, toy_model_in(similarity))
    for index in range(len(sequence)):
        points, normals = observed_points_and_normals(sequence, index)
        world = similarity.to_world(observations.points[index].numpy())
        distance, nearest = KDTree(points).query(world)
        assert distance.max() < 1e-5
        np.testing.assert_allclose(observations.normals[index], normals[nearest], atol=1e-5)


def test_every_frame_judges_poses_from_its_own_camera() -> None:
    sequence, _ = walked_room(walk(), World.PLACED, background=False)
    similarity = Similarity(0.4, (0.1, 1.0, 0.0))
    observations = observe(sequence, toy_model_in(similarity))
    directions = np.random.default_rng(0).normal(size=(400, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    body = np.concatenate([centre + radius * directions for centre, radius in (HEAD, BODY)])
    posed = torch.tensor(
        similarity.to_canonical(np.stack([body, body + np.array([0.15, 0, 0.1])])), dtype=torch.float32
    )
    scores = match_scores(observations, observations.points[:, :64], posed)
    assert (scores[:, 0] < 0.5 * scores[:, 1]).all()
    for index in range(len(sequence)):  # one frame after the other
        alone = observations.at(torch.tensor([index]))
        torch.testing.assert_close(match_scores(alone, alone.points[:, :64], posed)[0], scores[index])


def test_frames_without_a_pose_are_left_out_and_named() -> None:
    poses = walk()
    poses[2] = -np.inf
    poses[3, :3, :3] *= 2
    path = settle_poses(poses, [f"f{index}" for index in range(5)])
    assert path.kept.tolist() == [0, 1, 4]
    assert "2 of 5 frames left out: they have no camera pose, the first is f2" in str(path.warnings[0])
    assert "moves by" in str(path.warnings[1])


def test_without_a_single_pose_all_frames_stay_and_nothing_is_claimed() -> None:
    path = settle_poses(np.full((3, 4, 4), -np.inf), ["a", "b", "c"])
    assert path.poses is None and path.kept.tolist() == [0, 1, 2]
    assert "none of the 3 camera poses can be used" in str(path.warnings[0])


def test_rigid_transforms_are_told_from_others() -> None:
    mirrored, scaled, sheared = np.diag([1.0, 1, -1, 1]), np.diag([2.0, 2, 2, 1]), np.eye(4)
    sheared[3, 0] = 0.5
    lost = np.full((4, 4), np.nan)
    assert (
        are_rigid(np.stack([np.eye(4), walk()[1], mirrored, scaled, sheared, lost])).tolist()
        == [True, True] + [False] * 4
    )
