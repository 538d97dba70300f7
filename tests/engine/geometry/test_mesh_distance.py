"""Distances to meshes that move, against the exact distances of another library."""

import numpy as np
import pytest

from engine.geometry.mesh import Mesh
from engine.geometry.mesh_distance import MeshDistance
from engine.geometry.signed_distance import unsigned_distance
from tests.support.walking_ball import ball


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (300, 3)).astype(np.float32)


def test_distances_are_those_to_the_nearest_triangle_and_end_at_the_reach(points: np.ndarray) -> None:
    mesh = ball(2)
    expected = np.minimum(unsigned_distance(points, mesh.vertices, mesh.faces), 0.4)
    assert (expected == 0.4).any() and (expected < 0.1).any()
    np.testing.assert_allclose(MeshDistance()(points, mesh, 0.4), expected, atol=1e-6)


def test_meshes_that_move_and_meshes_with_other_triangles_follow_each_other(points: np.ndarray) -> None:
    distance_to, first = MeshDistance(), ball(2)
    moved = Mesh(first.vertices * np.array([1.0, 0.5, 2.0], np.float32) + np.float32(0.3), first.faces)
    for mesh in (first, moved, ball(1), moved):
        expected = unsigned_distance(points, mesh.vertices, mesh.faces)
        np.testing.assert_allclose(distance_to(points, mesh, 10.0), expected, atol=1e-6)
