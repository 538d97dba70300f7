"""From a depth sequence to posed meshes by way of codes."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.progress import ForwardedProgress, Progress
from engine.geometry.mesh import Mesh
from engine.geometry.ply import save_compact_ply
from engine.geometry.similarity import Similarity
from engine.methods.method import FitResult, FoundCodes, MethodInputs
from engine.methods.npm.calibration import check_calibration
from engine.methods.npm.confidence import LOST_BELOW, confidences
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import FitPreview, FittedCodes, fit_codes, precision_of
from engine.methods.npm.kept_codes import codes_kept, completed
from engine.methods.npm.kept_shape import kept_shape
from engine.methods.npm.landmarks import surest_heeded
from engine.methods.npm.sides import SidedObservations, observe_side
from engine.methods.npm.variables import plain_model
from engine.methods.run import CAMERAS, CANONICAL_SURFACE, KEPT_SHAPE, PRECISION, SIDE, SUBJECTS
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.isolation import masked
from engine.sequences.mesh_sequence import mesh_sequence
from engine.sequences.mirroring import mirrored_mesh, mirrored_points, mirrored_poses, mirrored_sequence
from engine.surface.extract import extract_surface
from engine.surface.folded import FoldedDecoder

SEVERAL_STEPS = 2
"""Times the steps of one camera that several take, and a scan: they see limbs in unusual poses from all sides, and it
takes longer until these are where they are, against what the network has said of each side."""


def fit_sequence(source: DepthSequence, inputs: MethodInputs, config: FitConfig, progress: Progress) -> FitResult:
    """Fit the model of ``inputs`` to all frames of ``source`` at once.

    Progress stages: "read depth", "search", "fit", "mesh". Previews are `engine.methods.npm.fit.FitPreview`. A hand of
    the other side than those of the model is fitted in a mirror.

    Raises:
        InputError: a frame cannot be used, the shape to keep is not known, or the fitted shape has no surface.
        Cancelled: asked to stop before the first step.
    """
    assert inputs.model is not None
    config = with_steps_for(source, config)
    kept = None if inputs.kept is not None else kept_shape(config.shape, inputs.model)
    model, started = inputs.model.model, time.perf_counter()
    sided = observe_side(source, model, config.side, inputs.seed, progress)
    if sided.is_mirrored:
        progress = PreviewsInMirror(progress)
    if inputs.kept is not None:
        return completed(posed_result(sided, inputs, config, codes_kept(inputs.kept, model), progress), inputs.kept)
    details: dict[str, Any] = {PRECISION: precision_of(model, config)}
    if kept is not None:
        details[KEPT_SHAPE] = kept.whose
    if source.others and source.scan is None:  # whose cameras are made
        details[CAMERAS] = check_calibration(sided.observations, source, model.info.similarity, progress)
    read = time.perf_counter()
    shape = None if kept is None else kept.code
    fitted = fit_codes(model, surest_heeded(sided.observations), config, inputs.seed, progress, shape=shape)
    timings = {"read": read - started, "fit": time.perf_counter() - read}
    inputs.keep(found_codes(sided, model, fitted, timings, details))
    result = posed_result(sided, inputs, config, fitted, progress)
    return replace(result, timings={**timings, **result.timings}, details={**result.details, **details})


def with_steps_for(source: DepthSequence, config: FitConfig) -> FitConfig:
    """``config`` with the steps that as many cameras as those of ``source`` take."""
    return config.model_copy(update={"steps": SEVERAL_STEPS * config.steps}) if source.others else config


def posed_result(
    sided: SidedObservations, inputs: MethodInputs, config: FitConfig, fitted: FittedCodes, progress: Progress
) -> FitResult:
    """What `posed_frames` makes of ``fitted`` codes, and how sure each frame is.

    Raises:
        InputError: the fitted shape has no surface.
    """
    assert inputs.model is not None
    started = time.perf_counter()
    # of a scan the distances of both directions say more than a network that is surprised by a pose
    is_scan = sided.source.scan is not None
    confidence = None if is_scan else confidences(inputs.model.model, sided.observations, fitted)
    result = posed_frames(sided, inputs, config.resolution, fitted, progress)
    return replace(
        result,
        timings={"mesh": time.perf_counter() - started},
        confidence=confidence,
        lost_below=None if confidence is None else LOST_BELOW,
    )


def posed_frames(
    sided: SidedObservations, inputs: MethodInputs, resolution: int, fitted: FittedCodes, progress: Progress
) -> FitResult:
    """What ``fitted`` codes mean: meshes in metres.

    The artefact ``codes`` has ``shape`` (1, 1, Cs), ``pose`` (F, 1, Cp), and ``shape_deviations`` (K, Cs), by which the
    shape may be off; ``canonical.ply`` has the surface that is posed. Where a mirror image was fitted, the codes are
    those of it, and all else is as it was seen.

    Args:
        resolution: nodes per axis of the grid of the mesh

    Raises:
        InputError: the fitted shape has no surface.
    """
    assert inputs.model is not None
    started = time.perf_counter()
    model, similarity = inputs.model.model, inputs.model.model.info.similarity
    middle = similarity.centre[0]
    progress.stage("mesh", len(sided.source))
    plain = plain_model(model)

    def cancelled() -> bool:  # what was kept is not thrown away
        progress.is_hurried()
        return False

    mesh = extract_surface(plain, fitted.shape_code.to(model.device), resolution, cancelled=cancelled)
    if mesh.is_empty:
        raise InputError(inputs.model.folder, "the fitted shape has no surface", "train the model longer")
    vertices = placed_vertices(plain, fitted, mesh.vertices, progress)
    surface = Mesh(similarity.to_world(mesh.vertices), mesh.faces)
    subject = subject_seen(sided)
    if sided.is_mirrored:
        surface, vertices = mirrored_mesh(surface, middle), mirrored_points(vertices, middle)
        subject = None if subject is None else mirrored_sequence(subject, middle)
    save_compact_ply(surface, inputs.folder / CANONICAL_SURFACE, "metres")
    return FitResult(
        meshes=mesh_sequence(
            sided.source.name, vertices, surface.faces, sided.source.frame_names, sided.source.times_s
        ),
        artefacts={"codes": _arrays(fitted)},
        timings={"mesh": time.perf_counter() - started},
        details=_details(sided, fitted),
        subject=subject,
        subject_to_world=_places(sided, model, fitted),
        interrupted=fitted.interrupted,
    )


def found_codes(
    sided: SidedObservations,
    model: NeuralParametricModel,
    fitted: FittedCodes,
    timings: dict[str, float],
    details: dict[str, Any],
) -> FoundCodes:
    """What is known of ``fitted`` codes before they are posed; with what else there is to tell of them."""
    told = {**details, **_details(sided, fitted)}
    return FoundCodes(_arrays(fitted), _places(sided, model, fitted), timings, told, fitted.interrupted)


def _arrays(fitted: FittedCodes) -> dict[str, NDArray]:
    """Of ``codes.npz``."""
    codes = {"shape": fitted.shape_code.numpy()[None, None], "pose": fitted.pose_codes.numpy()[:, None]}
    deviations = fitted.shape_deviations
    return codes if deviations is None else codes | {"shape_deviations": deviations.numpy()}


def _details(sided: SidedObservations, fitted: FittedCodes) -> dict[str, Any]:
    side = {} if sided.side is None else {SIDE: sided.side.as_dict()}
    return {"steps": fitted.steps, SUBJECTS: sided.observations.subjects, **side}


def _places(sided: SidedObservations, model: NeuralParametricModel, fitted: FittedCodes) -> NDArray[np.float64]:
    """(F, 4, 4) of the subject, as it was seen."""
    similarity, middle = model.info.similarity, model.info.similarity.centre[0]
    poses = subject_poses(fitted.rotations.double().numpy(), fitted.translations.double().numpy(), similarity)
    return mirrored_poses(poses, middle, middle) if sided.is_mirrored else poses


def subject_seen(sided: SidedObservations) -> DepthSequence | None:
    """What of the recording was taken for the subject, by each camera; None for all of it."""
    views = sided.observations.views
    if any(view.masks is None for view in views):
        return None
    each = zip(sided.source.views, views, strict=True)
    first, *others = (replace(masked(source, view.masks), others=()) for source, view in each if view.masks is not None)
    return replace(first, others=tuple(others))


def placed_vertices(
    model: NeuralParametricModel, fitted: FittedCodes, vertices: NDArray[np.float32], progress: Progress
) -> NDArray[np.float32]:
    """Canonical ``vertices`` (V, 3) where they are in each frame: (F, V, 3), metres, world.

    All is done on the model's device, for which the host waits once.
    """
    assert model.pose_decoder is not None
    device, similarity = model.device, model.info.similarity
    points = torch.from_numpy(vertices).to(device)
    codes = torch.cat((fitted.shape_code.expand(len(fitted.pose_codes), -1), fitted.pose_codes), dim=1).to(device)
    rotations, translations = (part.double().to(device) for part in (fitted.rotations, fitted.translations))
    centre = torch.tensor(similarity.centre, dtype=torch.float64, device=device)
    placed = torch.empty((len(codes), *points.shape), device=device)
    for frame, code in enumerate(codes):
        local = (points + FoldedDecoder(model.pose_decoder, code)(points)).double()
        placed[frame] = (local @ rotations[frame].T + translations[frame]) / similarity.scale + centre
        progress.advance(frame + 1)
    result: NDArray[np.float32] = placed.cpu().numpy()
    return result


class PreviewsInMirror(ForwardedProgress):
    """Shows previews of what is fitted in a mirror as it was seen."""

    def preview(self, payload: object) -> None:
        if isinstance(payload, FitPreview):
            vertices = payload.vertices * payload.vertices.new_tensor([-1.0, 1.0, 1.0])
            payload = replace(payload, faces=payload.faces.flip(1), vertices=vertices)
        super().preview(payload)


def subject_poses(
    rotations: NDArray[np.float64], translations: NDArray[np.float64], similarity: Similarity
) -> NDArray[np.float64]:
    """Poses (F, 4, 4) in metres of a subject that is moved by R p + t in canonical units.

    ``x_world = R x_model + T`` with ``T = c - R c + t / s`` for a model whose points are ``p = s (x_model - c)``.

    Args:
        rotations: (F, 3, 3)
        translations: (F, 3) canonical units
    """
    centre = np.asarray(similarity.centre)
    poses = np.tile(np.eye(4), (len(rotations), 1, 1))
    poses[:, :3, :3] = rotations
    poses[:, :3, 3] = centre - rotations @ centre + translations / similarity.scale
    return poses
