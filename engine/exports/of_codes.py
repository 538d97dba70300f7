"""Codes of a model as what is exported: one body for each frame, which stands on the floor."""

from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engine.dataset.source_axes import SourceAxes
from engine.exports.content import ExportContent, Up, VertexColours
from engine.exports.vertex_colours import correspondence_colours
from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.models.model import NeuralParametricModel
from engine.sequences.mesh_sequence import MeshSequence
from engine.surface.extract import extract_surface, pose_vertices
from engine.surface.many_surfaces import Codes


def content_of_codes(
    model: NeuralParametricModel,
    codes: Sequence[Codes],
    title: str,
    frame_names: Sequence[str],
    times_s: NDArray[np.float64],
    up: Up = "y",
    places: NDArray[np.float64] | None = None,
    resolution: int = 256,
    coloured: bool = False,
) -> ExportContent:
    """A mesh of each of ``codes``, metres, made when it is asked for; the lowest vertex of each is at height 0.

    Meshes have the same triangles, vertex for vertex, where all shape codes are the same.

    Args:
        times_s: (F,) seconds, NaN where nobody said
        places: (F, 4, 4) from the model in metres to where each body goes, but for its height; None leaves them
        resolution: nodes per axis of the grid
        coloured: whether the same place of all bodies has the same colour; of one shape code only
    """
    assert len(codes) == len(frame_names), (len(codes), len(frame_names))
    first, axes, similarity = codes[0][0], SourceAxes("m", up), model.info.similarity
    one_topology = all(shape.equal(first) for shape, _ in codes)
    assert one_topology or not coloured, "colours are of one shape"
    known: dict[bytes, Mesh] = {}
    turn = Lock()

    def surface(shape: Tensor) -> Mesh:
        """In the canonical pose; that of the last shape is kept."""
        key = shape.cpu().numpy().tobytes()
        with turn:
            if key not in known:
                known.clear()
                known[key] = extract_surface(model, shape.to(model.device), resolution)
            return known[key]

    def read(index: int) -> Mesh:
        shape, pose = codes[index]
        canonical = surface(shape)
        if canonical.is_empty:
            return canonical
        vertices = canonical.vertices
        if pose is not None:
            vertices = pose_vertices(model, shape.to(model.device), pose.to(model.device), vertices)
        placed = similarity.to_world(vertices)
        if places is not None:
            placed = transform_points(places[index], placed)
        placed[:, 1] -= placed[:, 1].min()
        return Mesh(axes.from_world(placed), canonical.faces)

    meshes = MeshSequence(title, tuple(frame_names), np.asarray(times_s, np.float64), read, one_topology)
    colours = None
    if coloured:
        colours = VertexColours(lambda _: correspondence_colours(surface(first).vertices), change=False)
    return ExportContent(meshes, up, colours, _arrays(codes, one_topology))


def canonical_of(model: NeuralParametricModel, shape: Tensor, resolution: int = 256) -> Mesh:
    """The surface of ``shape`` (Cs,) in the canonical pose, metres: vertex for vertex that of `content_of_codes`."""
    mesh = extract_surface(model, shape.to(model.device), resolution)
    return Mesh(model.info.similarity.to_world(mesh.vertices), mesh.faces)


def _arrays(codes: Sequence[Codes], one_shape: bool) -> dict[str, NDArray[np.float32]]:
    """As `engine.models.named_codes.load_codes` reads them."""
    shapes = [shape.cpu().numpy() for shape, _ in (codes[:1] if one_shape else codes)]
    arrays = {"shape": np.stack(shapes)[:, None]}
    poses = [pose.cpu().numpy() for _, pose in codes if pose is not None]
    if len(poses) == len(codes):
        arrays["pose"] = np.stack(poses)[:, None]
    return arrays
