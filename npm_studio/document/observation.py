"""A depth sequence as it is shown: points with their depth, some frames kept in memory."""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.dataset.depth_sequence import DepthSequence, load_depth_sequence

_FRAMES_IN_MEMORY = 256
_FRAMES_FOR_RANGE = 8


@dataclass(frozen=True, eq=False)
class ObservedFrame:
    """What the camera saw in one frame."""

    points_world: NDArray[np.float32]
    """(P, 3) metres"""
    depth_m: NDArray[np.float32]
    """(P,) distance along the viewing direction"""


class Observation:
    """Frames of a depth sequence, decoded when asked for; for use by one thread."""

    def __init__(self, sequence: DepthSequence) -> None:
        self.sequence = sequence
        self._frames: OrderedDict[int, ObservedFrame] = OrderedDict()
        picks = np.unique(np.linspace(0, len(sequence) - 1, _FRAMES_FOR_RANGE).astype(int))
        frames = [self.frame(int(index)) for index in picks]
        depths = np.concatenate([frame.depth_m for frame in frames])
        points = np.concatenate([frame.points_world for frame in frames])
        near, far = np.percentile(depths, [1, 99])
        self.depth_range: tuple[float, float] = (float(near), float(max(far, near + 1e-3)))
        """Depths (m) between which nearly all points of the sequence lie; the same colours for all frames."""
        self.bounds: NDArray[np.float32] = np.percentile(points, [0.5, 99.5], axis=0).astype(np.float32)
        """(2, 3) lowest and highest corner of nearly all points, metres."""

    def __len__(self) -> int:
        return len(self.sequence)

    def frame(self, index: int) -> ObservedFrame:
        """One frame.

        Raises:
            InputError: its image is damaged.
        """
        if index not in self._frames:
            points = self.sequence.points_world(index)
            pose = self.sequence.camera_to_world
            depth = (points - pose[:3, 3].astype(np.float32)) @ pose[:3, 2].astype(np.float32)
            self._frames[index] = ObservedFrame(points, depth)
        self._frames.move_to_end(index)
        while len(self._frames) > _FRAMES_IN_MEMORY:
            self._frames.popitem(last=False)
        return self._frames[index]


def open_observation(folder: Path) -> Observation:
    """Open a sequence folder for showing.

    Raises:
        InputError: it cannot be used.
    """
    return Observation(load_depth_sequence(folder))
