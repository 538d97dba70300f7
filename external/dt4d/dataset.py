"""DeformingThings4D animations as a `engine.dataset.importing.RawDataset`.

``<identity>_<motion>/<identity>_<motion>.anime``, anywhere below a folder. Animations of one identity share their
topology; one that does not becomes an identity of its own. The canonical mesh is the frame whose limbs are stretched
out most, as the data have no rest pose.
"""

import os
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.files import natural_key
from engine.core.progress import Progress
from external.dt4d.anime import read_faces, read_frames
from external.meshes.canonical import most_spread

FRAME_RATE = 30.0
_TO_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]], np.float32)


class AnimeFolder:
    """All ``.anime`` files below a folder, or one file."""

    name, category = "dt4d", "animals and humanoids"
    licence = "DeformingThings4D terms of use (non-commercial)"
    frame_rate = FRAME_RATE

    def __init__(self, folder: Path, only: str | None = None, progress: Progress | None = None) -> None:
        """
        Args:
            only: beginning of the names of the animations to take, such as ``bear``; all when absent.

        Raises:
            InputError: there are no such files, or one is damaged.
        """
        paths = [folder] if folder.is_file() else sorted(folder.rglob("*.anime"), key=natural_key)
        paths = [path for path in paths if path.stem.startswith(only or "")]
        if not paths:
            raise InputError(folder, "holds no .anime files" + (f" that begin with {only}" if only else ""))
        self._folder, self._only = folder, only
        self._progress = progress or Progress()
        self._files: dict[str, dict[str, Path]] = {}
        topology: dict[str, bytes] = {}
        for path in paths:
            identity, _, motion = path.stem.partition("_")
            faces = read_faces(path).tobytes()
            if topology.setdefault(identity, faces) != faces:
                identity, motion = path.stem, "motion"
            self._files.setdefault(identity, {})[motion or "motion"] = path
        self._canonical = lru_cache(maxsize=2)(self._find_canonical)

    @property
    def identities(self) -> tuple[str, ...]:
        return tuple(self._files)

    @cached_property
    def recipe(self) -> dict[str, Any]:
        return {"source": "dt4d", "folder": os.path.abspath(self._folder), "only": self._only}

    def faces(self, identity: str) -> NDArray[np.int32]:
        return read_faces(next(iter(self._files[identity].values())))

    def canonical(self, identity: str) -> NDArray[np.float32]:
        return self._canonical(identity)

    def sequences(self, identity: str) -> tuple[str, ...]:
        return tuple(self._files[identity])

    def frames(self, identity: str, sequence: str) -> NDArray[np.float32]:
        frames: NDArray[np.float32] = read_frames(self._files[identity][sequence]) @ _TO_Y_UP.T
        return frames

    def _find_canonical(self, identity: str) -> NDArray[np.float32]:
        sequences = self.sequences(identity)
        number, frame = most_spread(self.frames(identity, sequence) for sequence in sequences)
        self._progress.message(f"{identity}: canonical mesh is frame {frame} of {sequences[number]}")
        return self.frames(identity, sequences[number])[frame]
