"""What a list of triangles is as a surface: its edges, parts, and what keeps it from being closed."""

import numpy as np
from numpy.typing import NDArray


def directed_edges(faces: NDArray[np.integer]) -> NDArray[np.int64]:
    """Edges (3 T, 2) of ``faces`` (T, 3) in their direction; rows i, T + i and 2 T + i are those of face i."""
    return np.concatenate((faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]])).astype(np.int64)


def edge_uses(faces: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of triangles at each edge, and of triangles that run along it in its first direction less those against.

    Both are (3 T,), given for every row of `directed_edges`.
    """
    edges = directed_edges(faces)
    low, high = edges.min(axis=1), edges.max(axis=1)
    _, edge = np.unique(low * (high.max() + 1) + high, return_inverse=True)
    counts = np.bincount(edge)
    balance = np.bincount(edge, np.where(edges[:, 0] == low, 1, -1)).astype(np.int64)
    return counts[edge], balance[edge]


def defects(faces: NDArray[np.integer]) -> str:
    """What keeps ``faces`` (T, 3) from being a closed oriented surface, in words; empty if nothing does."""
    counts, balance = edge_uses(faces)
    if (counts == 1).any():
        return f"is not closed ({int((counts == 1).sum())} open edges)"
    if (counts > 2).any():
        return f"is not a surface ({int((counts > 2).sum())} triangles at edges of more than two)"
    if (balance != 0).any():
        return f"has triangles that face against their neighbours (at {int((balance != 0).sum()) // 2} edges)"
    return ""


def part_of_faces(faces: NDArray[np.integer]) -> NDArray[np.int64]:
    """Number (T,) of the connected part that each of ``faces`` (T, 3) is in, from 0; parts share no vertex."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    edges = np.concatenate((faces[:, :2], faces[:, 1:]))
    size = int(faces.max()) + 1
    labels = connected_components(coo_matrix((np.ones(len(edges), np.int8), edges.T), (size, size)), directed=False)[1]
    part: NDArray[np.int64] = np.unique(labels[faces[:, 0]], return_inverse=True)[1].astype(np.int64)
    return part


def faces_by_part(faces: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """``faces`` (T, 3) of each connected part, in the order of `part_of_faces`."""
    part = part_of_faces(faces)
    order = part.argsort(kind="stable")
    return np.split(faces[order], np.cumsum(np.bincount(part))[:-1])


def signed_volume(vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> float:
    """Volume within a closed surface, negative where it faces inwards; of an open one as seen from its middle."""
    corners = np.asarray(vertices, np.float64)[faces]
    corners = corners - corners.mean(axis=(0, 1))
    return float(np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))) / 6


def triangle_areas(vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> NDArray[np.float64]:
    """(T,)"""
    corners = np.asarray(vertices, np.float64)[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas: NDArray[np.float64] = np.linalg.norm(normals, axis=1) / 2
    return areas
