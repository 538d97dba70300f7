"""Caps over the holes of a surface: flat ones without new vertices, and ones that go on as the surface does."""

import logging

import numpy as np
from numpy.typing import NDArray

from engine.geometry.topology import edge_uses

_log = logging.getLogger(__name__)

Triangles = NDArray[np.int64]
Points = NDArray[np.float64]

RINGS = 3
"""Rings of triangles around a hole that the cap goes on from."""
MAX_BULGE = 0.5
"""A cap that would bulge further than this from the soap film over its rim, in radii of the rim, stays a film."""
MAX_RIM_DIVISIONS = 64
"""A rim with more vertices than this has no more rings of vertices in its cap than one with as many."""


def boundary_loops(faces: Triangles) -> list[NDArray[np.int64]]:
    """Rims of the holes of a manifold surface ``faces`` (T, 3), each as vertices (N,) in the direction of its faces."""
    edges = np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]))
    size = int(faces.max()) + 1
    unmatched = ~np.isin(edges[:, 0] * size + edges[:, 1], edges[:, 1] * size + edges[:, 0])
    following = dict(edges[unmatched].tolist())
    loops = []
    while following:
        first, vertex = following.popitem()
        loop = [first]
        while vertex != first and vertex in following:
            loop.append(vertex)
            vertex = following.pop(vertex)
        loops.append(np.array(loop))
    return loops


def flat_caps(faces: NDArray[np.integer]) -> Triangles:
    """Triangles (K, 3) that close the holes of ``faces`` (T, 3) without new vertices, with the surface's sense.

    They zigzag across each hole, so that no vertex of its rim gets all of them.

    Raises:
        ValueError: the rim of a hole meets itself.
    """
    loops = boundary_loops(faces.astype(np.int64))
    if sum(len(loop) for loop in loops) != int((edge_uses(faces)[0] == 1).sum()):
        raise ValueError("has a hole whose rim meets itself")
    triangles: list[tuple[int, int, int]] = []
    for loop in loops:
        rim = np.roll(loop, -1 - int(loop.argmin()))[::-1].tolist()  # from the smallest, against the faces around
        low, high = 0, len(rim) - 1
        while high - low > 1:
            triangles.append((rim[low], rim[low + 1], rim[high]))
            low += 1
            if high - low > 1:
                triangles.append((rim[low], rim[high - 1], rim[high]))
                high -= 1
    return np.array(triangles, np.int64).reshape(-1, 3)


def cap_hole(vertices: Points, faces: Triangles, loop: NDArray[np.int64]) -> tuple[Points, Triangles]:
    """A disc over the hole with rim ``loop`` (N,): new vertices (M, 3) and triangles (K, 3) with the surface's sense.

    The disc is a Delaunay triangulation of rings inside a circle, on which the rim is laid by its arc length. Its
    vertices minimise the bending energy (bilaplacian) of the disc together with `RINGS` rings of the surface around
    it, which stay where they are: the cap meets the surface without a crease and bulges as it does. Where that rises
    too far above the rim, as over a rim whose surroundings lead away, the harmonic surface (a soap film) is taken.

    Args:
        vertices: (V, 3)
        faces: (T, 3); the new triangles index ``vertices`` followed by the new ones.
    """
    disc, triangles = _disc(np.linalg.norm(np.roll(vertices[loop], -1, axis=0) - vertices[loop], axis=1))
    inner = len(disc) - len(loop)
    index = np.concatenate((loop, len(vertices) + np.arange(inner)))
    new_faces = index[triangles]
    if inner == 0:
        return np.empty((0, 3)), new_faces
    film = _soap_film(vertices[loop], triangles, inner)
    return _go_on_from_surroundings(vertices, faces, loop, film, new_faces), new_faces


def _disc(lengths: NDArray[np.float64]) -> tuple[NDArray[np.float64], Triangles]:
    """Points (N + M, 2), the first N on the unit circle at the arc ``lengths`` (N,), and triangles (K, 3).

    The triangles run against the rim, clockwise, as a cap continues the faces beyond the rim.
    """
    from scipy.spatial import Delaunay

    count = len(lengths)
    angles = 2 * np.pi * np.concatenate(([0.0], np.cumsum(lengths)[:-1])) / max(lengths.sum(), 1e-300)
    if not lengths.all() or np.unique(angles).size < count:
        angles = 2 * np.pi * np.arange(count) / count
    rings = [np.stack((np.cos(angles), np.sin(angles)), axis=1)]
    steps = max(round(min(count, MAX_RIM_DIVISIONS) / (2 * np.pi)), 1)  # as far apart as the vertices of the rim
    for ring in range(1, steps):
        radius = 1 - ring / steps
        turns = (
            2 * np.pi * (np.arange(max(round(count * radius), 4)) + 0.5 * (ring % 2)) / max(round(count * radius), 4)
        )
        rings.append(radius * np.stack((np.cos(turns), np.sin(turns)), axis=1))
    if count > 3:
        rings.append(np.zeros((1, 2)))
    points = np.concatenate(rings)
    triangles = Delaunay(points).simplices.astype(np.int64)
    a, b, c = (points[triangles[:, i]] for i in range(3))
    doubled = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    triangles = np.where(doubled[:, None] > 0, triangles[:, ::-1], triangles)
    return points, triangles


def _soap_film(rim: Points, triangles: Triangles, inner: int) -> Points:
    """Inner vertices (M, 3) of a disc, each in the middle of its neighbours; the rim (N, 3) is fixed."""
    from scipy.sparse import coo_matrix, diags
    from scipy.sparse.linalg import spsolve

    size = len(rim) + inner
    pairs = np.concatenate((triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]))
    adjacency = coo_matrix((np.ones(2 * len(pairs)), np.concatenate((pairs, pairs[:, ::-1])).T), (size, size)).tocsr()
    adjacency.data[:] = 1.0
    laplacian = (diags(np.asarray(adjacency.sum(axis=1)).ravel()) - adjacency).tocsc()[len(rim) :]
    film: Points = spsolve(laplacian[:, len(rim) :], -(laplacian[:, : len(rim)] @ rim)).reshape(inner, 3)
    return film


def _go_on_from_surroundings(
    vertices: Points, faces: Triangles, loop: NDArray[np.int64], film: Points, cap: Triangles
) -> Points:
    """The ``film`` (M, 3) bent so that it goes on from the surface around the ``loop`` without a crease."""
    import igl

    touched = np.zeros(len(vertices), bool)
    touched[loop] = True
    for _ in range(RINGS):
        around = faces[touched[faces].any(axis=1)]
        touched[around] = True
    part = np.concatenate((around, cap))
    used, local = np.unique(part, return_inverse=True)
    positions = np.concatenate((vertices, film))[used]
    fixed = np.flatnonzero(used < len(vertices))
    rim = vertices[loop]
    centre = rim.mean(axis=0)
    radius = float(np.linalg.norm(rim - centre, axis=1).max())
    for _ in range(3):  # the weights are those of the shape, so they are renewed with it
        try:
            bent = igl.harmonic(positions, local.reshape(-1, 3), fixed, positions[fixed], 2)
        except Exception as error:  # the solver refuses a matrix that is not definite, as degenerate triangles make it
            _log.info("the cap of a hole of %d edges stays as it is: %s", len(loop), error)
            return film
        new = bent[used >= len(vertices)]
        rise = np.linalg.norm(new - film, axis=1)
        if not np.isfinite(new).all() or float(rise.max()) > MAX_BULGE * radius:
            return film
        positions = np.where((used >= len(vertices))[:, None], bent, positions)
    return positions[used >= len(vertices)]
