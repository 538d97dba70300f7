"""The descent of the published recipe: Adam on one shape code and the pose codes of all frames."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.methods.npm_reference.config import ReferenceConfig
from engine.methods.npm_reference.energy import (
    VALID,
    code_size,
    interpolated,
    nearest_points,
    reconstruction,
    unsteadiness,
)
from engine.methods.npm_reference.observed import Observed
from engine.methods.npm_reference.schedule import partners, schedule
from engine.methods.npm_reference.start import Codes
from engine.models.model import NeuralParametricModel
from engine.models.networks.decoder import Decoder

_TOLD_EVERY = 10
"""Iterations between two of which the energy is told and a preview made, for which the host waits."""
RECONSTRUCTION, ICP, SHAPE, POSE, TEMPORAL = "reconstruction", "icp", "shape", "pose", "temporal"


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step looks at: B pairs of frames."""

    frames: Tensor
    """(2, B) the first frames of the pairs, and the second ones"""
    canonical: Tensor
    """(B, P, 3) points of the pool, the same for both frames of a pair"""
    observed: Tensor
    """(2, B, P, 3) observed points"""


@dataclass(frozen=True, eq=False)
class Found:
    """How far a descent came."""

    codes: Codes
    iterations: int
    """That were begun"""
    interrupted: bool


def batches(observed: Observed, pool: Tensor, config: ReferenceConfig, generator: torch.Generator) -> Iterator[Batch]:
    """One pass over all frames of ``observed``, in random order; what does not fill a batch is left out."""
    device, count = pool.device, len(observed)
    size = min(config.batch, count)
    partner = torch.tensor(partners(count), device=device)
    order = torch.randperm(count, generator=generator, device=device)
    for first in order[: count // size * size].split(size):
        frames = torch.stack((first, partner[first]))
        picks = torch.randint(len(pool), (size, config.points), generator=generator, device=device)
        yield Batch(frames, pool[picks], observed.draw(frames, config.points, generator))


def energy_terms(
    model: NeuralParametricModel,
    codes: Codes,
    batch: Batch,
    observed: Observed,
    config: ReferenceConfig,
    icp_weight: float,
) -> dict[str, Tensor]:
    """The weighted terms of the energy of ``batch``, by name."""
    decoder = model.pose_decoder
    assert decoder is not None
    slots, pairs = batch.frames.shape
    rows, points = batch.frames.flatten(), batch.canonical.repeat(slots, 1, 1)
    shapes, poses = codes.shape.expand(pairs, -1), codes.poses[rows]
    distances = model.shape_decoder.finish(_raw(model.shape_decoder, shapes, batch.canonical), batch.canonical)[..., 0]
    raw = _raw(decoder, torch.cat((shapes.repeat(slots, 1), poses), dim=1), points)  # (2 B, P, D)
    posed = points + decoder.finish(raw, points)
    valid = interpolated(observed.valid, rows, posed.detach(), config.align_grid) > VALID
    seen = interpolated(observed.sdf, rows, posed, config.align_grid)
    of_slots = (slots, pairs, -1)
    terms = {
        RECONSTRUCTION: reconstruction(
            distances, seen.view(of_slots), valid.view(of_slots), config.clamp, config.clamp_both
        )
    }
    if icp_weight > 0:
        on_surface = distances.detach().abs() < config.icp_band
        terms[ICP] = icp_weight * nearest_points(batch.observed, posed.view(*of_slots, 3), on_surface)
    times = 1 if config.regularise_once else slots
    terms[SHAPE] = times * config.shape_prior * code_size(codes.shape)
    terms[POSE] = times * config.pose_prior * code_size(poses)
    first, second = raw.view(*of_slots, raw.shape[-1])
    terms[TEMPORAL] = config.temporal_weight * unsteadiness(first, second)
    return terms


def _raw(decoder: Decoder, codes: Tensor, points: Tensor) -> Tensor:
    """What ``decoder`` puts out for ``codes`` (R, C) at ``points`` (R, P, 3): on a GPU for all rows at once.

    On a CPU row by row: memory of the size of all is asked of the system anew in each step, which takes half as
    long as the arithmetic and more.
    """
    at_once = 1 if points.device.type == "cpu" else len(codes)
    rows = zip(codes.split(at_once), points.split(at_once), strict=True)
    return torch.cat([decoder.raw(code, some) for code, some in rows])


def descend(
    model: NeuralParametricModel,
    observed: Observed,
    pool: Tensor,
    start: Codes,
    config: ReferenceConfig,
    seed: int = 0,
    progress: Progress | None = None,
    show: Callable[[int, Codes], None] | None = None,
) -> Found:
    """Minimise the energy from ``start``; on cancellation the codes so far are returned.

    Args:
        model: with plain decoders, in the precision of ``start``
        pool: (P, 3) points around the canonical surface
        show: makes a preview of an iteration; called where one is wanted

    Raises:
        Cancelled: asked to stop before there was anything to keep.
    """
    progress = progress or Progress()
    generator = torch.Generator(pool.device).manual_seed(seed)
    codes = Codes(start.shape.clone().requires_grad_(), start.poses.clone().requires_grad_())
    optimizer = torch.optim.Adam([{"params": [codes.shape]}, {"params": [codes.poses]}])
    plan = schedule(config)
    per_pass = len(observed) // min(config.batch, len(observed))
    progress.stage("fit", len(plan) * per_pass)
    done, kept = 0, start
    for iteration in plan:
        for group, rate in zip(optimizer.param_groups, (iteration.shape_rate, iteration.pose_rate), strict=True):
            group["lr"] = rate
        for batch in batches(observed, pool, config, generator):
            if progress.cancelled():
                if done == 0:
                    raise Cancelled
                return Found(codes.copy(), iteration.number + 1, interrupted=True)
            optimizer.zero_grad()
            energy = torch.stack(
                list(energy_terms(model, codes, batch, observed, config, iteration.icp_weight).values())
            ).sum()
            energy.backward()
            optimizer.step()
            done += 1
            is_told = iteration.number % _TOLD_EVERY == 0 and done % per_pass == 0
            progress.advance(done, {"energy": float(energy.detach())} if is_told else None)
        if iteration.is_snapshot:
            kept = codes.copy()
        if show is not None and iteration.number % _TOLD_EVERY == 0 and progress.wants_preview():
            show(iteration.number, codes.copy())
    return Found(kept, len(plan), interrupted=False)
