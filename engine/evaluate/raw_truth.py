"""Truth as others have it: plain mesh files, which say neither unit nor axes nor whose vertices are whose."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Notice
from engine.core.progress import Progress
from engine.dataset.source_axes import SourceAxes, axes_of_text
from engine.evaluate.mesh_axes import Evidence, settle_axes
from engine.evaluate.prediction import Prediction
from engine.geometry.mesh import Mesh
from engine.geometry.mesh_files import welded
from engine.geometry.ply import stated_unit
from engine.geometry.topology import edge_uses
from engine.sequences.mesh_sequence import MeshSequence
from engine.sequences.named_meshes import NamedMeshes, match, open_meshes
from engine.sequences.truth import ARRAYS, DESCRIPTION, Truth

_LOOKED_AT = 3
"""Frames that tell unit and axes."""


def is_raw(path: Path) -> bool:
    """Whether ``path`` is no folder of truth that describes itself, see `engine.sequences.truth`."""
    return not ((path / DESCRIPTION).is_file() or (path / ARRAYS).is_file())


def open_raw_truth(path: Path, prediction: Prediction, evidence: Evidence, progress: Progress | None = None) -> Truth:
    """Mesh files as the truth of ``prediction``, in metres and in its world; says what they were taken for.

    Their vertices are followed over time only where all of them have the same triangles. All meshes are read once.

    Args:
        path: of a folder with a mesh for each frame, a GLB file with a node for each, or a single mesh; by the names of
            the frames, or else as many as frames
        evidence: what is known of unit and axes; what the files say is added here

    Raises:
        InputError: there are none, one is damaged, they do not go with the frames, or unit or axes cannot be right.
    """
    progress = progress or Progress()
    found = open_meshes(path)
    matching = match(found.names, prediction.meshes.frame_names, path)
    chosen, frames = matching.meshes, matching.frames
    first = _surface(found, chosen[0])
    one_topology = all(np.array_equal(_surface(found, index)[1], first[1]) for index in chosen[1:])
    places = np.unique(np.linspace(0, len(chosen) - 1, _LOOKED_AT).round().astype(int))
    pairs = [(_surface(found, chosen[at]), _used(*prediction.meshes.read_double(frames[at]))) for at in places]
    settled = settle_axes(path, _with_files(evidence, found.first), pairs)

    def exact(index: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        vertices, faces = _surface(found, chosen[index])
        return settled.axes.to_world(vertices), faces

    def read(index: int) -> Mesh:
        vertices, faces = exact(index)
        return Mesh(vertices.astype(np.float32), faces)

    names = tuple(prediction.meshes.frame_names[frame] for frame in frames)
    times_s = prediction.meshes.times_s[list(frames)]
    for notice in (matching.notice, Notice(f"{path}: taken in {settled.why}"), _openness(path, first[1])):
        if notice is not None:
            progress.notice(notice)
    return Truth(MeshSequence(path.stem, names, times_s, read, one_topology, exact=exact), None)


def _surface(meshes: NamedMeshes, index: int) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Vertices (V, 3) and faces (T, 3) of a file, in its unit."""
    mesh = meshes.read(index)
    vertices, faces = mesh.vertices.astype(np.float64), mesh.faces.astype(np.int64)
    if len(vertices) == 3 * len(faces):  # each triangle has vertices of its own, which tell nothing of who is who
        vertices, faces = welded(vertices, faces)
    return _used(vertices, faces)


def _used(vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """The mesh without vertices of no triangle, which may be anywhere."""
    used, corners = np.unique(faces, return_inverse=True)
    return vertices[used].astype(np.float64), corners.reshape(faces.shape).astype(np.int32)


def _with_files(evidence: Evidence, path: Path) -> Evidence:
    """With what the file ``path`` says of itself: by a comment, or by its format."""
    if path.suffix.lower() == ".glb":
        return replace(evidence, of_files=SourceAxes("m", "y"))  # glTF 2.0, 3.4
    said = stated_unit(path) if path.suffix.lower() == ".ply" else ""
    return replace(evidence, of_files=axes_of_text(said), canonical_files=said.startswith("canonical"))


def _openness(path: Path, faces: NDArray[np.integer]) -> Notice | None:
    """That a mesh has no inside of its own, where that is so."""
    edges = int((edge_uses(faces)[0] == 1).sum())
    text = f"{path}: the first mesh is open, with {edges} edges of one triangle: the IoU takes what it winds around"
    return Notice(text) if edges else None
