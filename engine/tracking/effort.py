"""How much work the tracker makes of a frame."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Effort:
    """How much work a frame is."""

    leading: int
    """Steps from a prediction that follow the network alone"""
    steps: int
    """Steps after them that follow the surface, too"""
    fresh_steps: int
    """Steps from the mean pose"""
    points: int
    """Observed points"""
    samples: int
    """Of the surface, among which partners are sought"""
    resolution: int
    """Grid of the mesh that these lie on"""
    coordinates: int
    """Observed points whose canonical coordinates count"""
    landmarks_every: int
    """Landmarks for each that counts"""
    keyframes: int
    """That the shape is refined from, at most"""


_ON_GPU = Effort(2, 4, 12, points=1024, samples=2048, resolution=48, coordinates=192, landmarks_every=1, keyframes=12)
_ON_CPU = Effort(1, 2, 10, points=320, samples=1024, resolution=48, coordinates=64, landmarks_every=2, keyframes=6)


def effort_on(device: torch.device) -> Effort:
    """What ``device`` does in the time of a frame."""
    return _ON_GPU if device.type == "cuda" else _ON_CPU
