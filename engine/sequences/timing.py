"""Time stamps of frames: as cameras write them down, made increasing, and what is said of what had to be mended."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Notice, Remedy
from engine.sequences.mesh_sequence import frame_rate_of, regular_times

DEFAULT_FRAME_RATE = 30.0
_SAME_S = 1e-6
"""Time stamps that differ by less are the same; those of the day and in seconds have no more digits."""
_FARTHEST = 1000
"""Between the numbers of two frames, as a rule; what is farther apart are time stamps of some unit."""
_IRREGULAR = 0.5
"""Of the usual interval, by which another one may differ before it is said."""


def numbered_times(names: Sequence[str], frame_rate: float) -> tuple[NDArray[np.float64], tuple[Notice, ...]]:
    """Time stamps (F,) in seconds of frames that have none, and what is to be said of them.

    Where the names of frames end in increasing numbers, frames that were left out keep their time: a body that is seen
    ten times less often moves ten times as far between two frames, and must not be thought slow.
    """
    ends = [re.search(r"(\d+)\D*$", name) for name in names]
    numbers = np.array([float(end[1]) for end in ends if end is not None])
    steps = np.diff(numbers)
    counts = len(numbers) == len(names) > 1 and steps.min() >= 1 and np.median(steps) <= _FARTHEST
    if not counts or (steps == 1).all():
        return regular_times(len(names), frame_rate), ()
    usual = f"{np.median(steps):.0f}" if (steps == steps[0]).all() else f"{steps.min():.0f} to {steps.max():.0f}"
    said = f"no time stamps: frames are numbered in steps of {usual}, each of which is taken for 1/{frame_rate:g} s"
    return (numbers - numbers[0]) / frame_rate, (Notice(said, Remedy("state the frame rate if that is wrong")),)


@dataclass(frozen=True, eq=False)
class Timing:
    """Which frames of a recording are kept, and when they were taken."""

    kept: NDArray[np.intp]
    """(K,) indices of frames, increasing."""
    times_s: NDArray[np.float64] | None = None
    """(K,) seconds, increasing; None where there are none."""
    warnings: tuple[Notice, ...] = ()


def settle_times(recorded_s: NDArray[np.float64]) -> Timing:
    """What to make of recorded time stamps (F,) in seconds, not finite where a frame has none.

    - Missing ones are filled in between their neighbours.
    - A frame with the time stamp of the frame before is left out: a camera takes one image at a time.
    - Where time runs backwards, or is missing or the same for most frames, single time stamps tell nothing: frames stay
      in the order in which they were recorded and are taken to follow each other regularly.
    - Irregular intervals stay as they are, and are said.
    """
    assert recorded_s.ndim == 1, recorded_s.shape
    count = len(recorded_s)
    missing = ~np.isfinite(recorded_s)
    if missing.all() or 2 * missing.sum() > count:
        return _regular(count, DEFAULT_FRAME_RATE, f"{missing.sum()} of {count} time stamps are missing")
    steps = np.diff(recorded_s[~missing])
    rate = frame_rate_of(recorded_s[~missing])
    if (steps < -_SAME_S).any():
        return _regular(count, rate, f"time stamps run backwards {(steps < -_SAME_S).sum()} times")
    same = np.abs(steps) <= _SAME_S
    if 2 * same.sum() > len(steps):
        elapsed_s = float(steps.sum())  # of whole seconds, say
        mean = len(steps) / elapsed_s if elapsed_s > _SAME_S else DEFAULT_FRAME_RATE
        mean = round(mean, 3) or mean or DEFAULT_FRAME_RATE
        return _regular(count, mean, f"{same.sum()} of {count} time stamps are that of the frame before")
    warnings: list[Notice] = []
    times_s = recorded_s
    if missing.any():
        times_s = _filled(recorded_s, missing, 1 / rate)
        warnings.append(Notice(f"{missing.sum()} of {count} time stamps are missing and filled in by their neighbours"))
    kept = np.flatnonzero(np.concatenate([[True], np.diff(times_s) > _SAME_S]))
    if len(kept) < count:
        problem = "they have the time stamp of the frame before"
        warnings.append(Notice(f"{count - len(kept)} of {count} frames left out: {problem}"))
    times_s = times_s[kept]
    intervals = np.diff(times_s)
    odd = np.abs(intervals * rate - 1) > _IRREGULAR
    if odd.any():
        usual, longest = 1 / rate, intervals.max()
        text = f"{odd.sum()} of {len(odd)} intervals between frames differ from the usual {usual:.3g} s"
        warnings.append(Notice(f"{text}, the longest is {longest:.3g} s"))
    return Timing(kept, times_s, tuple(warnings))


def is_regular(times_s: NDArray[np.float64], frame_rate: float) -> bool:
    """Whether ``times_s`` (F,) are, to a microsecond, those of frames at a constant rate from zero."""
    return bool(np.allclose(times_s, regular_times(len(times_s), frame_rate), rtol=0, atol=_SAME_S))


def _regular(count: int, frame_rate: float, problem: str) -> Timing:
    text = f"{problem}: frames are taken to follow each other at {frame_rate:g} per second"
    return Timing(np.arange(count), regular_times(count, frame_rate), (Notice(text),))


def _filled(recorded_s: NDArray[np.float64], missing: NDArray[np.bool_], interval_s: float) -> NDArray[np.float64]:
    """Time stamps (F,) without gaps: linear between neighbours, at the usual interval before and after all of them."""
    known = np.flatnonzero(~missing)
    places = np.arange(len(recorded_s))
    filled = np.interp(places, known, recorded_s[known])
    beyond = np.minimum(places - known[0], 0) + np.maximum(places - known[-1], 0)
    return np.asarray(filled + interval_s * beyond, np.float64)
