"""The terms of the energy of a fit as weighted residuals of surface points along given directions.

All are differences of lengths in canonical units, weighted by the inverse of their expected variance and under the
loss of Geman and McClure (`engine.geometry.robust`), so that what does not belong to the subject counts for little.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.geometry.robust import redescending
from engine.methods.npm.association import Partners, PlacedSamples
from engine.methods.npm.observations import Observations

SILHOUETTE_SLACK = 1.0
"""Pixels beside the silhouette that cost nothing: half of one for its rounding, half for that of the projection."""
HIDDEN_BAND = 0.02
"""Canonical units of difference in depth that decide nothing: noise, and the thickness of what is seen."""
OUTLYING = 3.0
"""Expected errors at which canonical coordinates count a quarter."""
_SMALLEST = 1e-6


@dataclass(frozen=True, eq=False)
class SurfaceRows:
    """Residuals ``(placed point - target) . direction`` of points of the surface."""

    canonical: Tensor
    """(F, N, 3)"""
    normals: Tensor
    """(F, N, 3) canonical unit normals, along which the points follow the shape"""
    directions: Tensor
    """(F, R, N, 3)"""
    targets: Tensor
    """(F, N, 3)"""
    weights: Tensor
    """(F, N)"""
    samples: Tensor | None = None
    """(F, N) int64: the surface sample that each point is at or beside; None where points stay where they are."""

    def weighted(self, factor: Tensor | float) -> "SurfaceRows":
        """The same with all weights times ``factor``, of a number or (F, 1)."""
        return replace(self, weights=factor * self.weights)

    def joined(self, other: "SurfaceRows") -> "SurfaceRows":
        """These and ``other`` of as many directions, in the same frames."""
        return SurfaceRows(
            torch.cat((self.canonical, other.canonical), 1),
            torch.cat((self.normals, other.normals), 1),
            torch.cat((self.directions, other.directions), 2),
            torch.cat((self.targets, other.targets), 1),
            torch.cat((self.weights, other.weights), 1),
            None if self.samples is None or other.samples is None else torch.cat((self.samples, other.samples), 1),
        )

    def at(self, frames: Tensor) -> "SurfaceRows":
        """Those of ``frames`` (f,) alone."""
        return SurfaceRows(
            self.canonical[frames], self.normals[frames], self.directions[frames], self.targets[frames],
            self.weights[frames], None if self.samples is None else self.samples[frames],
        )  # fmt: skip


def surface_rows(partners: Partners, observed: Tensor, gate: float) -> SurfaceRows:
    """Observed points (F, M, 3) against the planes of their partners.

    The planes are those of the model, whose normals have no noise; partners are the nearest points, so that nothing
    else than the distance to the surface is left.
    """
    weights = redescending(partners.distances.square(), gate)
    normals = partners.normals[:, None]
    return SurfaceRows(partners.canonical, partners.canonical_normals, normals, observed, weights, partners.samples)


def coordinate_rows(
    canonical: Tensor, deviations: Tensor, observed: Tensor, placed: Tensor, wide: float
) -> SurfaceRows:
    """Observed points against where the model puts the canonical coordinates that a network says of them.

    Args:
        canonical: (F, M, 3)
        deviations: (F, M) expected error along an axis
        observed, placed: (F, M, 3)
        wide: times the expected errors that are doubted least of all; large while the model is far off
    """
    axes = torch.eye(3, device=observed.device).expand(len(observed), observed.shape[1], 3, 3).transpose(1, 2)
    weights = redescending((placed - observed).square().sum(-1), wide * OUTLYING * deviations) / deviations.square()
    return SurfaceRows(canonical, torch.zeros_like(canonical), axes, observed, weights)


@torch.no_grad()
def free_space_rows(
    observations: Observations, frames: Tensor, placed: PlacedSamples, count: int, gate: float
) -> SurfaceRows:
    """The ``count`` samples of each frame that lie farthest in space that was seen to be empty.

    * Beside the silhouette, before something that lies behind or before nothing: by the distance to the silhouette,
      across the line of sight.
    * In front of the subject: by the gap in depth, along the optical axis.

    A pixel that shows something nearer than the sample, or nothing where the sensor may have missed it, says nothing.

    Args:
        frames: (f,) those of ``placed``
        gate: distance at which a sample counts a quarter
    """
    pixels, z = observations.project(frames, placed.points)
    index, inside = observations.pixel_index(pixels)
    height, width = observations.depth.shape[1:]
    flat = frames[:, None] * (height * width) + index
    depth, subject = observations.depth.view(-1)[flat], observations.subject.view(-1)[flat]
    nearest = observations.silhouette.view(-1)[flat].long()
    target = torch.stack((nearest % width + 0.5, nearest // width + 0.5), dim=-1)
    offset = pixels - target
    length = offset.norm(dim=-1)
    focal = observations.intrinsics[0]
    beyond = depth > z + HIDDEN_BAND
    if observations.empty_is_free:
        beyond = beyond | (depth <= 0)
    beside = torch.where(inside & ~subject & beyond, (length - SILHOUETTE_SLACK).clamp_min(0) * z / focal, 0)
    ahead = torch.where(inside & subject & (depth > 0), (depth - HIDDEN_BAND - z).clamp_min(0), 0)
    gap, worst = torch.maximum(beside, ahead).topk(min(count, beside.shape[1]), dim=1)

    across = torch.cat((offset / length.clamp_min(_SMALLEST)[..., None], torch.zeros_like(z)[..., None]), dim=-1)
    along = -torch.eye(3, device=z.device)[2]
    directions = observations.from_camera(frames, torch.where((beside > ahead)[..., None], across, along))
    directions = _at(worst, directions)
    samples = placed.samples
    targets = _at(worst, placed.points) - gap[..., None] * directions
    weights = (gap > 0) * redescending(gap.square(), gate)
    return SurfaceRows(samples.points[worst], samples.normals[worst], directions[:, None], targets, weights, worst)


@torch.no_grad()
def floor_rows(floor: float, placed: PlacedSamples, count: int, gate: float) -> SurfaceRows:
    """The ``count`` lowest samples of each frame, of which those below the height ``floor`` are pulled up to it.

    Args:
        gate: depth at which a sample counts a quarter
    """
    samples = placed.samples
    above, lowest = (placed.points[..., 1] - floor).topk(min(count, placed.points.shape[1]), dim=1, largest=False)
    points = _at(lowest, placed.points)
    up = torch.eye(3, device=points.device)[1].expand_as(points)
    weights = (above < 0) * redescending(above.square(), gate)
    targets = points - above[..., None] * up
    return SurfaceRows(samples.points[lowest], samples.normals[lowest], up[:, None], targets, weights, lowest)


def _at(picks: Tensor, values: Tensor) -> Tensor:
    """Rows ``picks`` (F, N) of ``values`` (F, P, D)."""
    return torch.gather(values, 1, picks[..., None].expand(-1, -1, values.shape[-1]))
