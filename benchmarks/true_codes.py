"""Codes and places that are right, and other fits to set beside a fit."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import InputError
from engine.dataset.preparation.sdf_pools import sample_pools
from engine.evaluate.code_fitting import fit_shape_codes
from engine.evaluate.measures import points_at
from engine.geometry.mesh import Mesh
from engine.geometry.signed_distance import sample_surface
from engine.geometry.similarity import Similarity
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import FittedCodes, fit_codes
from engine.methods.npm.observations import Coordinates, Observations
from engine.models.model import NeuralParametricModel
from engine.sequences.truth import Truth

POOL = (60_000, 20_000, 1)
"""Near, uniform and surface samples that a shape code is fitted to."""
POINTS = 4096
"""Of the surface, that a pose is fitted to."""
DEVIATION = 0.02
"""Canonical units that true correspondences are said to be off: none is to be doubted while the model is far away."""
EXACT = FitConfig(
    steps=40,
    surface_weight=0,
    surface_points=16,
    free_space_weight=0,
    free_space_points=16,
    coordinate_points=1024,
    coordinate_weight=200_000,
    coordinate_rest=1,
    pose_prior=0.05,
    acceleration=0,
)
"""The fit to true correspondences: as good as the model can, priors next to nothing."""
_NARROW = 1e-4
"""Of the spread of the training shapes, what is left of it where there is to be one shape."""


@dataclass(frozen=True, eq=False)
class TrueSurface:
    """The truth of one sequence, canonical units."""

    rest: Mesh
    """The surface in the canonical pose."""
    at_rest: NDArray[np.float32]
    """(P, 3) random points of it, by area"""
    moved: NDArray[np.float32]
    """(F, P, 3) the same points in each frame"""


def true_surface(truth: Truth, similarity: Similarity, points: int = POINTS, seed: int = 0) -> TrueSurface:
    """Of ``truth`` in the world that models are in.

    Raises:
        InputError: it does not say where its vertices are in the canonical pose.
    """
    if truth.canonical is None or not truth.meshes.one_topology:
        raise InputError(truth.meshes.title, "does not say where its vertices are in the canonical pose")
    faces = truth.meshes.read(0).faces
    rest = similarity.to_canonical(truth.canonical)
    picks = sample_surface(rest, faces, points, np.random.default_rng(seed))
    frames = [similarity.to_canonical(truth.meshes.read_double(frame)[0]) for frame in range(len(truth.meshes))]
    moved = np.stack([points_at(vertices, faces, picks) for vertices in frames])
    at_rest = points_at(rest, faces, picks).astype(np.float32)
    return TrueSurface(Mesh(rest.astype(np.float32), faces), at_rest, moved.astype(np.float32))


def true_shape(model: NeuralParametricModel, rest: Mesh, steps: int, seed: int = 0) -> Tensor:
    """The shape code (Cs,) that agrees best with signed distances of the true surface ``rest``."""
    pools = sample_pools(rest.vertices, rest.faces, POOL, np.random.default_rng(seed))
    samples = torch.from_numpy(np.concatenate((pools.near, pools.uniform)))[None].to(model.device)
    return fit_shape_codes(model, samples, steps, half=model.device.type == "cuda")[0]


def of_one_shape(model: NeuralParametricModel, code: Tensor) -> NeuralParametricModel:
    """``model`` as if all its training shapes were ``code`` (Cs,): a fit of it has that shape and finds the poses."""
    spread = model.shape_codes - model.shape_codes.mean(0)
    narrow = code.to(model.device) + _NARROW * spread
    return replace(model, shape_codes=narrow, shape_encoder=None, pose_encoder=None)


def true_poses(
    model: NeuralParametricModel, code: Tensor, truth: TrueSurface, config: FitConfig = EXACT
) -> FittedCodes:
    """Poses and places of the shape ``code`` (Cs,) that bring points of the true surface to where they are.

    The steps are those of the fit, on correspondences all over the surface that are exact.
    """
    observations = exact_observations(truth, model.device)
    return replace(fit_codes(of_one_shape(model, code), observations, config), shape_code=code.cpu())


def exact_observations(truth: TrueSurface, device: torch.device) -> Observations:
    """True correspondences as if they had been observed; no camera has seen anything else."""
    moved = torch.from_numpy(truth.moved).to(device)
    frames, points = moved.shape[:2]
    at_rest = torch.from_numpy(truth.at_rest).to(device).expand(frames, -1, -1)
    maps = torch.zeros((frames, 1, 1), device=device)
    return Observations(
        points=moved,
        normals=torch.zeros_like(moved),
        seen=torch.ones(frames, dtype=torch.bool, device=device),
        depth=maps,
        subject=maps.bool(),
        silhouette=maps.int(),
        empty_is_free=False,
        rotations=torch.eye(3, device=device)[None],
        translations=torch.tensor([[0.0, 0.0, 2.0]], device=device),
        intrinsics=(1.0, 1.0, 0.5, 0.5),
        times_s=torch.arange(frames, device=device, dtype=torch.float32),
        coordinates=Coordinates(at_rest, torch.full((frames, points), DEVIATION, device=device)),
    )
