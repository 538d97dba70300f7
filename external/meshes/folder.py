"""A folder of mesh sequences with shared topology as a `engine.dataset.importing.RawDataset`.

One of these layouts, found by looking::

    FOLDER/<identity>/<sequence>/<frame>.ply
    FOLDER/<identity>/<frame>.ply              one sequence per identity
    FOLDER/<frame>.ply                         one identity, one sequence

PLY, OBJ, GLB, STL and OFF files are read; frames are in natural order of their names.
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
from engine.core.files import natural_key
from engine.core.progress import Progress
from engine.dataset.registered import CANONICAL_SEQUENCE
from external.meshes.canonical import is_canonical_name, spread
from external.meshes.files import ENDINGS, read_registered, weld_map

METRES_PER_UNIT = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_TO_Y_UP = {"y": np.eye(3), "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])}
_TOPOLOGY_REMEDY = "all files of an identity must have the same vertices and triangles in the same order"


@dataclass(frozen=True, eq=False)
class _Reference:
    """The topology of one identity, and its canonical vertices (V, 3) in metres."""

    path: Path
    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    file_vertices: int
    file_faces: NDArray[np.int64]
    kept: NDArray[np.int64]
    """Vertices of the file that are kept; all but in STL files."""


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
        self._files = _find(folder, canonical)
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
        return self._reference(identity).faces

    def canonical(self, identity: str) -> NDArray[np.float64]:
        return self._reference(identity).vertices

    def sequences(self, identity: str) -> tuple[str, ...]:
        return tuple(self._files[identity])

    def frames(self, identity: str, sequence: str) -> NDArray[np.float32]:
        paths = self._files[identity][sequence]
        reference = self._reference(identity)
        frames = np.empty((len(paths), len(reference.vertices), 3), np.float32)
        for row, path in enumerate(paths):
            frames[row] = self._read_like(path, reference)
        return frames

    def _read_like(self, path: Path, reference: _Reference) -> NDArray[np.float64]:
        vertices, faces = read_registered(path)
        if len(vertices) != reference.file_vertices:
            problem = f"has {len(vertices)} vertices, {reference.path.name} has {reference.file_vertices}"
            raise InputError(path, f"{problem}: another topology", _TOPOLOGY_REMEDY)
        if not np.array_equal(faces, reference.file_faces):
            problem = f"has other triangles than {reference.path}: another topology"
            raise InputError(path, problem, _TOPOLOGY_REMEDY)
        return vertices[reference.kept] @ self._axes.T

    def _read_reference(self, identity: str) -> _Reference:
        path = self._canonical_path(identity)
        vertices, faces = read_registered(path)
        kept, index = np.arange(len(vertices)), np.arange(len(vertices))
        if path.suffix.lower() == ".stl":
            kept, index = weld_map(vertices)
        return _Reference(path, vertices[kept] @ self._axes.T, index[faces], len(vertices), faces, kept)

    def _canonical_path(self, identity: str) -> Path:
        files = self._files[identity]
        base = self.folder / identity if (self.folder / identity).is_dir() else self.folder
        if self._canonical is not None:
            path = base / self._canonical
            if not path.is_file():
                raise InputError(path, "no such canonical mesh", "name a file inside the folder of every identity")
            return path
        named = _named_canonical(base)
        if named is not None:
            return named
        best, chosen = -1.0, next(iter(files.values()))[0]
        alike: dict[tuple[int, bytes], list[Path]] = {}  # files by their topology
        for path in (path for paths in files.values() for path in paths):
            vertices, faces = read_registered(path)
            alike.setdefault((len(vertices), hashlib.blake2b(faces.tobytes()).digest()), []).append(path)
            value = float(spread(vertices))
            if value > best:
                best, chosen = value, path
        if len(alike) > 1:  # the most spread one may be the one that does not belong
            usual, *others = sorted(alike.values(), key=len, reverse=True)
            raise InputError(others[0][0], f"has another topology than {usual[0]}", _TOPOLOGY_REMEDY)
        self._say(identity, f"{identity}: canonical mesh is {chosen}, whose limbs are stretched out most")
        return chosen

    def _say(self, identity: str, text: str) -> None:
        if identity not in self._announced:
            self._announced.add(identity)
            self._progress.message(text)


def _meshes_in(folder: Path) -> list[Path]:
    found = (p for p in folder.iterdir() if p.suffix.lower() in ENDINGS and not p.name.startswith(".") and p.is_file())
    return sorted(found, key=natural_key)


def _folders_in(folder: Path) -> list[Path]:
    return sorted((p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")), key=natural_key)


def _named_canonical(folder: Path) -> Path | None:
    """The file in ``folder``, or the first one in a folder of it, that is called as canonical meshes are."""
    for path in _meshes_in(folder):
        if is_canonical_name(path.stem):
            return path
    for child in _folders_in(folder):
        if is_canonical_name(child.name) and _meshes_in(child):
            return _meshes_in(child)[0]
    return None


def _find(folder: Path, canonical: str | None) -> dict[str, dict[str, list[Path]]]:
    """Identity to sequence to files; canonical meshes are no frames."""
    top = _meshes_in(folder)
    if top:
        found = {folder.resolve().name: {"sequence": top}}
    else:
        found = {}
        for child in _folders_in(folder):
            sequences = {grandchild.name: _meshes_in(grandchild) for grandchild in _folders_in(child)}
            if _meshes_in(child) and not any(sequences.values()):
                sequences = {"sequence": _meshes_in(child)}
            found[child.name] = sequences
    for identity, sequences in found.items():
        base = folder / identity if (folder / identity).is_dir() else folder
        reference = _named_canonical(base) if canonical is None else base / canonical
        for name, paths in list(sequences.items()):
            if reference in paths and (reference.parent == base or len(paths) == 1):  # it stands beside the frames
                paths.remove(reference)
            if not paths or name == CANONICAL_SEQUENCE:
                del sequences[name]
    found = {identity: sequences for identity, sequences in found.items() if sequences}
    if not found:
        raise InputError(folder, "holds no mesh sequences", "expected IDENTITY/SEQUENCE/FRAME.ply, or .obj, .glb, ...")
    return found
