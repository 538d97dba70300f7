"""Lens distortion: depth images of a real lens, resampled to the pinhole camera that a depth sequence has."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.geometry.camera import PinholeCamera


@dataclass(frozen=True)
class RationalDistortion:
    """OpenCV's rational model (Brown-Conrady with a denominator): radial k1 to k6, tangential p1 and p2."""

    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0
    k5: float = 0.0
    k6: float = 0.0

    def __call__(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Where the lens shows what a pinhole would show at the normalised positions ``x``, ``y`` (...)."""
        r2 = x * x + y * y
        numerator = 1 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3))
        radial = numerator / (1 + r2 * (self.k4 + r2 * (self.k5 + r2 * self.k6)))
        shown_x = x * radial + 2 * self.p1 * x * y + self.p2 * (r2 + 2 * x * x)
        shown_y = y * radial + self.p1 * (r2 + 2 * y * y) + 2 * self.p2 * x * y
        return shown_x, shown_y


class Undistort:
    """Resamples depth images (H, W) to the pinhole camera by the nearest pixel, which never mixes two surfaces."""

    def __init__(self, camera: PinholeCamera, distortion: RationalDistortion) -> None:
        rays = camera.rays().astype(np.float64)
        x, y = distortion(rays[..., 0], rays[..., 1])
        column = np.floor(camera.fx * x + camera.cx)
        row = np.floor(camera.fy * y + camera.cy)
        inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
        self._inside = inside
        self._pixel = np.where(inside, row * camera.width + column, 0).astype(np.intp)

    def __call__(self, stored: NDArray[Any]) -> NDArray[Any]:
        return np.where(self._inside, stored.reshape(-1)[self._pixel], stored.dtype.type(0))
