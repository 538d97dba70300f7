"""What the principal directions of a model do, in words: the measurement that changes most regularly along each.

A direction has a name only where the training codes bear it out: the correlation of their coefficients with the
measurement, over training identities or frames, reaches `LEAST_CORRELATION`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_CORRELATION = 0.7
"""From which half of the variance of a measurement is that of the direction."""
_FEWEST = 8
"""Bodies below which a correlation says nothing."""


@dataclass(frozen=True)
class Measured:
    """One measurement of several bodies."""

    title: str
    """``Height``"""
    unit: str
    """Empty where it is a ratio."""
    values: NDArray[np.float64]
    """(N,) NaN where it could not be measured"""


@dataclass(frozen=True)
class DirectionName:
    """What a direction changes."""

    title: str
    correlation: float
    """Of the coefficients with the measurement, -1 to 1; negative: the measurement falls towards +σ."""
    per_sigma: float
    """By how much it changes from one standard deviation to the next, by linear regression."""
    unit: str

    @property
    def short(self) -> str:
        """``Height (r 0.93)``"""
        return f"{self.title} (r {self.correlation:.2f})".replace("-", "−")

    @property
    def explanation(self) -> str:
        """As a sentence."""
        if self.unit:
            by = f", {self.per_sigma:+.2g} {self.unit} from one σ to the next"
        else:
            by = f", {100 * self.per_sigma:+.2g} points of a hundred from one σ to the next"
        text = f"{self.title}: correlation {self.correlation:.2f} over the training codes{by}."
        return text.replace("-", "−")


Names = tuple[DirectionName | None, ...]
"""Of each direction, the first first; None where no measurement fits."""


def names_of(coefficients: NDArray[np.floating], measured: Sequence[Measured]) -> Names:
    """A name for each direction of ``coefficients`` (N, K) that one of ``measured`` fits."""
    named: list[DirectionName | None] = []
    for along in coefficients.T.astype(np.float64):
        found = [one for one in (_name(along, values) for values in measured) if one is not None]
        best = max(found, key=lambda one: abs(one.correlation), default=None)
        named.append(best if best is not None and abs(best.correlation) >= LEAST_CORRELATION else None)
    return tuple(named)


def _name(along: NDArray[np.float64], measured: Measured) -> DirectionName | None:
    known = np.isfinite(measured.values)
    x, y = along[known], measured.values[known]
    if len(x) < _FEWEST or np.ptp(x) == 0 or np.ptp(y) <= 1e-9 * max(float(np.abs(y).max()), 1e-12):
        return None
    x, y = x - x.mean(), y - y.mean()
    covariance = float(x @ y)
    correlation = covariance / float(np.sqrt((x @ x) * (y @ y)))
    return DirectionName(measured.title, correlation, covariance / float(x @ x), measured.unit)


def to_json(names: Mapping[str, Names]) -> dict[str, Any]:
    return {space: [None if one is None else asdict(one) for one in of] for space, of in names.items()}


def from_json(values: Any) -> dict[str, Names]:
    """What `to_json` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        return {
            space: tuple(None if one is None else DirectionName(**one) for one in of) for space, of in values.items()
        }
    except (TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error
