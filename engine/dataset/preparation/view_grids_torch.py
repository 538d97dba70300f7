"""The grids of `view_grids` for a batch of depth images, on a training device and without files."""

import numpy as np
import torch
from torch import Tensor

from csrc.depth_numpy import FLATNESS
from csrc.distance_grid import nearest_distance_grid
from engine.dataset.preparation.nearest_torch import nearest_distances
from engine.dataset.preparation.view_grids import NORMAL_DISTANCE, NORMAL_WINDOW, TRUNCATION, camera_to_canonical
from engine.geometry.camera import PinholeCamera
from engine.geometry.similarity import Similarity

CHUNK = 2**22
"""Nodes that are projected at once."""


def occupancy_grids(
    depths_m: Tensor, camera: PinholeCamera, camera_to_world: Tensor, similarity: Similarity, resolution: int
) -> Tensor:
    """Occupied nodes (B, N, N, N) bool of ``depths_m`` (B, H, W), as `view_grids.occupancy_grid`.

    Args:
        depths_m: metres, 0 is invalid, on the device that does the work.
        camera_to_world: (4, 4) or (B, 4, 4) rigid, OpenCV camera axes to world metres.
    """
    image = _point_images(depths_m, camera)
    points = _canonical(image, _affines(camera_to_world, similarity, len(depths_m), depths_m.device))
    return occupied_nodes(points, _spans_plane(image, NORMAL_DISTANCE / similarity.scale), resolution)


def occupied_nodes(points: Tensor, seen: Tensor, resolution: int) -> Tensor:
    """Nodes (B, N, N, N) bool nearest to canonical ``points`` (B, H, W, 3) that ``seen`` (B, H, W) marks.

    Points outside the cube do not count. The device is not waited for.
    """
    assert points.ndim == 4 and seen.shape == points.shape[:3], (points.shape, seen.shape)
    nodes = torch.round((points + 0.5) * (resolution - 1))
    inside = seen & ((nodes >= 0) & (nodes < resolution)).all(dim=-1)  # false for NaN
    x, y, z = torch.where(inside[..., None], nodes, 0).long().unbind(dim=-1)
    elsewhere = resolution**3
    index = torch.where(inside, (x * resolution + y) * resolution + z, elsewhere).flatten(1)
    occupied = torch.zeros((len(points), elsewhere + 1), dtype=torch.bool, device=points.device)
    return occupied.scatter_(1, index, True)[:, :-1].reshape(len(points), resolution, resolution, resolution)


def partial_sdf_grids(
    depths_m: Tensor,
    camera: PinholeCamera,
    camera_to_world: Tensor,
    similarity: Similarity,
    resolution: int,
    truncation: float = TRUNCATION,
) -> tuple[Tensor, Tensor]:
    """``sdf`` (B, N, N, N) float32 and ``valid`` (B, N, N, N) bool, as `view_grids.partial_sdf_grid`.

    Distances are exact and not clamped; those of an image without a valid pixel are infinite. Arguments as in
    `occupancy_grids`; ``truncation`` in canonical units.
    """
    size = len(depths_m), resolution, resolution, resolution
    sdf = torch.full(size, torch.inf, device=depths_m.device)
    valid = torch.ones(size, dtype=torch.bool, device=depths_m.device)
    image = _point_images(depths_m, camera)
    affines = _affines(camera_to_world, similarity, len(depths_m), depths_m.device)
    points = _canonical(image, affines)
    axis = torch.linspace(-0.5, 0.5, resolution, dtype=torch.float64, device=depths_m.device)
    for b, affine in enumerate(affines):
        visible = points[b][torch.isfinite(image[b, ..., 2])]  # (P, 3)
        if len(visible) == 0:
            continue
        if depths_m.is_cuda:
            sdf[b] = nearest_distances(visible, axis)
        else:
            sdf[b] = torch.from_numpy(nearest_distance_grid(visible.numpy(), axis.numpy()))
        inverse = torch.linalg.inv(affine[:, :3])
        origin = -inverse @ affine[:, 3]
        plane = axis[:, None, None] * inverse[:, 1] + axis[:, None] * inverse[:, 2] + origin  # (N, N, 3): all y, z
        slabs = max(1, CHUNK // resolution**2)
        for start in range(0, resolution, slabs):
            part = slice(start, start + slabs)
            nodes = (plane + (axis[part, None] * inverse[:, 0])[:, None, None]).float()  # (S, N, N, 3)
            behind, known = _behind(nodes, image[b, ..., 2], camera, truncation / similarity.scale)
            sdf[b, part] = torch.where(behind, -sdf[b, part], sdf[b, part])
            valid[b, part] = known
    return sdf, valid


def _point_images(depths_m: Tensor, camera: PinholeCamera) -> Tensor:
    """Camera points (B, H, W, 3) float32 in metres, NaN where the depth is invalid; rounds as the CPU kernel does."""
    assert depths_m.ndim == 3 and depths_m.shape[1:] == (camera.height, camera.width), depths_m.shape
    rays = torch.from_numpy(camera.rays()).to(depths_m.device)
    depths_m = depths_m.float()
    valid = (depths_m > 0) & torch.isfinite(depths_m)
    return rays * torch.where(valid, depths_m, torch.nan)[..., None]


def _affines(camera_to_world: Tensor, similarity: Similarity, count: int, device: torch.device) -> Tensor:
    """Maps (B, 3, 4) float64 from camera metres to canonical coordinates."""
    poses = camera_to_world.detach().cpu().numpy()
    poses = np.broadcast_to(poses, (count, 4, 4))
    affines = np.empty((count, 3, 4))
    for b, pose in enumerate(poses):
        affines[b] = camera_to_canonical(pose, similarity)
    return torch.from_numpy(affines).to(device)


def _canonical(image: Tensor, affines: Tensor) -> Tensor:
    """Canonical points (B, H, W, 3) float64 of camera points ``image`` (B, H, W, 3)."""
    rotation, shift = affines[:, None, None, :, :3], affines[:, None, None, :, 3]
    return (image.double()[..., None, :] * rotation).sum(dim=-1) + shift


def _spans_plane(image: Tensor, max_distance: float) -> Tensor:
    """Pixels (B, H, W) of ``image`` (B, H, W, 3) whose neighbourhood has a normal; see `csrc.depth.pca_normals`."""
    reach = NORMAL_WINDOW // 2
    height, width = image.shape[1:3]
    exact = image.double()
    padded = torch.nn.functional.pad(exact, (0, 0, reach, reach, reach, reach), value=torch.nan)
    count = torch.zeros(image.shape[:3], dtype=torch.float64, device=image.device)
    total = torch.zeros_like(exact)
    squares = torch.zeros((*image.shape[:3], 6), dtype=torch.float64, device=image.device)
    for row in range(NORMAL_WINDOW):
        for column in range(NORMAL_WINDOW):
            offset = padded[:, row : row + height, column : column + width] - exact
            near = (offset * offset).sum(dim=-1) <= max_distance**2  # false for NaN
            offset = torch.where(near[..., None], offset, 0.0)
            x, y, z = offset.unbind(dim=-1)
            count += near
            total += offset
            squares += torch.stack((x * x, y * y, z * z, x * y, x * z, y * z), dim=-1)
    sx, sy, sz = total.unbind(dim=-1)
    squares -= torch.stack((sx * sx, sy * sy, sz * sz, sx * sy, sx * sz, sy * sz), dim=-1) / count[..., None]
    xx, yy, zz, xy, xz, yz = squares.unbind(dim=-1)
    minors = xx * yy + xx * zz + yy * zz - xy * xy - xz * xz - yz * yz
    return minors > FLATNESS * (xx + yy + zz) ** 2  # false for NaN, where no pixel is near


def _behind(nodes: Tensor, depth: Tensor, camera: PinholeCamera, truncation_m: float) -> tuple[Tensor, Tensor]:
    """Which of ``nodes`` (..., 3), camera metres, are behind the surface, and which are valid.

    ``depth`` (H, W) is NaN where invalid; see `csrc.depth.validity_and_sign`.
    """
    x, y, z = nodes.double().unbind(dim=-1)
    u, v = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
    inside = (z > 0) & (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    column, row = torch.where(inside, u, 0.0).long(), torch.where(inside, v, 0.0).long()
    surface = depth[row, column].double()
    behind = inside & (z > surface)  # false for NaN
    return behind, ~behind | (z <= surface + truncation_m)
