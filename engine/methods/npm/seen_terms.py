"""What one camera has seen, and what a network says of it, as weighted rows of the energy."""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.methods.npm.association import PlacedSamples, find_partners
from engine.methods.npm.config import FitConfig
from engine.methods.npm.observations import Observations
from engine.methods.npm.posable import Posing
from engine.methods.npm.residuals import SurfaceRows, coordinate_rows, free_space_rows, surface_rows
from engine.methods.npm.variables import Variables

GATE_AT_START = 0.05
"""Distance at which an observed point counts a quarter in the first step, canonical units; it shrinks to the last."""
WIDE_AT_START = 3.0
"""Times the expected errors that canonical coordinates may be off at first."""
TO_DEVIATION = 1.48
"""Standard deviation of normally distributed numbers, in medians of their magnitudes."""
LARGEST_DEVIATION = 0.02
"""Canonical units that observed points are expected off the surface at most, while the model is far away."""
MORE_POINTS = 2.5
"""Times as many points are looked at once the fit is near, when what is left is the chance of their choice."""
MORE_FROM = 0.6
"""Fraction of the steps after which they are."""
ALONE = 1 / 15
"""Part of the weights of what is seen where no network says anything: priors alone hold what is not seen."""


def surface_share(config: FitConfig, observations: Observations, done: float) -> float:
    """Weight of nearest points, which mislead while the coordinates of the network bring the model nearer."""
    if observations.coordinates is None:
        return 1.0
    return min(1.0, max(0.0, (done - config.coordinate_steps) / 0.2))


@dataclass(frozen=True, eq=False)
class SeenTerms:
    """Of one camera; points are drawn anew in each call. ``done`` is 0 in the first step of a fit and 1 in the last."""

    posing: Posing
    observations: Observations
    """Whose others are not looked at"""
    config: FitConfig
    generator: torch.Generator
    landmarks: Tensor | None
    """(K, 3) at rest"""
    worth: Tensor
    """(F,) see `engine.methods.npm.landmarks.clearness`"""
    points: float = 1.0
    """Times as many points as the configuration says: of several cameras each needs fewer"""

    def still(self, frames: Tensor, variables: Variables, done: float) -> dict[str, SurfaceRows]:
        """Terms in ``frames`` (f,) along all axes, whose points stay where they are."""
        rows = {}
        if self.observations.coordinates is not None:
            rows["coordinates"] = self._coordinates(frames, variables, done)
        if self.observations.landmarks is not None:
            rows["landmarks"] = self._landmarks(frames, variables, done)
        return {name: each.weighted(self.worth[frames][:, None]) for name, each in rows.items()}

    def following(self, frames: Tensor, placed: PlacedSamples, done: float) -> dict[str, SurfaceRows]:
        """Terms in ``frames`` (f,) along one direction, whose points follow the shape, before ``placed`` samples.

        What is seen of the surface, and where nothing of it was seen.
        """
        config, observations = self.config, self.observations
        placed = placed.seen_from(observations.camera_centres(frames))
        gate = GATE_AT_START * (config.surface_gate / GATE_AT_START) ** done
        times = MORE_POINTS if done >= MORE_FROM else 1.0
        count = self._count(times * config.surface_points)
        picks, seen = self._random_points(len(frames), count), observations.seen[frames][:, None]
        observed = _of(observations.points[frames], picks)
        partners = find_partners(placed, observed, _of(observations.normals[frames], picks))
        apart = ((observed - partners.points) * partners.normals).sum(-1).abs()
        median = apart.median(1, keepdim=True).values
        deviation = (TO_DEVIATION * median).clamp(config.surface_deviation, LARGEST_DEVIATION)
        precision = surface_share(config, observations, done) / deviation.square() / count
        precision = self.worth[frames][:, None] * precision * seen
        if observations.coordinates is None:
            precision = ALONE * precision
        surface = surface_rows(partners, observed, gate)
        free = free_space_rows(observations, frames, placed, self._count(times * config.free_space_points), gate)
        return {
            "surface": surface.weighted(config.surface_weight * precision),
            "free space": free.weighted(config.free_space_weight * precision),
        }

    def _coordinates(self, frames: Tensor, variables: Variables, done: float) -> SurfaceRows:
        config, observations = self.config, self.observations
        assert observations.coordinates is not None
        count = self._count(config.coordinate_points)
        picks = self._random_points(len(frames), count)
        canonical = _of(observations.coordinates.canonical[frames], picks)
        deviations = _of(observations.coordinates.deviations[frames][..., None], picks)[..., 0]
        observed = _of(observations.points[frames], picks)
        with torch.no_grad():
            placed = variables.place(self.posing.local(variables, canonical))
        rows = coordinate_rows(canonical, deviations, observed, placed, self._width(done))
        fade = config.coordinate_rest + (1 - config.coordinate_rest) * (1 - done)
        share = config.coordinate_weight * fade / count
        return rows.weighted(share * observations.seen[frames][:, None])

    def _landmarks(self, frames: Tensor, variables: Variables, done: float) -> SurfaceRows:
        config, observations = self.config, self.observations
        assert observations.landmarks is not None and self.landmarks is not None
        canonical = self.landmarks.expand(len(frames), -1, -1)
        deviations, positions = observations.landmarks.deviations[frames], observations.landmarks.positions[frames]
        with torch.no_grad():
            placed = variables.place(self.posing.local(variables, canonical))
        rows = coordinate_rows(canonical, deviations, positions, placed, self._width(done))
        return rows.weighted(config.landmark_weight / canonical.shape[1] * observations.seen[frames][:, None])

    def _width(self, done: float) -> float:
        """Times their expected errors that what the network says may be off."""
        return max(1.0, WIDE_AT_START * (1 - done / max(self.config.coordinate_steps, 1e-6)))

    def _count(self, wanted: float) -> int:
        return max(1, round(self.points * wanted))

    def _random_points(self, frames: int, count: int) -> Tensor:
        available = self.observations.points.shape[1]
        picks = torch.randint(available, (frames, count), generator=self.generator)
        return picks.to(self.observations.points.device)


def _of(values: Tensor, picks: Tensor) -> Tensor:
    """Rows ``picks`` (F, N) of ``values`` (F, M, D)."""
    return torch.gather(values, 1, picks[..., None].expand(-1, -1, values.shape[-1]))
