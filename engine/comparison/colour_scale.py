"""One scale of colours for the errors of all sides."""

from collections.abc import Sequence

import numpy as np

from engine.comparison.comparison import Comparison

_LOOKED_AT = 24
"""Frames, evenly spread."""
PERCENTILE = 95
"""Of the errors of a side that its colours reach."""
_LEAST_MM, _MOST_MM = 5.0, 100.0


def error_limit_mm(comparison: Comparison) -> float | None:
    """Where the colours end, mm, see `end_of_scale_mm`; None where no error is known.

    Raises:
        InputError: a mesh is damaged.
    """
    frames = np.unique(np.linspace(0, len(comparison) - 1, _LOOKED_AT).round().astype(int))
    sides = []
    for side in range(len(comparison.sides)):
        errors = [comparison.vertex_errors_mm(side, int(frame)) for frame in frames]
        known = [one[np.isfinite(one)] for one in errors]
        sides.append([float(np.percentile(one, PERCENTILE)) for one in known if len(one)])
    return end_of_scale_mm(sides)


def end_of_scale_mm(percentiles: Sequence[Sequence[float]]) -> float | None:
    """A round number above nearly all errors of the usual side in its usual frame; None where no error is known.

    Neither lost frames nor a lost side stretch the scale, and where all are lost it ends where errors are large anyway:
    what is a metre off need not be told from what is two metres off, but hands from arms.

    Args:
        percentiles: `PERCENTILE` of the errors of each side in each of its frames, mm
    """
    usual = [float(np.median(side)) for side in percentiles if len(side)]
    return min(max(round_scale(float(np.median(usual))), _LEAST_MM), _MOST_MM) if usual else None


def round_scale(value: float) -> float:
    """The smallest 1, 2 or 5 times a power of ten that is not below ``value``."""
    if not (np.isfinite(value) and value > 0):
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9)))
