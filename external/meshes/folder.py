"""A folder of mesh sequences with shared topology as a `engine.dataset.importing.RawDataset`.

One of these layouts, found by looking::

    FOLDER/<identity>/<sequence>/<frame>.ply
    FOLDER/<identity>/<frame>.ply              one sequence per identity
    FOLDER/<frame>.ply                         one identity, one sequence

PLY, OBJ, GLB, STL and OFF files are read; frames are in natural order of their names. A frame that is there in two
formats is one frame. What is left out is said.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.geometry.mesh_files import read_triangles
from external.meshes.canonical import spread
from external.meshes.layout import find_meshes, named_canonical
from external.meshes.topology import TOPOLOGY_REMEDY, SharedTopology, shared_topology

METRES_PER_UNIT = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_TO_Y_UP = {"y": np.eye(3), "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])}


@dataclass(frozen=True, eq=False)
class _Reference:
    """The topology of one identity, and its canonical vertices (V, 3) in metres."""

    vertices: NDArray[np.float64]
    topology: SharedTopology


class MeshFolder:
    """Mesh files of a folder; see the module's text for the layouts."""

    licence = "as the source"

    def __init__(
        self,
        folder: Path,
        canonical: str | None = None,
        unit: str = "m",
        up: str = "y",
        category: str = "meshes",
        frame_rate: float = 30.0,
        progress: Progress | None = None,
    ) -> None:
        """
        Args:
            canonical: path of the canonical mesh inside the folder of each identity, such as ``tpose.ply``; found by
                its name, or as the frame whose limbs are stretched out most, when absent.
            unit: of the files: ``m``, ``cm`` or ``mm``.
            up: axis that points up in the files: ``y`` or ``z``.

        Raises:
            InputError: there is no such folder, or no mesh in it.
        """
        if not folder.is_dir():
            raise InputError(folder, "no such folder", "give the folder that holds the meshes")
        self.folder, self.name = folder, folder.resolve().name
        self.category, self.frame_rate = category, frame_rate
        self._canonical, self._up, self._unit = canonical, up, unit
        self._axes = METRES_PER_UNIT[unit] * _TO_Y_UP[up]
        self._progress = progress or Progress()
        found = find_meshes(folder, canonical)
        self._files = found.files
        for notice in found.notices:
            self._progress.notice(notice)
        self._reference = lru_cache(maxsize=2)(self._read_reference)
        self._announced: set[str] = set()

    @property
    def identities(self) -> tuple[str, ...]:
        return tuple(self._files)

    @cached_property
    def recipe(self) -> dict[str, Any]:
        return {
            "source": "meshes",
            "folder": os.path.abspath(self.folder),
            "unit": self._unit,
            "up": self._up,
            "canonical": self._canonical,
        }

    def faces(self, identity: str) -> NDArray[np.int64]:
        return self._reference(identity).topology.faces

    def canonical(self, identity: str) -> NDArray[np.float64]:
        return self._reference(identity).vertices

    def sequences(self, identity: str) -> tuple[str, ...]:
        return tuple(self._files[identity])

    def frames(self, identity: str, sequence: str) -> NDArray[np.float32]:
        paths = self._files[identity][sequence]
        reference = self._reference(identity)
        frames = np.empty((len(paths), len(reference.vertices), 3), np.float32)
        for row, path in enumerate(paths):
            frames[row] = reference.topology.vertices_of(path) @ self._axes.T
        return frames

    def _read_reference(self, identity: str) -> _Reference:
        path = self._canonical_path(identity)
        topology = shared_topology(path, (each for paths in self._files[identity].values() for each in paths))
        if topology.unused:
            self._say(f"{identity}: left out: {topology.unused} vertices of no triangle")
        return _Reference(topology.vertices_of(path) @ self._axes.T, topology)

    def _canonical_path(self, identity: str) -> Path:
        files = self._files[identity]
        base = self.folder / identity if (self.folder / identity).is_dir() else self.folder
        if self._canonical is not None:
            path = base / self._canonical
            if not path.is_file():
                raise InputError(path, "no such canonical mesh", "name a file inside the folder of every identity")
            return path
        named = named_canonical(base)
        if named is not None:
            return named
        best, chosen = -1.0, next(iter(files.values()))[0]
        alike: dict[tuple[int, bytes], list[Path]] = {}  # files by their topology
        for path in (path for paths in files.values() for path in paths):
            vertices, faces = read_triangles(path)
            alike.setdefault((len(vertices), hashlib.blake2b(faces.tobytes()).digest()), []).append(path)
            value = float(spread(vertices[faces.reshape(-1)]))  # corners: however often a vertex was copied
            if value > best:
                best, chosen = value, path
        usual, *others = sorted(alike.values(), key=len, reverse=True)
        try:  # the most spread one may be the one that does not belong
            topology = shared_topology(usual[0], (path for paths in others for path in paths))
            for paths in others:
                topology.vertices_of(paths[0])
        except InputError:
            raise InputError(others[0][0], f"has another topology than {usual[0]}", TOPOLOGY_REMEDY) from None
        self._say(f"{identity}: canonical mesh is {chosen}, whose limbs are stretched out most")
        return chosen

    def _say(self, text: str) -> None:
        if text not in self._announced:
            self._announced.add(text)
            self._progress.message(text)
