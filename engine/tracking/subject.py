"""What of a tracked subject stays the same from frame to frame: its shape, and what lies on it."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import normalize

from engine.geometry.farthest_points import farthest_points
from engine.methods.npm.surface_samples import SurfaceSamples, sample_model_surface, thinned
from engine.methods.npm.variables import FittedModel, Variables

WATCHED = 24
"""Points of the surface, far from each other, whose motion is foretold."""
_PROJECTIONS = 3
_LEFT_OVER = 0.003
"""Canonical units off the surface, at the 99th percentile, that vertices which have followed it may be left."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A shape, and points on its canonical surface."""

    shape: Tensor
    """(S,) in standard deviations"""
    samples: SurfaceSamples
    landmarks: Tensor
    """(K, 3) at rest; K is 0 where the network says none"""
    watched: Tensor
    """(24,) int64 of the samples"""

    @property
    def watched_points(self) -> Tensor:
        """(24, 3)"""
        return self.samples.points[self.watched]

    @staticmethod
    def of_shape(fitted: FittedModel, shape: Tensor, landmarks: Tensor, resolution: int, count: int) -> "Subject":
        """With ``count`` samples of a mesh of ``resolution``.

        Raises:
            InputError: the shape has no surface.
        """
        samples = thinned(sample_model_surface(fitted.model, fitted.shapes.code(shape), 0, resolution), count)
        return Subject(shape, samples, landmarks, farthest_points(samples.points, WATCHED))

    def with_shape(self, fitted: FittedModel, shape: Tensor, landmarks: Tensor) -> "Subject | None":
        """Of another shape, with the same triangles; None where it is too far away for that.

        Vertices go down the gradient of the new signed distance until they lie on its surface.
        """
        code, vertices = fitted.shapes.code(shape)[None], self.samples.vertices
        for _ in range(_PROJECTIONS):
            distance, gradient = _distance_and_gradient(fitted, code, vertices)
            steepness = gradient.square().sum(-1, keepdim=True).clamp_min(1e-6)
            vertices = vertices - distance[:, None] * gradient / steepness
        left, gradient = _distance_and_gradient(fitted, code, vertices)
        if float(left.abs().quantile(0.99)) > _LEFT_OVER:
            return None
        own = self.samples
        normals = normalize(gradient, dim=-1)
        samples = replace(
            own,
            vertices=vertices,
            points=_between(vertices, own),
            normals=normalize(_between(normals, own), dim=-1),
        )
        return Subject(shape, samples, landmarks, self.watched)

    def take_over(self, other: "Subject") -> None:
        """Become ``other``, which has the same triangles, in the same memory."""
        for mine, theirs in zip(self._moving(), other._moving(), strict=True):
            mine.copy_(theirs)

    def _moving(self) -> tuple[Tensor, ...]:
        samples = self.samples
        return self.shape, samples.points, samples.normals, samples.vertices, self.landmarks

    def variables(self, poses: Tensor, rotations: Tensor, translations: Tensor) -> Variables:
        """This shape in poses (F, K) at places (F, 3, 3) and (F, 3)."""
        return Variables(self.shape, poses, rotations, translations)


def _between(values: Tensor, samples: SurfaceSamples) -> Tensor:
    """``values`` (V, 3) of the vertices at the samples (P, 3)."""
    return (values[samples.corners] * samples.barycentric[..., None]).sum(1)


def _distance_and_gradient(fitted: FittedModel, code: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        at = points.detach().requires_grad_()
        distance = fitted.model.sdf(code, at[None])[0]
        (gradient,) = torch.autograd.grad(distance.sum(), at)
    return distance.detach(), gradient
