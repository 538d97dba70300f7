"""A second opinion on signed distances, by an engine that shares no code with the first.

The first (`engine.geometry.signed_distance`) takes the distance from libigl's bounding-volume tree and the sign from
the fast winding number, which approximates. The second runs on NVIDIA Warp: the triangle that Warp finds closest, and
how many times more a ray leaves the mesh than it enters. For a closed oriented mesh that number is the winding
number, exactly.
"""

from dataclasses import asdict, dataclass
from typing import Any, no_type_check

import numpy as np
import warp as wp
from numpy.typing import NDArray

from engine.core.warp_runtime import warp_on

LIMIT = 1e-3
"""Where the engines disagree about the sign of more than this fraction of samples, the mesh deserves a look."""


@dataclass(frozen=True)
class EngineCheck:
    """How two engines agree on some samples; distances in the unit of the mesh."""

    points: int
    sign_disagreements: int
    largest_difference: float
    """Of the two distances, signs aside."""

    @property
    def rate(self) -> float:
        """Fraction of samples whose signs differ."""
        return self.sign_disagreements / max(self.points, 1)

    def as_dict(self) -> dict[str, float]:
        return {**asdict(self), "sign_disagreement_rate": self.rate}


def check_samples(
    samples: NDArray[np.floating], vertices: NDArray[np.floating], faces: NDArray[np.integer], device: str = "cpu"
) -> EngineCheck:
    """Compare ``samples`` (N, 4), points and their signed distance to a closed mesh, with the second engine.

    Every sample counts, those within rounding of the surface too; a distance of zero has no sign and agrees with both.

    Args:
        vertices: (V, 3)
        faces: (T, 3), outward
        device: of Warp, ``cpu`` or ``cuda``
    """
    values = np.asarray(samples[:, 3], np.float64)
    other = second_signed_distance(samples[:, :3], vertices, faces, device)
    opposed = int((values * other < 0).sum())
    difference = np.abs(np.abs(values) - np.abs(other)).max(initial=0.0)
    return EngineCheck(len(samples), opposed, float(difference))


def second_signed_distance(
    points: NDArray[np.floating], vertices: NDArray[np.floating], faces: NDArray[np.integer], device: str = "cpu"
) -> NDArray[np.float64]:
    """Signed distance (N,) of ``points`` (N, 3) to a closed outward mesh by the second engine, negative inside.

    Warp searches in single precision, so its closest triangle may not be quite the closest; the distance to it, and
    the crossings, are computed in double precision.

    Args:
        vertices: (V, 3)
        faces: (T, 3)
    """
    assert points.ndim == 2 and points.shape[1] == 3, points.shape
    with warp_on(device) as of_warp:
        single = wp.array(np.ascontiguousarray(vertices, np.float32), dtype=wp.vec3, device=of_warp)
        indices = wp.array(np.ascontiguousarray(faces, np.int32).ravel(), dtype=wp.int32, device=of_warp)
        mesh = wp.Mesh(single, indices)
        exact = wp.array(np.ascontiguousarray(vertices, np.float64), dtype=wp.vec3d, device=of_warp)
        queries = wp.array(np.ascontiguousarray(points, np.float64), dtype=wp.vec3d, device=of_warp)
        crossings = wp.zeros(len(points), dtype=wp.int32, device=of_warp)
        closest = wp.zeros(len(points), dtype=wp.int32, device=of_warp)
        margin = 1e-6 * float(np.abs(vertices).max(initial=0.0) + np.abs(points).max(initial=0.0))
        arguments = [mesh.id, exact, indices, queries, margin]
        wp.launch(_cross_and_search, len(points), inputs=arguments, outputs=[crossings, closest], device=of_warp)
        crossed, nearest = crossings.numpy(), closest.numpy()
    corners = np.asarray(vertices, np.float64)[np.asarray(faces)[nearest]]
    distances = _triangle_distances(np.asarray(points, np.float64), corners)
    return np.where(crossed > 0, -distances, distances)


@wp.func
@no_type_check
def _turn(a: wp.vec3d, b: wp.vec3d, p: wp.vec3d):
    """+1 or -1 if the edge a-b, seen along x, passes p on the right of it upwards or downwards, else 0.

    The ends are ordered before anything is computed, so two triangles that share an edge agree about it to the bit:
    no ray slips through between them or hits both.
    """
    up = b[2] > p[2]
    if (a[2] > p[2]) == up:
        return wp.int32(0)
    low = a
    high = b
    if not up:
        low = b
        high = a
    side = (high[1] - low[1]) * (p[2] - low[2]) - (high[2] - low[2]) * (p[1] - low[1])
    if side <= wp.float64(0.0):
        return wp.int32(0)
    if up:
        return wp.int32(1)
    return wp.int32(-1)


@wp.kernel
@no_type_check
def _cross_and_search(
    mesh: wp.uint64,
    vertices: wp.array(dtype=wp.vec3d),
    indices: wp.array(dtype=wp.int32),
    points: wp.array(dtype=wp.vec3d),
    margin: wp.float32,
    crossings: wp.array(dtype=wp.int32),
    closest: wp.array(dtype=wp.int32),
):
    """Exits less entries along +x from each point, and the closest triangle."""
    i = wp.tid()
    p = points[i]
    near = wp.vec3(wp.float32(p[0]), wp.float32(p[1]), wp.float32(p[2]))
    low = near - wp.vec3(margin, margin, margin)
    high = wp.vec3(1.0e30, near[1] + margin, near[2] + margin)
    query = wp.mesh_query_aabb(mesh, low, high)
    face = wp.int32(0)
    count = wp.int32(0)
    while wp.mesh_query_aabb_next(query, face):
        a = vertices[indices[3 * face]]
        b = vertices[indices[3 * face + 1]]
        c = vertices[indices[3 * face + 2]]
        turns = _turn(a, b, p) + _turn(b, c, p) + _turn(c, a, p)
        if turns != 0:
            normal = wp.cross(b - a, c - a)
            ahead = wp.dot(normal, a - p)  # the ray meets the plane at ahead / normal.x; normal.x has the sign of turns
            if (turns > 0) == (ahead > wp.float64(0.0)):
                count += turns
    crossings[i] = count
    found = wp.mesh_query_point_no_sign(mesh, near, 1.0e30)
    closest[i] = found.face


def _triangle_distances(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance (N,) of ``points`` (N, 3) to one triangle each, ``corners`` (N, 3, 3)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    squared = np.maximum(_dot(normal, normal), 1e-300)
    within = np.ones(len(points), bool)
    nearest = np.full(len(points), np.inf)
    for start, end in ((a, b), (b, c), (c, a)):
        edge, spoke = end - start, points - start
        within &= _dot(np.cross(edge, spoke), normal) >= 0
        along = np.clip(_dot(spoke, edge) / np.maximum(_dot(edge, edge), 1e-300), 0.0, 1.0)
        rest = spoke - along[:, None] * edge
        nearest = np.minimum(nearest, np.sqrt(_dot(rest, rest)))
    above = np.abs(_dot(points - a, normal)) / np.sqrt(squared)
    return np.where(within & (squared > 1e-300), above, nearest)


def _dot(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = np.einsum("ij,ij->i", a, b)
    return product
