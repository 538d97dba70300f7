"""The fit of a depth sequence: damped Gauss-Newton steps on one shape, and on pose and place of every frame."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

import torch
from torch import Tensor

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.geometry.farthest_points import farthest_points
from engine.methods.distances import REACH
from engine.methods.npm.association import PlacedSamples, samples_at
from engine.methods.npm.config import FitConfig
from engine.methods.npm.landmarks import clearness, landmarks_at_rest
from engine.methods.npm.linearisation import Linearised
from engine.methods.npm.normal_equations import Coupling, NormalEquations, normal_equations, shape_information, solve
from engine.methods.npm.observations import Observations
from engine.methods.npm.posable import NeuralPosable, NeuralSurface, Posable, PosableSurface
from engine.methods.npm.residuals import SurfaceRows, floor_rows
from engine.methods.npm.seen_terms import SeenTerms, surface_share
from engine.methods.npm.shape_deviations import shape_deviations
from engine.methods.npm.start import first_variables
from engine.methods.npm.steadiness import (
    acceleration_band,
    expected_accelerations,
    expected_speeds,
    speed_band,
    steady_rows,
)
from engine.methods.npm.variables import RIGID, FittedModel, Variables, mean_variables, nearest_seen
from engine.models.model import NeuralParametricModel
from engine.surface.folded import not_cancelled
from engine.surface.precision import bfloat16_is_fast

STEADY = "steady"
"""The term of the points whose motion is watched."""
STEADY_FROM = 0.6
"""Fraction of the steps after which frames are coupled in time."""
STEADY_OBSERVATIONS = 100.0
"""Independent observations that their accelerations are worth, on the scale of ``surface_weight``, and their speeds."""
STEADY_POINTS = 24
"""Of the surface, whose motion is watched, far from each other: hands and feet are among them."""
SPEED_AT_REST = 0.01
"""Canonical units per second that a point moves where it seems to stand: 2.5 cm/s of people."""
FLOOR_OBSERVATIONS = 300.0
"""Independent observations that what lies below the floor is worth in a frame, likewise."""
FLOOR_POINTS = 32
"""Lowest samples that are asked about: half of those of two feet."""
FLOOR_DEVIATION_M, FLOOR_SLACK_M, FLOOR_GATE_M = 0.01, 0.005, 0.12
"""Expected error of the floor; how deep below it costs nothing; and at which depth a sample counts a quarter."""
DAMPING = 0.3
"""Added to the diagonal of codes in standard deviations; places, in canonical units and radians, have 1."""
LARGEST_STEP = 1.0
"""Standard deviations that a code moves in one step at most."""
AVERAGED = 5
"""Last steps whose outcomes are averaged, each of which looked at other points."""
WORTH_UNSEEN = 0.01
"""Of a frame that does not show the subject, against the clearest ones: little, so that those beside it lead it, but
enough to solve for its step in single precision."""
SHAPE_CHANGED = 0.1
"""Standard deviations of a code, after which the surface is sampled anew; between, samples follow it."""
_FRAMES_AT_ONCE = {"cpu": 16, "cuda": 64}


@dataclass(frozen=True, eq=False)
class FitPreview:
    """What the fit looks like so far; sent to `Progress.preview`."""

    iteration: int
    faces: Tensor
    """(T, 3) int32, CPU"""
    vertices: Tensor
    """(F, V, 3) in the space of the fit, CPU"""


@dataclass(frozen=True, eq=False)
class FittedCodes:
    """The outcome, CPU tensors."""

    shape_code: Tensor
    """(Cs,)"""
    pose_codes: Tensor
    """(F, Cp)"""
    rotations: Tensor
    """(F, 3, 3) of posed canonical points to the space of the fit"""
    translations: Tensor
    """(F, 3)"""
    steps: int
    seconds: float
    interrupted: bool
    shape_deviations: Tensor | None = None
    """(K, Cs) by which the shape code may be off, see `engine.methods.npm.shape_deviations`; None where
    interrupted, or where the shape was kept"""

    def of(self, frames: Tensor) -> "FittedCodes":
        """Those of ``frames`` (f,)."""
        return replace(
            self,
            pose_codes=self.pose_codes[frames],
            rotations=self.rotations[frames],
            translations=self.translations[frames],
        )


def fit_codes(
    model: NeuralParametricModel,
    observations: Observations,
    config: FitConfig,
    seed: int = 0,
    progress: Progress | None = None,
    first: Variables | None = None,
    shape: Tensor | None = None,
) -> FittedCodes:
    """Fit ``model`` to ``observations``; on cancellation the codes so far are returned.

    Args:
        first: where to begin; what `engine.methods.npm.start.first_variables` finds when absent
        shape: (Cs,) code that is kept; it is fitted when absent

    Raises:
        Cancelled: asked to stop before there was anything to keep.
    """
    progress = progress or Progress()
    started = time.perf_counter()
    fitted = fitted_model(model, config, shape)
    variables = first_variables(fitted, observations, seed, progress) if first is None else first
    if progress.cancelled():
        raise Cancelled
    state = FitState(NeuralPosable(fitted), observations, config, variables, seed)
    ended = descend(state, progress)
    result, information = ended.variables, state.information
    assert isinstance(state.surface, NeuralSurface)
    return FittedCodes(
        fitted.shape_code(result).cpu(),
        fitted.pose_codes(result).cpu(),
        result.rotations.cpu(),
        result.translations.cpu(),
        ended.steps,
        time.perf_counter() - started,
        ended.interrupted,
        None if information is None else shape_deviations(information, state.surface.rates, fitted.shapes),
    )


@dataclass(frozen=True, eq=False)
class Descent:
    """Where a fit has ended."""

    variables: Variables
    steps: int
    interrupted: bool


def descend(state: "FitState", progress: Progress) -> Descent:
    """Take the steps of ``state``, or as many as until asked to stop; the first one always, for something to keep.

    Progress stage: "fit", with previews as `FitPreview`.
    """
    config = state.config
    progress.stage("fit", config.steps)
    interrupted, steps = False, 0
    latest: deque[Variables] = deque(maxlen=AVERAGED)
    is_done = state.posable.device.type == "cpu"
    for step in range(config.steps):
        state.is_hurried = progress.is_hurried if step else not_cancelled
        try:
            state.step(step)
        except _StepLeftError:
            interrupted = True
            break
        latest.append(state.variables)
        steps = step + 1
        # a processor has done the step when it comes back, a device would have to be waited for
        looked_at = is_done or step % config.preview_interval == 0 or step + 1 == config.steps
        progress.advance(step + 1, state.metrics() if looked_at else None)
        if step % config.preview_interval == 0 and progress.wants_preview():
            progress.preview(state.preview(step))
        if progress.cancelled():
            interrupted = steps < config.steps
            break
    result = state.variables if interrupted or config.steps < 2 * AVERAGED else mean_variables(latest)
    return Descent(result, steps, interrupted)


class _StepLeftError(Exception):
    """The user waits for the end, and a step can take seconds."""


def fitted_model(model: NeuralParametricModel, config: FitConfig, shape: Tensor | None = None) -> FittedModel:
    """``model`` with the directions, and in the precision, that `fit_codes` moves it in; ``shape`` (Cs,) is kept."""
    return FittedModel.of(model, precision_of(model, config) == "bfloat16", config.shape_directions, shape)


def precision_of(model: NeuralParametricModel, config: FitConfig) -> Literal["bfloat16", "float32"]:
    """Of the products in the pose decoder."""
    return "bfloat16" if config.precision == "auto" and bfloat16_is_fast(model.device) else "float32"


class FitState:
    """Variables and surface of a running fit; ``done`` is 0 in the first step and 1 in the last one."""

    def __init__(
        self,
        posable: Posable,
        observations: Observations,
        config: FitConfig,
        variables: Variables,
        seed: int,
    ) -> None:
        self.posable, self.observations, self.config, self.seed = posable, observations, config, seed
        self.variables = variables
        self.is_hurried: Callable[[], bool] = not_cancelled
        """Whether a step is to be left where it is."""
        self.generator = torch.Generator().manual_seed(seed)
        self.is_seen = observations.seen_by_any
        self.linked = between_seen(self.is_seen)
        self.apart: list[Tensor] = []
        """Mean distances (f,) of observed points from the surface in the last step, NaN where nothing was seen; none
        while it is not looked at"""
        self.seen = self.is_seen.nonzero()[:, 0]
        worth = clearness(observations).amax(0).where(self.is_seen, WORTH_UNSEEN)
        self.worth = worth[:, None]
        """(F, 1) factor of all that concerns a frame, priors and damping: what its clearest view is worth"""
        self.information: Tensor | None = None
        """Inverse covariance (S, S) of the shape, by what the last step looks at; None where it does not move it"""
        self.surface = self._sample_surface()
        points = self.surface.samples.points
        self.steady = points[farthest_points(points, STEADY_POINTS)]
        self.landmarks = None if observations.landmarks is None else landmarks_at_rest(observations)[0]
        shares = len(observations.views) ** -0.5  # the chance of the choice of points is no larger then
        self.views = [
            SeenTerms(posable, view, config, self.generator, self.landmarks, worth, shares)
            for view in observations.views
        ]

    def preview(self, step: int) -> FitPreview:
        with torch.no_grad():
            vertices, faces = self.surface.meshes(self.variables)
        return FitPreview(step, faces.int().cpu(), vertices.cpu())

    def metrics(self) -> dict[str, float]:
        """How far what was seen lay from the surface before the last step, on average in the median frame:
        ``distance_mm``; waits for the device."""
        if not self.apart:
            return {}
        return {"distance_mm": 1000 * float(torch.cat(self.apart).nanmedian()) / self.posable.scale}

    def step(self, step: int) -> None:
        """One step of all variables."""
        config = self.config
        done = step / max(1, config.steps - 1)
        shape_moves = done >= config.shape_start and not self.posable.keeps_shape
        is_looked_at = shape_moves and self._surface_share(done) > 0
        if is_looked_at and (self.sampled_shape - self.variables.shape).abs().amax() > SHAPE_CHANGED:
            self.surface = self._sample_surface()
        equations, coupling, middle = self._linear_system(done, shape_moves)
        if shape_moves and step + 1 == config.steps:
            self.information = shape_information(equations, self._damping(), coupling)
        self._move(equations, coupling, middle, shape_moves)

    def _linear_system(self, done: float, shape_moves: bool) -> tuple[NormalEquations, Coupling | None, Tensor]:
        """Equations with priors, what couples frames in time, and the middles (F, 3) of the subject."""
        self.apart.clear()
        frames = torch.arange(len(self.observations), device=self.posable.device)
        at_once = _FRAMES_AT_ONCE[self.posable.device.type]
        steady = self.placed_steady()
        parts = [self._equations(part, done, shape_moves, steady) for part in frames.split(at_once)]
        equations = NormalEquations.of_frames([part for part, _ in parts])
        watched = [linear for _, linear in parts]
        coupling = self.coupling(watched, steady, done) if self._is_steady(done) else None
        return self.with_priors(equations), coupling, steady.mean(1)

    def band(self, steady: Tensor, done: float) -> Tensor:
        """How the points ``steady`` (F, N, 3) whose motion is watched are coupled in time (F, N, 5)."""
        times_s, observed = self.observations.times_s, STEADY_OBSERVATIONS * self._is_steady(done)
        worth = observed / (3 * STEADY_POINTS) * self.worth[:, 0]
        accelerations = expected_accelerations(steady, times_s, max(self.config.acceleration, 1e-6))
        speeds = expected_speeds(steady, times_s, SPEED_AT_REST)
        both_seen = self.is_seen & self.is_seen.roll(-1)
        return acceleration_band(times_s, worth * self.linked, accelerations) + speed_band(
            times_s, worth * both_seen, speeds
        )

    def coupling(self, watched: Sequence[Linearised], steady: Tensor, done: float) -> Coupling:
        """Of all frames in time, by ``watched`` points, the same in some after others of the frames."""
        return Coupling(
            self.band(steady, done).repeat(1, 3, 1),
            torch.cat([linear.jacobians.flatten(1, 2) for linear in watched]),
            torch.cat([linear.shape_jacobians.flatten(1, 2) for linear in watched]),
        )

    def placed_steady(self) -> Tensor:
        """Where the points (F, N, 3) are whose motion is watched."""
        with torch.no_grad():
            return self.variables.place(self.posable.local(self.variables, self.steady[None]))

    def terms(
        self, frames: Tensor, done: float, steady: Tensor
    ) -> tuple[dict[str, SurfaceRows], dict[str, SurfaceRows]]:
        """Weighted rows of each term in ``frames`` (f,), the priors apart; points are drawn anew in each call.

        Args:
            steady: (F, N, 3) as `placed_steady` says

        Returns:
            Terms along all axes, whose points stay where they are, and terms along one direction, whose points follow
            the shape; of the latter none while the coordinates of the network lead alone.
        """
        variables = self.variables.of(frames)
        still = _joined([view.still(frames, variables, done) for view in self.views])
        following: dict[str, SurfaceRows] = {}
        if self._surface_share(done) > 0:
            centres = self.observations.camera_centres(frames)
            placed = samples_at(self.surface.placed(variables), self.surface.samples, centres)
            following = _joined([view.following(frames, placed, done) for view in self.views])
            if self.observations.floor is not None:
                following["floor"] = self._above_floor(self.observations.floor, frames, placed)
        return {STEADY: steady_rows(self.steady, steady, self.band(steady, done)).at(frames)} | still, following

    def _above_floor(self, floor: float, frames: Tensor, placed: PlacedSamples) -> SurfaceRows:
        """What of the ``placed`` samples of ``frames`` (f,) lies below the ``floor``."""
        scale = self.posable.scale
        rows = floor_rows(floor - FLOOR_SLACK_M * scale, placed, FLOOR_POINTS, FLOOR_GATE_M * scale)
        precision = FLOOR_OBSERVATIONS / (FLOOR_DEVIATION_M * scale) ** 2 / FLOOR_POINTS
        return rows.weighted(precision * self.worth[frames] * self.is_seen[frames, None])

    def _equations(
        self, frames: Tensor, done: float, shape_moves: bool, steady: Tensor
    ) -> tuple[NormalEquations, Linearised]:
        """Of ``frames`` (f,), without priors, and the points whose motion is watched."""
        self._leave_if_hurried()
        variables, middle = self.variables.of(frames), steady[frames].mean(1)
        still, following = self.terms(frames, done, steady)
        triple = reduce(SurfaceRows.joined, still.values())  # those that are watched come first
        equations, linear, _ = self._accumulate(variables, triple, middle, shape_moves)
        self._leave_if_hurried()
        if following:
            single = reduce(SurfaceRows.joined, following.values())
            more, _, residuals = self._accumulate(variables, single, middle, shape_moves)
            self._note_distances(residuals[:, 0].abs(), following["surface"].weights > 0)
            equations = equations + more
        return equations, linear.first(len(self.steady))

    def _note_distances(self, residuals: Tensor, is_seen: Tensor) -> None:
        """Of rows (f, N) of which the first (f, M) are of observed points; distances are cut off as those of a run."""
        extent = self.surface.samples.vertices.amax(0) - self.surface.samples.vertices.amin(0)
        apart = residuals[:, : is_seen.shape[1]].clamp_max(REACH * extent.max())
        self.apart.append((apart * is_seen).sum(1) / is_seen.sum(1))

    def _leave_if_hurried(self) -> None:
        if self.is_hurried():
            raise _StepLeftError

    def _accumulate(
        self, variables: Variables, rows: SurfaceRows, middle: Tensor, shape_moves: bool
    ) -> tuple[NormalEquations, Linearised, Tensor]:
        """Of ``rows``, where their points are, and their residuals (f, R, N)."""
        linear = self.surface.linearise(variables, rows, middle, shape_moves)
        residuals = ((linear.placed - rows.targets)[:, None] * rows.directions).sum(-1)  # (f, R, N)
        equations = normal_equations(
            linear.jacobians.flatten(1, 2),
            linear.shape_jacobians.flatten(1, 2),
            residuals.flatten(1, 2),
            rows.weights[:, None].expand_as(residuals).flatten(1, 2),
        )
        return equations, linear, residuals

    def _is_steady(self, done: float) -> bool:
        """Whether frames are coupled in time: once all are about where they belong, else they hold each other back."""
        return self.config.acceleration > 0 and done >= STEADY_FROM

    def _surface_share(self, done: float) -> float:
        return surface_share(self.config, self.observations, done)

    def with_priors(self, equations: NormalEquations) -> NormalEquations:
        """``equations`` of all frames, and the priors of shape and poses."""
        config, variables = self.config, self.variables
        directions = variables.poses.shape[1]
        own = torch.zeros(directions + RIGID, device=variables.poses.device)
        own[:directions] = config.pose_prior
        gradient = torch.zeros_like(equations.frame_gradient)
        gradient[:, :directions] = config.pose_prior * self.worth * variables.poses
        size = equations.shape.shape[0]
        shape = config.shape_prior * torch.eye(size, device=own.device)
        shape_gradient = config.shape_prior * variables.shape[:size]
        return NormalEquations(
            equations.frame + torch.diag_embed(self.worth * own),
            equations.frame_gradient + gradient,
            equations.coupling,
            equations.shape + shape,
            equations.shape_gradient + shape_gradient,
        )

    def _damping(self) -> Tensor:
        """(F, K + 6) added to the diagonals of the frames."""
        directions = self.variables.poses.shape[1]
        damping = self.variables.poses.new_full((len(self.variables), directions + RIGID), DAMPING)
        damping[:, directions:] = 1.0
        return self.worth * damping

    def _move(
        self,
        equations: NormalEquations,
        coupling: Coupling | None,
        middle: Tensor,
        shape_moves: bool,
    ) -> None:
        variables = self.variables
        directions = variables.poses.shape[1]
        step, shape = solve(equations, self._damping(), DAMPING, coupling)
        largest = step[:, :directions].abs().amax(1, keepdim=True)
        step = step * (LARGEST_STEP / largest.clamp_min(LARGEST_STEP))
        if not shape_moves:
            shape = torch.zeros_like(variables.shape)
        shape = shape * (LARGEST_STEP / shape.abs().amax().clamp_min(LARGEST_STEP))
        moved = variables.moved(shape, step[:, :directions], step[:, directions:], middle)
        # of frames that neither show the subject nor are led by neighbours, priors alone would make the mean pose
        nearest = nearest_seen(moved, self.observations.times_s, self.seen)
        led = self.linked & (coupling is not None)
        self.variables = moved.where(~self.is_seen & ~led, nearest)

    def _sample_surface(self) -> PosableSurface:
        self.sampled_shape = self.variables.shape
        return self.posable.surface(self.variables, self.seed)


def between_seen(seen: Tensor) -> Tensor:
    """(F,) bool: some frame before and some frame after shows the subject, by ``seen`` (F,) bool."""
    until = seen.long().cumsum(0)
    return (until - seen.long() > 0) & (until < until[-1])


def _joined(views: Sequence[dict[str, SurfaceRows]]) -> dict[str, SurfaceRows]:
    """The rows of all ``views``, which have the same terms, by term."""
    return {name: reduce(SurfaceRows.joined, [view[name] for view in views]) for name in views[0]}
