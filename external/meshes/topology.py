"""What the mesh files of one identity have in common: the triangles, and which of their corners are one vertex."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.geometry.mesh_files import SPLIT_FORMATS, corner_groups, first_corners, open_edges, read_triangles

TOPOLOGY_REMEDY = "all files of an identity must have the same vertices and triangles in the same order"

Triangles = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Vertices (V, 3) and triangles (T, 3) of one file."""


@dataclass(frozen=True, eq=False)
class SharedTopology:
    """The triangles of one identity, over vertices that its files may have copied."""

    path: Path
    """The file that the others are compared with."""
    faces: NDArray[np.int64]
    """(T, 3)"""
    corners: NDArray[np.int64]
    """(W,) a corner, of the 3 T in order, at which each vertex is found in every file."""
    stored: Triangles
    """What that file holds."""
    is_indexed: bool
    """Whether all others must have the same vertices and triangles, and not copy vertices each in its own way."""

    @property
    def unused(self) -> int:
        """Vertices of no triangle, which are left out."""
        return len(self.stored[0]) - len(self.corners) if self.is_indexed else 0

    @property
    def vertices(self) -> NDArray[np.float64]:
        """The vertices (W, 3) in the file that the others are compared with."""
        return self._compact(*self.stored)

    def vertices_of(self, path: Path) -> NDArray[np.float64]:
        """The vertices (W, 3) in the file ``path``.

        Raises:
            InputError: it cannot be read, or has another topology.
        """
        vertices, faces = read_triangles(path)
        if self.is_indexed:
            self._check_indexed(path, vertices, faces)
            return self._compact(vertices, faces)
        if len(faces) != len(self.faces):
            problem = f"has {len(faces)} triangles, {self.path.name} has {len(self.faces)}: another topology"
            raise InputError(path, problem, TOPOLOGY_REMEDY)
        if not self._corners.lie_on_each_other(vertices, faces):
            raise _other_triangles(path, self.path)
        return self._compact(vertices, faces)

    @cached_property
    def _corners(self) -> "_Corners":
        return _Corners(self.stored[1], self.faces.reshape(-1))

    def _compact(self, vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
        return vertices[faces.reshape(-1)[self.corners]]

    def _check_indexed(self, path: Path, vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> None:
        if len(vertices) != len(self.stored[0]):
            problem = f"has {len(vertices)} vertices, {self.path.name} has {len(self.stored[0])}"
            raise InputError(path, f"{problem}: another topology", TOPOLOGY_REMEDY)
        if not np.array_equal(faces, self.stored[1]):
            raise _other_triangles(path, self.path)


class _Corners:
    """Corners of the triangles of one file in groups, and whether they lie on each other in other files as well."""

    def __init__(self, faces: NDArray[np.int64], groups: NDArray[np.int64]) -> None:
        """
        Args:
            faces: (T, 3)
            groups: (3 T,) number of the group of each corner.
        """
        self.groups, self.first, self._faces = groups, first_corners(groups), faces
        count = len(self.first)
        pairs = np.unique(faces.reshape(-1) * count + groups)
        self._vertices, self._groups = pairs // count, pairs % count  # fewer than corners, as a vertex has six of them

    def lie_on_each_other(self, vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> bool:
        """Whether those of each group do, in ``vertices`` (V, 3) with as many ``faces`` (T, 3)."""
        places = vertices[faces.reshape(-1)[self.first]]
        if np.array_equal(faces, self._faces):
            return np.array_equal(places[self._groups], vertices[self._vertices])
        return np.array_equal(places[self.groups], vertices[faces.reshape(-1)])


def shared_topology(reference: Path, others: Iterable[Path]) -> SharedTopology:
    """The topology of ``reference`` and of the ``others``, of which some must be looked at.

    Where a file's format copies vertices, or files differ in their vertices although they have as many triangles,
    corners that lie on each other in all files are one vertex. Corners that touch in some alone are not.

    Raises:
        InputError: a file that was looked at cannot be read, or has other triangles.
    """
    others = [path for path in others if path != reference]
    vertices, faces = read_triangles(reference)
    # a few files tell, for programs that split vertices do it in every frame
    looked_at = dict.fromkeys((others[0], others[len(others) // 2], others[-1])) if others else {}
    if not any(path.suffix.lower() in SPLIT_FORMATS for path in (reference, *others)) and not any(
        _is_split_otherwise(path, faces) for path in looked_at
    ):
        used, first = np.unique(faces, return_index=True)
        return SharedTopology(reference, np.searchsorted(used, faces), first, (vertices, faces), True)
    corners = _Corners(faces, corner_groups(vertices, faces))
    count = open_edges(corners.groups)
    for path in others:
        posed, posed_faces = read_triangles(path)
        if len(posed_faces) != len(faces):
            problem = f"has {len(posed_faces)} triangles, {reference.name} has {len(faces)}: another topology"
            raise InputError(path, problem, TOPOLOGY_REMEDY)
        if corners.lie_on_each_other(posed, posed_faces):
            continue
        refined = corner_groups(posed, posed_faces, corners.groups)
        # what touches in one frame comes apart in another; triangles in another order tear the surface
        own, torn = open_edges(corner_groups(posed, posed_faces)), open_edges(refined)
        if torn > max(count, own):
            raise _other_triangles(path, reference)
        corners, count = _Corners(faces, refined), torn
    return SharedTopology(reference, corners.groups.reshape(-1, 3), corners.first, (vertices, faces), False)


def _is_split_otherwise(path: Path, faces: NDArray[np.int64]) -> bool:
    """Whether ``path`` has as many triangles, over other vertices."""
    posed_faces = read_triangles(path)[1]
    return len(posed_faces) == len(faces) and not np.array_equal(posed_faces, faces)


def _other_triangles(path: Path, reference: Path) -> InputError:
    return InputError(path, f"has other triangles than {reference}: another topology", TOPOLOGY_REMEDY)
