"""Whether cameras that say where they are agree on where the subject is."""

import torch
from torch import Tensor

from engine.core.errors import InputError, Notice, Remedy
from engine.core.progress import Progress
from engine.geometry.rigid_alignment import robust_rigid_alignment
from engine.geometry.similarity import Similarity
from engine.methods.npm.observations import Observations
from engine.sequences.depth_sequence import DepthSequence

DOUBTFUL = 0.03
"""Canonical units by which a camera is off that deserves a warning; from different sides of one subject a network errs
by half of that: 75 mm of people."""
ABSURD = 0.15
"""Canonical units beyond which a camera does not show the same subject, or does not know the same world."""
_SOFTNESS = 0.1
_FIX = Remedy("calibrate the cameras again, bring them to one clock, or leave this one out")


def disagreements(observations: Observations) -> list[float | None]:
    """How far what each camera says of the subject lies from what the others say, canonical units.

    It is the root mean square of what the rigid motion of the whole camera moves that brings its landmarks, of all
    frames at once, to the weighted means of those of the other cameras. Without landmarks the middles of what was seen
    take their place, which also lie on different sides of the subject. None of a camera that sees nothing together
    with another one.
    """
    positions, weights = _said(observations)
    found: list[float | None] = []
    for number in range(len(positions)):
        others = [other for other in range(len(positions)) if other != number]
        total = weights[others].sum(0)
        mean = (weights[others, ..., None] * positions[others]).sum(0) / total.clamp_min(1e-12)[..., None]
        weight = torch.where(weights[number] > 0, total, 0).flatten()[None]
        if not bool((weight > 0).any()):
            found.append(None)
            continue
        own = positions[number].flatten(0, 1)[None]
        if own.shape[1] < 3:  # which no rotation can be told from
            moved = mean.flatten(0, 1)[None] - own
        else:
            rotation, shift = robust_rigid_alignment(own, mean.flatten(0, 1)[None], weight, _SOFTNESS)
            moved = own @ rotation.transpose(1, 2) + shift[:, None] - own
        found.append(float(((weight * moved.square().sum(-1)).sum() / weight.sum()).sqrt()))
    return found


def check_calibration(
    observations: Observations, source: DepthSequence, similarity: Similarity, progress: Progress
) -> dict[str, float | None]:
    """By how many millimetres each camera of ``source`` disagrees, by its recording; said, and doubted if it is much.

    Raises:
        InputError: a camera is so far off that it cannot know the same world, or show the same subject.
    """
    mm = 1000 / similarity.scale
    apart = dict(zip(source.views, disagreements(observations), strict=True))
    known = {view: off for view, off in apart.items() if off is not None}
    if known:
        progress.message(f"cameras disagree on where the subject is by {mm * max(known.values()):.0f} mm at most")
    else:
        progress.notice(Notice("no two cameras show the subject at once: whether they agree is not known"))
    for view, off in known.items():
        text = f"its subject is {mm * off:.0f} mm beside that of the other cameras"
        if off > ABSURD:
            raise InputError(view.root, text, _FIX)
        if off > DOUBTFUL:
            progress.notice(Notice(f"{view.root}: {text}", _FIX))
    return {str(view.root): None if off is None else round(mm * off, 1) for view, off in apart.items()}


def _said(observations: Observations) -> tuple[Tensor, Tensor]:
    """Positions (V, F, K, 3) of the subject by each camera, and their weights (V, F, K)."""
    views = observations.views
    seen = torch.stack([view.seen for view in views])[..., None]
    known = [view.landmarks for view in views if view.landmarks is not None]
    if len(known) < len(views):
        middles = torch.stack([view.points.median(1).values for view in views])[:, :, None]
        return middles, seen.float()
    positions = torch.stack([each.positions for each in known])
    return positions, seen / torch.stack([each.deviations for each in known]).square()
