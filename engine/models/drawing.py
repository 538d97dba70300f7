"""Codes drawn from the distributions that a model has learned."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from engine.core.errors import InputError
from engine.models.code_space import CodeSpace
from engine.models.model import NeuralParametricModel


@dataclass(frozen=True, eq=False)
class DrawnCodes:
    """N draws; what was not drawn is the same in all of them."""

    shapes: Tensor
    """(N, Cs)"""
    poses: Tensor | None
    """(N, Cp); None for the canonical pose"""
    shape_nearer: Tensor | None
    """(N,) fraction of the learned distribution that is nearer to its mean, see `CodeSpace.nearer`; None: not drawn"""
    pose_nearer: Tensor | None
    """(N,) likewise"""


def draw_codes(
    model: NeuralParametricModel,
    count: int,
    of: Literal["shape", "pose", "both"],
    seed: int,
    spread: float = 1.0,
    shape_code: Tensor | None = None,
) -> DrawnCodes:
    """``count`` draws of shapes, poses or both, from the normal distributions of the training codes (`CodeSpace.draw`).

    Shapes and poses are drawn independently. A draw does not depend on how many follow it, and the shapes not on
    whether poses are drawn too.

    Args:
        spread: factor of the standard deviations
        shape_code: (Cs,) of all poses, where the shape is not drawn; None for the mean of the training codes

    Raises:
        InputError: the model has learned from too few codes to know how they spread, or has no poses.
    """
    assert count > 0 and spread > 0, (count, spread)
    shapes, shape_nearer = (model.shape_codes.mean(dim=0) if shape_code is None else shape_code).expand(count, -1), None
    poses, pose_nearer = None, None
    if of != "pose":
        shapes, shape_nearer = _draw(model, "shape", model.shape_codes, count, 2 * seed, spread)
    if of != "shape":
        if model.pose_codes is None or not model.has_pose:
            raise InputError(f"model {model.info.name}", "has no pose codes", "draw shapes alone")
        poses, pose_nearer = _draw(model, "pose", model.pose_codes, count, 2 * seed + 1, spread)
    return DrawnCodes(shapes, poses, shape_nearer, pose_nearer)


def _draw(
    model: NeuralParametricModel, space: str, codes: Tensor, count: int, seed: int, spread: float
) -> tuple[Tensor, Tensor]:
    """Codes (N, C) like ``codes``, and how far from the mean they are (N,)."""
    learned = CodeSpace.from_codes(codes)
    if len(learned.scales) == 0:
        problem = f"has one {space} code, which does not say how others would differ"
        raise InputError(f"model {model.info.name}", problem, "give a model that was trained on more")
    coefficients = learned.draw(count, torch.Generator().manual_seed(seed), spread)
    return learned.code(coefficients), learned.nearer(coefficients)
