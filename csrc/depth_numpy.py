"""NumPy twins of the kernels in ``depth.pyx``: the definition of what they compute, and their oracle in the tests.

A depth image holds metres along the camera's z axis; a value that is not finite or not positive is invalid. Point
images are in camera axes (x right, y down, z forward); an invalid point is NaN.
"""

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

FLATNESS = 1e-6
"""Least sum of the principal minors of a covariance that spans a plane, as a fraction of its squared trace."""


def backproject_depth(depth: Image, fx: float, fy: float, cx: float, cy: float) -> Image:
    """Camera points (H, W, 3) of ``depth`` (H, W) in metres; pixel centres at +0.5, invalid pixels are NaN."""
    height, width = depth.shape
    x = ((np.arange(width) + 0.5 - cx) / fx).astype(np.float32)
    y = ((np.arange(height) + 0.5 - cy) / fy).astype(np.float32)
    points = np.full((height, width, 3), np.nan, np.float32)
    valid = (depth > 0) & np.isfinite(depth)
    z = np.where(valid, depth, np.float32(np.nan))
    points[..., 0] = x * z
    points[..., 1] = y[:, None] * z
    points[..., 2] = z
    return points


def depth_normals(points: Image, eps: float = 1e-12) -> Image:
    """Unit normals (H, W, 3) facing the camera, from central differences of ``points`` (H, W, 3).

    NaN on the border, where the point or one of its four neighbours is invalid, and where the cross product of the
    two differences (square metres) is not longer than ``eps``.
    """
    normals = np.full(points.shape, np.nan, np.float32)
    if min(points.shape[:2]) < 3:
        return normals
    valid = _valid(points)
    inner = valid[1:-1, 1:-1] & valid[1:-1, 2:] & valid[1:-1, :-2] & valid[2:, 1:-1] & valid[:-2, 1:-1]
    rows, columns = np.nonzero(inner)
    rows, columns = rows + 1, columns + 1
    along_x = points[rows, columns + 1] - points[rows, columns - 1]
    along_y = points[rows + 1, columns] - points[rows - 1, columns]
    cross = np.cross(along_y, along_x).astype(np.float32)
    length = np.sqrt((cross * cross).sum(axis=1, dtype=np.float32))
    keep = length > np.float32(eps)
    normals[rows[keep], columns[keep]] = cross[keep] / length[keep, None]
    return normals


def triangulate_depth(points: Image, max_edge: float) -> tuple[Image, NDArray[np.int32]]:
    """Mesh of a point image: ``vertices`` (V, 3) float32 and ``faces`` (F, 3) int32 facing the camera.

    Each square of four neighbouring pixels gives up to two triangles (top left, bottom left, top right) and (top
    right, bottom left, bottom right): those whose points are valid and whose edges are at most ``max_edge`` metres
    long. Vertices are the pixels in use and faces the triangles, both in row-major order.
    """
    height, width = points.shape[:2]
    if min(height, width) < 2:
        return np.empty((0, 3), np.float32), np.empty((0, 3), np.int32)
    pixel = np.arange(height * width).reshape(height, width)
    a, b, c, d = pixel[:-1, :-1], pixel[:-1, 1:], pixel[1:, :-1], pixel[1:, 1:]
    triangles = np.stack([np.stack([a, c, b], axis=-1), np.stack([b, c, d], axis=-1)], axis=2).reshape(-1, 3)
    flat = points.reshape(-1, 3)
    triangles = triangles[_valid(flat)[triangles].all(axis=1)]
    edges = flat[triangles] - flat[np.roll(triangles, -1, axis=1)]  # (T, 3, 3)
    squared = edges[..., 0] * edges[..., 0] + edges[..., 1] * edges[..., 1] + edges[..., 2] * edges[..., 2]
    limit = np.float32(max_edge) * np.float32(max_edge)
    triangles = triangles[(squared <= limit).all(axis=1)]
    used, faces = np.unique(triangles, return_inverse=True)
    return flat[used], faces.reshape(-1, 3).astype(np.int32)


def pca_normals(points: Image, window: int = 5, max_distance: float = 0.05) -> Image:
    """Unit normals (H, W, 3) facing the camera: the direction in which the neighbourhood of a pixel varies least.

    The neighbourhood of a valid pixel of ``points`` (H, W, 3) are the valid points among the ``window`` x ``window``
    pixels around it that are at most ``max_distance`` metres away, itself included. NaN where the point is invalid,
    or where its neighbourhood does not span a plane: the second greatest of the variances is not above about a
    millionth of the greatest.
    """
    normals = np.full(points.shape, np.nan, np.float32)
    reach, valid, exact = window // 2, _valid(points), points.astype(np.float64)
    for r, c in zip(*np.nonzero(valid), strict=True):
        around = (slice(max(r - reach, 0), r + reach + 1), slice(max(c - reach, 0), c + reach + 1))
        offsets = exact[around][valid[around]] - exact[r, c]
        offsets = offsets[(offsets**2).sum(axis=1) <= max_distance**2]
        offsets = offsets - offsets.mean(axis=0)
        variances, directions = np.linalg.eigh(offsets.T @ offsets)
        low, middle, high = variances
        if low * middle + low * high + middle * high > FLATNESS * (low + middle + high) ** 2:
            normals[r, c] = directions[:, 0] * (1 if directions[:, 0] @ exact[r, c] < 0 else -1)
    return normals


def validity_and_sign(
    points: Image,
    mask: NDArray[np.bool_],
    depth: Image,
    fx: float,
    fy: float,
    cx: float,
    cy: float,
    truncation: float,
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """What a depth image says about ``points`` (G, 3) in camera axes: ``valid`` (G,) bool and ``sign`` (G,) float32.

    A point that projects outside the image, onto a pixel that ``mask`` (H, W) bool leaves out or whose ``depth``
    (H, W) is invalid, or that is not in front of the camera, is in free space: valid, +1. Otherwise the sign is -1
    behind the surface (Z greater than the depth), and farther behind than ``truncation`` metres it is not valid.
    """
    height, width = depth.shape
    x, y, z = points.astype(np.float64).T
    with np.errstate(all="ignore"):
        column, row = np.floor(fx * x / z + cx), np.floor(fy * y / z + cy)
        inside = (z > 0) & np.isfinite(z) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    surface = np.full(len(points), np.inf)  # depth of the surface in front of each point; none is at infinity
    pixels = row[inside].astype(np.intp), column[inside].astype(np.intp)
    known = mask[pixels] & (depth[pixels] > 0) & np.isfinite(depth[pixels])
    surface[inside] = np.where(known, depth[pixels], np.inf)
    behind = z > surface
    return ~behind | (z <= surface + truncation), np.where(behind, -1, 1).astype(np.float32)


def _valid(points: Image) -> NDArray[np.bool_]:
    return np.isfinite(points).all(axis=-1) & (points[..., 2] > 0)
