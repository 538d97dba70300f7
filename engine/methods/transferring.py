"""A fitted sequence on another identity: its poses, in its places."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import InputError
from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.methods.method import LoadedModel
from engine.methods.npm.kept_shape import codes_of_run
from engine.methods.run import Run
from engine.methods.run_summary import is_mirrored
from engine.models.model import NeuralParametricModel
from engine.sequences.mesh_sequence import MeshSequence, mesh_sequence
from engine.sequences.mirroring import mirrored_mesh
from engine.surface.folded import not_cancelled
from engine.surface.many_surfaces import extract_meshes

UPRIGHT = 0.5
"""Cosine between the vertical of the subject, on average, and that of the world, from which there is a floor."""


@dataclass(frozen=True, eq=False)
class FittedMotion:
    """What a run says of frames of its subject, apart from the shape."""

    frame_names: tuple[str, ...]
    times_s: NDArray[np.float64]
    """(F,)"""
    poses: Tensor
    """(F, Cp) codes"""
    places: NDArray[np.float64] | None
    """(F, 4, 4) from the model in metres to the world; None where the run does not say where its subject was"""
    trusted: NDArray[np.bool_]
    """(F,) frames that are not lost; all of them where all are lost"""
    lowest_m: float | None
    """Height of the lowest vertex of the run in the trusted frames; None where there is no floor: the subject was not
    upright, or nobody knows where it was"""
    mirrored: bool
    """Whether the codes are those of the mirror image of the subject"""


@dataclass(frozen=True, eq=False)
class TransferredMotion:
    """A motion on another shape."""

    meshes: MeshSequence
    """Metres, world; one topology."""
    raised_m: float
    """How far all frames were raised so that the lowest point is where it was; 0 where there is no floor."""


def motion_of(run: Run, loaded: LoadedModel, rows: Sequence[int] = ()) -> FittedMotion:
    """The motion in the frames ``rows`` of ``run``, in their order there, or in all, as codes of its model ``loaded``.

    Raises:
        InputError: the run has no pose codes, is of another model, or a file of it is damaged.
    """
    _, poses = codes_of_run(run, loaded)
    if poses is None:
        raise InputError(run.folder, "has no pose codes", "fit it again with a model that has a pose stage")
    chosen = sorted(set(rows)) or list(range(len(run.frames)))
    frames = [run.frames[row] for row in chosen]
    known = [frame.subject_to_world for frame in frames if frame.subject_to_world is not None]
    places = np.stack(known) if len(known) == len(frames) else None
    trusted = np.array([not frame.lost for frame in frames])
    trusted = trusted if trusted.any() else ~trusted
    lowest = None
    if places is not None and places[trusted, 1, 1].mean() > UPRIGHT:
        heights = [run.meshes.read(row).vertices[:, 1].min() for row, use in zip(chosen, trusted, strict=True) if use]
        lowest = float(min(heights))
    names, times = tuple(frame.name for frame in frames), run.meshes.times_s[chosen]
    return FittedMotion(names, times, poses[chosen], places, trusted, lowest, is_mirrored(run))


def transfer_motion(
    motion: FittedMotion,
    model: NeuralParametricModel,
    shape_code: Tensor,
    title: str,
    resolution: int,
    cancelled: Callable[[], bool] = not_cancelled,
) -> TransferredMotion:
    """``motion`` on the shape ``shape_code`` (Cs,).

    Poses are taken as they are, and so are the places, but for their height: all frames are raised by the same amount,
    so that the lowest point of the frames that are not lost is as high as that of the run was. Who jumps still jumps.
    The way over the floor stays as long as it was, so that feet of longer or shorter legs slide.

    Args:
        title: of the meshes
        resolution: grid nodes per axis

    Raises:
        InputError: the shape has no surface.
        Cancelled: ``cancelled`` said so.
    """
    similarity = model.info.similarity
    vertices: list[NDArray[np.float32]] = []
    faces = np.zeros((0, 3), np.int32)
    codes = ((shape_code, pose) for pose in motion.poses)
    for frame, canonical in enumerate(extract_meshes(model, codes, resolution, cancelled)):
        if canonical.is_empty:
            raise InputError(title, "has no surface inside the cube", "use the code of a trained shape")
        mesh = Mesh(similarity.to_world(canonical.vertices), canonical.faces)
        if motion.mirrored:
            mesh = mirrored_mesh(mesh, similarity.centre[0])
        if motion.places is not None:
            mesh = Mesh(transform_points(motion.places[frame], mesh.vertices), mesh.faces)
        vertices.append(mesh.vertices)
        faces = mesh.faces
    placed = np.stack(vertices)
    raised = 0.0 if motion.lowest_m is None else motion.lowest_m - float(placed[motion.trusted, :, 1].min())
    placed[..., 1] += np.float32(raised)
    meshes = mesh_sequence(title, placed, faces, motion.frame_names, motion.times_s)
    return TransferredMotion(meshes, raised)
