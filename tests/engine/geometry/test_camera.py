"""Pinhole cameras and the pose of the front camera."""

import numpy as np
import pytest

from engine.geometry.camera import (
    FRONT_DISTANCE,
    REFERENCE_CAMERA,
    PinholeCamera,
    front_camera_to_world,
    orbit,
    transform_points,
)
from engine.geometry.similarity import Similarity

CAMERA = PinholeCamera(6, 4, 50.0, 60.0, 2.7, 2.2)


def test_the_ray_of_a_pixel_projects_to_the_centre_of_that_pixel() -> None:
    pixels = CAMERA.project(CAMERA.rays() * 1.7)
    rows, columns = np.mgrid[:4, :6]
    np.testing.assert_allclose(pixels[..., 0], columns + 0.5, atol=1e-5)
    np.testing.assert_allclose(pixels[..., 1], rows + 0.5, atol=1e-5)


def test_the_front_camera_sees_canonical_points_as_the_closed_form_says() -> None:
    similarity = Similarity(0.4, (0.3, 0.9, -0.2))
    x, y, z = canonical = np.array([0.1, -0.2, 0.3])
    world_to_camera = np.linalg.inv(front_camera_to_world(similarity))
    point = transform_points(world_to_camera, similarity.to_world(canonical))
    np.testing.assert_allclose(point * similarity.scale, [x, -y, FRONT_DISTANCE - z], atol=1e-6)
    u, v = REFERENCE_CAMERA.project(point)
    assert u == pytest.approx(573.353 * x / (1.4 - z) + 319.85, abs=1e-3)
    assert v == pytest.approx(576.057 * -y / (1.4 - z) + 240.632, abs=1e-3)


def test_cameras_orbit_the_vertical_axis_at_equal_angles() -> None:
    similarity = Similarity(0.4, (0.3, 0.9, -0.2))
    front = front_camera_to_world(similarity)
    poses = orbit(front, similarity, 4)
    np.testing.assert_array_equal(poses[0], front)
    centres = similarity.to_canonical(poses[:, :3, 3])
    expected = FRONT_DISTANCE * np.array([[0, 0, 1], [1, 0, 0], [0, 0, -1], [-1, 0, 0]])
    np.testing.assert_allclose(centres, expected, atol=1e-6)
    for pose in poses:
        origin = transform_points(np.linalg.inv(pose), np.asarray(similarity.centre))
        np.testing.assert_allclose(origin, [0, 0, FRONT_DISTANCE / 0.4], atol=1e-6)  # straight ahead
        np.testing.assert_allclose(pose[:3, 1], [0, -1, 0], atol=1e-12)  # upright
        assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)


def test_an_orbit_keeps_the_height_of_its_first_camera() -> None:
    start = front_camera_to_world(Similarity())
    start[:3, 3] = [0.2, 0.7, 1.0]
    poses = orbit(start, Similarity(), 5)
    np.testing.assert_allclose(poses[:, 1, 3], 0.7)
    np.testing.assert_allclose(np.linalg.norm(poses[:, [0, 2], 3], axis=1), np.hypot(0.2, 1.0))


@pytest.mark.parametrize(
    ("width", "height", "fx", "cx", "word"),
    [(0, 4, 50.0, 3.0, "positive"), (6, 4, -50.0, 3.0, "positive"), (6, 4, 50.0, float("nan"), "finite")],
)
def test_a_camera_that_cannot_exist_is_refused(width: int, height: int, fx: float, cx: float, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        PinholeCamera(width, height, fx, 50.0, cx, 2.0)
