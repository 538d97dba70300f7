"""Looking about from time to time for others who have entered."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.sequences.camera_path import stands_still
from engine.sequences.isolation import MAX_GAP
from engine.sequences.subject_finder import SURE, SubjectFinder

_EVERY_S = 2.0
"""Seconds between two looks, by the time of the frames."""
_SAME = 0.5
"""Fraction of its pixels that belong to the tracked subject, from which something found is the subject itself."""


class Lookout:
    """Remembers the background before a camera that stands still: who enters is nearer than what was seen there."""

    def __init__(self, finder: SubjectFinder) -> None:
        self._finder = finder
        self._background: NDArray[np.float32] | None = None
        self._first: NDArray[np.float64] | None = None
        self._is_still = True
        self.others = 0
        """Subjects beside the tracked one that the last look has shown"""
        self.looked_s = -np.inf

    def may_show(self, depth: NDArray[np.float32], pose: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Pixels of ``depth`` (H, W) metres, seen from ``pose`` (4, 4), that may show somebody who was not there."""
        may = depth > 0
        self._first = pose if self._first is None else self._first
        self._is_still &= stands_still(np.stack((self._first, pose)))
        if self._is_still and self._background is not None:
            return may & ((depth < (1 - MAX_GAP) * self._background) | (self._background == 0))
        return may

    def is_due(self, time_s: float) -> bool:
        """Whether it is time to look at a frame."""
        return time_s - self.looked_s >= _EVERY_S

    def remember(self, depth: NDArray[np.float32]) -> None:
        """What is seen in ``depth`` (H, W) is not new any more."""
        self._background = depth if self._background is None else np.maximum(self._background, depth)

    def look(
        self,
        image: Tensor,
        to_gravity: Tensor,
        depth: NDArray[np.float32],
        pose: NDArray[np.float64],
        subject: NDArray[np.bool_],
        time_s: float,
    ) -> None:
        """Count the others in a frame.

        Args:
            image: (H, W) metres, on the device
            to_gravity: (3, 3) as `engine.sequences.subject_finder.SubjectFinder.find_all` wants it
            depth: (H, W) the same on the host
            pose: (4, 4) camera axes to world
            subject: (H, W) pixels of the tracked one
        """
        self.looked_s = time_s
        among = self.may_show(depth, pose) & ~subject
        rest = image.masked_fill(torch.from_numpy(subject).to(image.device), 0)
        found = self._finder.find_all(rest, to_gravity, among) if among.any() else []
        self.others = sum(
            each.sureness >= SURE and (each.mask & subject).sum() < _SAME * each.mask.sum() for each in found
        )
