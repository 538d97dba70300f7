"""Points of a body's surface that stay the same points, whatever the shape and the pose."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from engine.geometry.signed_distance import sample_surface
from engine.geometry.similarity import Similarity
from engine.methods.skinned.body import (
    Rest,
    SkinnedBody,
    applied,
    bend_features,
    blended,
    pose_bones,
    skinned_vertices,
)

_BONES = 12
"""That a sample follows at most; the three corners of its triangle rarely have more together."""


@dataclass(frozen=True, eq=False)
class Material:
    """Samples of the surface, each with the weights and the place at rest that the corners of its triangle mix to."""

    corners: Tensor
    """(P, 3) int64 vertices about each sample"""
    barycentric: Tensor
    """(P, 3)"""
    bones: Tensor
    """(P, k) int64 that a sample follows, those with the largest weights"""
    shares: Tensor
    """(P, k) weights of these, whose rows sum to 1"""
    weights: Tensor
    """(P, B) the same of all bones"""
    bends: Tensor | None
    """(P, 3, 9 (B - 1)) see `SkinnedBody.pose_directions`"""

    @staticmethod
    def of(body: SkinnedBody, count: int, seed: int) -> "Material":
        """``count`` samples, uniform over the area of the mean shape."""
        rest, device = body.rest_of(torch.zeros(body.shapes)), body.weights.device
        faces = body.faces.cpu().numpy()
        chosen, mixed = sample_surface(rest.vertices.double().cpu().numpy(), faces, count, np.random.default_rng(seed))
        corners = torch.from_numpy(faces[chosen].astype(np.int64)).to(device)
        barycentric = torch.from_numpy(mixed).to(body.weights)
        bends, weights = body.pose_directions, _mixed(body.weights, corners, barycentric)
        top, bones = weights.topk(min(_BONES, weights.shape[1]), 1)
        shares = top / top.sum(1, keepdim=True)
        return Material(
            corners,
            barycentric,
            bones,
            shares,
            torch.zeros_like(weights).scatter_(1, bones, shares),
            None if bends is None else _mixed(bends.flatten(1), corners, barycentric).unflatten(1, (3, -1)),
        )

    def at_rest(self, rest: Rest) -> Tensor:
        """Where the samples are (P, 3) in one shape."""
        return _mixed(rest.vertices, self.corners, self.barycentric)


def _mixed(values: Tensor, corners: Tensor, barycentric: Tensor) -> Tensor:
    """(P, D) of ``values`` (V, D) at the corners."""
    return (values[corners] * barycentric[..., None]).sum(1)


@dataclass(frozen=True, eq=False)
class CanonicalSurface:
    """One shape in the canonical pose, from where points are brought back to rest."""

    rest: Rest
    samples: Tensor
    """(P, 3) of the material, at rest, metres"""
    points: Tensor
    """(P, 3) the same in the canonical pose, canonical units"""
    affine: Tensor
    """(P, 3, 4) from rest to the canonical pose, metres"""
    bends: Tensor | None
    """(P, 3) what the canonical pose adds to the samples at rest"""
    similarity: Similarity

    @staticmethod
    def of(body: SkinnedBody, material: Material, shape: Tensor) -> "CanonicalSurface":
        """That of ``shape`` (S,)."""
        rest = body.rest_of(shape)
        affine = blended(material.weights, pose_bones(body, rest, body.canonical[None]).transforms)[0]
        samples, bends = material.at_rest(rest), None
        if material.bends is not None:
            bends = material.bends @ bend_features(body.canonical[None])[0]
        placed = applied(affine, samples if bends is None else samples + bends)
        return CanonicalSurface(rest, samples, to_canonical(body.similarity, placed), affine, bends, body.similarity)

    def nearest(self, points: Tensor) -> Tensor:
        """(F, N) int64: the sample nearest to each of ``points`` (F, N, 3), canonical units."""
        flat = points.reshape(-1, 3)
        if points.device.type == "cpu":  # where a tree is ten times as fast as all distances
            return torch.from_numpy(self._tree.query(flat.numpy())[1]).view(points.shape[:-1])
        lengths = self.points.square().sum(1) / 2
        return (lengths - flat @ self.points.T).argmin(1).view(points.shape[:-1])

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.points.numpy())

    def at_rest(self, points: Tensor, samples: Tensor) -> Tensor:
        """Where ``points`` (F, N, 3), canonical units, beside ``samples`` (F, N), are at rest, metres (F, N, 3).

        What a pose adds there is not in it.
        """
        affine = self.affine[samples]
        metres = to_metres(self.similarity, points) - affine[..., 3]
        rest = torch.linalg.solve(affine[..., :3], metres)
        return rest if self.bends is None else rest - self.bends[samples]


def canonical_vertices(body: SkinnedBody, shape: Tensor) -> Tensor:
    """Vertices (V, 3) of ``shape`` (S,) in the canonical pose, canonical units."""
    placed = skinned_vertices(body, body.rest_of(shape), body.canonical[None])[0]
    return to_canonical(body.similarity, placed)


def to_canonical(similarity: Similarity, metres: Tensor) -> Tensor:
    """Canonical coordinates of points (..., 3) in metres, the head of the root at the origin."""
    return similarity.scale * (metres - metres.new_tensor(similarity.centre))


def to_metres(similarity: Similarity, canonical: Tensor) -> Tensor:
    """The way back."""
    return canonical / similarity.scale + canonical.new_tensor(similarity.centre)
