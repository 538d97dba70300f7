"""Where the arrays of identities are: `MeshStore`, and the store of this project's own layout."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.files import natural_key
from engine.dataset.arrays import MAKE_AGAIN, SdfPools, load_array
from engine.geometry.mesh import Mesh

Rows = slice | NDArray[np.int64]


class MeshStore(Protocol):
    """Meshes of identities by name; readers of other layouts implement it. Coordinates are canonical."""

    def faces(self, identity: str) -> NDArray[np.int32]:
        """(T, 3)"""
        ...

    def canonical(self, identity: str) -> NDArray[np.float32]:
        """(V, 3)"""
        ...

    def sequences(self, identity: str) -> list[str]:
        """Names of the sequences that there are."""
        ...

    def samples(self, identity: str, sequence: str) -> list[str]:
        """Names of the frames of one sequence, in order."""
        ...

    def frames(self, identity: str, sequence: str, rows: Rows) -> NDArray[np.floating[Any]]:
        """(F, V, 3) of the chosen rows of `samples`; memory-mapped where possible."""
        ...

    def folder(self, identity: str) -> Path:
        """Folder for what is derived from an identity, such as sample pools."""
        ...

    def pools(self, identity: str) -> SdfPools | None:
        """Signed-distance samples that came with the meshes, if any."""
        ...

    def watertight(self, identity: str) -> Mesh | None:
        """A closed mesh, canonical units, that signed distances are to be sampled from; None: the canonical mesh."""
        ...


class FolderStore:
    """The layout of `engine.dataset.registered`: one npy file per canonical mesh and per sequence."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._shared_faces = lru_cache(maxsize=1)(lambda: _load_faces(root / "faces.npy"))

    def faces(self, identity: str) -> NDArray[np.int32]:
        own = self.root / identity / "faces.npy"
        return _load_faces(own) if own.is_file() else self._shared_faces()

    def canonical(self, identity: str) -> NDArray[np.float32]:
        path = self.root / identity / "canonical.npy"
        vertices = load_array(path)
        if vertices.ndim != 2 or vertices.shape[1] != 3 or not np.issubdtype(vertices.dtype, np.floating):
            raise InputError(path, f"must be (V, 3) numbers, is {vertices.shape} {vertices.dtype}", MAKE_AGAIN)
        needed = int(self.faces(identity).max()) + 1
        if len(vertices) < needed:
            raise InputError(path, f"has {len(vertices)} vertices, its faces name {needed}", MAKE_AGAIN)
        return np.asarray(vertices, np.float32)

    def sequences(self, identity: str) -> list[str]:
        files = (self.root / identity).glob("*.npy")
        return [p.stem for p in sorted(files, key=natural_key) if p.stem not in ("canonical", "faces")]

    def samples(self, identity: str, sequence: str) -> list[str]:
        return [f"{row:06d}" for row in range(len(self._sequence(identity, sequence)))]

    def frames(self, identity: str, sequence: str, rows: Rows) -> NDArray[np.floating[Any]]:
        return self._sequence(identity, sequence)[rows]

    def folder(self, identity: str) -> Path:
        return self.root / identity

    def pools(self, identity: str) -> SdfPools | None:
        return None

    def watertight(self, identity: str) -> Mesh | None:
        return None

    def _sequence(self, identity: str, sequence: str) -> NDArray[np.floating[Any]]:
        path = self.root / identity / f"{sequence}.npy"
        frames = load_array(path)
        count = len(load_array(self.root / identity / "canonical.npy"))
        if frames.ndim != 3 or frames.shape[1:] != (count, 3) or not np.issubdtype(frames.dtype, np.floating):
            problem = f"must be (F, {count}, 3) numbers as canonical.npy has {count} vertices, is {frames.shape}"
            raise InputError(path, f"{problem} {frames.dtype}", MAKE_AGAIN)
        return frames


def _load_faces(path: Path) -> NDArray[np.int32]:
    faces = load_array(path)
    if faces.ndim != 2 or faces.shape[1] != 3 or not np.issubdtype(faces.dtype, np.integer) or len(faces) == 0:
        raise InputError(path, f"must be (T, 3) integers, is {faces.shape} {faces.dtype}", MAKE_AGAIN)
    if faces.min() < 0:
        raise InputError(path, "holds negative indices", MAKE_AGAIN)
    return np.ascontiguousarray(faces, np.int32)
