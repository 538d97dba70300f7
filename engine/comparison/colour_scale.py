"""One scale of colours for the errors of all sides."""

from collections.abc import Sequence

import numpy as np

from engine.comparison.comparison import Comparison

_LOOKED_AT = 24
"""Frames, evenly spread."""
PERCENTILE = 95
"""Of the errors of a side that its colours reach."""
_LEAST_MM = 5.0


def error_limit_mm(comparison: Comparison) -> float | None:
    """Where the colours end, mm, see `end_of_scale_mm`; None where no error is known.

    Raises:
        InputError: a mesh is damaged.
    """
    frames = np.unique(np.linspace(0, len(comparison) - 1, _LOOKED_AT).round().astype(int))
    ends = []
    for side in range(len(comparison.sides)):
        errors = np.concatenate([comparison.vertex_errors_mm(side, int(frame)) for frame in frames])
        known = errors[np.isfinite(errors)]
        if len(known):
            ends.append(float(np.percentile(known, PERCENTILE)))
    return end_of_scale_mm(ends) if ends else None


def end_of_scale_mm(percentiles: Sequence[float]) -> float:
    """A round number above nearly all errors of the usual side: one that is lost does not stretch the scale.

    Args:
        percentiles: `PERCENTILE` of the errors of each side, mm
    """
    return max(round_scale(float(np.median(percentiles))), _LEAST_MM)


def round_scale(value: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is not below ``value``."""
    if not (np.isfinite(value) and value > 0):
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9)))
