"""Mesh files read so that vertex i is the same point in every file of a sequence."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError

ENDINGS = (".ply", ".obj", ".glb", ".gltf", ".stl", ".off")
_REMEDY = "export it again as a triangle mesh"


def read_registered(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices (V, 3) and triangles (T, 3) of one file, in file order; polygons are cut into triangles.

    An STL file has no shared vertices: V is then 3 T, see `weld_map`.

    Raises:
        InputError: the file is missing, damaged, without triangles, or has coordinates that are not finite.
    """
    import trimesh

    if path.suffix.lower() not in ENDINGS:
        raise InputError(path, "is not a known mesh format", f"use one of {', '.join(ENDINGS)}")
    if not path.is_file():
        raise InputError(path, "no such mesh file")
    try:
        # without processing nothing is merged; materials would only pull in image files
        mesh = trimesh.load(path, force="mesh", process=False, maintain_order=True, skip_materials=True)
        vertices = np.asarray(mesh.vertices, np.float64)  # type: ignore[attr-defined]
        faces = np.asarray(mesh.faces, np.int64)  # type: ignore[attr-defined]
    except Exception as error:  # a parser may fail in any way on a broken file
        raise InputError(path, f"cannot be read as a mesh ({error.__class__.__name__})", _REMEDY) from None
    if vertices.ndim != 2 or vertices.shape[1:] != (3,) or faces.ndim != 2 or faces.shape[1:] != (3,) or not len(faces):
        raise InputError(path, "holds no triangles", _REMEDY)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise InputError(path, "has triangles that name vertices which do not exist", _REMEDY)
    if not np.isfinite(vertices).all():
        raise InputError(path, "has vertices that are not finite", "export it again")
    return vertices, faces


def weld_map(vertices: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How to merge vertices (V, 3) that lie on each other.

    Returns:
        The vertices to keep (W,), in order of first use, and the new index (V,) of every vertex.
    """
    _, first, group = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return first[order], rank[group.reshape(-1)]
