"""How large the subjects of a model are, by its training identities."""

from weakref import WeakKeyDictionary

import numpy as np
import torch

from engine.models.model import NeuralParametricModel
from engine.surface.extract import extract_surfaces

_IDENTITIES, _RESOLUTION = 16, 32


def sizes_m(model: NeuralParametricModel) -> tuple[float, float]:
    """Smallest and largest size in metres of the training identities, the longest side of each in the canonical pose.

    Of many identities evenly spread ones are measured, to a few centimetres of bodies; once per model object.
    """
    if model not in _known:
        count = len(model.shape_codes)
        rows = np.unique(np.linspace(0, count - 1, min(count, _IDENTITIES)).round().astype(int))
        with torch.no_grad():
            meshes = extract_surfaces(model, model.shape_codes[rows], _RESOLUTION)
        longest = [float(np.ptp(mesh.vertices, axis=0).max()) for mesh in meshes if len(mesh.vertices)] or [1.0]
        scale = model.info.similarity.scale
        _known[model] = min(longest) / scale, max(longest) / scale
    return _known[model]


_known: WeakKeyDictionary[NeuralParametricModel, tuple[float, float]] = WeakKeyDictionary()
