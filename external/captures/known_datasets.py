"""Data sets of recordings whose cameras and units are known by the names of their folders."""

import re
from dataclasses import dataclass
from pathlib import Path

from external.captures.intrinsics_values import Intrinsics

_WIDTH, _HEIGHT = 640, 480
_FREIBURG = {
    "1": (517.3, 516.5, 318.6, 255.3),
    "2": (520.9, 521.0, 325.1, 249.7),
    "3": (535.4, 539.2, 320.1, 247.6),
}
"""Of the TUM RGB-D benchmark: fx, fy, cx, cy with pixel centres at whole numbers."""
_ICL_NUIM = (481.2, 480.0, 319.5, 239.5)
"""Handa et al. 2014; their fy is negative because their y axis points up."""
_FREIBURG_NAME = re.compile(r"(?:freiburg|(?<![a-z])fr)[ _-]?([123])(?![0-9])")
_ICL_NAME = re.compile(r"icl[_-]?nuim|(living|office)[_-]?(room)?.*(traj|kt)[_-]?[0-9]|traj[0-9]_frei")


@dataclass(frozen=True)
class KnownDataset:
    """What is known of all recordings of a data set."""

    title: str
    camera: Intrinsics
    units_per_metre: float


def known_dataset(folder: Path) -> KnownDataset | None:
    """The data set that a recording is of, by the name of its folder or of the one that it is in."""
    place = folder.resolve()
    for name in (place.name.lower(), place.parent.name.lower()):
        if match := _FREIBURG_NAME.search(name):
            source = f"the camera freiburg{match[1]}"
            return KnownDataset("TUM RGB-D", _camera(source, *_FREIBURG[match[1]]), 5000.0)
        if _ICL_NAME.search(name):
            return KnownDataset("ICL-NUIM", _camera("the camera of ICL-NUIM", *_ICL_NUIM), 5000.0)
    return None


def _camera(source: str, fx: float, fy: float, cx: float, cy: float) -> Intrinsics:
    return Intrinsics(source, fx, fy, cx + 0.5, cy + 0.5, _WIDTH, _HEIGHT)
