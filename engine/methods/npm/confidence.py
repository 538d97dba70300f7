"""How sure a fit is of each frame: whether it puts what the network recognised to where that was seen.

The network and the fit go wrong in different ways: the network by what it has not learned, pixel by pixel, the fit as
a whole, when it ends in a wrong pose. Where they agree, both are believed. The scale is a guess: it has not been
calibrated on scenes with known truth.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from engine.methods.npm.agreement import agreement
from engine.methods.npm.fit import FittedCodes
from engine.methods.npm.observations import Observations
from engine.models.model import NeuralParametricModel

DOUBTFUL = 0.03
"""Median gap, canonical units, at which a frame is as likely lost as not: a limb's thickness, 75 mm of a person."""
STEEPNESS = 4
LOST_BELOW = 0.5
"""Confidence of frames that are called lost."""


def confidences(
    model: NeuralParametricModel, observations: Observations, fitted: FittedCodes
) -> NDArray[np.float64] | None:
    """Confidence (F,) from 0 to 1, ``1 / (1 + (gap / DOUBTFUL)^4)``; None for models without a coordinate network.

    The gap of a frame is the median distance between its observed points and where the fit puts the canonical
    coordinates that the network says of them, or the same of its landmarks, whichever is larger. Frames that do not
    show the subject have 0.
    """
    if observations.coordinates is None:
        return None
    found = agreement(model, observations, fitted)
    gaps = torch.fmax(found.pixels, found.landmarks)  # the latter is NaN without landmarks
    sure = 1 / (1 + (gaps / DOUBTFUL) ** STEEPNESS) * observations.seen
    result: NDArray[np.float64] = sure.double().cpu().numpy()
    return result
