"""Colours of vertices by how far they are from the true surface."""

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Setting, remedy
from engine.evaluate.prediction import Prediction
from engine.exports.content import VertexColours
from engine.geometry.signed_distance import unsigned_distance
from engine.sequences.joining import join_frames
from engine.sequences.truth import Truth
from npm_studio.reports.pictures.colours import colour_errors

LIMIT_MM = 20.0
"""Distance of the last colour."""


def error_colours(prediction: Prediction, truth: Truth) -> VertexColours:
    """Pale where a vertex lies on the true surface, dark purple from 20 mm on.

    Args:
        prediction: in the world of ``truth``, with the frames that are exported

    Raises:
        InputError: a frame has no truth, or they are in other frames of reference.
    """
    joined = join_frames(prediction.meshes, truth.meshes)
    if joined.only_first:
        problem = f"has no truth for the frame {joined.only_first[0]}, nor for {len(joined.only_first) - 1} others"
        fix = remedy("choose frames with {}, or leave out {}", Setting.ONLY, Setting.COLOURS)
        raise InputError(truth.meshes.title, problem, fix)
    if truth.meshes.frame != prediction.meshes.frame:
        raise InputError(truth.meshes.title, "is not in the world", remedy("leave out {}", Setting.COLOURS))
    others = dict(joined.pairs)

    def read(index: int) -> NDArray[np.uint8]:
        fitted, true = prediction.meshes.read(index), truth.meshes.read(others[index])
        return colour_errors(1000 * unsigned_distance(fitted.vertices, true.vertices, true.faces), LIMIT_MM)

    return VertexColours(read, change=True)
