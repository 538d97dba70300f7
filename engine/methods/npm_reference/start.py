"""Where the published recipe begins: codes by encoders, and a pool of points around the surface of the shape code."""

from dataclasses import dataclass

import numpy as np
import torch
import trimesh
from torch import Tensor

from engine.core.errors import InputError
from engine.dataset.preparation.view_grids_torch import occupancy_grids
from engine.methods.npm_reference.config import ReferenceConfig
from engine.models.model import NeuralParametricModel
from engine.models.networks.encoder import VoxelEncoder
from engine.sequences.depth_sequence import DepthSequence
from engine.surface.extract import extract_surface

POOL_RESOLUTION = 256
"""Nodes per axis of the mesh that the pool is drawn around."""
RANDOM_POSE = 0.1
"""Standard deviation of random pose codes."""


@dataclass(frozen=True, eq=False)
class Codes:
    """One shape code, and a pose code of each of F frames."""

    shape: Tensor
    """(Cs,)"""
    poses: Tensor
    """(F, Cp)"""

    def copy(self) -> "Codes":
        """Their values now."""
        return Codes(self.shape.detach().clone(), self.poses.detach().clone())


def first_codes(
    model: NeuralParametricModel, sequence: DepthSequence, config: ReferenceConfig, generator: torch.Generator
) -> Codes:
    """The mean of what the shape encoder says of all frames, and what the pose encoder says of each.

    Without a shape encoder the shape code is random, of a standard deviation of one over its size, as codes are when
    training begins; without a pose encoder poses are as ``config.pose_start`` says.

    Raises:
        InputError: a frame cannot be read.
    """
    if model.shape_encoder is not None:
        shape = _encoded(model.shape_encoder, model, sequence).mean(0)
    else:
        shape = _random(model.shape_codes[0], generator) / model.shape_codes.shape[1]
    if model.pose_encoder is not None:
        return Codes(shape, _encoded(model.pose_encoder, model, sequence))
    return Codes(shape, _unseen_poses(model, len(sequence), config, generator))


def _unseen_poses(
    model: NeuralParametricModel, count: int, config: ReferenceConfig, generator: torch.Generator
) -> Tensor:
    known = model.pose_codes
    assert known is not None
    if config.pose_start == "first":
        return known[torch.arange(count, device=known.device) % len(known)].clone()
    mean = known.mean(0).repeat(count, 1)
    return mean if config.pose_start == "mean" else RANDOM_POSE * _random(mean, generator)


def _random(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)


@torch.no_grad()
def _encoded(encoder: VoxelEncoder, model: NeuralParametricModel, sequence: DepthSequence) -> Tensor:
    """Code (F, C) of each frame alone, from all of its pixels."""
    codes = []
    for frame in range(len(sequence)):
        depths = torch.from_numpy(sequence.depth_m(frame))[None].to(model.device)
        pose, resolution = torch.from_numpy(sequence.camera_at(frame)), encoder.config.resolution
        codes.append(encoder(occupancy_grids(depths, sequence.camera, pose, model.info.similarity, resolution)))
    return torch.cat(codes).to(model.shape_codes.dtype)


def points_around(model: NeuralParametricModel, shape_code: Tensor, config: ReferenceConfig, seed: int) -> Tensor:
    """The pool (P, 3): points spread evenly over the surface of ``shape_code`` (Cs,), and moved at random.

    Evenly means that of points which are closer than others one is left out, so that they may be a few less than
    ``config.pool``. They stay the same for the whole fit and may lie outside the cube.

    Raises:
        InputError: the code has no surface.
    """
    mesh = extract_surface(model, shape_code.float(), POOL_RESOLUTION)
    if mesh.is_empty:
        raise InputError(model.info.name, "the first shape code has no surface in the cube", "train the model longer")
    surface = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    points, _ = trimesh.sample.sample_surface_even(surface, config.pool, seed=seed)
    noise = np.random.default_rng(seed).standard_normal(points.shape)
    pool = torch.from_numpy(np.asarray(points) + config.pool_deviation * noise)
    return pool.to(shape_code.device, shape_code.dtype)
