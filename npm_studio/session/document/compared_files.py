"""Mesh files of others, opened to be compared."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.core.errors import Cancelled, InputError, Notice
from engine.core.progress import Progress
from engine.evaluate.mesh_axes import Evidence
from engine.evaluate.prediction import Prediction
from engine.evaluate.raw_truth import is_raw, open_raw_truth
from engine.geometry.mesh import Mesh
from engine.sequences.mesh_sequence import MeshSequence
from engine.sequences.named_meshes import open_meshes
from engine.sequences.truth import load_truth

_MOST_HELD = 2**29
"""Bytes of meshes that are kept in memory: to read files of others takes too long while they play."""
_SIZES_M = 0.02, 20.0
"""Of subjects, in metres."""


def mesh_sequence_of_files(path: Path, runs: Sequence[MeshSequence], progress: Progress) -> tuple[MeshSequence, str]:
    """The meshes in ``path`` in metres, and what they were taken for, in a sentence.

    Args:
        runs: of which one may have frames of the same names or as many, and tells unit and axes by size and place

    Raises:
        InputError: there are none, one is damaged, or unit or axes cannot be right.
        Cancelled: ``progress`` asked to stop.
    """
    if not is_raw(path):
        return load_truth(path).meshes, ""
    notes = _Notes()
    problem: InputError | None = None
    for run in runs:
        try:
            meshes = open_raw_truth(path, Prediction(run), Evidence(), notes).meshes
        except InputError as error:
            problem = error
        else:
            return _held(meshes, progress), notes.text
    if problem is not None:
        raise problem
    return _held(_as_they_are(path), progress), "Taken in metres, Y up: no run is open that would tell."


def _as_they_are(path: Path) -> MeshSequence:
    """In metres, Y up; refused where that makes them as large as no subject is."""
    found = open_meshes(path)
    first = found.read(0)
    size = float(np.linalg.norm(np.ptp(first.vertices, axis=0)))
    if not _SIZES_M[0] < size < _SIZES_M[1]:
        problem = f"would be {size:.3g} m large in metres, and no run is open that would tell its unit"
        raise InputError(path, problem, "open a run of the same recording first")
    faces = first.faces
    same = all(np.array_equal(found.read(index).faces, faces) for index in range(1, len(found.names)))
    times_s = np.full(len(found.names), np.nan)
    return MeshSequence(path.stem, found.names, times_s, found.read, one_topology=same)


def _held(meshes: MeshSequence, progress: Progress) -> MeshSequence:
    """``meshes`` in memory, unless they are too many; faces are one array where all frames have the same."""
    held: list[Mesh] = []
    size = 0
    for mesh in meshes:
        if progress.cancelled():
            raise Cancelled
        faces = held[0].faces if held and meshes.one_topology else mesh.faces
        held.append(Mesh(mesh.vertices, faces))
        size += mesh.vertices.nbytes + (0 if faces is not mesh.faces else faces.nbytes)
        if size > _MOST_HELD:
            return meshes
    return replace(meshes, read=held.__getitem__)


class _Notes(Progress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.text = ""

    def notice(self, notice: Notice) -> None:
        self.text = "\n".join(filter(None, (self.text, notice.line())))
