"""How sure a fit is of each frame: how likely it is that the frame is not lost.

The network and the fit go wrong in different ways: the network by what it has not learned, pixel by pixel, the fit as
a whole, when it ends in a wrong pose. Where they agree, both are believed. What else speaks against a frame, a little,
is a pose that training has hardly seen. Each measure counts by its logarithm, and the log odds of being lost are their
weighted sum, as benchmarks/confidence.py has chosen it. How far the fitted surface is from what was seen adds nothing.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.methods.npm.agreement import Agreement, agreement_of_views
from engine.methods.npm.fit import FittedCodes
from engine.methods.npm.observations import Observations
from engine.models.model import NeuralParametricModel

MEASURES = {"landmarks_mean": 0.02, "pose": 1.0}
"""Of `engine.methods.npm.agreement`, and what each is compared with: a tenth of that and less is as good as nothing."""
WEIGHTS = {"landmarks_mean": 8.72, "pose": 1.17}
"""Of the logarithms; from 3,017 frames of 14 development scenes, 1,042 of them lost. Scenes whose sensor errs in scale
are not among them: no confidence can see that."""
OFFSET = -3.47
"""Log odds of a frame that is lost where all measures are near what they are compared with."""
LOST_BELOW = 0.73
"""Confidence of frames that are called lost."""


def confidences(
    model: NeuralParametricModel, observations: Observations, fitted: FittedCodes
) -> NDArray[np.float64] | None:
    """Confidence (F,) from 0 to 1; None for models without a coordinate network.

    Frames that do not show the subject have 0.
    """
    if observations.coordinates is None:
        return None
    sure = sureness(agreement_of_views(model, observations, fitted)) * observations.seen_by_any
    result: NDArray[np.float64] = sure.double().cpu().numpy()
    return result


def sureness(found: Agreement) -> Tensor:
    """(F,) probability that frames are not lost."""
    return sureness_of(doubts(found))


def sureness_of(doubts: Tensor) -> Tensor:
    """(F,) probability that frames are not lost, by the logarithms (F, K) of what speaks against them."""
    weights = torch.tensor([WEIGHTS[name] for name in MEASURES], dtype=doubts.dtype, device=doubts.device)
    return torch.sigmoid(-(doubts @ weights + OFFSET))


def doubts(found: Agreement) -> Tensor:
    """(F, K) logarithms of what speaks against each frame; without landmarks the pixels speak for them."""
    values = []
    for name, usual in MEASURES.items():
        value = getattr(found, name)
        value = torch.where(value.isnan(), found.pixels, value)
        values.append(doubt(value, usual))
    return torch.stack(values, dim=1)


def doubt(value: Tensor, usual: float) -> Tensor:
    """Logarithm of a measure that is compared with what is ``usual``."""
    return ((value / usual) + 0.1).log()
