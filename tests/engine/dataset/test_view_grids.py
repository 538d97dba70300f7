"""Grids of one view against the way that the published code makes them, and the same on a torch device."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from engine.core.errors import Cancelled, InputError
from engine.dataset.preparation.view_grids import PosedDepthImage, occupancy_grid, partial_sdf_grid
from engine.dataset.preparation.view_grids_torch import occupancy_grids, partial_sdf_grids
from engine.geometry.camera import PinholeCamera, front_camera_to_world
from engine.geometry.similarity import Similarity
from engine.sequences.depth_sequence import load_depth_sequence
from external.npms.grid_files import read_partial_sdf, read_voxelized_view
from external.npms.view_grids import write_view_grids
from tests.support.progress import Impatient
from tests.support.toy_model import toy_model

N = 40
AXIS = np.linspace(-0.5, 0.5, N)
NODES = np.stack(np.meshgrid(AXIS, AXIS, AXIS, indexing="ij"), axis=-1)  # (N, N, N, 3)


@pytest.fixture(scope="module")
def views(depth_capture: Path) -> list[PosedDepthImage]:
    """The frames of the doll, the second one seen by a tilted camera."""
    sequence = load_depth_sequence(depth_capture)
    similarity = toy_model().info.similarity
    tilt = np.eye(4)
    tilt[:3, :3] = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    poses = [sequence.camera_at(0), tilt @ sequence.camera_at(0), sequence.camera_at(0)]
    return [PosedDepthImage(sequence.depth_m(i), sequence.camera, pose, similarity) for i, pose in enumerate(poses)]


def canonical_points(view: PosedDepthImage) -> np.ndarray:
    """Visible points (P, 3), one by one."""
    camera, points = view.camera, []
    for row, column in zip(*np.nonzero(view.depth_m), strict=True):
        z = float(view.depth_m[row, column])
        position = [z * (column + 0.5 - camera.cx) / camera.fx, z * (row + 0.5 - camera.cy) / camera.fy, z, 1]
        points.append(view.similarity.scale * ((view.camera_to_world @ position)[:3] - view.similarity.centre))
    return np.array(points)


def to_image(view: PosedDepthImage) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Column, row and depth in metres (N, N, N) of the nodes."""
    world = NODES / view.similarity.scale + view.similarity.centre
    x, y, z = np.moveaxis((world - view.camera_to_world[:3, 3]) @ view.camera_to_world[:3, :3], -1, 0)
    camera = view.camera
    return np.floor(camera.fx * x / z + camera.cx), np.floor(camera.fy * y / z + camera.cy), z


def test_the_nodes_nearest_to_the_observed_points_are_occupied(views: list[PosedDepthImage]) -> None:
    for view in views:
        grid = occupancy_grid(view, N)
        points = canonical_points(view)
        _, nearest = cKDTree(NODES.reshape(-1, 3)).query(points)
        expected = np.zeros(N**3, bool)
        expected[nearest] = True
        np.testing.assert_array_equal(grid.occupied.reshape(-1), expected)
        np.testing.assert_allclose(grid.points, points, atol=1e-6)


def test_the_partial_distance_is_that_to_the_nearest_visible_point_with_the_sign_of_the_projection(
    views: list[PosedDepthImage],
) -> None:
    for view in views:
        grid = partial_sdf_grid(view, N)
        distance, _ = cKDTree(canonical_points(view)).query(NODES)
        column, row, z = to_image(view)
        height, width = view.depth_m.shape
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        surface = view.depth_m[np.where(inside, row, 0).astype(int), np.where(inside, column, 0).astype(int)]
        seen = inside & (surface > 0)
        behind = seen & (z > surface)
        hidden = seen & (z > surface + 0.01 / view.similarity.scale)
        np.testing.assert_allclose(np.abs(grid.sdf), distance, atol=1e-6)
        assert 0 < hidden.sum() < behind.sum()
        assert ((grid.sdf < 0) != behind).mean() < 1e-4  # nodes on the border of two pixels may round either way
        assert (grid.valid != ~hidden).mean() < 1e-4


def test_the_front_camera_sees_a_plane_at_its_distance() -> None:
    similarity = Similarity(0.4, (0.1, 0.2, 0.3))
    camera = PinholeCamera(320, 240, 280.0, 280.0, 160.0, 120.0)
    depth_m = np.full((240, 320), 1.4 / 0.4, np.float32)  # the plane z = 0 of canonical space
    view = PosedDepthImage(depth_m, camera, front_camera_to_world(similarity), similarity)
    grid = partial_sdf_grid(view, 21)
    z = np.linspace(-0.5, 0.5, 21)
    np.testing.assert_allclose(grid.sdf[10, 10], z, atol=0.004)  # half the distance of two points
    np.testing.assert_array_equal(grid.valid[10, 10], z > -0.01)
    occupied = occupancy_grid(view, 21).occupied
    assert set(np.nonzero(occupied)[2]) == {10}
    assert occupied[5:16, 5:16, 10].all()


def test_flying_pixels_and_points_outside_the_cube_are_not_occupied(views: list[PosedDepthImage]) -> None:
    view = views[0]
    expected = occupancy_grid(view, N).occupied
    depth_m = view.depth_m.copy()
    free = np.argwhere(depth_m == 0)
    row, column = free[np.abs(free - np.argwhere(depth_m > 0).mean(axis=0)).sum(axis=1).argmax()]
    depth_m[row, column] = np.median(depth_m[depth_m > 0])
    depth_m[-4:, :4] = 50.0
    grid = occupancy_grid(PosedDepthImage(depth_m, view.camera, view.camera_to_world, view.similarity), N)
    np.testing.assert_array_equal(grid.occupied, expected)


def test_a_batch_on_a_torch_device_equals_the_grids_of_each_view(views: list[PosedDepthImage]) -> None:
    depths_m = torch.from_numpy(np.stack([view.depth_m for view in views]))
    poses = torch.from_numpy(np.stack([view.camera_to_world for view in views]))
    camera, similarity = views[0].camera, views[0].similarity
    occupied = occupancy_grids(depths_m, camera, poses, similarity, N)
    sdf, valid = partial_sdf_grids(depths_m, camera, poses, similarity, N)
    assert (occupied.dtype, sdf.dtype, valid.dtype) == (torch.bool, torch.float32, torch.bool)
    for b, view in enumerate(views):
        np.testing.assert_array_equal(occupied[b].numpy(), occupancy_grid(view, N).occupied)
        grid = partial_sdf_grid(view, N)
        np.testing.assert_allclose(np.abs(sdf[b].numpy()), np.abs(grid.sdf), atol=1e-7)
        assert ((sdf[b].numpy() < 0) != (grid.sdf < 0)).mean() < 1e-4
        assert (valid[b].numpy() != grid.valid).mean() < 1e-4


def test_a_batch_shares_one_pose_and_may_hold_an_empty_image(views: list[PosedDepthImage]) -> None:
    view = views[0]
    depths_m = torch.from_numpy(np.stack((np.full_like(view.depth_m, np.nan), view.depth_m)))
    pose = torch.from_numpy(view.camera_to_world)
    occupied = occupancy_grids(depths_m, view.camera, pose, view.similarity, N)
    sdf, valid = partial_sdf_grids(depths_m, view.camera, pose, view.similarity, N)
    assert not occupied[0].any()
    assert torch.isposinf(sdf[0]).all() and valid[0].all()
    np.testing.assert_array_equal(occupied[1].numpy(), occupancy_grid(view, N).occupied)
    np.testing.assert_allclose(np.abs(sdf[1].numpy()), np.abs(partial_sdf_grid(view, N).sdf), atol=1e-7)


@pytest.mark.gpu
def test_a_gpu_gives_the_grids_of_the_cpu(views: list[PosedDepthImage]) -> None:
    depths_m = torch.from_numpy(np.stack([view.depth_m for view in views]))
    pose, camera, similarity = torch.from_numpy(views[0].camera_to_world), views[0].camera, views[0].similarity
    assert (
        occupancy_grids(depths_m.cuda(), camera, pose, similarity, N)
        .cpu()
        .equal(occupancy_grids(depths_m, camera, pose, similarity, N))
    )
    expected = partial_sdf_grids(depths_m, camera, pose, similarity, N)
    for found, wanted in zip(partial_sdf_grids(depths_m.cuda(), camera, pose, similarity, N), expected, strict=True):
        assert (~torch.isclose(found.cpu().float(), wanted.float(), atol=1e-6)).float().mean() < 1e-4


def test_files_have_the_published_layout_and_read_back(depth_capture: Path, tmp_path: Path) -> None:
    sequence, similarity = load_depth_sequence(depth_capture), toy_model().info.similarity
    assert write_view_grids(sequence, tmp_path, similarity, 32) == 3
    view = PosedDepthImage(sequence.depth_m(1), sequence.camera, sequence.camera_at(0), similarity)
    occupancy, partial = occupancy_grid(view, 32), partial_sdf_grid(view, 32)
    path = tmp_path / "000001" / "partial_views" / "voxelized_view0_32res.npz"
    with np.load(path) as arrays:
        assert sorted(arrays) == ["bb_max", "bb_min", "compressed_occupancies", "point_cloud", "res"]
        assert (float(arrays["bb_min"]), float(arrays["bb_max"]), int(arrays["res"])) == (-0.5, 0.5, 32)
        bits = [byte >> bit & 1 for byte in arrays["compressed_occupancies"].tolist() for bit in range(7, -1, -1)]
        np.testing.assert_allclose(arrays["point_cloud"], occupancy.points, atol=1e-7)
    np.testing.assert_array_equal(np.reshape(bits, (32, 32, 32)), occupancy.occupied)
    np.testing.assert_array_equal(read_voxelized_view(path).occupied, occupancy.occupied)
    path = tmp_path / "000001" / "partial_sdf_grd" / "partial_sdf_grd_32.npz"
    with np.load(path) as arrays:
        assert sorted(arrays) == ["points_world", "sdf_grid", "validity_mask"]
        assert (arrays["sdf_grid"].dtype, arrays["validity_mask"].dtype) == (np.float32, bool)
        np.testing.assert_array_equal(arrays["sdf_grid"], partial.sdf.ravel())
        np.testing.assert_array_equal(arrays["validity_mask"], partial.valid.ravel())
        np.testing.assert_allclose(arrays["points_world"], partial.points, atol=1e-7)
    np.testing.assert_array_equal(read_partial_sdf(path).sdf, partial.sdf)


def test_only_the_kind_that_was_asked_for_is_written(depth_capture: Path, tmp_path: Path) -> None:
    sequence = load_depth_sequence(depth_capture)
    write_view_grids(sequence, tmp_path, toy_model().info.similarity, 16, ["occupancy"])
    assert {path.parent.name for path in tmp_path.rglob("*.npz")} == {"partial_views"}


def test_a_sequence_outside_the_cube_is_refused_with_its_frame(depth_capture: Path, tmp_path: Path) -> None:
    sequence = load_depth_sequence(depth_capture)
    with pytest.raises(InputError, match=r"frame 000000: shows no surface inside .*the normalisation"):
        write_view_grids(sequence, tmp_path, Similarity(0.4, (50.0, 0.0, 0.0)), 16)
    assert list(tmp_path.rglob("*.npz")) == []


def test_stopped_work_keeps_what_is_done(depth_capture: Path, tmp_path: Path) -> None:
    sequence, similarity = load_depth_sequence(depth_capture), toy_model().info.similarity
    assert write_view_grids(sequence, tmp_path, similarity, 16, ["occupancy"], Impatient(2)) == 1
    assert len(list(tmp_path.rglob("*.npz"))) == 1


def test_work_stopped_before_the_first_frame_is_cancelled(depth_capture: Path, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        write_view_grids(load_depth_sequence(depth_capture), tmp_path, Similarity(), 16, progress=Impatient())
