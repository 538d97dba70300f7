"""A path through several codes, keyframes, which each has its time."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.models.code_space import between


@dataclass(frozen=True, eq=False)
class CodePath:
    """Shape codes and, unless the pose is canonical, pose codes at increasing times; at least two of them."""

    shapes: Tensor
    """(K, Cs)"""
    poses: Tensor | None
    """(K, Cp)"""
    times: NDArray[np.float64]
    """(K,) in any unit"""
    smooth: bool = False
    """Without a kink at a keyframe: there the path has the direction of the parabola through it and its neighbours."""

    def __post_init__(self) -> None:
        assert self.shapes.ndim == 2 and len(self.shapes) == len(self.times) >= 2, self.shapes.shape
        assert self.poses is None or (self.poses.ndim == 2 and len(self.poses) == len(self.times)), self.poses
        assert np.isfinite(self.times).all() and (np.diff(self.times) > 0).all(), self.times

    def at(self, times: NDArray[np.float64]) -> list[tuple[Tensor, Tensor | None]]:
        """Shape code (Cs,) and pose code (Cp,), or None, at each of ``times`` (N,), within those of the path.

        Between two keyframes codes lie on a straight line, or on a cubic Hermite spline where the path is smooth.
        """
        shapes = self._along(self.shapes, times)
        poses = [None] * len(times) if self.poses is None else list(self._along(self.poses, times))
        return list(zip(shapes, poses, strict=True))

    def evenly(self, count: int) -> NDArray[np.float64]:
        """``count`` times (N,) at equal distances, the first and the last one included."""
        return np.linspace(self.times[0], self.times[-1], count)

    def _along(self, codes: Tensor, times: NDArray[np.float64]) -> Tensor:
        assert times.ndim == 1 and (times >= self.times[0]).all() and (times <= self.times[-1]).all(), times
        if self.smooth:
            from scipy.interpolate import CubicHermiteSpline

            known = codes.double().cpu().numpy()
            spline = CubicHermiteSpline(self.times, known, np.gradient(known, self.times, axis=0))
            return torch.from_numpy(spline(times)).to(codes)
        start = np.searchsorted(self.times, times, side="right").clip(1, len(self.times) - 1) - 1
        fraction = (times - self.times[start]) / (self.times[start + 1] - self.times[start])
        return between(codes[start], codes[start + 1], torch.from_numpy(fraction).to(codes)[:, None])
