"""Surface voxels against their NumPy twin, against points on the triangles, and voxels of meshes."""

import igl
import numpy as np
import pytest

from csrc.voxels import voxelise_surface
from csrc.voxels_numpy import voxelise_surface as twin
from engine.geometry.mesh import Mesh
from engine.geometry.voxels import solid_voxels, surface_voxels

GENERATOR = np.random.default_rng(0)
N = 12
TRIANGLES = {
    "none": np.zeros((0, 3, 3)),
    "small": GENERATOR.uniform(0, N, (200, 1, 3)) + GENERATOR.normal(0, 0.4, (200, 3, 3)),
    "large": GENERATOR.uniform(0, N, (20, 3, 3)),
    "partly outside": GENERATOR.uniform(-N, 2 * N, (40, 3, 3)),
    "outside": GENERATOR.uniform(N + 1, 2 * N, (10, 3, 3)),
    "on the lattice": GENERATOR.integers(0, N + 1, (60, 3, 3)).astype(float),
    "points": np.repeat(GENERATOR.uniform(0, N, (30, 1, 3)), 3, axis=1),
    "segments": GENERATOR.uniform(0, N, (30, 2, 3))[:, [0, 1, 0]],
    "flat": GENERATOR.uniform(0, N, (30, 3, 3)) * [1, 1, 0] + [0, 0, 5],
    "huge": GENERATOR.uniform(-1e12, 1e12, (10, 3, 3)),
    "larger than integers": GENERATOR.uniform(-1, 1, (4, 3, 3)) * 1e30,
}


@pytest.mark.parametrize("triangles", TRIANGLES.values(), ids=TRIANGLES.keys())
@pytest.mark.parametrize("resolution", [1, 7, N])
def test_voxels_equal_their_twin(triangles: np.ndarray, resolution: int) -> None:
    occupied = voxelise_surface(triangles, resolution)
    assert occupied.dtype == bool
    np.testing.assert_array_equal(occupied, twin(triangles, resolution))


def test_more_cells_than_slabs_of_work_equal_their_twin() -> None:
    triangles = GENERATOR.uniform(0, 75, (60, 3, 3))
    np.testing.assert_array_equal(voxelise_surface(triangles, 75), twin(triangles, 75))


def test_every_point_of_a_triangle_is_in_a_marked_cell_and_every_marked_cell_is_near_the_triangle() -> None:
    triangles = GENERATOR.uniform(0, N, (5, 3, 3))
    occupied = voxelise_surface(triangles, N)
    weights = GENERATOR.dirichlet([1, 1, 1], 20_000)
    points = np.einsum("pc,tcd->tpd", weights, triangles).reshape(-1, 3)
    assert occupied[tuple(points.astype(int).T)].all()
    centres = np.argwhere(occupied) + 0.5
    corners, faces = triangles.reshape(-1, 3), np.arange(15).reshape(-1, 3)
    distance = np.sqrt(igl.point_mesh_squared_distance(centres, corners, faces)[0])
    assert distance.max() <= np.sqrt(0.75)


def test_a_flat_face_between_two_cells_belongs_to_the_upper_one() -> None:
    occupied = voxelise_surface([[[0.2, 0.2, 2.0], [3.8, 0.2, 2.0], [0.2, 3.8, 2.0]]], 4)
    assert set(np.nonzero(occupied)[2]) == {2}


def test_a_face_on_the_far_wall_belongs_to_the_last_cell() -> None:
    occupied = voxelise_surface([[[4.0, 0.2, 0.2], [4.0, 3.8, 0.2], [4.0, 0.2, 3.8]]], 4)
    assert set(np.nonzero(occupied)[0]) == {3}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_strided_and_read_only_triangles_are_accepted(dtype: type[np.floating]) -> None:
    triangles = TRIANGLES["small"].astype(dtype)[::2, ::-1]
    triangles.flags.writeable = False
    np.testing.assert_array_equal(voxelise_surface(triangles, N), twin(triangles, N))


@pytest.mark.parametrize(
    ("triangles", "resolution", "message"),
    [
        (np.zeros((2, 3)), 4, r"\(T, 3, 3\)"),
        (np.zeros((2, 3, 2)), 4, r"\(T, 3, 3\)"),
        (np.full((1, 3, 3), np.nan), 4, "finite"),
        (np.full((1, 3, 3), -np.inf), 4, "finite"),
        (np.zeros((1, 3, 3)), 0, "resolution"),
        (np.zeros((1, 3, 3)), 100_000, "resolution"),
    ],
)
def test_input_without_meaning_is_refused(triangles: np.ndarray, resolution: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        voxelise_surface(triangles, resolution)


def box(low: float, high: float) -> Mesh:
    """A closed cube."""
    vertices = np.array([[x, y, z] for x in (low, high) for y in (low, high) for z in (low, high)], np.float32)
    faces = [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1), (2, 3, 7), (2, 7, 6), (0, 2, 6)]
    return Mesh(vertices, np.array([*faces, (0, 6, 4), (1, 5, 7), (1, 7, 3)], np.int32))


def test_the_surface_of_a_box_is_a_shell_of_cells_and_its_solid_is_filled() -> None:
    mesh = box(-0.26, 0.26)  # ends inside the cells 2 and 7 of 10
    expected = np.zeros((10, 10, 10), bool)
    expected[2:8, 2:8, 2:8] = True
    np.testing.assert_array_equal(solid_voxels(mesh, 10), expected)
    expected[3:7, 3:7, 3:7] = False
    np.testing.assert_array_equal(surface_voxels(mesh, 10), expected)
