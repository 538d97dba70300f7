"""By how much two results differ on average, and whether that is more than chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
"""Of the bootstrap."""
CONFIDENCE = 0.95
_QUIET_LAGS = 5
"""In a row that must have autocorrelations of noise."""
_NUMBERS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class Interval:
    """A mean, and the interval of `CONFIDENCE` around it; NaN where that is not known."""

    mean: float
    low: float
    high: float

    @property
    def is_beyond_chance(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


UNKNOWN = Interval(math.nan, math.nan, math.nan)


def paired_difference(
    first: Sequence[NDArray[np.floating]], second: Sequence[NDArray[np.floating]], draws: int = DRAWS, seed: int = 0
) -> Interval:
    """``first`` less ``second`` on average, frame by frame; frames that are NaN in either tell nothing.

    Args:
        first: (F,) values of the frames of each sequence
        second: those of the same frames
    """
    apart = [np.asarray(one, np.float64) - other for one, other in zip(first, second, strict=True)]
    return bootstrap_mean([values[~np.isnan(values)] for values in apart], draws, seed)


def bootstrap_mean(groups: Sequence[NDArray[np.floating]], draws: int = DRAWS, seed: int = 0) -> Interval:
    """Mean over groups of their means, and its percentile interval when groups, and members in them, are drawn anew.

    Members of a group are alike (frames of a sequence), so that groups are drawn first, with replacement, and then
    as many members of each as it has (two-stage bootstrap: Davison and Hinkley 1997, section 3.8). Neighbours in a
    group are more alike still: members are drawn in blocks of `block_length` neighbours, the first of which follows
    the last (circular block bootstrap: Politis and Romano 1992).

    Args:
        groups: (F,) values of each group, in order; one without any makes all unknown, and a single value tells
            nothing of chance
    """
    if not groups or any(len(group) == 0 for group in groups):
        return UNKNOWN
    if len(groups) == len(groups[0]) == 1:
        return Interval(float(groups[0][0]), math.nan, math.nan)
    generator = np.random.default_rng(seed)
    chosen = generator.integers(len(groups), size=(draws, len(groups)))
    means = np.empty(chosen.shape)
    for index, group in enumerate(groups):
        where = chosen == index
        means[where] = _block_means(np.asarray(group, np.float64), int(where.sum()), generator)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(means.mean(axis=1), (tail, 100 - tail))
    return Interval(float(np.mean([group.mean() for group in groups])), float(low), float(high))


def block_length(values: NDArray[np.floating]) -> int:
    """How many neighbours of ``values`` (F,) a block of the circular bootstrap should have.

    Politis and White 2004, with the correction of Patton, Politis and White 2009: autocovariances are taken up to
    twice the lag beyond which autocorrelations are those of noise, with a window that is flat up to the half.
    """
    count = len(values)
    apart = np.asarray(values, np.float64) - np.mean(values)
    variance = float(apart @ apart) / count
    if count < 4 or variance <= (1e-9 * np.abs(values).max()) ** 2:  # all the same, but for rounding
        return 1
    farthest = min(math.isqrt(count - 1) + 1 + _QUIET_LAGS, count - 1)
    covariances = np.array([float(apart[: count - lag] @ apart[lag:]) / count for lag in range(farthest + 1)])
    small = np.abs(covariances[1:] / variance) < 2 * math.sqrt(math.log10(count) / count)
    quiet = (lag for lag in range(len(small)) if small[lag : lag + _QUIET_LAGS].all())
    reach = min(2 * max(next(quiet, farthest), 1), farthest)
    lags = np.arange(1, reach + 1)
    window = np.clip(2 * (1 - lags / reach), 0, 1)
    spectrum = variance + 2 * float(window @ covariances[1 : reach + 1])
    slope = 2 * float((window * lags) @ covariances[1 : reach + 1])
    if spectrum <= 0:  # then nothing is estimated
        return 1
    length = (2 * slope**2 / (4 / 3 * spectrum**2)) ** (1 / 3) * count ** (1 / 3)
    longest = math.ceil(min(3 * math.sqrt(count), count / 3))
    return int(np.clip(math.ceil(length), 1, longest))


def _block_means(values: NDArray[np.float64], draws: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Means (draws,) of as many members of ``values`` (F,) as there are, in blocks; the last block is cut off."""
    count, length = len(values), block_length(values)
    blocks = math.ceil(count / length)
    means = np.empty(draws)
    at_once = max(1, _NUMBERS_AT_ONCE // count)
    for start in range(0, draws, at_once):
        rows = min(at_once, draws - start)
        firsts = generator.integers(count, size=(rows, blocks))
        picks = ((firsts[:, :, None] + np.arange(length)) % count).reshape(rows, -1)[:, :count]
        means[start : start + rows] = values[picks].mean(axis=1)
    return means
