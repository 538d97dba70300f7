from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.dataset.registered import load_registered_dataset
from engine.errors import InputError
from engine.geometry.signed_distance import is_inside, sample_surface, signed_distance
from engine.dataset.pools import load_pools
from engine.prepare.sdf_pools import NEAR_DISTANCE, check_canonical, prepare_pools, sample_pools
from tests.registered import write_ellipsoids


def box() -> tuple[np.ndarray, np.ndarray]:
    mesh = trimesh.creation.box((0.4, 0.6, 0.2))
    return np.asarray(mesh.vertices), np.asarray(mesh.faces)


def box_distance(points: np.ndarray) -> np.ndarray:
    q = np.abs(points) - [0.2, 0.3, 0.1]
    return np.linalg.norm(np.maximum(q, 0), axis=1) + np.minimum(q.max(1), 0)


def test_signed_distance_of_a_box_equals_its_closed_form() -> None:
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (2000, 3))
    assert np.abs(signed_distance(points, *box()) - box_distance(points)).max() < 1e-6


def test_inside_means_negative_distance() -> None:
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (2000, 3))
    assert np.array_equal(is_inside(points, *box()), box_distance(points) < 0)


def test_surface_samples_are_spread_by_area() -> None:
    vertices, faces = box()
    picks, barycentric = sample_surface(vertices, faces, 60_000, np.random.default_rng(2))
    points = (vertices[faces[picks]] * barycentric[:, :, None]).sum(1)
    on_large_sides = np.isclose(np.abs(points[:, 2]), 0.1).mean()  # the two sides of 0.4 x 0.6
    assert on_large_sides == pytest.approx(0.48 / 0.88, abs=0.01)
    assert np.abs(box_distance(points)).max() < 1e-9


def test_pools_hold_true_distances_and_unit_normals() -> None:
    pools = sample_pools(*box(), (3000, 1000, 500), np.random.default_rng(3))
    assert [len(pools.near), len(pools.uniform), len(pools.surface)] == [3000, 1000, 500]
    for pool in (pools.near, pools.uniform):
        assert np.abs(pool[:, 3] - box_distance(pool[:, :3])).max() < 1e-6
    assert np.abs(pools.near[:, 3]).max() <= NEAR_DISTANCE + 1e-6
    assert np.allclose(np.linalg.norm(pools.surface[:, 3:], axis=1), 1, atol=1e-5)


def test_prepare_writes_missing_pools_once_and_equal_for_equal_seeds(tmp_path: Path) -> None:
    first = load_registered_dataset(write_ellipsoids(tmp_path / "a", identities=2))
    second = load_registered_dataset(write_ellipsoids(tmp_path / "b", identities=2))
    counts = (400, 200, 100)
    assert prepare_pools(first, counts, seed=5, workers=2) == 2
    assert prepare_pools(first, counts, seed=6) == 0
    prepare_pools(second, counts, seed=5)
    for identity in range(2):
        assert np.array_equal(load_pools(first, identity).near, load_pools(second, identity).near)


def test_an_open_canonical_mesh_is_refused_with_the_number_of_open_edges() -> None:
    vertices, faces = box()
    with pytest.raises(InputError, match="not closed \\(3 open edges\\)"):
        check_canonical(vertices, faces[1:], Path("canonical.npy"))


def test_a_mesh_outside_the_cube_is_refused_with_its_extent() -> None:
    vertices, faces = box()
    with pytest.raises(InputError, match=r"leaves the cube.*0\.600"):
        check_canonical(vertices * 2, faces, Path("canonical.npy"))


def test_a_missing_pool_names_the_command_that_makes_it(tmp_path: Path) -> None:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path / "d", identities=1))
    with pytest.raises(InputError, match="npm-studio prepare"):
        load_pools(dataset, 0)


def test_a_truncated_pool_is_refused_by_name(tmp_path: Path) -> None:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path / "d", identities=1))
    prepare_pools(dataset, (400, 200, 100))
    path = dataset.root / dataset.identities[0] / "pools" / "near.npy"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"near\.npy"):
        load_pools(dataset, 0)
