"""The kernels over depth images against their NumPy twins, and against what can be said without either."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from csrc import depth as kernels
from csrc import depth_numpy as twins

INTRINSICS = (50.0, 60.0, 20.3, 14.8)


def random_depth(seed: int, height: int, width: int, invalid: float) -> np.ndarray:
    """A wavy surface at 2 m with noise, a step, and a share of invalid pixels of every kind."""
    generator = np.random.default_rng(seed)
    depth = 2 + 0.1 * np.sin(np.arange(width) / 5) + 0.02 * generator.standard_normal((height, width))
    depth[:, width // 2 :] += 0.5
    depth[generator.random((height, width)) < invalid] = 0
    for value in (np.nan, np.inf, -1.0):
        depth[generator.random((height, width)) < invalid / 4] = value
    return depth.astype(np.float32)


IMAGES = {
    "dense": random_depth(0, 30, 41, 0.0),
    "with holes": random_depth(1, 30, 41, 0.1),
    "mostly invalid": random_depth(2, 30, 41, 0.8),
    "all invalid": np.zeros((30, 41), np.float32),
    "all nan": np.full((30, 41), np.nan, np.float32),
    "no pixels": np.zeros((0, 0), np.float32),
    "no rows": np.zeros((0, 7), np.float32),
    "one pixel": np.ones((1, 1), np.float32),
    "one row": random_depth(3, 1, 41, 0.1),
    "one column": random_depth(4, 30, 1, 0.1),
    "two by two": np.ones((2, 2), np.float32),
}
every_image = pytest.mark.parametrize("depth", IMAGES.values(), ids=IMAGES.keys())


@every_image
def test_back_projection_equals_its_twin(depth: np.ndarray) -> None:
    points = kernels.backproject_depth(depth, *INTRINSICS)
    assert points.dtype == np.float32
    np.testing.assert_allclose(points, twins.backproject_depth(depth, *INTRINSICS), rtol=1e-6)


@every_image
def test_normals_equal_their_twin(depth: np.ndarray) -> None:
    points = twins.backproject_depth(depth, *INTRINSICS)
    normals = kernels.depth_normals(points)
    assert normals.dtype == np.float32
    np.testing.assert_allclose(normals, twins.depth_normals(points), rtol=1e-5, atol=1e-6)


@every_image
@pytest.mark.parametrize("max_edge", [0.0, 0.06, 0.3, 10.0])
def test_triangulation_equals_its_twin(depth: np.ndarray, max_edge: float) -> None:
    points = twins.backproject_depth(depth, *INTRINSICS)
    vertices, faces = kernels.triangulate_depth(points, max_edge)
    expected_vertices, expected_faces = twins.triangulate_depth(points, max_edge)
    assert vertices.dtype == np.float32 and faces.dtype == np.int32
    np.testing.assert_array_equal(vertices, expected_vertices)
    np.testing.assert_array_equal(faces, expected_faces)


def test_back_projected_points_project_to_their_pixel_centres() -> None:
    depth = IMAGES["with holes"]
    points = kernels.backproject_depth(depth, *INTRINSICS)
    valid = np.isfinite(points[..., 2])
    np.testing.assert_array_equal(valid, np.isfinite(depth) & (depth > 0))
    fx, fy, cx, cy = INTRINSICS
    rows, columns = np.nonzero(valid)
    x, y, z = points[valid].T
    np.testing.assert_allclose(fx * x / z + cx, columns + 0.5, atol=1e-3)
    np.testing.assert_allclose(fy * y / z + cy, rows + 0.5, atol=1e-3)


def test_the_normals_of_a_tilted_plane_are_its_normal_towards_the_camera() -> None:
    normal = np.array([0.3, -0.4, -0.8]) / np.linalg.norm([0.3, -0.4, -0.8])
    rays = twins.backproject_depth(np.ones((30, 41), np.float32), *INTRINSICS)
    depth = (-2 / (rays @ normal)).astype(np.float32)  # the plane n.p = -2
    normals = kernels.depth_normals(kernels.backproject_depth(depth, *INTRINSICS))
    assert np.isnan(normals[[0, -1]]).all()
    assert np.isnan(normals[:, [0, -1]]).all()
    np.testing.assert_allclose(normals[1:-1, 1:-1], np.broadcast_to(normal, (28, 39, 3)), atol=1e-3)


def test_a_hole_takes_the_normals_of_its_four_neighbours() -> None:
    depth = np.ones((7, 7), np.float32)
    depth[3, 3] = 0
    without = np.isnan(kernels.depth_normals(kernels.backproject_depth(depth, *INTRINSICS))[1:-1, 1:-1, 0])
    cross = np.zeros((5, 5), bool)
    cross[2, 1:4] = cross[1:4, 2] = True
    np.testing.assert_array_equal(without, cross)


def test_triangles_face_the_camera_and_do_not_bridge_a_step() -> None:
    depth = np.full((4, 6), 1.0, np.float32)
    depth[:, 3:] = 2.0
    vertices, faces = kernels.triangulate_depth(kernels.backproject_depth(depth, *INTRINSICS), 0.2)
    assert len(vertices) == 24
    assert len(faces) == 2 * (3 * 2 * 2)  # two patches of 3 x 2 squares
    corners = vertices[faces]
    assert (np.ptp(corners[..., 2], axis=1) == 0).all()
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (normals[:, 2] < 0).all()


def test_points_that_no_triangle_uses_are_left_out() -> None:
    depth = np.zeros((5, 5), np.float32)
    depth[:2, :2] = 1
    depth[4, 4] = 1
    vertices, faces = kernels.triangulate_depth(kernels.backproject_depth(depth, *INTRINSICS), 1.0)
    assert len(vertices) == 4
    assert sorted(np.unique(faces)) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "depth",
    [np.ones((4, 5)), np.ones((4, 5), np.uint16), np.ones((4, 10), np.float32)[:, ::2], np.ones((1, 4, 5), np.float32)],
    ids=["float64", "uint16", "strided", "three dimensions"],
)
def test_an_image_of_the_wrong_kind_is_refused(depth: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"Buffer|contiguous"):
        kernels.backproject_depth(depth, *INTRINSICS)


@pytest.mark.parametrize("kernel", [kernels.depth_normals, lambda points: kernels.triangulate_depth(points, 0.1)])
def test_points_that_are_not_three_dimensional_are_refused(
    kernel: Callable[..., object],
) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        kernel(np.ones((4, 5, 2), np.float32))


@pytest.mark.parametrize("intrinsics", [(0.0, 1.0, 0.0, 0.0), (1.0, -1.0, 0.0, 0.0), (1.0, 1.0, np.nan, 0.0)])
def test_intrinsics_without_meaning_are_refused(intrinsics: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        kernels.backproject_depth(np.ones((2, 2), np.float32), *intrinsics)


def test_a_read_only_image_is_accepted() -> None:
    depth = np.ones((3, 3), np.float32)
    depth.flags.writeable = False
    assert np.isfinite(kernels.backproject_depth(depth, *INTRINSICS)).all()


@every_image
@pytest.mark.parametrize(("window", "max_distance"), [(3, 10.0), (5, 0.2), (7, 0.06), (1, 1.0), (5, 0.0)])
def test_pca_normals_equal_their_twin(depth: np.ndarray, window: int, max_distance: float) -> None:
    points = twins.backproject_depth(depth, *INTRINSICS)
    normals = kernels.pca_normals(points, window, max_distance)
    assert normals.dtype == np.float32
    np.testing.assert_allclose(normals, twins.pca_normals(points, window, max_distance), rtol=1e-4, atol=1e-5)


def test_the_pca_normals_of_a_tilted_plane_are_its_normal_towards_the_camera() -> None:
    normal = np.array([0.3, -0.4, -0.8]) / np.linalg.norm([0.3, -0.4, -0.8])
    rays = twins.backproject_depth(np.ones((30, 41), np.float32), *INTRINSICS)
    depth = (-2 / (rays @ normal)).astype(np.float32)  # the plane n.p = -2
    normals = kernels.pca_normals(kernels.backproject_depth(depth, *INTRINSICS), 5, 1.0)
    np.testing.assert_allclose(normals, np.broadcast_to(normal, (30, 41, 3)), atol=1e-3)


def test_pca_normals_leave_out_neighbours_that_are_far_away() -> None:
    depth = np.full((9, 12), 1.0, np.float32)
    depth[:, 6:] = 2.0
    normals = kernels.pca_normals(kernels.backproject_depth(depth, *INTRINSICS), 5, 0.3)
    np.testing.assert_allclose(normals, np.broadcast_to([0, 0, -1], (9, 12, 3)), atol=1e-5)


@pytest.mark.parametrize("pixels", [[(4, 4)], [(4, 4), (4, 5)], [(4, 4), (4, 5), (4, 6)]])
def test_a_point_a_pair_and_a_row_of_points_have_no_pca_normal(pixels: list[tuple[int, int]]) -> None:
    depth = np.zeros((9, 9), np.float32)
    depth[tuple(np.transpose(pixels))] = 1
    assert np.isnan(kernels.pca_normals(kernels.backproject_depth(depth, *INTRINSICS), 5, 1.0)).all()


def test_points_that_vary_alike_in_all_directions_have_some_pca_normal() -> None:
    points = np.full((1, 7, 3), np.nan, np.float32)
    points[0, :] = [[0, 0, 2], [1, 0, 2], [-1, 0, 2], [0, 1, 2], [0, -1, 2], [0, 0, 3], [0, 0, 1]]
    normal = kernels.pca_normals(points, 15, 1.5)[0, 0]
    np.testing.assert_allclose(np.linalg.norm(normal), 1, rtol=1e-6)
    assert normal @ [0, 0, 2] <= 0


@pytest.mark.parametrize("window", [0, -1, 4])
def test_a_window_without_a_middle_is_refused(window: int) -> None:
    with pytest.raises(ValueError, match="odd"):
        kernels.pca_normals(np.ones((4, 5, 3), np.float32), window)


def points_around(depth: np.ndarray, seed: int) -> np.ndarray:
    """Camera points (G, 3): in the view, all around, on both sides of every valid pixel, and nowhere."""
    generator = np.random.default_rng(seed)
    pixels = twins.backproject_depth(depth, *INTRINSICS)
    pixels = pixels[np.isfinite(pixels[..., 2])]
    moved = pixels * (1 + generator.normal(0, 0.01, (len(pixels), 1)))
    wild = generator.uniform(-1, 1, (2_000, 3)) * [2, 2, 4]
    n, i = np.nan, np.inf
    odd = np.array([[n, 0, 1], [0, i, 1], [0, 0, n], [0, 0, i], [0, 0, 0], [1e30, -1e30, 1], [0, 0, -1]])
    huge = generator.uniform(-1e38, 1e38, (50, 3))
    return np.concatenate((pixels, moved, wild, odd, huge)).astype(np.float32)


@every_image
@pytest.mark.parametrize("truncation", [0.0, 0.01, 1e9])
def test_validity_and_sign_equal_their_twin(depth: np.ndarray, truncation: float) -> None:
    points = points_around(depth, 0)
    mask = np.random.default_rng(1).random(depth.shape) < 0.9
    valid, sign = kernels.validity_and_sign(points, mask, depth, *INTRINSICS, truncation)
    assert valid.dtype == bool and sign.dtype == np.float32
    expected_valid, expected_sign = twins.validity_and_sign(points, mask, depth, *INTRINSICS, truncation)
    np.testing.assert_array_equal(valid, expected_valid)
    np.testing.assert_array_equal(sign, expected_sign)


def test_validity_and_sign_follow_the_published_rule() -> None:
    depth = np.zeros((10, 10), np.float32)
    depth[4, 5] = 2.0
    mask = depth > 0
    centre = np.array([5.5, 4.5, 1.0])  # of that pixel, with fx = fy = 1 and cx = cy = 0
    points = np.array([1.9, 2.0, 2.005, 2.01, 2.02, 5.0])[:, None] * centre
    points = np.concatenate((points, np.array([[3 * 6.5, 3 * 4.5, 3], [-9, 0, 3], [5.5, 4.5, -1]]))).astype(np.float32)
    valid, sign = kernels.validity_and_sign(points, mask, depth, 1.0, 1.0, 0.0, 0.0, 0.0101)
    assert sign.tolist() == [1, 1, -1, -1, -1, -1, 1, 1, 1]
    assert valid.tolist() == [True, True, True, True, False, False, True, True, True]


def test_a_point_belongs_to_the_pixel_that_covers_it() -> None:
    depth = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    rows, columns = np.divmod(np.arange(12), 4)
    for offset in (0.01, 0.5, 0.99):
        rays = np.column_stack((columns + offset, rows + offset, np.ones(12)))
        below, above = (depth.ravel()[:, None] * factor * rays for factor in (0.999, 1.001))
        _, sign = kernels.validity_and_sign(
            np.concatenate((below, above)).astype(np.float32), depth > 0, depth, 1.0, 1.0, 0.0, 0.0, 1.0
        )
        assert sign.tolist() == [1] * 12 + [-1] * 12


def test_points_and_masks_of_the_wrong_kind_are_refused() -> None:
    depth, mask = np.ones((4, 5), np.float32), np.ones((4, 5), bool)
    wrong: list[Any] = [np.ones((3, 3)), np.ones((3, 6), np.float32)[:, ::2], np.ones(3, np.float32)]
    for points in wrong:
        with pytest.raises(ValueError, match=r"Buffer|contiguous"):
            kernels.validity_and_sign(points, mask, depth, *INTRINSICS, 0.01)
    points = np.ones((3, 3), np.float32)
    with pytest.raises(ValueError, match=r"\(G, 3\)"):
        kernels.validity_and_sign(points[:, :2].copy(), mask, depth, *INTRINSICS, 0.01)
    with pytest.raises(ValueError, match="mask"):
        kernels.validity_and_sign(points, mask[:3], depth, *INTRINSICS, 0.01)
    with pytest.raises(ValueError, match="positive"):
        kernels.validity_and_sign(points, mask, depth, 0.0, 1.0, 0.0, 0.0, 0.01)


def test_a_strided_mask_is_accepted() -> None:
    depth, mask = np.ones((4, 5), np.float32), np.ones((4, 10), bool)[:, ::2]
    valid, _ = kernels.validity_and_sign(np.ones((3, 3), np.float32), mask, depth, *INTRINSICS, 0.01)
    assert valid.all()
