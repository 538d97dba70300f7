"""Subjects elsewhere: observations in their axes, what brings them there, and their poses in metres."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from engine.geometry.similarity import Similarity
from engine.methods.npm.observations import Observations, ObservedLandmarks
from engine.methods.npm.search import away_from_model
from engine.methods.npm.sequence import subject_poses
from engine.sequences.placement import CameraPlacement
from tests.support.toy_model import toy_model_in

FRAMES, POINTS = 3, 8


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def turns(count: int, seed: int) -> Tensor:
    return torch.tensor(Rotation.random(count, random_state=seed).as_matrix()).float()


def observed(cameras: int) -> Observations:
    """Points before ``cameras`` cameras, of each frame or one of all, in maps of 12 by 10 pixels."""
    rotations, translations = turns(cameras, 0), 0.3 * random(cameras, 3, seed=1)
    camera = random(FRAMES, POINTS, 3, seed=2) * 0.4 + torch.tensor([0.0, 0.0, 3.0])
    points = (camera - translations[:, None]) @ rotations
    maps = 2 + random(FRAMES, 10, 12, seed=3).abs()
    return Observations(
        points=points,
        normals=torch.nn.functional.normalize(random(FRAMES, POINTS, 3, seed=4), dim=-1),
        seen=torch.ones(FRAMES, dtype=torch.bool),
        depth=maps,
        subject=maps > 2.5,
        silhouette=torch.zeros(FRAMES, 10, 12, dtype=torch.int32),
        empty_is_free=True,
        rotations=rotations,
        translations=translations,
        intrinsics=(11.0, 12.0, 6.5, 5.0),
        times_s=torch.arange(FRAMES).float(),
        landmarks=ObservedLandmarks(
            random(FRAMES, 4, 3, seed=12), random(FRAMES, 4, 3, seed=13), random(FRAMES, 4, seed=14).exp()
        ),
    )


@pytest.mark.parametrize("cameras", [1, FRAMES])
def test_observations_in_the_axes_of_their_subjects_show_the_same(cameras: int) -> None:
    before, rotations, translations = observed(cameras), turns(FRAMES, 5), random(FRAMES, 3, seed=6)
    after = before.relocated(rotations, translations)
    frames = torch.arange(FRAMES)
    for frame in range(FRAMES):
        for index in range(POINTS):
            back = rotations[frame] @ after.points[frame, index] + translations[frame]
            torch.testing.assert_close(back, before.points[frame, index], atol=1e-5, rtol=1e-5)
            normal = rotations[frame] @ after.normals[frame, index]
            torch.testing.assert_close(normal, before.normals[frame, index], atol=1e-5, rtol=1e-5)
    assert before.landmarks is not None and after.landmarks is not None
    back = after.landmarks.positions @ rotations.transpose(1, 2) + translations[:, None]
    torch.testing.assert_close(back, before.landmarks.positions, atol=1e-5, rtol=1e-5)
    assert torch.equal(after.landmarks.canonical, before.landmarks.canonical)
    seen, again = before.project(frames, before.points), after.project(frames, after.points)
    torch.testing.assert_close(again, seen, atol=1e-4, rtol=1e-4)
    centres = (rotations @ after.camera_centres(frames)[..., None])[..., 0] + translations
    torch.testing.assert_close(centres, before.camera_centres(frames).expand(FRAMES, -1), atol=1e-5, rtol=1e-5)
    placed = after.point_maps().flatten(1, 2) @ rotations.transpose(1, 2) + translations[:, None]
    torch.testing.assert_close(placed, before.point_maps().flatten(1, 2), atol=1e-5, rtol=1e-5)


def test_landmarks_of_some_frames_are_those_of_these_frames() -> None:
    before = observed(1)
    after = before.at(torch.tensor([2, 0]))
    assert before.landmarks is not None and after.landmarks is not None
    for row, frame in enumerate((2, 0)):
        assert torch.equal(after.landmarks.canonical[row], before.landmarks.canonical[frame])
        assert torch.equal(after.landmarks.positions[row], before.landmarks.positions[frame])
        assert torch.equal(after.landmarks.deviations[row], before.landmarks.deviations[frame])


@pytest.mark.parametrize("cameras", [1, FRAMES])
def test_a_pixel_sees_a_point_that_projects_onto_it(cameras: int) -> None:
    observations = observed(cameras)
    pixels, depth = observations.project(torch.arange(FRAMES), observations.point_maps().flatten(1, 2))
    rows, columns = np.mgrid[:10, :12] + 0.5
    expected = torch.tensor(np.stack((columns, rows), -1)).float().reshape(1, -1, 2).expand(FRAMES, -1, -1)
    torch.testing.assert_close(pixels, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(depth, observations.depth.flatten(1), atol=1e-5, rtol=1e-5)
    everywhere, _ = observations.project_all(observations.points)
    own, _ = observations.project(torch.arange(FRAMES), observations.points)
    for frame in range(FRAMES):
        torch.testing.assert_close(everywhere[min(frame, cameras - 1), frame], own[frame])


@pytest.mark.parametrize("cameras", [1, FRAMES])
def test_directions_of_a_camera_are_those_of_its_axes(cameras: int) -> None:
    observations, frames = observed(cameras), torch.tensor([2, 0])
    directions = random(2, 4, 3, seed=7)
    found = observations.from_camera(frames, directions)
    for row, frame in enumerate(frames.tolist()):
        to_camera = observations.rotations[min(frame, cameras - 1)]
        for index in range(4):
            torch.testing.assert_close(to_camera @ found[row, index], directions[row, index], atol=1e-5, rtol=1e-5)


def test_poses_of_a_subject_in_metres_move_its_points_as_the_fit_moves_them() -> None:
    similarity = Similarity(0.4, (0.3, 0.9, -0.2))
    rotations = Rotation.random(FRAMES, random_state=8).as_matrix()
    translations = np.random.default_rng(9).normal(size=(FRAMES, 3))
    world = np.random.default_rng(10).normal(size=(5, 3))
    poses = subject_poses(rotations, translations, similarity)
    for pose, rotation, translation in zip(poses, rotations, translations, strict=True):
        for point in world:
            moved = similarity.to_world(rotation @ similarity.to_canonical(point) + translation)
            np.testing.assert_allclose(pose[:3, :3] @ point + pose[:3, 3], moved, atol=1e-6)
    np.testing.assert_array_equal(poses[:, 3], np.tile([0, 0, 0, 1], (FRAMES, 1)))


def test_a_subject_far_from_where_the_model_has_it_is_brought_there_and_a_near_one_is_left() -> None:
    model = toy_model_in(Similarity(0.4, (0.5, 1.0, 0.0)))
    home = torch.tensor(model.info.similarity.to_canonical(CameraPlacement.of_model(model).visible_world)).float()
    shift = torch.tensor([[0.05, -0.03, 0.02], [2.0, 0.1, -1.0], [0.0, 0.0, 0.11]])
    spread = 0.2 * random(FRAMES, 101, 3, seed=11)
    spread = spread - spread.median(1, keepdim=True).values
    spread[:, 0] = 50.0  # a stray point does not matter
    spread = spread - spread.median(1, keepdim=True).values
    observations = dataclasses.replace(observed(1), points=home + shift[:, None] + spread)
    found = away_from_model(model, observations)
    torch.testing.assert_close(found, torch.stack((torch.zeros(3), shift[1], shift[2])), atol=1e-5, rtol=1e-5)
