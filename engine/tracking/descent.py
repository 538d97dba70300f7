"""Damped Gauss-Newton steps for pose and place of one frame, the shape being known.

The terms are those of a fit (`engine.methods.npm.fit`), but for what couples frames in time: a frame that has only
predecessors is held where these foretell it to be. All sizes are fixed and nobody waits for the device, so that the
steps can be captured as one graph.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor

from engine.methods.npm.association import find_partners, place_samples
from engine.methods.npm.confidence import MEASURES, doubt
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import DAMPING, LARGEST_STEP, STEADY_OBSERVATIONS
from engine.methods.npm.linearisation import Linearised, linearise
from engine.methods.npm.normal_equations import NormalEquations, normal_equations
from engine.methods.npm.observations import Observations
from engine.methods.npm.residuals import SurfaceRows, coordinate_rows, free_space_rows, surface_rows
from engine.methods.npm.seen_terms import GATE_AT_START, LARGEST_DEVIATION, TO_DEVIATION, WIDE_AT_START
from engine.methods.npm.variables import RIGID, FittedModel, Variables
from engine.tracking.effort import Effort
from engine.tracking.subject import WATCHED, Subject

_GATE = 0.03
"""Canonical units at which an observed point counts a quarter once the network has led."""
_COORDINATES = 0.4
"""Part of the weight of canonical coordinates that fades from there."""
_FREE_SPACE = 4
"""Observed points for each sample that lies in empty space, as in a fit."""


@dataclass(frozen=True)
class Stage:
    """One step."""

    surface: float
    """Part of the weights of what is seen of the surface"""
    gate: float
    """Canonical units at which an observed point counts a quarter"""
    coordinates: float
    """Part of the weight of canonical coordinates"""
    wide: float
    """Times their expected errors that what the network says may be off"""


@dataclass(frozen=True, eq=False)
class Foretold:
    """Where a frame is expected to be; tensors on the device that are written over for the next frame."""

    variables: Variables
    """Of one frame"""
    positions: Tensor
    """(1, 24, 3) of the watched points, canonical units"""
    deviations: Tensor
    """(1, 24) their expected errors; infinite where nothing is foretold"""


@dataclass(frozen=True, eq=False)
class Descended:
    """Where the steps have led."""

    variables: Variables
    watched: Tensor
    """(1, 24, 3)"""
    doubts: Tensor
    """(1, K) as `engine.methods.npm.confidence.doubts`"""
    apart: Tensor
    """(1,) median distance of observed points from the surface before the last step, canonical units"""


def following(config: FitConfig, leading: int, steps: int) -> tuple[Stage, ...]:
    """Stages from a prediction: ``leading`` ones by what the network says, which no nearest point misleads, and then
    ``steps`` as at the end of a fit."""
    led = [Stage(0.0, GATE_AT_START, 1.0, WIDE_AT_START) for _ in range(leading)]
    near = [
        Stage(
            1.0,
            _GATE * (config.surface_gate / _GATE) ** (step / max(1, steps - 1)),
            config.coordinate_rest + _COORDINATES * (1 - step / max(1, steps - 1)),
            1.0,
        )
        for step in range(steps)
    ]
    return (*led, *near)


def from_far(config: FitConfig, steps: int) -> tuple[Stage, ...]:
    """Stages of a whole fit."""
    stages = []
    for step in range(steps):
        done = step / max(1, steps - 1)
        begins = config.coordinate_steps
        stages.append(
            Stage(
                min(1.0, max(0.0, (done - begins) / 0.2)),
                GATE_AT_START * (config.surface_gate / GATE_AT_START) ** done,
                config.coordinate_rest + (1 - config.coordinate_rest) * (1 - done),
                max(1.0, WIDE_AT_START * (1 - done / max(begins, 1e-6))),
            )
        )
    return tuple(stages)


class _Held(NamedTuple):
    """Points of the surface that stay where they are at rest, and where each should be."""

    canonical: Tensor
    """(1, N, 3)"""
    deviations: Tensor
    """(1, N) expected errors"""
    targets: Tensor
    """(1, N, 3)"""
    wide: float
    """Times these errors that they may be off"""
    share: float
    """Of each one, in independent observations"""

    def rows(self, placed: Tensor) -> SurfaceRows:
        """``placed`` (1, N, 3) is where they are."""
        return coordinate_rows(self.canonical, self.deviations, self.targets, placed, self.wide).weighted(self.share)


class Descent:
    """Steps of one model; the same for all of its subjects."""

    def __init__(self, fitted: FittedModel, config: FitConfig, effort: Effort) -> None:
        self._fitted, self._config, self._effort = fitted, config, effort
        directions = len(fitted.poses.scales)
        device = fitted.model.device
        self._frame = torch.zeros(1, dtype=torch.long, device=device)
        self._prior = torch.zeros(directions + RIGID, device=device)
        self._prior[:directions] = config.pose_prior
        self._damping = torch.ones(directions + RIGID, device=device)
        self._damping[:directions] = DAMPING

    def __call__(
        self,
        subject: Subject,
        observations: Observations,
        variables: Variables,
        stages: Sequence[Stage],
        foretold: Foretold | None = None,
    ) -> Descended:
        """From ``variables`` of one frame through ``stages``."""
        apart = torch.zeros(1, device=self._frame.device)
        for stage in stages:
            variables, apart = self._step(subject, observations, variables, stage, foretold)
        return self._descended(subject, observations, variables, apart)

    def _step(
        self,
        subject: Subject,
        observations: Observations,
        variables: Variables,
        stage: Stage,
        foretold: Foretold | None,
    ) -> tuple[Variables, Tensor]:
        fitted, config, effort = self._fitted, self._config, self._effort
        placed = place_samples(fitted, variables, subject.samples, observations.camera_centres(self._frame))
        middle = placed.points.mean(1)
        equations = self._points_at_rest(subject, observations, variables, stage, foretold, middle)
        apart = torch.zeros(1, device=self._frame.device)
        if stage.surface > 0:
            partners = find_partners(placed, observations.points, observations.normals)
            off = ((observations.points - partners.points) * partners.normals).sum(-1).abs()
            apart = off.median(1).values
            deviation = (TO_DEVIATION * apart).clamp(config.surface_deviation, LARGEST_DEVIATION)
            precision = (stage.surface / deviation.square() / observations.points.shape[1])[:, None]
            surface = surface_rows(partners, observations.points, stage.gate)
            free = free_space_rows(observations, self._frame, placed, effort.points // _FREE_SPACE, stage.gate)
            single = surface.weighted(config.surface_weight * precision).joined(
                free.weighted(config.free_space_weight * precision)
            )
            linear = linearise(fitted, variables, single.canonical, None, single.directions, middle, False)
            equations = equations + _equations(linear, single)
        return self._moved(equations, variables, middle), apart

    def _points_at_rest(
        self,
        subject: Subject,
        observations: Observations,
        variables: Variables,
        stage: Stage,
        foretold: Foretold | None,
        middle: Tensor,
    ) -> NormalEquations:
        """What the network says of pixels and landmarks, and what is foretold of watched points, along all axes.

        Weights follow from where the points are, which the derivatives say as well: one pass is enough for both.
        """
        config, coordinates, said = self._config, observations.coordinates, observations.landmarks
        assert coordinates is not None
        count, some = self._effort.coordinates, slice(None, None, self._effort.landmarks_every)
        share = stage.coordinates * config.coordinate_weight / count
        canonical, deviations = coordinates.canonical[:, :count], coordinates.deviations[:, :count]
        held = [_Held(canonical, deviations, observations.points[:, :count], stage.wide, share)]
        if said is not None:
            own = subject.landmarks[None, some]
            share = config.landmark_weight / own.shape[1]
            held.append(_Held(own, said.deviations[:, some], said.positions[:, some], stage.wide, share))
        if foretold is not None:
            share = STEADY_OBSERVATIONS / (3 * WATCHED)
            held.append(_Held(subject.watched_points[None], foretold.deviations, foretold.positions, 1.0, share))
        points = torch.cat([part.canonical for part in held], dim=1)
        axes = torch.eye(3, device=points.device).expand(1, points.shape[1], 3, 3).transpose(1, 2)
        linear = linearise(self._fitted, variables, points, None, axes, middle, False)
        placed = linear.placed.split([part.canonical.shape[1] for part in held], dim=1)
        return _equations(
            linear, reduce(SurfaceRows.joined, [part.rows(at) for part, at in zip(held, placed, strict=True)])
        )

    def _moved(self, equations: NormalEquations, variables: Variables, middle: Tensor) -> Variables:
        directions = variables.poses.shape[1]
        gradient = equations.frame_gradient.clone()
        gradient[:, :directions] += self._config.pose_prior * variables.poses
        matrix = equations.frame + torch.diag_embed(self._prior + self._damping)[None]
        factor, _ = torch.linalg.cholesky_ex(matrix)  # the other one waits for the device to say whether it failed
        half = torch.linalg.solve_triangular(factor, -gradient[..., None], upper=False)
        step = torch.linalg.solve_triangular(factor.mT, half, upper=True)[..., 0]
        step = torch.where(step.isfinite().all(1, keepdim=True), step, 0)
        step = step * (LARGEST_STEP / step[:, :directions].abs().amax(1, keepdim=True).clamp_min(LARGEST_STEP))
        still = torch.zeros_like(variables.shape)
        return variables.moved(still, step[:, :directions], step[:, directions:], middle)

    @torch.no_grad()
    def _descended(
        self, subject: Subject, observations: Observations, variables: Variables, apart: Tensor
    ) -> Descended:
        """How much speaks against ``variables``, by the measures of `engine.methods.npm.agreement`."""
        fitted, said, coordinates = self._fitted, observations.landmarks, observations.coordinates
        assert coordinates is not None
        placed = place_samples(fitted, variables, subject.samples, observations.camera_centres(self._frame))
        if said is not None:
            gaps = variables.place(fitted.local(variables, said.canonical)) - said.positions
            agreement = gaps.norm(dim=-1).mean(1)
        else:
            gaps = variables.place(fitted.local(variables, coordinates.canonical)) - observations.points
            agreement = gaps.norm(dim=-1).median(1).values
        measures = {"landmarks_mean": agreement, "pose": variables.poses.square().mean(1).sqrt()}
        against = torch.stack([doubt(measures[name], usual) for name, usual in MEASURES.items()], dim=1)
        return Descended(variables, placed.points[:, subject.watched], against, apart)


def _equations(linear: Linearised, rows: SurfaceRows) -> NormalEquations:
    residuals = ((linear.placed - rows.targets)[:, None] * rows.directions).sum(-1)
    return normal_equations(
        linear.jacobians.flatten(1, 2),
        linear.shape_jacobians.flatten(1, 2),
        residuals.flatten(1, 2),
        rows.weights[:, None].expand_as(residuals).flatten(1, 2),
    )
