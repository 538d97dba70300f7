"""Where the camera of a recording is put when the recording does not say."""

from dataclasses import replace

import numpy as np
import pytest

from engine.dataset.isolation import Isolation, isolate
from engine.dataset.placement import floor_normal, place, states_pose, upright
from tests.room import room_sequence

CENTRE = (0.3, 1.2, -0.5)


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


def test_a_pose_that_is_stated_is_kept():
    sequence, _, pose = room_sequence()
    stated = replace(sequence, camera_to_world=pose)
    assert states_pose(stated) and not states_pose(sequence)
    assert place(stated, CENTRE) is stated


@pytest.mark.parametrize("tilt", [0.0, 12.0, 35.0])
def test_the_floor_gives_the_vertical(tilt):
    scene, _, pose = room_sequence(tilt)
    up = floor_normal(scene)
    assert up is not None
    assert angle_between(pose[:3, :3] @ up, np.array([0.0, 1.0, 0.0])) < 0.5


@pytest.mark.parametrize("tilt", [0.0, 12.0, 35.0])
def test_a_subject_on_a_floor_stands_upright_at_the_centre_of_the_model(tilt):
    scene, _, pose = room_sequence(tilt)
    subject = isolate(scene, Isolation(remove_planes=True, largest_component=True))
    placed = place(subject, CENTRE, scene)
    rotation = placed.camera_to_world[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert angle_between(rotation.T @ [0, 1, 0], pose[:3, :3].T @ [0, 1, 0]) < 0.5
    points = np.concatenate([placed.points_world(index) for index in range(3)])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    np.testing.assert_allclose(middle[:2], CENTRE[:2], atol=0.08)
    assert np.median(points[:, 2]) == pytest.approx(CENTRE[2] + 0.1, abs=0.02)
    assert placed.camera_to_world[2, 3] > CENTRE[2] + 1  # the camera is where the subject faces, on the +z side
    assert "tilt of" in placed.warnings[-1] and placed.origin.endswith("placed by estimate")


def test_without_a_floor_the_camera_is_taken_to_be_level():
    subject, _, _ = room_sequence(0.0, background=False)
    placed = place(subject, CENTRE, front_m=0.02)
    np.testing.assert_allclose(placed.camera_to_world[:3, :3], np.diag([1, -1, -1]), atol=1e-12)
    assert "taken to be level" in placed.warnings[-1]
    assert np.median(placed.points_world(0)[:, 2]) == pytest.approx(CENTRE[2] + 0.02, abs=0.01)


def test_what_does_not_fit_into_the_model_is_warned_of_with_the_cure():
    scene, _, _ = room_sequence()
    assert any("--remove-planes" in text for text in place(scene, CENTRE, size_m=2.5).warnings)
    subject = isolate(scene, Isolation(remove_planes=True, largest_component=True))
    assert not any("does not fit" in text for text in place(subject, CENTRE, scene, size_m=2.5).warnings)


def test_the_upright_rotation_takes_up_to_y_and_keeps_the_view_ahead():
    up = np.array([0.1, -0.9, -0.3])
    rotation = upright(up)
    np.testing.assert_allclose(rotation @ (up / np.linalg.norm(up)), [0, 1, 0], atol=1e-12)
    ahead = rotation @ [0, 0, 1]
    assert ahead[0] == pytest.approx(0, abs=1e-12) and ahead[2] < 0
