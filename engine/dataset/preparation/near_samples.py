"""Sampling distributions of points close to a surface."""

from typing import Any, Literal, no_type_check

import numpy as np
import warp as wp
from numpy.typing import NDArray

from engine.core.warp_runtime import start_warp
from engine.geometry.mesh import vertex_normals
from engine.geometry.signed_distance import face_normals, sample_surface

Distribution = Literal["normal", "gaps", "gaussian"]
DISTRIBUTIONS: tuple[Distribution, ...] = ("normal", "gaps", "gaussian")
NEAR_DISTANCE = 0.05
"""Largest offset of a near sample from the surface of the distributions `normal` and `gaps`, canonical units."""
SIGMAS = (0.01, 0.0025)
"""Default standard deviations of `gaussian`, canonical units: 2.5 cm and 6 mm of a body at 0.4 per m."""
_START = 1e-6  # rays start this far from the surface that they leave

Array = NDArray[np.float64]


def near_points(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    count: int,
    distribution: Distribution,
    sigmas: tuple[float, ...],
    generator: np.random.Generator,
) -> Array:
    """Points (N, 3) close to a surface, by area.

    - ``normal``: along the normal of the triangle, to either side by ``0.05 u^2`` with u uniform in [0, 1).
    - ``gaps``: as the published NPM data (``msh2pts`` of GAPS): along the interpolated vertex normal the nearest other
      surface is looked for on both sides, up to 0.05; with the nearer one at t, the *pair* of points ``+-t u^2`` is
      taken. Pairs thus stay on this side of the next surface, and folds get samples in their middle. The published
      tool takes the sign of the value from the side of the pair; here, as for every distribution, the value is the
      distance to the whole mesh with the sign of the winding number.
    - ``gaussian``: any direction, normally distributed with each of ``sigmas`` for an equal part of the points.

    Args:
        vertices: (V, 3), canonical units
        faces: (T, 3), closed and outward
    """
    if distribution == "gaps":
        points, normals = _surface_points(vertices, faces, (count + 1) // 2, generator)
        reach = _free_way(points, normals, vertices, faces) * generator.random(len(points)) ** 2
        offsets = reach[:, None] * normals
        return np.stack((points + offsets, points - offsets), axis=1).reshape(-1, 3)[:count]
    picks, barycentric = sample_surface(vertices, faces, count, generator)
    points = (np.asarray(vertices, np.float64)[faces[picks]] * barycentric[:, :, None]).sum(axis=1)
    if distribution == "gaussian":
        sigma = np.asarray(sigmas)[np.arange(count) % len(sigmas)]
        moved: Array = points + sigma[:, None] * generator.standard_normal((count, 3))
        return moved
    offsets = NEAR_DISTANCE * generator.random(count) ** 2 * generator.choice((-1.0, 1.0), count)
    near: Array = points + offsets[:, None] * face_normals(vertices, faces)[picks]
    return near


def _surface_points(
    vertices: NDArray[np.floating], faces: NDArray[np.integer], count: int, generator: np.random.Generator
) -> tuple[Array, Array]:
    """Points (N, 3) by area and their interpolated unit vertex normals (N, 3)."""
    picks, barycentric = sample_surface(vertices, faces, count, generator)
    normals = vertex_normals(np.asarray(vertices, np.float32), np.asarray(faces, np.int32)).astype(np.float64)
    points = (np.asarray(vertices, np.float64)[faces[picks]] * barycentric[:, :, None]).sum(axis=1)
    interpolated = (normals[faces[picks]] * barycentric[:, :, None]).sum(axis=1)
    lengths = np.linalg.norm(interpolated, axis=1, keepdims=True)
    return points, np.where(
        lengths > 1e-9, interpolated / np.maximum(lengths, 1e-9), face_normals(vertices, faces)[picks]
    )


@wp.kernel
@no_type_check
def _cast_both_ways(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    start: wp.float32,
    most: wp.float32,
    reach: wp.array(dtype=wp.float32),
):
    """Distance to the nearest other surface along plus or minus each normal, ``most`` if there is none before."""
    i = wp.tid()
    nearest = most
    for side in range(2):
        direction = normals[i]
        if side == 1:
            direction = -direction
        hit = wp.mesh_query_ray(mesh, points[i] + start * direction, direction, nearest)
        if hit.result:
            nearest = wp.min(nearest, hit.t + start)
    reach[i] = nearest


def _free_way(points: Array, normals: Array, vertices: NDArray[Any], faces: NDArray[Any]) -> Array:
    """Distance (N,) from each of ``points`` (N, 3) to the nearest other surface along either way of its normal."""
    start_warp()
    device = "cpu"
    mesh = wp.Mesh(
        wp.array(np.ascontiguousarray(vertices, np.float32), dtype=wp.vec3, device=device),
        wp.array(np.ascontiguousarray(faces, np.int32).ravel(), dtype=wp.int32, device=device),
    )
    starts = wp.array(points.astype(np.float32), dtype=wp.vec3, device=device)
    directions = wp.array(normals.astype(np.float32), dtype=wp.vec3, device=device)
    reach = wp.zeros(len(points), dtype=wp.float32, device=device)
    inputs = [mesh.id, starts, directions, _START, NEAR_DISTANCE]
    wp.launch(_cast_both_ways, len(points), inputs=inputs, outputs=[reach], device=device)
    return reach.numpy().astype(np.float64)
