"""A range of the frames of a run fitted again: begun between its neighbours, with the shape of the run."""

import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.geometry.ply import save_compact_ply
from engine.geometry.similarity import Similarity
from engine.methods.filling import filled_codes, filled_poses, ways_between
from engine.methods.method import FitResult, FoundCodes, LoadedModel, MethodInputs
from engine.methods.npm.confidence import LOST_BELOW, confidences
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import fit_codes, fitted_model
from engine.methods.npm.kept_codes import codes_kept, completed, placed_in_canonical, places_of
from engine.methods.npm.kept_shape import shape_of_run
from engine.methods.npm.sequence import PreviewsInMirror, placed_vertices, subject_poses, subject_seen, with_steps_for
from engine.methods.npm.sides import observe_side
from engine.methods.npm.variables import FittedModel, Variables, plain_model
from engine.methods.refitting import Refit, confidence_with
from engine.methods.run import CANONICAL_SURFACE, KEPT_SHAPE, REFITTED, Run, canonical_surface
from engine.methods.run_summary import is_mirrored, side_facts
from engine.models.named_codes import load_codes
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import mesh_sequence
from engine.sequences.mirroring import mirrored_mesh, mirrored_points, mirrored_poses


@dataclass(frozen=True, eq=False)
class _Earlier:
    """What a run has found, as the fit has it: of the mirror image, if that was fitted."""

    shape: Tensor
    """(Cs,)"""
    poses: NDArray[np.float32]
    """(F, Cp)"""
    places: NDArray[np.float64]
    """(F, 4, 4) of the subject, world, metres"""


def refit_sequence(source: DepthSequence, inputs: MethodInputs, config: FitConfig, progress: Progress) -> FitResult:
    """Fit the frames of ``inputs.refit`` again, and give all frames of its run.

    The whole recording is looked at, so that the subject is found that was followed then. The steps begin with poses
    and places between those of the neighbours, see two frames more on each side, and keep the shape of the run.

    Raises:
        InputError: the run is of another model, or lacks what it takes to go on from it.
        Cancelled: asked to stop before the first step.
    """
    assert inputs.model is not None and inputs.refit is not None
    started, refit, model = time.perf_counter(), inputs.refit, inputs.model.model
    config = with_steps_for(source, config)
    run, middle, is_in_mirror = refit.run, model.info.similarity.centre[0], is_mirrored(refit.run)
    earlier = _earlier(run, inputs.model, middle)
    side = side_facts(run)["fitted"]
    wanted: Literal["auto", "left", "right"] = "left" if side == "left" else "right" if side == "right" else "auto"
    sided = observe_side(source, model, wanted, inputs.seed, progress)
    if sided.is_mirrored:
        progress = PreviewsInMirror(progress)
    read = time.perf_counter()
    looked_at = refit.looked_at
    own = slice(refit.rows[0] - looked_at[0], refit.rows[-1] + 1 - looked_at[0])
    rows, frames = list(refit.rows), torch.tensor(list(looked_at), device=model.device)
    observations = sided.observations.at(frames)
    if inputs.kept is None:
        fitted = fitted_model(model, config, earlier.shape)
        first = _between(fitted, earlier, refit, source.times_s, model.info.similarity).of(frames)
        found = fit_codes(model, observations, config, inputs.seed, progress, first, earlier.shape)
    else:
        found = codes_kept(inputs.kept, model).of(frames.cpu())
    fit = time.perf_counter()
    rotations, translations = found.rotations.double().numpy(), found.translations.double().numpy()
    places = subject_poses(rotations, translations, model.info.similarity)
    if is_in_mirror:
        places = mirrored_poses(places, middle, middle)
    poses, all_places = earlier.poses.copy(), places_of(run)
    poses[rows], all_places[rows] = found.pose_codes.numpy()[own], places[own]
    with np.load(run.folder / "codes.npz") as stored:
        codes = {name: stored[name] for name in stored.files} | {"pose": poses[:, None]}
    details: dict[str, Any] = {
        **run.details,
        "steps": found.steps,
        KEPT_SHAPE: f"of run {run.folder.resolve()}",
        REFITTED: {"of": str(run.folder.resolve()), "frames": list(refit.names)},
    }
    timings = {"read": read - started, "fit": fit - read}
    if inputs.kept is None:
        inputs.keep(FoundCodes(codes, all_places, timings, details, found.interrupted))

    confidence = confidences(model, observations, found)
    surface = canonical_surface(run)
    assert surface is not None
    rest = mirrored_mesh(surface, middle) if is_in_mirror else surface
    progress.stage("mesh", len(looked_at))
    vertices = placed_vertices(plain_model(model), found, model.info.similarity.to_canonical(rest.vertices), progress)
    if is_in_mirror:
        vertices = mirrored_points(vertices, middle)
    again = mesh_sequence(run.meshes.title, vertices[own], surface.faces, refit.names, source.times_s[rows])
    save_compact_ply(surface, inputs.folder / CANONICAL_SURFACE, "metres")
    now_sure = confidence_with(refit, None if confidence is None else confidence[own])
    result = FitResult(
        meshes=refit.meshes(again),
        confidence=now_sure,
        lost_below=None if now_sure is None else LOST_BELOW,
        artefacts={"codes": codes},
        timings={**timings, "mesh": time.perf_counter() - fit},
        details=details,
        interrupted=found.interrupted,
        subject_to_world=all_places,
        subject=subject_seen(sided),
    )
    return result if inputs.kept is None else completed(result, inputs.kept)


def _earlier(run: Run, loaded: LoadedModel, middle: float) -> _Earlier:
    """Of ``run``, with the mirror of a hand at ``middle``.

    Raises:
        InputError: it is of another model, or it has no codes, places or surface.
    """
    shape = shape_of_run(run, loaded).code
    _, poses = load_codes(run.folder / "codes.npz", loaded.model)
    if poses is None or canonical_surface(run) is None:
        raise InputError(run.folder, "has no poses or no surface to go on from", "fit it anew")
    places = places_of(run)
    if is_mirrored(run):
        places = mirrored_poses(places, middle, middle)
    return _Earlier(shape, poses.cpu().numpy(), places)


def _between(
    fitted: FittedModel, earlier: _Earlier, refit: Refit, times_s: NDArray[np.float64], similarity: Similarity
) -> Variables:
    """Variables of all frames, those that are fitted again between their neighbours."""
    device, count = fitted.model.device, len(earlier.poses)
    ways = ways_between(times_s, [row in refit.rows for row in range(count)])
    poses, places = filled_codes(earlier.poses, ways), filled_poses(earlier.places, ways)
    rotations, translations = placed_in_canonical(places, similarity)
    mean = fitted.mean(count)
    return Variables(
        mean.shape,
        fitted.poses.coefficients(torch.tensor(poses, dtype=torch.float32, device=device)),
        torch.tensor(rotations, dtype=torch.float32, device=device),
        torch.tensor(translations, dtype=torch.float32, device=device),
    )
