"""Moving meshes that a fit in a process of its own shows meanwhile: one file, which the window reads and takes away."""

from pathlib import Path

import numpy as np

from engine.core.files import replacing_file
from engine.core.npz import NpzFile
from engine.geometry.mesh import Mesh
from engine.sequences.mesh_sequence import MeshSequence
from npm_studio.session.jobs.lines import PREVIEW_NAME

_REMEDY = "tell the author of the method"


def save_preview(folder: Path, meshes: MeshSequence) -> None:
    """Write ``meshes`` as ``preview.npz`` in ``folder``."""
    arrays = {"names": np.array(meshes.frame_names), "times_s": meshes.times_s}
    arrays["one_topology"] = np.array(meshes.one_topology)
    for row, mesh in enumerate(meshes):
        arrays[f"vertices_{row}"] = mesh.vertices
        if row == 0 or not meshes.one_topology:
            arrays[f"faces_{row}"] = mesh.faces
    with replacing_file(folder / PREVIEW_NAME) as temporary:
        np.savez(temporary, **arrays)  # type: ignore[arg-type]


def take_preview(folder: Path) -> MeshSequence | None:
    """What was written last and not taken yet; None where there is nothing.

    Raises:
        InputError: it is damaged.
    """
    path = folder / PREVIEW_NAME
    if not path.is_file():
        return None
    with NpzFile(path, _REMEDY) as file:
        names, times_s = tuple(map(str, file.read("names"))), np.asarray(file.read("times_s"), np.float64)
        one_topology = bool(file.read("one_topology"))
        faces = [file.read(f"faces_{0 if one_topology else row}") for row in range(len(names))]
        meshes = [Mesh(file.read(f"vertices_{row}"), faces[row]) for row in range(len(names))]
    path.unlink()
    return MeshSequence("Preview", names, times_s, meshes.__getitem__, one_topology)
