"""How well a fit agrees, frame by frame, with what the network has said, and how usual its poses are."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from engine.methods.npm.fit import FittedCodes
from engine.methods.npm.observations import Observations
from engine.methods.npm.variables import FittedModel, Variables
from engine.models.model import NeuralParametricModel

_POINTS = 512
_FRAMES_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class Agreement:
    """Of each frame (F,); lengths in canonical units. Of frames that do not show the subject it means nothing."""

    pixels: Tensor
    """Median distance from observed points to where the fit puts the canonical coordinates that the network says"""
    landmarks_mean: Tensor
    """Mean distance from landmarks to where the fit puts their canonical coordinates: a limb that is lost is a few of
    them; NaN without landmarks"""
    pose: Tensor
    """Root mean square of the pose in standard deviations of the poses that the model has learned"""


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
    parts = [
        _of_some(used, observations, variables, frames)
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


def _of_some(used: FittedModel, observations: Observations, variables: Variables, frames: Tensor) -> Agreement:
    """Of ``frames`` (f,)."""
    own, seen = variables.of(frames), observations.at(frames)
    assert seen.coordinates is not None
    points = seen.points[:, :_POINTS]
    gaps = (own.place(used.local(own, seen.coordinates.canonical[:, :_POINTS])) - points).norm(dim=-1)
    apart = torch.full_like(gaps[:, :1], torch.nan)
    if seen.landmarks is not None:
        apart = (own.place(used.local(own, seen.landmarks.canonical)) - seen.landmarks.positions).norm(dim=-1)
    return Agreement(
        pixels=gaps.median(1).values,
        landmarks_mean=apart.mean(1),
        pose=own.poses.square().mean(1).sqrt(),
    )
