"""What all frames say together of one subject: how much each of them knows, and where the landmarks are at rest."""

from dataclasses import replace

import torch
from torch import Tensor

from engine.geometry.robust import redescending
from engine.methods.npm.observations import Observations

_ROUNDS = 5
_CLEAR_POWER = 4
"""Of expected errors: what one frame says is wrong alike, as the length of bent legs, and does not average out."""
_LESS_SURE = 25.0
_OUTLYING = 3.0
"""Expected errors from the others at which what one frame says counts a quarter."""


def clearness(observations: Observations) -> Tensor:
    """What each view of each frame (V, F) is worth for the shape, at most 1; all alike without landmarks.

    By the median expected error of its canonical coordinates, against that of the clearest quarter of what all cameras
    show. Where nothing is known of hidden parts, frames that are seen from the side are needed in full.
    """
    views = observations.views
    if any(view.coordinates is None or view.landmarks is None for view in views):
        return torch.ones_like(torch.stack([view.times_s for view in views]))
    expected = torch.stack([view.coordinates.deviations.median(1).values for view in views if view.coordinates])
    clearest = expected[torch.stack([view.seen for view in views])].quantile(0.25)
    return (clearest / expected).clamp_max(1) ** _CLEAR_POWER


def surest_heeded(observations: Observations) -> Observations:
    """The same, of whose cameras only the surest of each landmark in each frame counts for it.

    A camera that does not see an arm guesses where it is, is not unsure enough of it, and would outvote the one that
    does. The expected errors of the others are `_LESS_SURE` times as large.
    """
    views = observations.views
    said = [view.landmarks for view in views if view.landmarks is not None]
    if len(views) == 1 or len(said) < len(views):
        return observations
    seen = torch.stack([view.seen for view in views])[:, :, None]
    least = torch.where(seen, torch.stack([each.deviations for each in said]), torch.inf).amin(0)
    times = [torch.where(each.deviations <= least, 1.0, _LESS_SURE) for each in said]
    first, *others = (
        replace(view, landmarks=replace(each, deviations=factor * each.deviations))
        for view, each, factor in zip(views, said, times, strict=True)
    )
    return replace(first, others=tuple(others))


def landmarks_at_rest(observations: Observations) -> tuple[Tensor, Tensor]:
    """Canonical coordinates (K, 3) of the landmarks, and their expected errors (K,) along an axis.

    Means over what all cameras show of the subject, weighted by clearness and expected errors under the loss of Geman
    and McClure. What frames say of one subject is wrong alike: many are expected to be no better than a good one of
    them.
    """
    said = [(view.landmarks, view.seen) for view in observations.views if view.landmarks is not None]
    canonical = torch.cat([each.canonical[seen] for each, seen in said])
    deviations = torch.cat([each.deviations[seen] for each, seen in said])
    worth = torch.cat([of[view.seen] for of, view in zip(clearness(observations), observations.views, strict=True)])
    precision = worth[:, None] / deviations.square()
    middle = canonical.median(0).values
    for _ in range(_ROUNDS):
        gaps = (canonical - middle).square().sum(-1)
        weights = precision * redescending(gaps, _OUTLYING * deviations)
        middle = (weights[..., None] * canonical).sum(0) / weights.sum(0)[:, None].clamp_min(1e-12)
    return middle, deviations.quantile(0.25, dim=0)
