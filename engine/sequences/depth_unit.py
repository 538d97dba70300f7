"""The unit of stored depth, decided from everything that is known of a recording.

In this order: what the user or the recording states, what recordings of its kind have, common factors of the values
(millimetres that were multiplied), and what gives the distances that depth cameras measure. What is stated is taken
for subjects of any size, unless distances are absurd: then it is the inverse that many programs write (metres, or
millimetres, per unit), or refused.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Choice, InputError, Notice, Remedy, Setting, remedy

PLAUSIBLE_DEPTH_M = (0.3, 6.0)
"""What depth cameras measure of people, by which units are guessed."""
POSSIBLE_DEPTH_M = (0.003, 300.0)
"""What there is to be fitted, from insects to whales; all else is a wrong unit."""
_USUAL_DEPTH_M = (0.05, 30.0)
"""Beyond it, a unit that is stated is taken and its distance said."""

_ALSO_POSSIBLE_M = (0.05, 6.0)
"""Where a guess between millimetres and centimetres names what the other would be."""

_TYPICAL_DEPTH_M = 2.0
_CENTIMETRES = 100.0
_GUESSES = (1000.0, 5000.0, 4000.0, 10000.0, 1.0, _CENTIMETRES)
"""In order of how common they are: millimetres, TUM, RealSense L515, a tenth of a millimetre, metres, centimetres."""
_EIGHT_BITS = 255
_FACTORS = {
    8: "whose bits are rotated by three, as those of SUN3D and SUN RGB-D are",
    5: "times five, as those of TUM RGB-D are",
    10: "times ten",
    4: "times four",
}
"""Common factors of all values where millimetres are stored as something else."""
_DISTINCT = 16
"""Values that must differ for a common factor to mean anything."""


@dataclass(frozen=True)
class Stated:
    """What is known of a unit beside the values: stored units per metre, None where nobody says."""

    by_user: float | None = None
    by_recording: float | None = None
    expected: float | None = None
    """What recordings of this kind have."""
    kind: str = ""
    """What that kind is called."""


@dataclass(frozen=True)
class DepthUnit:
    """How stored values become metres, and why."""

    per_metre: float
    why: str = ""
    """Where it is not stated."""
    rotated: bool = False
    """Whether the bits of 16-bit millimetres are rotated by three places (Xiao et al. 2013, SUN3D)."""
    warnings: tuple[Notice, ...] = ()

    def metres(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Depth (H, W) in metres."""
        if self.rotated:
            bits = stored.astype(np.uint16)
            stored = (bits >> np.uint16(3)) | (bits << np.uint16(13))
        if stored.dtype.itemsize <= 2:  # of which float32 holds every value
            return np.divide(stored, self.per_metre, dtype=np.float32)
        return np.asarray(stored / self.per_metre, np.float32)


class DepthValues:
    """What the values of a recording's frames have in common, gathered frame by frame."""

    _FACTOR_FRAMES = 5

    def __init__(self) -> None:
        self._medians: list[float] = []
        self._samples: list[NDArray[np.int64]] = []

    def add(self, stored: NDArray[Any]) -> None:
        """One frame (H, W), of which 0 is invalid."""
        few = len(self._samples) < self._FACTOR_FRAMES
        if stored.dtype.kind == "u" and stored.dtype.itemsize <= 2:  # counting is quicker than sorting
            counts = np.bincount(stored.reshape(-1))
            counts[0] = 0
            self._medians.append(_median_of_counts(counts))
            if few:
                self._samples.append(np.flatnonzero(counts))
            return
        valid = stored[stored > 0]
        self._medians.append(float(np.median(valid)))
        if few and stored.dtype.kind in "ui":
            self._samples.append(np.unique(valid).astype(np.int64))

    @property
    def median(self) -> float:
        """Of the frames' medians."""
        return float(np.median(self._medians))

    def common(self) -> int | None:
        """The largest number that divides all values of the first frames; None where too few differ to tell."""
        values = self._values()
        return int(np.gcd.reduce(values)) if len(values) >= _DISTINCT else None

    def factor(self) -> int:
        """The largest of `_FACTORS` that divides all values; 1 without one, or where too few differ."""
        common = self.common()
        if common is None:
            return 1
        if self._are_rotated(self._values()):
            return 8
        return max((factor for factor in _FACTORS if common % factor == 0), default=1)

    def largest(self) -> int:
        """Of the first frames' integers; 0 where there are none."""
        return int(self._values().max(initial=0))

    def _values(self) -> NDArray[np.int64]:
        return np.unique(np.concatenate(self._samples)) if self._samples else np.zeros(0, np.int64)

    @staticmethod
    def _are_rotated(values: NDArray[np.int64]) -> bool:
        """Whether they are multiples of eight but for those of 8.192 m and more, whose high bits are the lowest."""
        far = values[values % 8 != 0]
        return bool(len(far) < len(values) / 2 and (far % 8 == 1).all() and values.max() <= 0xFFFF)


def _median_of_counts(counts: NDArray[np.integer[Any]]) -> float:
    """The median of values of which ``counts`` (N,) says how often each of 0 to N - 1 occurs."""
    up_to = np.cumsum(counts)
    middle = [(up_to[-1] - 1) // 2, up_to[-1] // 2]
    return float(np.searchsorted(up_to, middle, side="right").mean())


def settle_unit(path: Path, stated: Stated, values: DepthValues) -> DepthUnit:
    """The unit of the recording at ``path``.

    Raises:
        InputError: what the user states is not positive, distances are absurd in what is stated, or nothing is stated
            and no usual unit gives plausible distances.
    """
    if stated.by_user is not None and not (np.isfinite(stated.by_user) and stated.by_user > 0):
        problem = "is not a positive number"
        raise InputError(Choice(Setting.DEPTH_UNITS, f"{stated.by_user:g}"), problem, "give stored units per metre")
    if stated.by_user is not None:
        return _as_stated(path, stated.by_user, values.median)
    if stated.by_recording is not None:
        return _as_stated(path, stated.by_recording, values.median)
    if stated.expected is not None and _within(values.median / stated.expected, PLAUSIBLE_DEPTH_M):
        return _as_expected(stated.expected, stated.kind, values)
    return _guessed(path, values)


def _as_expected(expected: float, kind: str, values: DepthValues) -> DepthUnit:
    """What recordings of a kind have, unless it is a multiple of millimetres and the values are not.

    Then they were not made as those of that kind are, though in the same layout, and the more usual distance decides.
    """
    median, common, factor = values.median, values.common(), expected / 1000
    made_so = factor not in _FACTORS or common is None or common % factor == 0
    if made_so or not _within(median / 1000, PLAUSIBLE_DEPTH_M):
        return DepthUnit(expected, f"as {kind} has it" if kind else "")
    scale = min((expected, 1000.0), key=lambda scale: abs(math.log(median / scale / _TYPICAL_DEPTH_M)))
    why = f"the layout is that of {kind}, {expected:g}, but values are no multiples of {factor:g} as theirs are"
    fix = remedy("state {} if that is wrong", Setting.DEPTH_UNITS)
    text = f"depth scale guessed: {_gives(scale, median)}: {why}"
    return DepthUnit(scale, "guessed by the distance", warnings=(Notice(text, fix),))


def _as_stated(path: Path, scale: float, median: float) -> DepthUnit:
    """Units per metre as ``scale`` says, or its inverse where only that can be meant."""
    depth_m = median / scale
    if _within(depth_m, POSSIBLE_DEPTH_M):
        if _within(depth_m, _USUAL_DEPTH_M):
            return DepthUnit(scale)
        near, far = PLAUSIBLE_DEPTH_M
        text = f"median depth is {depth_m:.4g} m at {scale:g} units per metre, outside {near:g} to {far:g} m"
        return DepthUnit(scale, warnings=(Notice(text, _correct()),))
    for meaning, inverse in (("metres per unit", 1 / scale), ("millimetres per unit", 1000 / scale)):
        if _within(median / inverse, PLAUSIBLE_DEPTH_M):
            text = f"the depth scale {scale:g} would give a median depth of {depth_m:.4g} m and is taken as {meaning}"
            text = f"{text}: {inverse:g} units per metre, {median / inverse:.2f} m"
            return DepthUnit(inverse, f"taken for the inverse of {scale:g}", warnings=(Notice(text, _correct()),))
    problem = f"has a median depth of {depth_m:.4g} m at {scale:g} units per metre, which no subject is at"
    raise InputError(path, problem, remedy("correct {}, stored units per metre: 1000 for mm", Setting.DEPTH_UNITS))


def _guessed(path: Path, values: DepthValues) -> DepthUnit:
    median, factor = values.median, values.factor()
    fix = remedy("state {} if that is wrong", Setting.DEPTH_UNITS)
    if factor > 1 and _within(median / (1000 * factor), PLAUSIBLE_DEPTH_M):
        why = f"all values are those of millimetres {_FACTORS[factor]}"
        text = f"depth scale guessed: {_gives(1000 * factor, median)}: {why}"
        rotated = factor == 8
        return DepthUnit(1000.0 if rotated else 1000.0 * factor, why, rotated, (Notice(text, fix),))
    guess = next((scale for scale in _GUESSES if _within(median / scale, PLAUSIBLE_DEPTH_M)), None)
    if guess is None or (guess == _CENTIMETRES and values.largest() == _EIGHT_BITS):  # rather a picture of depth
        problem = f"does not state its unit of depth, and a median of {median:.4g} fits none of the usual ones"
        raise InputError(path, problem, remedy("give {}, 1000 for millimetres", Setting.DEPTH_UNITS))
    text = f"depth scale guessed: {_gives(guess, median)}"
    other = 1000.0 if guess == _CENTIMETRES else _CENTIMETRES
    if guess in (1000.0, _CENTIMETRES) and _within(median / other, _ALSO_POSSIBLE_M):
        text += f", {other:g} would be {median / other:.2f} m"
    return DepthUnit(guess, "guessed by the distance", warnings=(Notice(text, fix),))


def _gives(scale: float, median: float) -> str:
    return f"{scale:g} units per metre gives a median depth of {median / scale:.2f} m"


def _correct() -> Remedy:
    return remedy("correct {} if that is wrong", Setting.DEPTH_UNITS)


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]
