"""Bodies of the SMPL family and MANO hands as skinned bodies that are fitted."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from engine.geometry.similarity import Similarity
from engine.methods.skinned.body import Rest, SkinnedBody
from engine.methods.skinned.pose_space import pose_space
from external.smpl.body import rotation_matrices
from external.smpl.clips import random_body_clip, random_hand_clip
from external.smpl.model_file import Array, BodyModel

SHAPES = 10
"""Coefficients of the shape that are fitted, at most."""
_CLIPS, _FRAMES = 150, 12
"""Random motions that say how joints move, and frames of each."""
_ARMS_DOWN, _LEGS_APART = 0.22, 0.34
"""Radians of the canonical pose of built-in models: arms below the horizontal, each leg to its side."""
_LEFT_HIP, _RIGHT_HIP, _LEFT_SHOULDER, _RIGHT_SHOULDER = 1, 2, 16, 17
_INDEX, _MIDDLE, _LITTLE = 1, 4, 7
"""First joints of these fingers of MANO."""


def smpl_body(model: BodyModel, similarity: Similarity) -> SkinnedBody:
    """A body in the canonical pose of the built-in models, as near as its joints come to it."""
    canonical = np.zeros((model.joints, 3))
    canonical[_LEFT_HIP, 2], canonical[_RIGHT_HIP, 2] = _LEGS_APART, -_LEGS_APART
    canonical[_LEFT_SHOULDER, 2], canonical[_RIGHT_SHOULDER, 2] = -_ARMS_DOWN, _ARMS_DOWN

    def clip(random: np.random.Generator) -> Array:
        return random_body_clip(random, _FRAMES, model.joints)

    return _skinned(model, "SMPL body", clip, rotation_matrices(canonical), similarity)


def mano_hand(model: BodyModel, similarity: Similarity) -> SkinnedBody:
    """A right hand, turned as built-in models have it: fingers up, palm to the front."""
    canonical = np.tile(np.eye(3), (model.joints, 1, 1))
    canonical[0] = _hand_axes(model.joint_regressor @ model.template)

    def clip(random: np.random.Generator) -> Array:
        return random_hand_clip(random, _FRAMES, model)

    return _skinned(model, "MANO hand", clip, canonical, similarity)


def _hand_axes(joints: Array) -> Array:
    """Rotation (3, 3) to axes with the fingers along y and, of a right hand, the thumb's side along x."""
    up = joints[_MIDDLE] - joints[0]
    up = up / np.linalg.norm(up)
    aside = joints[_INDEX] - joints[_LITTLE]
    aside = aside - (aside @ up) * up
    aside = aside / np.linalg.norm(aside)
    return np.stack([aside, up, np.cross(aside, up)])


def _skinned(
    model: BodyModel,
    name: str,
    clip: Callable[[np.random.Generator], Array],
    canonical: Array,
    similarity: Similarity,
) -> SkinnedBody:
    """How joints move is learned from motions that ``clip`` draws, (F, 3J) rotation vectors each."""
    random = np.random.default_rng(0)
    vectors = np.concatenate([clip(random) for _ in range(_CLIPS)]).reshape(-1, model.joints, 3)
    shapes = min(SHAPES, model.shape_directions.shape[2])
    template, regressor = torch.tensor(model.template), torch.tensor(model.joint_regressor)
    directions = torch.tensor(model.shape_directions[:, :, :shapes])
    parents = [max(int(parent), 0) for parent in model.parents]
    straight = torch.eye(3).double().repeat(model.joints, 1, 1)

    def rest(shape: Tensor) -> Rest:
        vertices = template + directions @ shape
        heads = regressor @ vertices
        vertices, heads = vertices - heads[0], heads - heads[0]
        return Rest(vertices, heads, straight, heads - heads[parents])

    return SkinnedBody(
        name=name,
        parents=tuple(int(parent) for parent in model.parents),
        reference=straight,
        weights=torch.tensor(model.weights / model.weights.sum(axis=1, keepdims=True)),
        faces=torch.tensor(model.faces).long(),
        rest=rest,
        shapes=shapes,
        poses=pose_space(rotation_matrices(vectors)),
        canonical=torch.tensor(canonical),
        similarity=similarity,
        shape_names=tuple(f"beta {number}" for number in range(shapes)),
        pose_directions=torch.tensor(model.pose_directions),
        knows_coordinates=False,
    )
