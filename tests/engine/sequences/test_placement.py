"""Where the camera of a recording is put when the recording does not say."""

from dataclasses import replace

import numpy as np
import pytest

from engine.geometry.camera import front_camera_to_world, transform_points
from engine.geometry.depth import point_image
from engine.geometry.ray_casting import render_depth
from engine.geometry.similarity import Similarity
from engine.models.checkpoint import load_model
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.isolation import Isolation, isolate
from engine.sequences.placement import CameraPlacement, floor_plane, place, states_pose, upright
from engine.surface.extract import extract_surface, pose_vertices
from npm_studio.cli.words import words
from npm_studio.resources import demo_model, demo_sequence
from tests.support.depth_room import CAMERA, room_sequence
from tests.support.present import present
from tests.support.toy_model import toy_model

VISIBLE = (0.3, 1.2, -0.5)
STANDPOINT = CameraPlacement(VISIBLE, 2.5)


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


def test_a_pose_that_is_stated_is_kept() -> None:
    sequence, _, pose = room_sequence()
    stated = replace(sequence, cameras_to_world=np.tile(pose, (len(sequence), 1, 1)))
    assert states_pose(stated) and not states_pose(sequence)
    assert place(stated, STANDPOINT) is stated


@pytest.mark.parametrize("tilt", [0.0, 12.0, 35.0])
def test_the_floor_gives_the_vertical(tilt: float) -> None:
    scene, _, pose = room_sequence(tilt)
    floor = floor_plane(scene)
    assert floor is not None
    assert angle_between(pose[:3, :3] @ np.array(floor.normal), np.array([0.0, 1.0, 0.0])) < 0.5


@pytest.mark.parametrize("tilt", [0.0, 12.0, 35.0])
def test_a_subject_on_a_floor_stands_upright_at_the_centre_of_the_model(tilt: float) -> None:
    scene, _, pose = room_sequence(tilt)
    subject = isolate(scene, Isolation(remove_planes=True, largest_component=True))
    placed = place(subject, STANDPOINT, scene)
    rotation = placed.camera_at(0)[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert angle_between(rotation.T @ [0, 1, 0], pose[:3, :3].T @ [0, 1, 0]) < 0.5
    points = np.concatenate([placed.points_world(index) for index in range(3)])
    np.testing.assert_allclose(np.median(points, axis=0), VISIBLE, atol=0.02)
    assert placed.camera_at(0)[2, 3] > VISIBLE[2] + 1  # the camera is where the subject faces, on the +z side
    assert "tilt of" in str(placed.warnings[-1]) and placed.origin.endswith("placed by estimate")


def test_without_a_floor_the_camera_is_taken_to_be_level() -> None:
    subject, _, _ = room_sequence(0.0, background=False)
    placed = place(subject, STANDPOINT)
    np.testing.assert_allclose(placed.camera_at(0)[:3, :3], np.diag([1, -1, -1]), atol=1e-12)
    assert "taken to be level" in str(placed.warnings[-1])


def test_what_does_not_fit_into_the_model_is_warned_of_with_the_cure() -> None:
    scene, _, _ = room_sequence()
    assert any("--remove-planes" in warning.line(words) for warning in place(scene, STANDPOINT).warnings)
    subject = isolate(scene, Isolation(remove_planes=True, largest_component=True))
    assert not any("does not fit" in str(warning) for warning in place(subject, STANDPOINT, scene).warnings)


def test_the_upright_rotation_takes_up_to_y_and_keeps_the_view_ahead() -> None:
    up = np.array([0.1, -0.9, -0.3])
    rotation = upright(up)
    np.testing.assert_allclose(rotation @ (up / np.linalg.norm(up)), [0, 1, 0], atol=1e-12)
    ahead = rotation @ [0, 0, 1]
    assert ahead[0] == pytest.approx(0, abs=1e-12) and ahead[2] < 0


def test_a_similarity_tells_the_centre_of_the_cube_and_the_surface_in_front_of_it() -> None:
    placement = CameraPlacement.of_similarity(Similarity(0.4, (0.1, 0.9, -0.2)))
    np.testing.assert_allclose(placement.visible_world, (0.1, 0.9, -0.1), atol=1e-6)
    assert placement.size_m == 2.5


def test_a_model_tells_where_its_bodies_are_seen() -> None:
    model = toy_model()
    placement = CameraPlacement.of_model(model)
    similarity = model.info.similarity
    code, seen = model.shape_codes.mean(dim=0), []
    mesh = extract_surface(model, code, 48)
    for pose_code in present(model.pose_codes):
        posed = pose_vertices(model, code, pose_code, mesh.vertices)
        world = similarity.to_world(posed)
        camera = front_camera_to_world(similarity)
        depth = render_depth(world, mesh.faces, CAMERA, camera)
        image = point_image(depth, CAMERA)
        seen.append(np.median(transform_points(camera, image[image[..., 2] > 0]), axis=0))
    np.testing.assert_allclose(placement.visible_world, np.median(seen, axis=0), atol=0.06 / similarity.scale)


def test_the_built_in_model_and_its_sequence_agree_on_where_the_body_is() -> None:
    sequence = load_depth_sequence(demo_sequence())
    placement = CameraPlacement.of_model(load_model(demo_model()))
    seen = [np.median(sequence.points_world(index), axis=0) for index in range(0, len(sequence), 4)]
    np.testing.assert_allclose(placement.visible_world, np.median(seen, axis=0), atol=0.1)
