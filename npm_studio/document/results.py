"""Moving meshes from anywhere, in one form: what is played and compared."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.geometry.camera import transform_points
from engine.geometry.similarity import Similarity
from engine.methods.run import Run
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence
from npm_studio.document.names import pretty

IDENTITY_RESOLUTION = 128


@dataclass(frozen=True, eq=False)
class MeshSequence:
    """One topology in F frames, world metres."""

    title: str
    faces: NDArray[np.int32]
    """(T, 3)"""
    vertices_world: NDArray[np.float32]
    """(F, V, 3)"""
    frame_names: tuple[str, ...]
    frame_rate: float

    def __post_init__(self) -> None:
        assert self.vertices_world.ndim == 3 and self.vertices_world.shape[2] == 3, self.vertices_world.shape
        assert len(self.vertices_world) == len(self.frame_names) > 0

    def __len__(self) -> int:
        return len(self.vertices_world)


def mesh_sequence_of_run(run: Run, camera_to_world: NDArray[np.float64] | None = None) -> MeshSequence:
    """The fitted meshes of a run.

    Args:
        camera_to_world: (4, 4) where its camera is shown, if not where the fit had it; the meshes go with it.
    """
    vertices = run.similarity.to_world(run.vertices)
    if camera_to_world is not None and run.camera_to_world is not None:
        moved = camera_to_world @ np.linalg.inv(run.camera_to_world)
        if not np.allclose(moved, np.eye(4), atol=1e-6):
            vertices = transform_points(moved, vertices)
    return MeshSequence(run.folder.name, run.faces, vertices, run.frame_names, run.frame_rate)


def mesh_sequence_of_truth(sequence: DepthSequence, similarity: Similarity) -> MeshSequence:
    """The true meshes that came with a depth sequence.

    Args:
        similarity: between world metres and the canonical units that the meshes are stored in.

    Raises:
        InputError: they are missing or damaged.
    """
    from engine.evaluate.metrics import load_truth

    faces, vertices, names = load_truth(sequence.truth_folder or sequence.root / "truth")
    title = f"Ground truth of {sequence.name}"
    return MeshSequence(title, faces, similarity.to_world(vertices), names, sequence.frame_rate)


def mesh_sequence_of_identity(model: NeuralParametricModel, identity: int) -> MeshSequence:
    """The canonical surface of a training identity, as a sequence of one frame."""
    from engine.surface.extract import extract_surface

    mesh = extract_surface(model, model.shape_codes[identity], IDENTITY_RESOLUTION)
    vertices = model.info.similarity.to_world(mesh.vertices)
    return MeshSequence(pretty(model.info.identities[identity]), mesh.faces, vertices[None], ("canonical",), 30.0)
