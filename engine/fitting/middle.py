"""Where a model expects its subject."""

import numpy as np
from numpy.typing import NDArray

from engine.model import NeuralParametricModel
from engine.surface.extract import extract_surface

_RESOLUTION = 64


def middle_of(model: NeuralParametricModel) -> NDArray[np.float64]:
    """Centre (3,) of the bounding box of the mean shape, canonical units; the origin when that has no surface."""
    mesh = extract_surface(model, model.shape_codes.mean(0), _RESOLUTION)
    if mesh.is_empty:
        return np.zeros(3)
    middle: NDArray[np.float64] = (mesh.vertices.min(0) + mesh.vertices.max(0)).astype(np.float64) / 2
    return middle
