"""What a structured-light depth camera does to a perfect depth image, on the device of the images.

`engine.geometry.time_of_flight` and `engine.geometry.stereo_noise` do what other depth cameras do.

The model has four parts:

* *Axial noise and quantisation.* The sensor measures a disparity ``d = 1 / (k z)`` with noise of constant deviation and
  stores whole numbers, so depth noise and the step between neighbouring depths grow with the square of the depth:
  ``sigma_z = k sigma_d z^2`` and ``step = k z^2``. ``k`` and ``sigma_d`` are those that Khoshelham and Oude Elberink
  measured (Accuracy and Resolution of Kinect Depth Data for Indoor Mapping Applications, Sensors 2012, 12(2)).
* *Lateral noise.* The outline of things is ragged: a pixel takes the depth found at a place next to it where a
  discontinuity lies between the two. Its deviation is the one of Nguyen, Izadi and Lovell (Modeling Kinect Sensor Noise
  for Improved 3D Reconstruction and Tracking, 3DIMPVT 2012) for a surface seen from the front.
* *Edge dropout.* At discontinuities, and on surfaces seen at a grazing angle, the pattern cannot be matched: a share of
  the pixels has no depth. The latter study found no usable depth beyond about 80 degrees.
* What has no depth keeps none.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.geometry.camera import PinholeCamera
from engine.geometry.depth_edges import at_discontinuity, is_discontinuity, looked_up


@dataclass(frozen=True)
class KinectNoise:
    """Parameters of `add_noise`; the defaults are a Kinect of the first generation.

    Raises:
        ValueError: a parameter is out of its range.
    """

    disparity_step: float = 2.85e-3
    """k, per metre: the depth step at a distance of one metre; 0 for neither quantisation nor axial noise."""
    disparity_deviation: float = 0.5
    """sigma_d in steps of the disparity."""
    lateral_deviation: float = 0.8
    """Pixels."""
    steepest_degrees: float = 80.0
    """A surface whose normal is farther from the viewing direction than this counts as a discontinuity."""
    edge_dropout: float = 0.5
    """Probability that a pixel at a discontinuity has no depth."""

    def __post_init__(self) -> None:
        if min(self.disparity_step, self.disparity_deviation, self.lateral_deviation) < 0:
            raise ValueError("deviations and the disparity step must not be negative")
        if not (0 < self.steepest_degrees < 90 and 0 <= self.edge_dropout <= 1):
            raise ValueError("steepest_degrees must be between 0 and 90, edge_dropout between 0 and 1")


@dataclass(frozen=True, eq=False)
class NoiseDraws:
    """The random numbers behind one batch of noisy images."""

    disparity: Tensor
    """(B, H, W) standard normal"""
    lateral: Tensor
    """(B, H, W, 2) standard normal: rows and columns"""
    dropout: Tensor
    """(B, H, W) uniform in [0, 1)"""


def draw(shape: tuple[int, int, int], generator: torch.Generator) -> NoiseDraws:
    """Random numbers for images of ``shape`` (B, H, W) on the device of ``generator``."""
    device = generator.device
    return NoiseDraws(
        torch.randn(shape, generator=generator, device=device),
        torch.randn((*shape, 2), generator=generator, device=device),
        torch.rand(shape, generator=generator, device=device),
    )


def frame_generator(seed: int, frame: int, view: int = 0) -> torch.Generator:
    """A generator on the CPU that belongs to one frame of one view, whatever was rendered before it."""
    state = np.random.SeedSequence([seed, view, frame]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))


def add_noise(
    depth_m: Tensor, camera: PinholeCamera, noise: KinectNoise, randomness: torch.Generator | NoiseDraws
) -> Tensor:
    """Noisy depth images (B, H, W) in metres; 0 stays 0.

    Args:
        depth_m: (B, H, W) float, metres, 0 is invalid.
        camera: the camera that all images were taken with.
        randomness: a generator on the device of ``depth_m``, or numbers drawn from one.
    """
    assert depth_m.ndim == 3, depth_m.shape
    batch, height, width = depth_m.shape
    draws = randomness if isinstance(randomness, NoiseDraws) else draw((batch, height, width), randomness)
    steepest = float(np.tan(np.radians(noise.steepest_degrees)))
    focal = (camera.fx + camera.fy) / 2

    there, pixels = looked_up(depth_m, torch.round(noise.lateral_deviation * draws.lateral).long())
    moved = torch.where(is_discontinuity(depth_m, there, pixels, steepest / focal), there, depth_m)

    lost = at_discontinuity(depth_m, steepest / focal) & (draws.dropout < noise.edge_dropout)
    valid = (depth_m > 0) & (moved > 0) & ~lost
    if noise.disparity_step > 0:
        disparity = 1 / (noise.disparity_step * torch.where(valid, moved, torch.ones_like(moved)))
        disparity = torch.round(disparity + noise.disparity_deviation * draws.disparity)
        valid &= disparity > 0
        moved = 1 / (noise.disparity_step * disparity.clamp(min=1))
    return torch.where(valid, moved, torch.zeros_like(moved))
