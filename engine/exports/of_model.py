"""A model as what is exported: the canonical surfaces of its training identities, and all its codes."""

from collections.abc import Sequence

import numpy as np

from engine.dataset.source_axes import SourceAxes
from engine.exports.content import ExportContent, Up
from engine.geometry.mesh import Mesh
from engine.models.model import NeuralParametricModel
from engine.sequences.mesh_sequence import MeshSequence
from engine.surface.extract import extract_surface


def content_of_model(
    model: NeuralParametricModel, identities: Sequence[int] | None = None, up: Up = "y", resolution: int = 128
) -> ExportContent:
    """A mesh of each of ``identities`` in the canonical pose, metres, made when it is asked for; and their codes.

    Args:
        identities: indices; all when absent
        resolution: nodes per axis of the grid
    """
    chosen = list(range(len(model.info.identities)) if identities is None else identities)
    assert chosen, "no identities"
    axes = SourceAxes("m", up)

    def read(index: int) -> Mesh:
        mesh = extract_surface(model, model.shape_codes[chosen[index]], resolution)
        return Mesh(axes.from_world(model.info.similarity.to_world(mesh.vertices)), mesh.faces)

    names = tuple(model.info.identities[identity] for identity in chosen)
    meshes = MeshSequence(model.info.name, names, np.full(len(names), np.nan), read, one_topology=len(names) == 1)
    codes = {"shape": model.shape_codes[chosen].cpu().numpy(), "identities": np.array(names)}
    if model.pose_codes is not None:
        rows = [row for row, frame in enumerate(model.info.frames) if frame.identity in chosen]
        frames = [model.info.frames[row] for row in rows]
        codes["pose"] = model.pose_codes[rows].cpu().numpy()
        codes["frame_identities"] = np.array([model.info.identities[frame.identity] for frame in frames])
        codes["frame_names"] = np.array([str(frame) for frame in frames])
    return ExportContent(meshes, up, codes=codes)
