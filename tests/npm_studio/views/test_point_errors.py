"""Distances of observed points to a mesh, by which they are coloured."""

import numpy as np
import pytest

from npm_studio.views.workspaces.point_errors import distances_mm
from tests.support.walking_ball import RADIUS, ball


def test_distances_are_exact_near_the_mesh_and_never_small_far_from_it() -> None:
    mesh = ball()
    radii = np.array([0.3, 0.5, 0.52, 0.58, 0.75, 4.0], np.float32)
    points = radii[:, None] * np.array([[1.0, 0.0, 0.0]], np.float32)
    distances = distances_mm(points, mesh)
    np.testing.assert_allclose(distances, 1000 * np.abs(radii - RADIUS), atol=4)
    askew = np.array([[2.0, 2.0, 2.0]], np.float32)
    assert distances_mm(askew, mesh)[0] == pytest.approx(1000 * np.sqrt(3) * 1.5, rel=0.01)


def test_without_points_there_are_no_distances() -> None:
    assert len(distances_mm(np.zeros((0, 3), np.float32), ball())) == 0
