"""Depth images one after the other: what trackers and fits take, finite or not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Notice
from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import World


@dataclass(frozen=True, eq=False)
class DepthFrame:
    """One depth image, when it was taken and from where."""

    name: str
    time_s: float | None
    """Seconds from any origin that all frames of a source share, increasing; None where the source has no time
    stamps."""
    depth_m: NDArray[np.float32]
    """(H, W) along the optical axis in metres, 0 is invalid."""
    camera_to_world: NDArray[np.float64] | None
    """(4, 4) rigid, OpenCV camera axes to world metres; None where nobody said where the camera was."""
    dropped: int = 0
    """Frames between the one before and this one that the source did not hand over: those that came while nobody asked,
    or that could not be read."""


class DepthSource(Protocol):
    """Frames of one camera in the order in which they were taken; `DepthSequence` is the finite one."""

    @property
    def name(self) -> str: ...

    @property
    def camera(self) -> PinholeCamera: ...

    @property
    def world(self) -> World:
        """What is known of the world that the poses of frames lead to; nothing where they have none."""
        ...

    @property
    def origin(self) -> str:
        """What it was recognised as, and why."""
        ...

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """What a user should know by now; where the camera is live there may be more when the last frame is out."""
        ...

    def __iter__(self) -> Iterator[DepthFrame]:
        """Frames from the beginning, or from now where the camera is live.

        Raises:
            InputError: a frame of a finite source is damaged, or the camera was lost; frames so far are good.
        """
        ...

    def close(self) -> None:
        """End the iteration of a live source, from any thread, and let go of its camera; may be called again.

        A finite sequence, which waits for nothing and holds nothing, goes on.
        """
        ...
