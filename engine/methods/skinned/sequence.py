"""From a depth sequence to posed meshes by way of the parameters of a body model."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.geometry.mesh import Mesh
from engine.geometry.ply import save_compact_ply
from engine.methods.method import FitResult, MethodInputs
from engine.methods.npm.calibration import check_calibration
from engine.methods.npm.fit import Descent, FitState, descend
from engine.methods.npm.landmarks import surest_heeded
from engine.methods.npm.sequence import PreviewsInMirror, subject_poses, subject_seen, with_steps_for
from engine.methods.npm.sides import SidedObservations, observe_side
from engine.methods.npm.variables import Variables
from engine.methods.run import CAMERAS, CANONICAL_SURFACE, PRECISION, SIDE, SUBJECTS
from engine.methods.skinned.body import SkinnedBody, skinned_vertices
from engine.methods.skinned.config import SkinnedConfig
from engine.methods.skinned.material import canonical_vertices
from engine.methods.skinned.pose_space import rotation_vectors
from engine.methods.skinned.provider import WantedBody, load_body
from engine.methods.skinned.start import first_variables
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import mesh_sequence
from engine.sequences.mirroring import mirrored_mesh, mirrored_points, mirrored_poses, mirrored_sequence

_FRAMES_AT_ONCE = 16


def fit_sequence(source: DepthSequence, inputs: MethodInputs, config: SkinnedConfig, progress: Progress) -> FitResult:
    """Fit a body model to all frames of ``source`` at once.

    The neural parametric model of ``inputs`` is not fitted: its network finds the subject, and says where landmarks and
    pixels are on it. Progress stages: "body model", "read depth", "search", "fit", "mesh". Previews are
    `engine.methods.npm.fit.FitPreview`.

    Raises:
        InputError: a frame cannot be used, the body model cannot be had, or the network is of something else.
        Cancelled: asked to stop before the first step.
    """
    assert inputs.model is not None
    started, model = time.perf_counter(), inputs.model.model
    progress.stage("body model", 1)
    body = body_for(model, config, inputs.model.folder)
    energy = with_steps_for(source, config.energy(body.knows_coordinates))
    progress.advance(1)
    sided = observe_side(source, model, config.side, inputs.seed, progress)
    if sided.is_mirrored:
        progress = PreviewsInMirror(progress)
    details: dict[str, Any] = {PRECISION: "float32"}
    if source.others and source.scan is None:  # whose cameras are made
        details[CAMERAS] = check_calibration(sided.observations, source, model.info.similarity, progress)
    read = time.perf_counter()
    heeded = surest_heeded(sided.observations)
    posable, first = first_variables(body.to(model.device, torch.float32), heeded, inputs.seed, progress)
    if progress.cancelled():
        raise Cancelled
    ended = descend(FitState(posable, heeded, energy, first, inputs.seed), progress)
    timings = {"read": read - started, "fit": time.perf_counter() - read}
    exact = posable.body.to(torch.device("cpu"), torch.float64)
    return _result(sided, inputs, exact, ended, progress, details, timings)


def body_for(model: NeuralParametricModel, config: SkinnedConfig, folder: Path) -> SkinnedBody:
    """The body model that ``config`` names, whose subjects the network of ``model``, of ``folder``, finds.

    Raises:
        InputError: the model has no such network, or its canonical space is another.
    """
    if model.coordinate_network is None:
        problem = "has no coordinate network, which finds the subject for this method"
        raise InputError(folder, problem, "use a built-in model of the same class")
    info, file = model.info, Path(config.body_file) if config.body_file else None
    wanted = WantedBody(info.category, info.side, info.similarity, file)
    body = load_body(config.body, wanted)
    own, similarity = body.similarity, info.similarity
    if not np.allclose((own.scale, *own.centre), (similarity.scale, *similarity.centre), rtol=1e-6, atol=1e-9):
        problem = f"has another canonical space than {body.name}"
        raise InputError(folder, problem, "use a built-in model of the same class")
    return body


def _result(
    sided: SidedObservations,
    inputs: MethodInputs,
    body: SkinnedBody,
    ended: Descent,
    progress: Progress,
    details: dict[str, Any],
    timings: dict[str, float],
) -> FitResult:
    """Meshes in metres, and the parameters.

    The artefact ``skinned`` has ``parameters`` (S,) of the shape, as the package of the body model takes them, and
    ``shape`` (S,), the same in standard deviations; ``joint_rotations`` (F, B, 3), rotation vectors of all joints, the
    root's zero; and ``rotations`` (F, 3, 3) and ``translations`` (F, 3), metres, from the posed body, with the head of
    its root at the origin, to the world. Where a mirror image was fitted, they are of it.
    """
    started, source, similarity = time.perf_counter(), sided.source, body.similarity
    progress.stage("mesh", len(source))
    exact = Variables(*(part.double().cpu() for part in vars(ended.variables).values()))
    vertices, joints = _world_vertices(body, exact, progress)
    rotations, translations = exact.rotations.numpy(), exact.translations.numpy()
    poses = subject_poses(rotations, translations, similarity)
    faces = body.faces.numpy().astype(np.int32)
    canonical = canonical_vertices(body, exact.shape).numpy()
    surface = Mesh(similarity.to_world(canonical), faces)
    values, subject, middle = body.shape_values(exact.shape), subject_seen(sided), similarity.centre[0]
    details = {
        **details,
        "body": body.name,
        "shape": dict(zip(body.shape_names, (round(value, 4) for value in values.tolist()), strict=False)),
        "steps": ended.steps,
        SUBJECTS: sided.observations.subjects,
    }
    artefact = {
        "parameters": values.numpy(),
        "shape": exact.shape.numpy(),
        "joint_rotations": joints,
        "rotations": rotations,
        "translations": poses[:, :3, 3],
    }
    if sided.side is not None:
        details[SIDE] = sided.side.as_dict()
    if sided.is_mirrored:
        surface, vertices = mirrored_mesh(surface, middle), mirrored_points(vertices, middle)
        poses = mirrored_poses(poses, middle, middle)
        subject = None if subject is None else mirrored_sequence(subject, middle)
    save_compact_ply(surface, inputs.folder / CANONICAL_SURFACE, "metres")
    return FitResult(
        meshes=mesh_sequence(source.name, vertices, surface.faces, source.frame_names, source.times_s),
        artefacts={"skinned": artefact},
        timings={**timings, "mesh": time.perf_counter() - started},
        details=details,
        subject=subject,
        subject_to_world=poses,
        interrupted=ended.interrupted,
    )


def _world_vertices(
    body: SkinnedBody, variables: Variables, progress: Progress
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Vertices (F, V, 3) in metres, world, and rotation vectors (F, B, 3) of all joints; double precision, CPU."""
    rest, centre = body.rest_of(variables.shape), torch.tensor(body.similarity.centre, dtype=torch.float64)
    shift = centre + variables.translations / body.similarity.scale  # of points about the centre
    parts, joints = [], []
    for frames in torch.arange(len(variables)).split(_FRAMES_AT_ONCE):
        rotations = body.joint_rotations(variables.poses[frames])
        local: Tensor = skinned_vertices(body, rest, rotations) - centre
        placed = local @ variables.rotations[frames].mT + shift[frames, None]
        parts.append(placed.float().numpy())
        joints.append(rotation_vectors(rotations.numpy()))
        progress.advance(int(frames[-1]) + 1)
    return np.concatenate(parts), np.concatenate(joints)
