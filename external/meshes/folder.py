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

from engine.core.errors import InputError, Notice, Setting, remedy
from engine.core.progress import Progress
from engine.geometry.mesh_files import read_triangles
from external.meshes.canonical import common_choice, spread
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
                its name, or as one frame for all whose limbs are stretched out most, when absent.
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
        self._known_spreads: dict[str, dict[str, float]] = {}

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

    @property
    def guessed(self) -> tuple[str, ...]:
        """Identities whose canonical mesh nobody named: one of their frames is taken."""
        if self._canonical is not None:
            return ()
        return tuple(name for name in self._files if named_canonical(self._base(name)) is None)

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
        return _Reference(topology.vertices @ self._axes.T, topology)

    def _canonical_path(self, identity: str) -> Path:
        base = self._base(identity)
        if self._canonical is not None:
            path = base / self._canonical
            if not path.is_file():
                raise InputError(path, "no such canonical mesh", "name a file inside the folder of every identity")
            return path
        named = named_canonical(base)
        if named is not None:
            return named
        spreads = self._spreads(identity)
        chosen = base / (self._common_guess or max(spreads, key=spreads.__getitem__))
        if self._common_guess is None:
            self._say(f"{identity}: canonical mesh is {chosen}, whose limbs are stretched out most")
        return chosen

    def _spreads(self, identity: str) -> dict[str, float]:
        """How far limbs are stretched in each file, by its path inside the folder of the identity.

        Raises:
            InputError: one has another topology than the others.
        """
        if identity in self._known_spreads:
            return self._known_spreads[identity]
        files, base = self._files[identity], self._base(identity)
        spreads: dict[str, float] = {}
        alike: dict[tuple[int, bytes], list[Path]] = {}  # files by their topology
        for path in (path for paths in files.values() for path in paths):
            vertices, faces = read_triangles(path)
            alike.setdefault((len(vertices), hashlib.blake2b(faces.tobytes()).digest()), []).append(path)
            # of corners: however often a vertex was copied
            spreads[path.relative_to(base).as_posix()] = float(spread(vertices[faces.reshape(-1)]))
        usual, *others = sorted(alike.values(), key=len, reverse=True)
        try:  # the most spread one may be the one that does not belong
            topology = shared_topology(usual[0], (path for paths in others for path in paths))
            for paths in others:
                topology.vertices_of(paths[0])
        except InputError:
            raise InputError(others[0][0], f"has another topology than {usual[0]}", TOPOLOGY_REMEDY) from None
        self._known_spreads[identity] = spreads
        return spreads

    @cached_property
    def _common_guess(self) -> str | None:
        """The file that serves all identities without a canonical mesh of their own; None for one, or without such."""
        guessed = self.guessed
        state = Setting.CANONICAL_MESH
        if len(guessed) < len(self._files):
            some = ", ".join(guessed[:5])
            text = f"some identities have a canonical mesh, that of {some} is guessed and may be in another pose"
            self._progress.notice(Notice(text, remedy("put one into every folder, or state {}", state)))
        if len(guessed) < 2:
            return None
        found = common_choice({name: self._spreads(name) for name in guessed})
        if found is None:
            text = "canonical meshes are guessed for each identity by itself, as no file is there in all of them"
            fix = remedy("poses may differ: put one of the same pose into every folder and name it with {}", state)
        else:
            text = f"canonical meshes are guessed: {found} of every identity, where limbs are stretched out most"
            fix = remedy("if they are of different poses, state {}", state)
        self._progress.notice(Notice(text, fix))
        return found

    def _base(self, identity: str) -> Path:
        """Folder of an identity."""
        return self.folder / identity if (self.folder / identity).is_dir() else self.folder

    def _say(self, text: str) -> None:
        if text not in self._announced:
            self._announced.add(text)
            self._progress.message(text)
