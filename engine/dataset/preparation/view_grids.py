"""Voxel grids of what one depth image shows: the inputs of encoders and of fits that follow the published NPM code.

Both grids have N nodes per axis at ``linspace(-0.5, 0.5, N)`` in canonical space, index order x, y, z.
`engine.dataset.preparation.view_grids_torch` computes the same grids of a batch on a training device, and
`external.npms.view_grids` writes them as files of the published code.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csrc.depth import pca_normals, validity_and_sign
from csrc.distance_grid import nearest_distance_grid
from engine.geometry.camera import PinholeCamera
from engine.geometry.depth import point_image
from engine.geometry.similarity import Similarity

TRUNCATION = 0.01
"""How far behind the visible surface a partial signed distance is valid, canonical units."""
NORMAL_WINDOW, NORMAL_DISTANCE = 5, 0.05
"""Pixels and canonical units within which a point needs neighbours to count as observed surface."""


@dataclass(frozen=True, eq=False)
class PosedDepthImage:
    """One depth image, the camera that took it and the way to canonical space."""

    depth_m: NDArray[np.float32]
    """(H, W) metres, 0 is invalid."""
    camera: PinholeCamera
    camera_to_world: NDArray[np.float64]
    """(4, 4) rigid: OpenCV camera axes to world metres."""
    similarity: Similarity


@dataclass(frozen=True, eq=False)
class OccupancyGrid:
    """The visible surface as voxels."""

    points: NDArray[np.float64]
    """(P, 3) observed points, canonical."""
    occupied: NDArray[np.bool_]
    """(N, N, N) true at the node nearest to an observed point."""


@dataclass(frozen=True, eq=False)
class PartialSdfGrid:
    """Signed distance to the visible surface, and where it can be trusted."""

    points: NDArray[np.float64]
    """(P, 3) all visible points, canonical."""
    sdf: NDArray[np.float32]
    """(N, N, N) distance to the nearest visible point in canonical units, negative behind the visible surface."""
    valid: NDArray[np.bool_]
    """(N, N, N) false farther than `TRUNCATION` behind the visible surface, where anything may be."""


def camera_to_canonical(camera_to_world: NDArray[np.floating], similarity: Similarity) -> NDArray[np.float64]:
    """The affine map (3, 4) from camera coordinates in metres to canonical ones."""
    assert camera_to_world.shape == (4, 4), camera_to_world.shape
    pose = np.array(camera_to_world[:3], np.float64)
    pose[:, 3] -= similarity.centre
    return similarity.scale * pose


def occupancy_grid(view: PosedDepthImage, resolution: int) -> OccupancyGrid:
    """Nodes nearest to the points that ``view`` observes inside the cube: a shell that is not filled.

    Pixels without a surface around them (`csrc.depth.pca_normals`), flying pixels above all, do not count. The
    published code asks for a finite normal too, but gives one to any pixel, and moves points that are outside the
    cube to its wall; on rendered depth of a body within the cube both agree.
    """
    assert resolution >= 2, resolution
    image = point_image(view.depth_m, view.camera)
    normals = pca_normals(image, NORMAL_WINDOW, NORMAL_DISTANCE / view.similarity.scale)
    points = _canonical(image[np.isfinite(normals[..., 0])], view)
    nodes = np.rint((points + 0.5) * (resolution - 1))
    nodes = nodes[((nodes >= 0) & (nodes < resolution)).all(axis=1)].astype(np.intp)
    occupied = np.zeros((resolution,) * 3, bool)
    occupied[tuple(nodes.T)] = True
    return OccupancyGrid(points, occupied)


def partial_sdf_grid(view: PosedDepthImage, resolution: int, truncation: float = TRUNCATION) -> PartialSdfGrid:
    """Signed distance to the visible points of ``view``, exact and not clamped.

    The sign and the validity of a node come from the pixel that it projects to (`csrc.depth.validity_and_sign`).

    Args:
        truncation: canonical units behind the surface up to which a node is valid.

    Raises:
        ValueError: the view has no valid pixel.
    """
    assert resolution >= 2, resolution
    axis = np.linspace(-0.5, 0.5, resolution)
    image = point_image(view.depth_m, view.camera)
    points = _canonical(image[image[..., 2] > 0], view)
    sdf = nearest_distance_grid(points, axis)
    valid = np.empty(sdf.shape, bool)
    depth_m, seen = np.ascontiguousarray(view.depth_m, np.float32), np.isfinite(image[..., 2])
    camera, truncation_m = view.camera, truncation / view.similarity.scale
    affine = camera_to_canonical(view.camera_to_world, view.similarity)
    inverse = np.linalg.inv(affine[:, :3])
    origin = -inverse @ affine[:, 3]
    plane = (axis[:, None, None] * inverse[:, 1] + axis[:, None] * inverse[:, 2]).reshape(-1, 3)  # (N^2, 3): all y, z
    for x, slab, slab_valid in zip(axis, sdf, valid, strict=True):  # all nodes at once would fill 200 MB
        nodes = (plane + (x * inverse[:, 0] + origin)).astype(np.float32)
        known, sign = validity_and_sign(nodes, seen, depth_m, camera.fx, camera.fy, camera.cx, camera.cy, truncation_m)
        slab *= sign.reshape(slab.shape)
        slab_valid[:] = known.reshape(slab.shape)
    return PartialSdfGrid(points, sdf, valid)


def _canonical(points_camera: NDArray[np.float32], view: PosedDepthImage) -> NDArray[np.float64]:
    """Canonical points (P, 3) of camera points (P, 3) in metres."""
    affine = camera_to_canonical(view.camera_to_world, view.similarity)
    moved: NDArray[np.float64] = points_camera @ affine[:, :3].T + affine[:, 3]
    return moved
