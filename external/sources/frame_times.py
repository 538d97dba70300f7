"""When a frame in a file of its own was taken: as its name says, by its number, or when the file was written."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import InputError

_SECONDS = re.compile(r"^\d+\.\d{2,}$|(?<!\d)\d{10}\.\d+$")
"""A name that is a decimal number, or ends in one of seconds since 1970; ``shot2.0001`` is numbered."""
_LONG = re.compile(r"(?<!\d)(\d{13}|\d{16}|\d{19})$")
_NUMBER = re.compile(r"(\d+)\D*$")
_SINCE_1970 = {13: 1e3, 16: 1e6, 19: 1e9}
"""Units per second by the number of digits: milliseconds, microseconds, nanoseconds."""
_EPOCH_S = 1e9, 4e9
"""Seconds since 1970, of 2001 to 2096: what long numbers in names are."""
_RENAME = "name it as the others are"


@dataclass(frozen=True)
class FrameTimes:
    """How the time of a frame is found, and what that is called."""

    seconds: Callable[[Path], float]
    """Of the file of a frame, from any origin; raises InputError where its name does not tell, OSError where the file
    is needed and gone."""
    how: str


def frame_times(path: Path, frame_rate: float | None) -> FrameTimes:
    """What the file ``path`` of one frame says about the times of all.

    Args:
        frame_rate: of numbered frames, where it is stated.
    """
    if _time_in(path) is not None:
        return FrameTimes(_named, "time stamps by file names")
    if frame_rate is not None and _NUMBER.search(path.stem):
        return FrameTimes(lambda path: _number(path) / frame_rate, f"{frame_rate:g} numbered frames per second")
    return FrameTimes(_written, "time stamps by when files were written")


def _time_in(path: Path) -> float | None:
    """The seconds that a name ends in, if it does."""
    if found := _SECONDS.search(path.stem):
        return float(found[0])
    if found := _LONG.search(path.stem):
        seconds = int(found[1]) / _SINCE_1970[len(found[1])]
        return seconds if _EPOCH_S[0] <= seconds <= _EPOCH_S[1] else None
    return None


def _named(path: Path) -> float:
    seconds = _time_in(path)
    if seconds is None:
        raise InputError(path, "has no time stamp in its name", _RENAME)
    return seconds


def _number(path: Path) -> float:
    found = _NUMBER.search(path.stem)
    if found is None:
        raise InputError(path, "has no number in its name", _RENAME)
    return float(found[1])


def _written(path: Path) -> float:
    return path.stat().st_mtime_ns / 1e9
