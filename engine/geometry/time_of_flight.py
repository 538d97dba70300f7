"""What a time-of-flight depth camera does to a perfect depth image, on the device of the images.

The model has six parts, in the order in which they are applied:

* *Multipath.* Into a concave corner light also comes by way of the other surface, and later: the corner is rounded off
  towards the back. Concavity is how much farther a pixel is than the middle between two pixels on opposite sides of it,
  where the surface does not break off between them; in inverse depth, in which a plane has none. The bias is a part of
  it, a centimetre or two in the corner of a room (Fuchs, Multipath Interference Compensation in Time-of-Flight Camera
  Images, ICPR 2010, gives such figures).
* *Flying pixels.* A pixel on an outline sees both sides of it and gets a depth between them.
* *Axial noise.* Its deviation grows with the square of the depth, as the light that comes back falls. Dark cloth gives
  back little of it: the noise there is several times as large, and patches of it are missing.
* *Scale.* A calibration error: all distances are a percent or two too long or too short, the same in a whole recording.
* *Edge dropout.* A share of the pixels at discontinuities, and on surfaces seen at a grazing angle, has no depth.
* *Range.* Beyond where the phase is unambiguous there is no depth.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from engine.geometry.camera import PinholeCamera
from engine.geometry.depth_edges import at_discontinuity, is_discontinuity, looked_up, node_shape, smooth_field

CELL = 12
"""Pixels across a patch of dark cloth that is missing."""
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
_ARMS = 3
_BROKEN = 0.1
"""Relative change of the depth over an arm beyond which the surface is taken to break off."""


@dataclass(frozen=True)
class TimeOfFlightNoise:
    """Parameters of `add_noise`; the defaults are like an Azure Kinect in its narrow mode.

    Raises:
        ValueError: a parameter is out of its range.
    """

    scale: float = 1.0
    """Measured over true distance."""
    deviation_m: float = 0.0008
    """Axial, at no distance at all."""
    deviation_growth: float = 0.0006
    """Metres of deviation per square metre of squared depth."""
    multipath: float = 0.7
    """Bias against concavity."""
    multipath_reach: float = 0.04
    """How far from a pixel concavity is looked for, against the depth."""
    multipath_limit_m: float = 0.06
    flying: float = 0.7
    """Probability that a pixel next to an outline mixes both sides."""
    lateral_deviation: float = 0.7
    """Pixels."""
    steepest_degrees: float = 82.0
    """A surface whose normal is farther from the viewing direction than this counts as a discontinuity."""
    edge_dropout: float = 0.3
    """Probability that a pixel at a discontinuity has no depth."""
    dark_noise: float = 3.0
    """Noise of dark cloth against that of other things."""
    dark_holes: float = 0.4
    """The part of dark cloth that has no depth."""
    farthest_m: float = 5.5

    def __post_init__(self) -> None:
        lengths = (self.deviation_m, self.deviation_growth, self.multipath, self.lateral_deviation, self.dark_noise)
        if min(lengths) < 0 or min(self.scale, self.multipath_reach, self.multipath_limit_m, self.farthest_m) <= 0:
            raise ValueError("deviations must not be negative, scale, reaches and ranges must be positive")
        if not 0 < self.steepest_degrees < 90 or not all(
            0 <= part <= 1 for part in (self.flying, self.edge_dropout, self.dark_holes)
        ):
            raise ValueError("steepest_degrees must be between 0 and 90, probabilities between 0 and 1")


@dataclass(frozen=True, eq=False)
class TimeOfFlightDraws:
    """The random numbers behind one batch of noisy images."""

    axial: Tensor
    """(B, H, W) standard normal"""
    lateral: Tensor
    """(B, H, W, 2) standard normal: rows and columns"""
    flying: Tensor
    """(B, H, W) uniform in [0, 1)"""
    mixture: Tensor
    """(B, H, W) uniform in [0, 1)"""
    dropout: Tensor
    """(B, H, W) uniform in [0, 1)"""
    dark: Tensor
    """(B, N, M) standard normal at the nodes of a field with `CELL`"""


def draw(shape: tuple[int, int, int], generator: torch.Generator) -> TimeOfFlightDraws:
    """Random numbers for images of ``shape`` (B, H, W) on the device of ``generator``."""
    device = generator.device

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, device=device)

    def uniform() -> Tensor:
        return torch.rand(shape, generator=generator, device=device)

    return TimeOfFlightDraws(
        normal(*shape), normal(*shape, 2), uniform(), uniform(), uniform(), normal(*node_shape(shape, CELL))
    )


def add_noise(
    depth_m: Tensor,
    camera: PinholeCamera,
    noise: TimeOfFlightNoise,
    randomness: torch.Generator | TimeOfFlightDraws,
    dark: Tensor | None = None,
) -> Tensor:
    """Noisy depth images (B, H, W) in metres; 0 stays 0.

    Args:
        depth_m: (B, H, W) float, metres, 0 is invalid.
        camera: the camera that all images were taken with.
        randomness: a generator on the device of ``depth_m``, or numbers drawn from one.
        dark: (B, H, W) bool, where the surface gives back little light.
    """
    assert depth_m.ndim == 3, depth_m.shape
    batch, height, width = depth_m.shape
    draws = randomness if isinstance(randomness, TimeOfFlightDraws) else draw((batch, height, width), randomness)
    focal = (camera.fx + camera.fy) / 2
    slope = float(np.tan(np.radians(noise.steepest_degrees))) / focal

    arm = max(round(noise.multipath_reach * focal), 1)
    measured = depth_m + noise.multipath * _softly_limited(concavity(depth_m, arm), noise.multipath_limit_m)

    there, pixels = looked_up(measured, torch.round(noise.lateral_deviation * draws.lateral).long())
    mixes = is_discontinuity(measured, there, pixels, slope) & (there > 0) & (draws.flying < noise.flying)
    measured = torch.where(mixes, measured + draws.mixture * (there - measured), measured)

    deviation = noise.deviation_m + noise.deviation_growth * measured**2
    lost = at_discontinuity(depth_m, slope) & (draws.dropout < noise.edge_dropout)
    if dark is not None:
        assert dark.shape == depth_m.shape, dark.shape
        deviation = torch.where(dark, noise.dark_noise * deviation, deviation)
        patches = torch.special.ndtr(smooth_field(draws.dark, (height, width), CELL)) < noise.dark_holes
        lost |= dark & patches
    measured = noise.scale * (measured + deviation * draws.axial)
    valid = (depth_m > 0) & (measured > 0) & (measured < noise.farthest_m) & ~lost
    return torch.where(valid, measured, torch.zeros_like(measured))


def concavity(depth_m: Tensor, arm: int) -> Tensor:
    """How much farther, in metres, pixels (B, H, W) are than the middle between others up to ``arm`` pixels away."""
    inverse = torch.where(depth_m > 0, 1 / depth_m.clamp(min=1e-6), torch.zeros_like(depth_m))
    height, width = depth_m.shape[1:]
    framed = pad(inverse, (arm, arm, arm, arm))

    def beside(down: int, right: int) -> Tensor:
        return framed[:, arm + down : arm + down + height, arm + right : arm + right + width]

    total = torch.zeros_like(depth_m)
    for down, right in _DIRECTIONS:
        for part in range(1, _ARMS + 1):
            step = max(arm * part // _ARMS, 1)
            one, other = (beside(sign * down * step, sign * right * step) for sign in (-1, 1))
            whole = ((one - inverse).abs() < _BROKEN * inverse) & ((other - inverse).abs() < _BROKEN * inverse)
            total = total + torch.where(whole, (one + other) / 2 - inverse, torch.zeros_like(total))
    return (total / (len(_DIRECTIONS) * _ARMS) * depth_m**2).clamp(min=0)


def _softly_limited(value: Tensor, limit: float) -> Tensor:
    """``value``, but never more than ``limit``."""
    return limit * torch.tanh(value / limit)
