"""How well a fit agrees, frame by frame, with what was seen and with what the network has said of it."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from engine.methods.npm.association import find_partners, place_samples
from engine.methods.npm.fit import FittedCodes
from engine.methods.npm.observations import Observations
from engine.methods.npm.residuals import free_space_rows
from engine.methods.npm.steadiness import departures
from engine.methods.npm.surface_samples import SurfaceSamples, sample_model_surface, thinned
from engine.methods.npm.variables import FittedModel, Variables
from engine.models.model import NeuralParametricModel

EXPLAINED = 0.01
"""Distance from the surface, canonical units, up to which an observed point is explained: 25 mm of a person."""
_POINTS = 512
_RESOLUTION = 48
_WATCHED = 64
"""Points of the surface whose motion is looked at."""
_AT_GATE = 0.25
"""Weight of a row of free space as far as the gate."""
_FRAMES_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Agreement:
    """Of each frame (F,); lengths in canonical units. Of frames that do not show the subject it means nothing."""

    pixels: Tensor
    """Median distance from observed points to where the fit puts the canonical coordinates that the network says"""
    pixel_deviation: Tensor
    """Median expected error of these coordinates"""
    landmarks: Tensor
    """Median distance from landmarks to where the fit puts their canonical coordinates; NaN without landmarks"""
    landmarks_mean: Tensor
    """Their mean distance: a limb that is lost is a few of them"""
    landmarks_expected: Tensor
    """The same in expected errors"""
    landmark_deviation: Tensor
    """Mean expected error of the landmarks; NaN without any"""
    surface: Tensor
    """Mean distance of observed points from the fitted surface, along its normals"""
    explained: Tensor
    """Fraction of observed points that are nearer to it than `EXPLAINED`"""
    intruding: Tensor
    """Fraction of the surface that is farther than that in space that was seen to be empty"""
    pose: Tensor
    """Root mean square of the pose in standard deviations of the poses that the model has learned"""
    uneven: Tensor
    """Mean distance of the surface from where its neighbours in time, moving evenly, would have it; 0 at the ends"""


@torch.no_grad()
def agreement(model: NeuralParametricModel, observations: Observations, fitted: FittedCodes) -> Agreement:
    """Of ``fitted`` with ``observations`` that have canonical coordinates."""
    assert observations.coordinates is not None
    device = observations.points.device
    used = FittedModel.of(model, False, model.shape_codes.shape[1])
    variables = Variables(
        used.shapes.coefficients(fitted.shape_code.to(device)),
        used.poses.coefficients(fitted.pose_codes.to(device)),
        fitted.rotations.to(device),
        fitted.translations.to(device),
    )
    samples = sample_model_surface(used.model, used.shape_code(variables), resolution=_RESOLUTION)
    uneven = _uneven(used, observations, variables, samples)
    parts = [
        _of_some(used, observations, variables, samples, uneven, frames)
        for frames in torch.arange(len(observations), device=device).split(_FRAMES_AT_ONCE)
    ]
    return Agreement(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Agreement)))


def agreement_of_views(model: NeuralParametricModel, observations: Observations, fitted: FittedCodes) -> Agreement:
    """`agreement` with what each camera has seen, of each frame the mean over those that show the subject.

    How unusual the pose is counts by one over the root of their number: what several have seen need not be likely.
    """
    if not observations.others:
        return agreement(model, observations, fitted)
    views = observations.views
    each = [agreement(model, replace(view, others=()), fitted) for view in views]
    seen = torch.stack([view.seen for view in views])

    def mean(name: str) -> Tensor:
        return torch.where(seen, torch.stack([getattr(one, name) for one in each]), torch.nan).nanmean(0)

    found = Agreement(*(mean(field.name) for field in fields(Agreement)))
    return replace(found, pose=found.pose / seen.sum(0).clamp_min(1).sqrt())


def _uneven(used: FittedModel, observations: Observations, variables: Variables, samples: SurfaceSamples) -> Tensor:
    """(F,) of all frames."""
    points = thinned(samples, _WATCHED).points
    placed = variables.place(used.local(variables, points[None]))
    return departures(placed, observations.times_s).norm(dim=-1).mean(1)


def _of_some(
    used: FittedModel,
    observations: Observations,
    variables: Variables,
    samples: SurfaceSamples,
    uneven: Tensor,
    frames: Tensor,
) -> Agreement:
    """Of ``frames`` (f,)."""
    own, seen = variables.of(frames), observations.at(frames)
    assert seen.coordinates is not None
    points = seen.points[:, :_POINTS]
    gaps = (own.place(used.local(own, seen.coordinates.canonical[:, :_POINTS])) - points).norm(dim=-1)
    placed = place_samples(used, own, samples, observations.camera_centres(frames))
    partners = find_partners(placed, points, seen.normals[:, :_POINTS])
    off = ((points - partners.points) * partners.normals).sum(-1).abs()
    near = (off < EXPLAINED) & (partners.distances < 3 * EXPLAINED)
    free = free_space_rows(observations, frames, placed, placed.points.shape[1], EXPLAINED).weights
    intruding = (free > 0) & (free < _AT_GATE)
    apart = deviations = torch.full_like(off[:, :1], torch.nan)
    if seen.landmarks is not None:
        apart = (own.place(used.local(own, seen.landmarks.canonical)) - seen.landmarks.positions).norm(dim=-1)
        deviations = seen.landmarks.deviations
    return Agreement(
        pixels=gaps.median(1).values,
        pixel_deviation=seen.coordinates.deviations.median(1).values,
        landmarks=apart.median(1).values,
        landmarks_mean=apart.mean(1),
        landmarks_expected=(apart / deviations).median(1).values,
        landmark_deviation=deviations.mean(1),
        surface=off.mean(1),
        explained=near.float().mean(1),
        intruding=intruding.float().mean(1),
        pose=own.poses.square().mean(1).sqrt(),
        uneven=uneven[frames],
    )
