"""Where landmarks of a subject are in what a camera saw."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.models.networks.landmarks import Landmarks


@dataclass(frozen=True, eq=False)
class SubjectLandmarks:
    """K points of the whole surface of one subject in one image, hidden ones too."""

    canonical: NDArray[np.float32]
    """(K, 3)"""
    positions: NDArray[np.float32]
    """(K, 3) camera axes, metres"""
    deviations: NDArray[np.float32]
    """(K,) expected error of both together along an axis, canonical units"""

    @staticmethod
    def of_row(row: NDArray[np.float32]) -> "SubjectLandmarks | None":
        """From one of `landmark_rows` (K, 7); None where K is 0."""
        return SubjectLandmarks(row[:, :3], row[:, 3:6], row[:, 6]) if len(row) else None

    def placed(self, scale: float, rotation: NDArray[np.float64], centre: NDArray[np.float64]) -> "SubjectLandmarks":
        """From camera axes, metres, in the space of a fit, where the camera is at ``centre`` (3,)."""
        return replace(self, positions=(scale * self.positions @ rotation.T + centre).astype(np.float32))


def landmark_rows(said: Landmarks | None, to_gravity: Tensor, anchors: Tensor, scale: float) -> Tensor:
    """What a network has said of N crops, side by side (N, K, 7): canonical, in camera axes and metres, expected error.

    Args:
        said: in the axes of the crops; None for no landmarks, K = 0
        to_gravity: (N, 3, 3) rotations from camera axes to those of the crops
        anchors: (N, 3) of the crops, camera axes, metres
        scale: canonical units per metre
    """
    if said is None:
        return anchors.new_zeros((len(anchors), 0, 7))
    positions = anchors[:, None] + said.positions @ to_gravity / scale
    return torch.cat((said.canonical, positions, torch.exp(said.log_deviation)[..., None]), dim=-1)
