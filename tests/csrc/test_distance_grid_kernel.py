"""Distances from a lattice to the nearest point against brute force and a k-d tree."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from csrc.distance_grid import nearest_distance_grid
from csrc.distance_grid_numpy import nearest_distance_grid as twin
from engine.dataset.preparation.nearest_torch import nearest_distances


def on_sphere(count: int, radius: float, seed: int = 0) -> np.ndarray:
    directions = np.random.default_rng(seed).standard_normal((count, 3))
    return radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)


GENERATOR = np.random.default_rng(0)
POINTS = {
    "one": np.array([[0.1, -0.2, 0.3]]),
    "random": GENERATOR.uniform(-0.5, 0.5, (150, 3)),
    "sphere": on_sphere(150, 0.3),
    "plane": np.column_stack((GENERATOR.uniform(-0.5, 0.5, (150, 2)), np.zeros(150))),
    "line": np.column_stack((np.linspace(-0.5, 0.5, 150), np.zeros((150, 2)))),
    "all the same": np.tile([[0.1, 0.2, 0.3]], (150, 1)),
    "closer than float32 resolves": 0.3 + GENERATOR.normal(0, 1e-9, (150, 3)),
    "far away": GENERATOR.uniform(100, 1000, (150, 3)),
    "huge": GENERATOR.uniform(-1e15, 1e15, (150, 3)),
    "on the nodes": GENERATOR.integers(0, 20, (150, 3)) / 19 - 0.5,
}
every_cloud = pytest.mark.parametrize("points", POINTS.values(), ids=POINTS.keys())


@every_cloud
@pytest.mark.parametrize("count", [1, 2, 8, 9, 20, 33])
def test_distances_equal_their_twin(points: np.ndarray, count: int) -> None:
    axis = np.linspace(-0.5, 0.5, count)
    distances = nearest_distance_grid(points, axis)
    assert distances.dtype == np.float32
    np.testing.assert_allclose(distances, twin(points, axis), rtol=3e-7, atol=1e-8)


@every_cloud
@pytest.mark.parametrize("count", [1, 8, 20])
def test_distances_on_a_torch_device_equal_the_kernel(points: np.ndarray, count: int) -> None:
    axis = np.linspace(-0.5, 0.5, count)
    distances = nearest_distances(torch.from_numpy(points), torch.from_numpy(axis))
    np.testing.assert_allclose(distances.numpy(), nearest_distance_grid(points, axis), rtol=3e-7, atol=1e-8)


@pytest.mark.parametrize("resolution", [100, 256])
def test_distances_to_a_dense_surface_equal_those_of_a_k_d_tree(resolution: int) -> None:
    points = on_sphere(20_000, 0.35).astype(np.float32)
    axis = np.linspace(-0.5, 0.5, resolution)
    distances = nearest_distance_grid(points, axis)
    nodes = np.random.default_rng(1).integers(0, resolution, (50_000, 3))
    expected, _ = cKDTree(points.astype(np.float64)).query(axis[nodes])
    np.testing.assert_allclose(distances[tuple(nodes.T)], expected, rtol=3e-7, atol=1e-8)


def test_nodes_need_not_be_evenly_spaced() -> None:
    axis = np.sort(np.random.default_rng(2).uniform(-3, 3, 19))
    np.testing.assert_allclose(nearest_distance_grid(POINTS["random"], axis), twin(POINTS["random"], axis), rtol=3e-7)


def test_strided_read_only_and_float32_points_are_accepted() -> None:
    points = np.asfortranarray(POINTS["random"].astype(np.float32))[::2]
    points.flags.writeable = False
    axis = np.linspace(-0.5, 0.5, 9)
    np.testing.assert_allclose(nearest_distance_grid(points, axis), twin(points, axis), rtol=3e-7)


def test_a_lattice_without_nodes_has_no_distances() -> None:
    assert nearest_distance_grid(POINTS["one"], []).shape == (0, 0, 0)


@pytest.mark.parametrize(
    ("points", "axis", "message"),
    [
        (np.zeros((0, 3)), [0.0, 1.0], "P > 0"),
        (np.zeros((4, 2)), [0.0, 1.0], r"\(P, 3\)"),
        (np.zeros(3), [0.0, 1.0], r"\(P, 3\)"),
        (np.array([[0, 0, np.nan]]), [0.0, 1.0], "finite"),
        (np.array([[0, 0, np.inf]]), [0.0, 1.0], "finite"),
        (np.zeros((1, 3)), [0.0, 0.0], "ascending"),
        (np.zeros((1, 3)), [1.0, 0.0], "ascending"),
        (np.zeros((1, 3)), [0.0, np.nan], "ascending"),
        (np.zeros((1, 3)), [0.0, np.inf], "finite"),
        (np.zeros((1, 3)), [[0.0, 1.0]], "axis"),
    ],
)
def test_input_without_meaning_is_refused(points: np.ndarray, axis: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nearest_distance_grid(points, axis)
