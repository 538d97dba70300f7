"""How sure a fit is of each frame: how likely it is that the frame is not lost.

The network and the fit go wrong in different ways: the network by what it has not learned, pixel by pixel, the fit as
a whole, when it ends in a wrong pose. Where they agree, both are believed. What else speaks against a frame is that the
surface lies where nothing is, or that the network itself is unsure. Each measure counts by its logarithm, and the log
odds of being lost are their weighted sum. The weights are guesses until benchmarks/confidence.py has chosen them.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.methods.npm.agreement import Agreement, agreement
from engine.methods.npm.fit import FittedCodes
from engine.methods.npm.observations import Observations
from engine.models.model import NeuralParametricModel

MEASURES = {
    "pixels": 0.02,
    "landmarks_mean": 0.02,
    "pixel_deviation": 0.02,
    "surface": 0.005,
    "intruding": 0.02,
    "pose": 1.0,
}
"""Of `engine.methods.npm.agreement`, and what each is compared with: a tenth of that and less is as good as nothing."""
WEIGHTS = {"pixels": 1.0, "landmarks_mean": 3.0, "pixel_deviation": 0.0, "surface": 0.5, "intruding": 0.5, "pose": 0.0}
"""Of the logarithms."""
OFFSET = -1.5
"""Log odds of a frame that is lost where all measures are near what they are compared with."""
LOST_BELOW = 0.5
"""Confidence of frames that are called lost."""


def confidences(
    model: NeuralParametricModel, observations: Observations, fitted: FittedCodes
) -> NDArray[np.float64] | None:
    """Confidence (F,) from 0 to 1; None for models without a coordinate network.

    Frames that do not show the subject have 0.
    """
    if observations.coordinates is None:
        return None
    sure = sureness(agreement(model, observations, fitted)) * observations.seen
    result: NDArray[np.float64] = sure.double().cpu().numpy()
    return result


def sureness(found: Agreement) -> Tensor:
    """(F,) probability that frames are not lost."""
    weights = torch.tensor([WEIGHTS[name] for name in MEASURES], dtype=found.pixels.dtype, device=found.pixels.device)
    return torch.sigmoid(-(doubts(found) @ weights + OFFSET))


def doubts(found: Agreement) -> Tensor:
    """(F, K) logarithms of what speaks against each frame; without landmarks the pixels speak for them."""
    values = []
    for name, usual in MEASURES.items():
        value = getattr(found, name)
        value = torch.where(value.isnan(), found.pixels, value)
        values.append(((value / usual) + 0.1).log())
    return torch.stack(values, dim=1)
