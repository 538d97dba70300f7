"""Where moving meshes come from that are played and compared."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.geometry.similarity import Similarity
from engine.methods.run import Run, motion_between_worlds
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import MeshSequence, mesh_sequence
from npm_studio.session.document.explorer import pretty
from npm_studio.session.document.timeline import FrameFit

IDENTITY_RESOLUTION = 128
FRAMES_FOR_BOUNDS = 64
"""Reading all meshes of a long sequence would hold up the window."""


def mesh_sequence_of_run(run: Run, shown: DepthSequence | None = None) -> MeshSequence:
    """The fitted meshes of a run.

    Args:
        shown: its recording as it is shown, whose cameras may be elsewhere than the fit had them: meshes go with them.
    """
    motion = None if shown is None else motion_between_worlds(run, shown)
    if motion is None:
        return run.meshes
    return run.meshes.map(lambda _, vertices: transform_points(motion, vertices))


def fits_of_run(run: Run | None, sequence: DepthSequence) -> tuple[FrameFit | None, ...]:
    """What ``run`` says of each frame of ``sequence``; empty without a run or where it says nothing of any."""
    if run is None:
        return ()
    known = {
        frame.name: FrameFit(frame.mean_distance_mm, frame.confidence, bool(frame.lost), frame.filled)
        for frame in run.frames
    }
    fits = tuple(known.get(name) for name in sequence.frame_names)
    return fits if any(fit is not None and fit.in_words() for fit in fits) else ()


def mesh_sequence_of_preview(
    preview: object, sequence: DepthSequence, similarity: Similarity, rows: range | None = None
) -> MeshSequence | None:
    """What a running fit of ``sequence`` shows, in metres; None where this is nothing to be drawn.

    Args:
        similarity: between metres and the canonical units of the model, for previews of the method `npm`.
        rows: of the frames that are fitted; all where absent.
    """
    from engine.methods.npm.fit import FitPreview

    if isinstance(preview, MeshSequence):
        return preview
    if not isinstance(preview, FitPreview):
        return None
    vertices, faces = similarity.to_world(preview.vertices.numpy()), preview.faces.numpy().astype(np.int32)
    rows = range(len(sequence)) if rows is None else rows
    names = tuple(sequence.frame_names[row] for row in rows)
    return mesh_sequence("Preview", vertices, faces, names, sequence.times_s[list(rows)])


def bounds_of(meshes: MeshSequence) -> NDArray[np.float32]:
    """Lowest and highest corner (2, 3) in metres of the sequence, or of evenly spread frames of a long one.

    Raises:
        InputError: one of its meshes is damaged.
    """
    frames = np.unique(np.linspace(0, len(meshes) - 1, FRAMES_FOR_BOUNDS).round().astype(int))
    corners = [(mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)) for mesh in map(meshes.read, frames.tolist())]
    low, high = np.array(corners).swapaxes(0, 1)
    return np.stack([low.min(axis=0), high.max(axis=0)])


def lowest_height(meshes: MeshSequence) -> float:
    """Where the ground is: the lowest vertex (m, Y up) of the sequence, see `bounds_of`."""
    return float(bounds_of(meshes)[0, 1])


def mesh_sequence_of_truth(sequence: DepthSequence, recorded: DepthSequence | None = None) -> MeshSequence:
    """The true meshes that came with a depth sequence, in its world.

    Args:
        recorded: the sequence before it was stood upright or placed; ``sequence`` when absent.

    Raises:
        InputError: they are missing or damaged, or nothing says their unit.
    """
    from engine.dataset.truth_origin import open_truth
    from external.datasets import open_dataset

    meshes = open_truth(sequence.truth_folder or sequence.root / "truth", open_dataset)[0].meshes
    times_s, index = meshes.times_s, {name: position for position, name in enumerate(sequence.frame_names)}
    if np.isnan(times_s).any() and set(meshes.frame_names) <= set(index):
        times_s = sequence.times_s[[index[name] for name in meshes.frame_names]]
    named = replace(meshes, title=f"Ground truth of {sequence.name}", times_s=times_s)
    return _in_world_of(sequence, recorded or sequence, named)


def _in_world_of(sequence: DepthSequence, recorded: DepthSequence, meshes: MeshSequence) -> MeshSequence:
    """``meshes`` of the camera, or of the world of ``recorded`` where it says that, in the world of ``sequence``."""
    index = {name: position for position, name in enumerate(sequence.frame_names)}
    if meshes.frame == "camera":
        kept = [row for row, name in enumerate(meshes.frame_names) if name in index]
        if not kept:
            return meshes
        names = tuple(meshes.frame_names[row] for row in kept)

        def read(row: int) -> Mesh:
            mesh = meshes.read(kept[row])
            pose = sequence.camera_at(index[names[row]])
            return Mesh(transform_points(pose, mesh.vertices), mesh.faces)

        return replace(meshes, frame_names=names, times_s=meshes.times_s[kept], read=read, exact=None, frame="world")
    first = sequence.frame_names[0]
    if recorded.cameras_to_world is None or first not in recorded.frame_names:
        return meshes
    before = recorded.camera_at(recorded.frame_names.index(first))
    motion = sequence.camera_at(0) @ np.linalg.inv(before)
    if np.allclose(motion, np.eye(4), atol=1e-6):
        return meshes
    return meshes.map(lambda _, vertices: transform_points(motion, vertices))


def mesh_sequence_of_identity(model: NeuralParametricModel, identity: int) -> MeshSequence:
    """The canonical surface of a training identity, as a sequence of one frame."""
    from engine.surface.extract import extract_surface

    mesh = extract_surface(model, model.shape_codes[identity], IDENTITY_RESOLUTION)
    vertices = model.info.similarity.to_world(mesh.vertices)
    return mesh_sequence(
        pretty(model.info.identities[identity]), vertices[None], mesh.faces, ("canonical",), np.zeros(1)
    )
