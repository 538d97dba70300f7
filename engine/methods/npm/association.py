"""Which point of the model's surface an observed point lies on: nearest samples, refined within their triangles."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.methods.npm.surface_samples import SurfaceSamples, posed_normals
from engine.methods.npm.variables import FittedModel, Variables

NORMAL_WEIGHT = 0.03
"""Canonical units that a unit difference of normals counts as when partners are chosen."""
_NOT_ALLOWED = 1e3
"""Squared canonical units that a model point which faces away counts as farther: more than any in a scene."""
_FARTHEST_SHIFT = 0.03
"""Canonical units that a partner moves within the plane of its triangle: about the distance between samples."""

_SMALLEST_EDGE = 1e-9
"""Squared canonical units added to those of edges, for triangles without an area."""


@dataclass(frozen=True, eq=False)
class PlacedSamples:
    """Surface samples of all frames where the subject is."""

    samples: SurfaceSamples
    vertices: Tensor
    """(F, V, 3) of the coarse mesh"""
    points: Tensor
    """(F, P, 3)"""
    normals: Tensor
    """(F, P, 3) unit"""
    front: Tensor
    """(F, P) bool: faces the camera"""

    def seen_from(self, camera_centres: Tensor) -> "PlacedSamples":
        """The same before cameras at ``camera_centres`` (F or 1, 3)."""
        return replace(self, front=_faces(self.points, self.normals, camera_centres))


@dataclass(frozen=True, eq=False)
class Partners:
    """For each observed point a point of the surface."""

    canonical: Tensor
    """(F, M, 3) on the canonical surface, to second order"""
    canonical_normals: Tensor
    """(F, M, 3)"""
    points: Tensor
    """(F, M, 3) nearest samples, where the subject is"""
    normals: Tensor
    """(F, M, 3) of the placed surface there"""
    distances: Tensor
    """(F, M) to the nearest sample"""
    samples: Tensor
    """(F, M) int64: which that is"""


@torch.no_grad()
def place_samples(
    fitted: FittedModel, variables: Variables, samples: SurfaceSamples, camera_centres: Tensor
) -> PlacedSamples:
    """Bring ``samples`` to where the subject is in all frames.

    Args:
        camera_centres: (F or 1, 3)
    """
    vertices = variables.place(fitted.local(variables, samples.vertices[None]))
    return samples_at(vertices, samples, camera_centres)


def samples_at(vertices: Tensor, samples: SurfaceSamples, camera_centres: Tensor) -> PlacedSamples:
    """The ``samples`` of a mesh whose vertices are at ``vertices`` (F, V, 3), before cameras at (F or 1, 3)."""
    normals = posed_normals(samples, vertices)
    points = (vertices[:, samples.corners] * samples.barycentric[..., None]).sum(2)
    return PlacedSamples(samples, vertices, points, normals, _faces(points, normals, camera_centres))


def _faces(points: Tensor, normals: Tensor, camera_centres: Tensor) -> Tensor:
    return ((points - camera_centres[:, None]) * normals).sum(-1) < 0


@torch.no_grad()
def find_partners(placed: PlacedSamples, observed: Tensor, observed_normals: Tensor) -> Partners:
    """The surface point of each of ``observed`` (F, M, 3) with normals (F, M, 3), zero where unknown.

    The nearest sample, by position and weighted normal, among those that face the camera, moved within the plane of
    its triangle to below the observed point: partners are continuous, however coarse the samples.
    """
    samples = placed.samples
    allowed = placed.front | ~placed.front.any(1, keepdim=True)
    base = torch.cat((placed.points, NORMAL_WEIGHT * placed.normals), dim=-1)
    offset = base.square().sum(-1, keepdim=True) + (~allowed).float()[..., None] * _NOT_ALLOWED
    query = torch.cat((observed, NORMAL_WEIGHT * observed_normals, torch.ones_like(observed[..., :1])), dim=-1)
    nearest = torch.bmm(query, torch.cat((-2 * base, offset), dim=-1).transpose(1, 2)).argmin(-1)  # (F, M)

    def of_nearest(values: Tensor) -> Tensor:
        return torch.gather(values, 1, nearest[..., None].expand(-1, -1, 3))

    points, normals = of_nearest(placed.points), of_nearest(placed.normals)
    gap = observed - points
    corners = samples.corners[nearest]  # (F, M, 3)
    rows = torch.arange(len(observed), device=observed.device)[:, None, None]
    triangle = placed.vertices[rows, corners]
    one, two = triangle[:, :, 1] - triangle[:, :, 0], triangle[:, :, 2] - triangle[:, :, 0]
    at_rest = samples.vertices[corners]
    along_one, along_two = _within(one, two, gap)
    shift = along_one * (at_rest[:, :, 1] - at_rest[:, :, 0]) + along_two * (at_rest[:, :, 2] - at_rest[:, :, 0])
    length = shift.norm(dim=-1, keepdim=True)
    shift = shift * (_FARTHEST_SHIFT / length.clamp_min(_FARTHEST_SHIFT))
    return Partners(
        samples.points[nearest] + shift, samples.normals[nearest], points, normals, gap.norm(dim=-1), nearest
    )


def _within(one: Tensor, two: Tensor, gap: Tensor) -> tuple[Tensor, Tensor]:
    """How much of the edges ``one`` and ``two`` (..., 3) comes nearest to ``gap`` (..., 3): (..., 1) each.

    Their normal equations in closed form: thousands of small systems take a GPU long.
    """
    a, b, c = ((x * y).sum(-1, keepdim=True) for x, y in ((one, one), (one, two), (two, two)))
    first, second = (one * gap).sum(-1, keepdim=True), (two * gap).sum(-1, keepdim=True)
    a, c = a + _SMALLEST_EDGE, c + _SMALLEST_EDGE
    determinant = a * c - b * b
    return (c * first - b * second) / determinant, (a * second - b * first) / determinant
