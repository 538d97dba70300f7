"""Parts of a surface that keep it from being one: walls inside and flaps, at edges of more than two triangles."""

import numpy as np
from numpy.typing import NDArray

from engine.geometry.repair.hole_caps import Points, Triangles
from engine.geometry.signed_distance import face_normals
from engine.geometry.topology import directed_edges, edge_uses, triangle_areas


def without_hidden_patches(vertices: Points, faces: Triangles) -> tuple[Triangles, int, int]:
    """``faces`` (T, 3) without the patches that nobody sees from outside, then without flaps.

    Only patches at edges of more than two triangles are looked at. Of flaps that meet, the smallest goes first.

    Args:
        vertices: (V, 3)

    Returns:
        the faces that stay, and how many were dropped as hidden and as flaps.
    """
    import igl

    walls = flaps = 0
    while len(faces):
        counts = edge_uses(faces)[0].reshape(3, -1)
        patch = np.asarray(igl.extract_manifold_patches(faces)[1]).ravel()
        crowded = np.unique(patch[(counts > 2).any(axis=0)])
        if len(crowded) == 0 or patch.max() == 0:
            break
        unseen = crowded[~_are_seen(vertices, faces, patch, crowded)]
        loose = np.intersect1d(crowded, patch[(counts == 1).any(axis=0)])
        if len(unseen):
            dropped = np.isin(patch, unseen)
            walls += int(dropped.sum())
        elif len(loose):
            areas = np.bincount(patch, triangle_areas(vertices, faces)).astype(np.float64)
            dropped = np.isin(patch, _smallest_of_neighbours(faces, patch, loose, areas))
            flaps += int(dropped.sum())
        else:
            break
        faces = faces[~dropped]
    return faces, walls, flaps


def _are_seen(
    vertices: Points, faces: Triangles, patch: NDArray[np.int64], asked: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether any of 200 rays from either side of up to 40 triangles of each of the patches ``asked`` (N,) gets away.

    Args:
        patch: (T,) of each of ``faces``
    """
    import igl

    order = patch.argsort(kind="stable")
    first = np.searchsorted(patch[order], [asked, asked + 1])  # (2, N)
    chosen = [order[np.linspace(i, j - 1, min(j - i, 40)).astype(np.int64)] for i, j in first.T]
    owner = np.repeat(np.arange(len(asked)), [len(triangles) for triangles in chosen])
    triangles = faces[np.concatenate(chosen)]
    normals = face_normals(vertices, triangles)
    points, directions = np.tile(vertices[triangles].mean(axis=1), (2, 1)), np.concatenate((normals, -normals))
    away = np.asarray(igl.ambient_occlusion(vertices, faces, points, directions, 200)) < 1.0
    seen: NDArray[np.bool_] = np.bincount(np.tile(owner, 2), away, len(asked)) > 0
    return seen


def _smallest_of_neighbours(
    faces: Triangles, patch: NDArray[np.int64], loose: NDArray[np.int64], areas: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Those of the patches ``loose`` (N,) that share no edge with a smaller one of them."""
    edges = np.sort(directed_edges(faces), axis=1)
    keys = edges[:, 0] * (edges.max() + 1) + edges[:, 1]
    owner = np.tile(patch, 3)
    rank = np.empty(len(areas), np.int64)
    rank[areas.argsort(kind="stable")] = np.arange(len(areas))
    ours = np.isin(owner, loose)
    _, edge = np.unique(keys[ours], return_inverse=True)
    least = np.full(edge.max() + 1, len(areas))
    np.minimum.at(least, edge, rank[owner[ours]])
    beaten = owner[ours][rank[owner[ours]] > least[edge]]
    return np.setdiff1d(loose, beaten)
