"""How sure a fit is of each frame: whether it puts what the network recognised to where that was seen.

The network and the fit go wrong in different ways: the network by what it has not learned, pixel by pixel, the fit as
a whole, when it ends in a wrong pose. Where they agree, both are believed. The scale is a guess: it has not been
calibrated on scenes with known truth.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.methods.npm.fit import FittedCodes
from engine.methods.npm.observations import Observations
from engine.models.model import NeuralParametricModel

DOUBTFUL = 0.03
"""Median gap, canonical units, at which a frame is as likely lost as not: a limb's thickness, 75 mm of a person."""
STEEPNESS = 4
LOST_BELOW = 0.5
"""Confidence of frames that are called lost."""
_POINTS = 512
_FRAMES_AT_ONCE = 32


@torch.no_grad()
def confidences(
    model: NeuralParametricModel, observations: Observations, fitted: FittedCodes
) -> NDArray[np.float64] | None:
    """Confidence (F,) from 0 to 1, ``1 / (1 + (gap / DOUBTFUL)^4)``; None for models without a coordinate network.

    The gap of a frame is the median distance between its observed points and where the fit puts the canonical
    coordinates that the network says of them. Frames that do not show the subject have 0.
    """
    if observations.coordinates is None:
        return None
    gaps = median_gaps(model, observations, fitted)
    found = 1 / (1 + (gaps / DOUBTFUL) ** STEEPNESS) * observations.seen
    result: NDArray[np.float64] = found.double().cpu().numpy()
    return result


def median_gaps(model: NeuralParametricModel, observations: Observations, fitted: FittedCodes) -> Tensor:
    """Canonical units (F,); see `confidences`."""
    assert observations.coordinates is not None
    device = observations.points.device
    gaps = []
    for frames in torch.arange(len(observations), device=device).split(_FRAMES_AT_ONCE):
        on_host = frames.cpu()
        canonical = observations.coordinates.canonical[frames, :_POINTS]
        shape = fitted.shape_code.to(device).expand(len(frames), -1)
        local = model.pose(shape, fitted.pose_codes[on_host].to(device), canonical)
        rotations, translations = fitted.rotations[on_host].to(device), fitted.translations[on_host].to(device)
        placed = local @ rotations.transpose(1, 2) + translations[:, None]
        gaps.append((placed - observations.points[frames, :_POINTS]).norm(dim=-1).median(1).values)
    return torch.cat(gaps)
