"""Depth images one after the other: what trackers and fits take, finite or not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.geometry.camera import PinholeCamera


@dataclass(frozen=True, eq=False)
class DepthFrame:
    """One depth image, when it was taken and from where."""

    name: str
    time_s: float | None
    """Seconds from any origin that all frames of a source share; None where the source has no time stamps."""
    depth_m: NDArray[np.float32]
    """(H, W) along the optical axis in metres, 0 is invalid."""
    camera_to_world: NDArray[np.float64] | None
    """(4, 4) rigid, OpenCV camera axes to world metres; None where nobody said where the camera was."""


class DepthSource(Protocol):
    """Frames of one camera in the order in which they were taken; `DepthSequence` is the finite one."""

    @property
    def name(self) -> str: ...

    @property
    def camera(self) -> PinholeCamera: ...

    def __iter__(self) -> Iterator[DepthFrame]:
        """Frames from the beginning, or from now where the camera is live; raises InputError where one is damaged."""
        ...
