"""From a depth sequence to posed meshes by the published recipe.

Palafox et al., NPMs: Neural Parametric Models for 3D Deformable Shapes, ICCV 2021, and the code released with it. The
recipe has no rigid motion: the subject has to stay where the model has it, and only its pose changes. A recording is
placed once, as a whole; of a subject that walks or turns afterwards the result is bad, and the verdict of the run says
so.
"""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice
from engine.core.progress import Progress
from engine.geometry.similarity import Similarity
from engine.methods.method import FitResult, MethodInputs
from engine.methods.npm.fit import FitPreview, FittedCodes
from engine.methods.npm.kept_codes import codes_kept, completed
from engine.methods.npm.sequence import PreviewsInMirror, found_codes, posed_frames, subject_seen
from engine.methods.npm.sides import observe_side
from engine.methods.npm.variables import plain_model
from engine.methods.npm_reference.config import ReferenceConfig
from engine.methods.npm_reference.fit import Found, descend
from engine.methods.npm_reference.observed import Observed, observe_grids
from engine.methods.npm_reference.start import Codes, first_codes, points_around
from engine.methods.run import PRECISION
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.placement import CameraPlacement, place, states_pose
from engine.surface.extract import extract_surface

_AT_HOME = 0.1
"""Canonical units between where a subject is seen and where the model has it that are left to the pose."""
_PREVIEW_RESOLUTION = 64


def fit_sequence(source: DepthSequence, inputs: MethodInputs, config: ReferenceConfig, progress: Progress) -> FitResult:
    """Fit the model of ``inputs`` to ``source`` as published.

    The subject is that which the method `npm` takes, by the same masks; the first camera is looked through. Frames that
    do not show it take the pose of the nearest one that does. Progress stages: "read depth", "grids", "fit", "mesh".

    Raises:
        InputError: a frame cannot be used, or the first or the fitted shape has no surface.
        Cancelled: asked to stop before the first step.
    """
    assert inputs.model is not None
    model, started = inputs.model.model, time.perf_counter()
    sided = observe_side(source, model, config.side, inputs.seed, progress)
    if sided.is_mirrored:
        progress = PreviewsInMirror(progress)
    if inputs.kept is not None:
        kept = codes_kept(inputs.kept, model)
        return completed(posed_frames(sided, inputs, config.resolution, kept, progress), inputs.kept)
    seen = sided.observations.seen.nonzero()[:, 0].tolist()
    if not seen:
        problem = "the first camera shows nothing of the subject"
        raise InputError(source.root, problem, "choose another first camera: this method has no other")
    if source.others:
        text = f"of {len(source.views)} cameras the first is looked through: the published recipe has no others"
        progress.notice(Notice(text))
    subject = at_model(subject_seen(sided) or sided.source, model, progress)
    shown = subject.subset(seen)
    observed = observe_grids(shown, model.info.similarity, config.grid, model.device, progress=progress)
    _tell_of_motion(observed, model, progress)
    generator = torch.Generator(model.device).manual_seed(inputs.seed)
    start = first_codes(model, shown, config, generator)
    pool = points_around(model, start.shape, config, inputs.seed)
    read = time.perf_counter()
    plain = plain_model(model)

    def show(number: int, codes: Codes) -> None:
        fitted = _in_source(Found(codes, number, True), seen, sided.source, subject, model.info.similarity)
        preview = _preview(plain, fitted)
        if preview is not None:
            progress.preview(preview)

    found = descend(plain, observed, pool, start, config, inputs.seed, progress, show)
    fitted = _in_source(found, seen, sided.source, subject, model.info.similarity, time.perf_counter() - read)
    timings = {"read": read - started, "fit": fitted.seconds}
    details = {PRECISION: str(start.shape.dtype).removeprefix("torch.")}
    inputs.keep(found_codes(sided, model, fitted, timings, details))
    result = posed_frames(sided, inputs, config.resolution, fitted, progress)
    return replace(result, timings={**timings, **result.timings}, details={**result.details, **details})


def at_model(subject: DepthSequence, model: NeuralParametricModel, progress: Progress) -> DepthSequence:
    """``subject`` moved once, as a whole, to where ``model`` has its own, unless the recording says it is there."""
    if states_pose(subject):
        return subject
    placed = place(subject, CameraPlacement.of_model(model))
    for warning in placed.warnings[len(subject.warnings) :]:
        progress.notice(warning)
    return placed


def _tell_of_motion(observed: Observed, model: NeuralParametricModel, progress: Progress) -> None:
    """Say it where the subject is not at its place, which no pose makes up for."""
    similarity = model.info.similarity
    home = similarity.to_canonical(np.asarray(CameraPlacement.of_model(model).visible_world))
    apart = (observed.medians() - torch.tensor(home).to(observed.points)).norm(dim=1).cpu().numpy()
    away = int((apart > _AT_HOME).sum())
    if away:
        farthest_m = apart.max() / similarity.scale
        text = f"in {away} of {len(observed)} frames the subject is away from where the model has it, up to"
        text = f"{text} {farthest_m:.2g} m: the published recipe has no rigid motion, and fits it badly"
        progress.notice(Notice(text))


def _in_source(
    found: Found,
    seen: list[int],
    source: DepthSequence,
    placed: DepthSequence,
    similarity: Similarity,
    seconds: float = 0.0,
) -> FittedCodes:
    """Codes of all frames of ``source``, in whose world they are brought back from where they were ``placed``."""
    times_s = source.times_s
    nearest = np.abs(times_s[:, None] - times_s[seen]).argmin(1)
    back = source.camera_at(0) @ np.linalg.inv(placed.camera_at(0))
    rotation, translation = _canonical_motion(back, similarity)
    details: dict[str, Any] = {"steps": found.iterations, "interrupted": found.interrupted}
    return FittedCodes(
        found.codes.shape.cpu(),
        found.codes.poses.cpu()[nearest],
        torch.from_numpy(rotation).expand(len(times_s), -1, -1),
        torch.from_numpy(translation).expand(len(times_s), -1),
        seconds=seconds,
        **details,
    )


@torch.no_grad()
def _preview(model: NeuralParametricModel, fitted: FittedCodes) -> FitPreview | None:
    """A coarse mesh in all frames; None where the shape has no surface for now."""
    device = model.device
    mesh = extract_surface(model, fitted.shape_code.to(device), _PREVIEW_RESOLUTION)
    if mesh.is_empty:
        return None
    poses = fitted.pose_codes.to(device)
    points = torch.from_numpy(mesh.vertices).to(device)[None]
    posed = model.pose(fitted.shape_code.to(device).expand(len(poses), -1), poses, points).cpu()
    vertices = posed @ fitted.rotations.float().transpose(1, 2) + fitted.translations.float()[:, None]
    return FitPreview(fitted.steps, torch.from_numpy(mesh.faces), vertices)


def _canonical_motion(
    motion: NDArray[np.float64], similarity: Similarity
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation (3, 3) and translation (3,) in canonical units of a rigid ``motion`` (4, 4) in metres."""
    rotation, centre = motion[:3, :3], np.asarray(similarity.centre)
    return rotation.copy(), similarity.scale * (rotation @ centre + motion[:3, 3] - centre)
