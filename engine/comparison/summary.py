"""What the frames of a comparison amount to: a row for each side, and who is better beyond chance."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.comparison.comparison import Comparison
from engine.comparison.frame_errors import FrameErrors
from engine.comparison.intervals import Interval, paired_difference
from engine.methods.imported.method import METHOD as MADE_ELSEWHERE


@dataclass(frozen=True)
class MetricSummary:
    """One metric of one side over the frames; all NaN where it is not known."""

    mean: float
    median: float
    worst: float
    worst_frame: int | None
    """Index of the frame of that value; None where none is known."""
    frames: int
    """In which it is known."""
    to_best: Interval
    """The side less the side whose mean is best, frame by frame; zero for the best itself."""


@dataclass(frozen=True, eq=False)
class SideSummary:
    """One side of a comparison."""

    name: str
    metrics: Mapping[str, MetricSummary]
    lost: int | None
    """Of the frames; None where nobody can say."""
    seconds_per_frame: float | None
    """Of the whole fit, measuring and writing included, over all of its frames; None where nobody said, and of meshes
    made elsewhere, which were only read."""


def summarise(comparison: Comparison, errors: FrameErrors, seed: int = 0) -> tuple[SideSummary, ...]:
    """A summary of each side; less is better in all metrics.

    Args:
        seed: of the intervals
    """
    best = {name: best_side(values) for name, values in errors.values.items()}
    rows = []
    for index, side in enumerate(comparison.sides):
        metrics = {name: _of_metric(values, index, best[name], seed) for name, values in errors.values.items()}
        lost = int(errors.lost[index].sum()) if errors.lost_known[index] else None
        is_timed = side.run is not None and side.run.method != MADE_ELSEWHERE.id
        seconds = side.run.seconds / len(side.run.frames) if side.run is not None and is_timed else None
        rows.append(SideSummary(side.name, metrics, lost, seconds))
    return tuple(rows)


def best_side(values: NDArray[np.float64]) -> int | None:
    """Which of S sides has the least mean of ``values`` (S, F), over the frames in which all known sides have one.

    A side that is not known in any frame is no candidate; None where none is, or no frame is known of all of them.
    """
    candidates = np.flatnonzero(np.isfinite(values).any(axis=1))
    if len(candidates) == 0:
        return None
    shared = np.isfinite(values[candidates]).all(axis=0)
    if not shared.any():
        return None
    return int(candidates[values[candidates][:, shared].mean(axis=1).argmin()])


def _of_metric(values: NDArray[np.float64], side: int, best: int | None, seed: int) -> MetricSummary:
    own = values[side]
    known = own[np.isfinite(own)]
    if len(known) == 0 or best is None:
        unknown = Interval(np.nan, np.nan, np.nan)
        return MetricSummary(np.nan, np.nan, np.nan, None, 0, unknown)
    apart = Interval(0.0, 0.0, 0.0) if side == best else paired_difference([own], [values[best]], seed=seed)
    worst = int(np.nanargmax(own))
    return MetricSummary(float(known.mean()), float(np.median(known)), float(own[worst]), worst, len(known), apart)
