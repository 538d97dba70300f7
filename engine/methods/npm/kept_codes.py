"""Codes that a fit has found and nobody waited to have meshes of."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.npz import read_npz
from engine.geometry.similarity import Similarity
from engine.methods.method import FitResult
from engine.methods.npm.fit import FittedCodes
from engine.methods.run import FILL_LOST, Run
from engine.methods.run_summary import is_mirrored
from engine.models.model import NeuralParametricModel
from engine.sequences.mirroring import mirrored_poses


def codes_kept(run: Run, model: NeuralParametricModel) -> FittedCodes:
    """What ``run``, which is not complete, has found.

    Raises:
        InputError: its codes are damaged.
    """
    path, similarity = run.folder / "codes.npz", model.info.similarity
    arrays = read_npz(path, ("shape", "pose", "shape_deviations"), "fit it again")
    places = places_of(run)
    if is_mirrored(run):
        places = mirrored_poses(places, similarity.centre[0], similarity.centre[0])
    rotations, translations = placed_in_canonical(places, similarity)
    return FittedCodes(
        torch.tensor(arrays["shape"][0, -1]),
        torch.tensor(arrays["pose"][:, -1]),
        torch.from_numpy(rotations.astype(np.float32)),
        torch.from_numpy(translations.astype(np.float32)),
        steps=int(run.details.get("steps", 0)),  # a track has none
        seconds=run.seconds,
        interrupted=run.interrupted,
        shape_deviations=torch.tensor(arrays["shape_deviations"]) if "shape_deviations" in arrays else None,
    )


def completed(result: FitResult, kept: Run) -> FitResult:
    """``result`` of codes that were ``kept``, with what was told of their fit."""
    details = {name: value for name, value in kept.details.items() if name != FILL_LOST}
    return replace(result, timings={**kept.timings, **result.timings}, details={**result.details, **details})


def places_of(run: Run) -> NDArray[np.float64]:
    """(F, 4, 4) of the subject.

    Raises:
        InputError: it does not say them.
    """
    known = [frame.subject_to_world for frame in run.frames if frame.subject_to_world is not None]
    if len(known) < len(run.frames):
        raise InputError(run.folder, "does not say where the subject is", "fit it anew")
    return np.stack(known)


def placed_in_canonical(
    poses: NDArray[np.float64], similarity: Similarity
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotations (F, 3, 3) and translations (F, 3) in canonical units of ``poses`` (F, 4, 4) in metres.

    `engine.methods.npm.sequence.subject_poses` goes the other way.
    """
    rotations, centre = poses[:, :3, :3], np.asarray(similarity.centre)
    return rotations, similarity.scale * (poses[:, :3, 3] - centre + rotations @ centre)
