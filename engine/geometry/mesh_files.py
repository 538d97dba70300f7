"""Vertices and triangles of mesh files in file order: `read_triangles`; which corners of triangles are one vertex."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.geometry.obj import read_obj
from engine.geometry.topology import edge_uses

SPLIT_FORMATS = (".stl", ".glb", ".gltf")
"""Formats that copy a vertex wherever a normal, a texture or a material changes, or for every triangle."""
_REMEDY = "export it again as a triangle mesh"


def read_triangles(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices (V, 3) and triangles (T, 3) of one file, in file order; polygons are cut into triangles.

    Vertices of no triangle are kept, and may be anything. Vertices that `SPLIT_FORMATS` copy are copies: see
    `corner_groups`.

    Raises:
        InputError: the file is missing, damaged, without triangles, or has corners that are not finite.
    """
    if not path.is_file():
        raise InputError(path, "no such mesh file")
    try:
        vertices, faces = read_obj(path) if path.suffix.lower() == ".obj" else _by_trimesh(path)
    except Exception:  # a parser may fail in any way on a broken file
        raise InputError(path, "cannot be read as a mesh: it is damaged or of another format", _REMEDY) from None
    if vertices.ndim != 2 or vertices.shape[1:] != (3,) or faces.ndim != 2 or faces.shape[1:] != (3,) or not len(faces):
        raise InputError(path, "holds no triangles", _REMEDY)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise InputError(path, "has triangles that name vertices which do not exist", _REMEDY)
    if not np.isfinite(vertices).all() and not np.isfinite(vertices[faces]).all():
        raise InputError(path, "has vertices that are not finite", "export it again")
    return vertices, faces


def _by_trimesh(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    import trimesh

    # without processing nothing is merged; materials would only pull in image files, and textures split vertices
    options = {"fix_texture": False} if path.suffix.lower() == ".ply" else {}
    scene: Any = trimesh.load(path, force="scene", process=False, maintain_order=True, skip_materials=True, **options)
    placed = [scene.graph[node] for node in scene.graph.nodes_geometry]
    if len(placed) == 1 and np.array_equal(placed[0][0], np.eye(4)):
        mesh = scene.geometry[placed[0][1]]  # joining parts copies them several times, which takes longer than reading
    else:
        mesh = scene.to_mesh()
    return np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)


def corner_groups(
    vertices: NDArray[np.floating], faces: NDArray[np.integer], groups: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Which corners (3 T,) of ``faces`` (T, 3) lie on each other: numbers from 0, in the order of ``vertices`` (V, 3).

    Args:
        groups: (3 T,) numbers of corners that lie on each other in the same mesh in other poses; only corners of one
            of these can be one vertex here. Their order is kept.
    """
    corners = faces.reshape(-1)
    labels = _places(vertices)[corners]
    order = corners
    if groups is not None:
        labels, order = groups * (int(labels.max()) + 1) + labels, groups
    _, first, label = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.lexsort((first, order[first]))] = np.arange(len(first))
    result: NDArray[np.int64] = rank[label.reshape(-1)]
    return result


def _places(vertices: NDArray[np.floating]) -> NDArray[np.int64]:
    """(V,) numbers from 0, the same for ``vertices`` (V, 3) that lie on each other."""
    order = np.lexsort(vertices.T)  # several times as fast as `numpy.unique` of rows
    along = vertices[order]
    places = np.empty(len(vertices), np.int64)
    places[order] = np.concatenate([[0], np.cumsum((along[1:] != along[:-1]).any(axis=1))])
    return places


def first_corners(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first corner (W,) of each of ``groups`` (3 T,) of corners."""
    return np.unique(groups, return_index=True)[1]


def open_edges(groups: NDArray[np.int64]) -> int:
    """Number of edges with one triangle, where corners are those of ``groups`` (3 T,)."""
    return int((edge_uses(groups.reshape(-1, 3))[0] == 1).sum())


def welded(vertices: NDArray[np.float64], faces: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices (W, 3) and triangles (T, 3) with corners that lie on each other as one vertex; others are left out."""
    groups = corner_groups(vertices, faces)
    return vertices[faces.reshape(-1)[first_corners(groups)]], groups.reshape(-1, 3)
