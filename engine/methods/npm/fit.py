"""The fit of a depth sequence: one shape code and one pose code per frame, by gradient descent on the energy."""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.methods.npm.config import FitConfig
from engine.methods.npm.energy import data_terms
from engine.methods.npm.initialise import InitialCodes, initialise
from engine.methods.npm.observations import Observations
from engine.methods.npm.surface_samples import SurfaceSamples, follow_shape, posed_normals, sample_model_surface
from engine.models.code_space import CodeSpace
from engine.models.model import NeuralParametricModel
from engine.surface.precision import bfloat16_is_fast

RESTARTS = 0.15, 0.75
"""Fractions of the steps between which stuck frames are tried from other starts: after all have settled once, and
while there is time to settle again."""
CLEARLY_BETTER = 0.95
"""Fraction of its energy below which another start is taken: less is within what the points that are drawn change."""
OTHER_FRAMES = 40
"""Frames of the sequence, evenly spaced, whose codes such a frame may take over."""
LAST_RATE = 0.05
"""Fraction of the learning rates that is left at the end of their cosine."""
MOMENTS = 0.9, 0.98
"""Decay of Adam's averages: the second is short, as a fit has hundreds of steps and not thousands."""
PULL_ENDS = 0.5
"""Fraction of the steps by which points attract each other no more."""
MEASURED_POINTS = 512, 384
"""Model and observed points with which all frames are compared, the same ones every time."""
_MEASURED_SEED = 1
_FRAMES_MEASURED, _FRAMES_POSED = 32, 16
"""At once; they bound the memory."""
_LOG_INTERVAL = 10
"""Steps between two readings of the energy, which wait for the device."""


@dataclass(frozen=True, eq=False)
class FitPreview:
    """What the fit looks like so far; sent to `Progress.preview`."""

    iteration: int
    faces: Tensor
    """(T, 3) int32, CPU"""
    vertices: Tensor
    """(F, V, 3) canonical, CPU"""


@dataclass(frozen=True, eq=False)
class FittedCodes:
    """The outcome, CPU tensors."""

    shape_code: Tensor
    """(Cs,)"""
    pose_codes: Tensor
    """(F, Cp)"""
    energy: Tensor
    """(F,) final data energy of each frame, canonical units"""
    iterations: int
    seconds: float
    interrupted: bool


def fit_codes(
    model: NeuralParametricModel,
    observations: Observations,
    config: FitConfig,
    seed: int = 0,
    progress: Progress | None = None,
) -> FittedCodes:
    """Fit ``model`` to ``observations``; on cancellation the best codes so far are returned.

    Raises:
        Cancelled: asked to stop before there was anything to keep.
    """
    progress = progress or Progress()
    started = time.perf_counter()
    half = bfloat16_is_fast(model.device)
    initial = initialise(model, observations, config, seed, half, progress)
    if progress.cancelled():
        raise Cancelled
    state = _FitState(model, observations, config, initial, seed, half)
    progress.stage("fit", config.iterations)
    best = state.shape_code(), state.pose_codes(), torch.full((len(observations),), math.inf)
    interrupted = False
    for iteration in range(config.iterations):
        if iteration % config.preview_interval == 0:
            energy = state.refresh(iteration)
            if float(energy.mean()) < float(best[2].mean()):
                best = state.shape_code(), state.pose_codes(), energy
            if RESTARTS[0] < iteration / config.iterations < RESTARTS[1]:
                state.restart_stuck_frames(energy)
            if progress.wants_preview():
                progress.preview(state.preview(iteration))
        state.step(iteration)
        progress.advance(iteration + 1, {"energy": state.last_energy} if _is_logged(iteration) else None)
        if progress.cancelled():
            interrupted = True
            break
    else:
        best = state.shape_code(), state.pose_codes(), state.refresh(config.iterations)
    return FittedCodes(
        best[0].cpu(), best[1].cpu(), best[2].cpu(), iteration + 1, time.perf_counter() - started, interrupted
    )


class _FitState:
    """Variables, optimiser and samples of a running fit."""

    def __init__(
        self,
        model: NeuralParametricModel,
        observations: Observations,
        config: FitConfig,
        initial: InitialCodes,
        seed: int,
        half: bool,
    ) -> None:
        assert model.pose_codes is not None
        self.model, self.observations, self.config, self.half, self.seed = model, observations, config, half, seed
        # in standard deviations along principal directions one learning rate and one prior serve all directions
        self.shape_space = CodeSpace.from_codes(model.shape_codes)
        self.pose_space = CodeSpace.from_codes(model.pose_codes)
        self.shape = self.shape_space.coefficients(initial.shape_code).requires_grad_()
        self.poses = self.pose_space.coefficients(initial.pose_codes).requires_grad_()
        self.candidates = self.pose_space.coefficients(initial.candidates)
        self.optimiser = torch.optim.Adam(
            [{"params": [self.poses], "lr": config.pose_rate}, {"params": [self.shape], "lr": config.shape_rate}],
            betas=MOMENTS,
        )
        self.generator = torch.Generator().manual_seed(seed)
        self.samples: SurfaceSamples | None = None
        self.last_energy = math.nan

    def shape_code(self) -> Tensor:
        return self.shape_space.code(self.shape.detach())

    def pose_codes(self) -> Tensor:
        return self.pose_space.code(self.poses.detach())

    def preview(self, iteration: int) -> FitPreview:
        assert self.samples is not None
        return FitPreview(iteration, self.samples.faces.int().cpu(), self.posed_vertices.cpu())

    def refresh(self, iteration: int) -> Tensor:
        """Look at the whole sequence: coarse surface, its normals in every frame, and the data energy (F,)."""
        started_shape = iteration > self.config.shape_start * self.config.iterations
        if self.samples is None or started_shape:
            self.samples = sample_model_surface(self.model, self.shape_code(), self.seed)
        with torch.no_grad():
            self.posed_vertices = self._pose(self.shape_code(), self.pose_codes(), self.samples.vertices)
            self.normals = posed_normals(self.samples, self.posed_vertices)
        return self._energies(torch.arange(len(self.observations)), self.poses.detach())

    def step(self, iteration: int) -> None:
        """One optimiser step on a run of consecutive frames."""
        config, samples, device = self.config, self.samples, self.model.device
        assert samples is not None
        fade = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * iteration / config.iterations))
        shape_moves = iteration >= config.shape_start * config.iterations
        self.optimiser.param_groups[0]["lr"] = config.pose_rate * fade
        self.optimiser.param_groups[1]["lr"] = config.shape_rate * fade if shape_moves else 0.0
        count = len(self.observations)
        run = min(count, config.frames_per_step)
        first = int(torch.randint(count - run + 1, (1,), generator=self.generator))
        frames = torch.arange(first, first + run, device=device)
        picks = torch.randperm(len(samples.points), generator=self.generator)[: config.surface_points].to(device)
        observed = self._random_observed(run).to(device)

        shape_code = self.shape_space.code(self.shape)
        points = samples.points[picks]
        if shape_moves:
            points = follow_shape(self.model, shape_code, points, samples.normals[picks])
        else:
            shape_code = shape_code.detach()
        codes = self.pose_space.code(self.poses[frames])
        posed = self.model.pose(shape_code.expand(run, -1), codes, points.expand(run, -1, -1), self.half)
        pull = config.point_pull * max(0.0, 1 - iteration / (PULL_ENDS * config.iterations))
        normals = self.normals[frames][:, picks]
        terms = data_terms(self.observations, frames, observed, posed, normals, config, pull)
        data = terms.per_frame(config).mean()
        loss = data + config.pose_prior * self.poses[frames].square().mean()
        loss = loss + config.shape_prior * self.shape.square().mean()
        if run >= 3:
            acceleration = posed[2:] - 2 * posed[1:-1] + posed[:-2]
            loss = loss + config.smoothness_weight * acceleration.square().sum(-1).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        if _is_logged(iteration):
            self.last_energy = float(data.detach())

    def restart_stuck_frames(self, energy: Tensor) -> None:
        """Give frames that fit much worse than the others another code, if that fits better.

        Tried are the codes of other frames, as motions repeat and neighbours are alike, and the best of the search.

        Args:
            energy: (F,) as `refresh` returned it
        """
        stuck = (energy > self.config.stuck_ratio * energy.median()).nonzero()[:, 0].cpu()
        if len(stuck) == 0:
            return
        poses = self.poses.detach()
        others = torch.linspace(0, len(poses) - 1, min(len(poses), OTHER_FRAMES)).round().long()
        elsewhere = [poses[frame].expand(len(stuck), -1) for frame in others]
        beside = [poses[(stuck + step).clamp(0, len(poses) - 1)] for step in (-1, 1)]
        tries = [*elsewhere, *beside, *self.candidates[stuck].unbind(1)]
        energies = torch.stack([self._energies(stuck, attempt) for attempt in tries])  # (A, S)
        lowest, which = energies.min(0)
        better = lowest < CLEARLY_BETTER * energy[stuck]
        for place in better.nonzero()[:, 0].tolist():
            frame = int(stuck[place])
            with torch.no_grad():
                self.poses[frame] = tries[int(which[place])][place]
            state = self.optimiser.state[self.poses]
            for moment in ("exp_avg", "exp_avg_sq"):
                if moment in state:
                    state[moment][frame] = 0

    def _energies(self, frames: Tensor, poses: Tensor) -> Tensor:
        """Data energy (f,) of ``frames`` (f,) with whitened ``poses`` (f, K), on a fixed set of points."""
        assert self.samples is not None
        device = self.model.device
        fixed = torch.Generator().manual_seed(_MEASURED_SEED)
        picks = torch.randperm(len(self.samples.points), generator=fixed)[: MEASURED_POINTS[0]].to(device)
        count = min(MEASURED_POINTS[1], self.observations.points.shape[1])
        result = []
        with torch.no_grad():
            for part in torch.arange(len(frames)).split(_FRAMES_MEASURED):
                rows = frames[part].to(device)
                codes = self.pose_space.code(poses[part.to(poses.device)])
                vertices = self._pose(self.shape_code(), codes, self.samples.vertices)
                normals = posed_normals(self.samples, vertices)[:, picks]
                corners = vertices[:, self.samples.corners[picks]]
                posed = (corners * self.samples.barycentric[picks][..., None]).sum(2)
                observed = torch.arange(count, device=device).expand(len(rows), -1)
                terms = data_terms(self.observations, rows, observed, posed, normals, self.config)
                result.append(terms.per_frame(self.config))
        return torch.cat(result)

    def _random_observed(self, frames: int) -> Tensor:
        available = self.observations.points.shape[1]
        return torch.randint(available, (frames, self.config.observed_points), generator=self.generator)

    def _pose(self, shape_code: Tensor, pose_codes: Tensor, points: Tensor) -> Tensor:
        """(F, V, 3) without gradients, a few frames at a time."""
        parts = [
            self.model.pose(shape_code.expand(len(part), -1), part, points.expand(len(part), -1, -1), self.half)
            for part in pose_codes.split(_FRAMES_POSED)
        ]
        return torch.cat(parts)


def _is_logged(iteration: int) -> bool:
    return iteration % _LOG_INTERVAL == _LOG_INTERVAL - 1
