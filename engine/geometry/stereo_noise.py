"""What a stereo depth camera does to a perfect depth image, on the device of the images.

The picture is that of the left of two cameras; a pixel's disparity is ``d = f b / z``. The model has five parts:

* *Occlusion.* What the right camera does not see has no depth: to the left of things that are nearer.
* *Edge fattening.* Windows are matched, not pixels: beside an outline most pixels get the disparity of the nearer side.
* *Disparity noise.* Neighbouring windows share most of their pixels, so errors are alike over several pixels; a part of
  them is independent. Disparities are stored in fractions of a pixel. Depth noise grows with the square of the depth.
* *Holes.* Patches without texture have no depth, nor has a share of the pixels at discontinuities and on surfaces seen
  at a grazing angle.
* *Range.* Disparities larger than those that are searched have no depth.

Keselman et al. (Intel RealSense Stereoscopic Depth Cameras, CVPRW 2017) describe all of them and give 0.05 to 0.1
pixels for the noise of well-textured surfaces.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from engine.geometry.camera import PinholeCamera
from engine.geometry.depth_edges import at_discontinuity, is_discontinuity, node_shape, smooth_field

NOISE_CELL, EDGE_CELL, HOLE_CELL = 5, 6, 18
"""Pixels over which errors of the disparity, fattened edges and holes are alike."""
_ALWAYS_FAR = 1e9


@dataclass(frozen=True)
class StereoNoise:
    """Parameters of `add_noise`; the defaults are like a RealSense D455 at 640x480.

    Raises:
        ValueError: a parameter is out of its range.
    """

    baseline_m: float = 0.095
    smooth_deviation: float = 0.06
    """Pixels of disparity, alike in neighbouring pixels."""
    fine_deviation: float = 0.03
    """Pixels of disparity, each pixel on its own."""
    step: float = 1 / 32
    """Pixels of disparity; 0 for no quantisation."""
    fattening: int = 2
    """Pixels by which things grow; 0 for none."""
    fattened: float = 0.7
    """The part of an outline that grows."""
    steepest_degrees: float = 80.0
    """A surface whose normal is farther from the viewing direction than this counts as a discontinuity."""
    edge_dropout: float = 0.3
    """Probability that a pixel at a discontinuity has no depth."""
    holes: float = 0.02
    """The part of all surfaces that has no texture."""
    largest_disparity: float = 126.0
    """Pixels that are searched."""

    def __post_init__(self) -> None:
        if min(self.smooth_deviation, self.fine_deviation, self.step, self.fattening) < 0:
            raise ValueError("deviations, step and fattening must not be negative")
        if min(self.baseline_m, self.largest_disparity) <= 0:
            raise ValueError("the baseline and the largest disparity must be positive")
        if not 0 < self.steepest_degrees < 90 or not all(
            0 <= part <= 1 for part in (self.fattened, self.edge_dropout, self.holes)
        ):
            raise ValueError("steepest_degrees must be between 0 and 90, parts and probabilities between 0 and 1")


@dataclass(frozen=True, eq=False)
class StereoDraws:
    """The random numbers behind one batch of noisy images."""

    smooth: Tensor
    """(B, N, M) standard normal at the nodes of a field with `NOISE_CELL`"""
    fine: Tensor
    """(B, H, W) standard normal"""
    edges: Tensor
    """(B, N, M) standard normal at the nodes of a field with `EDGE_CELL`"""
    holes: Tensor
    """(B, N, M) standard normal at the nodes of a field with `HOLE_CELL`"""
    dropout: Tensor
    """(B, H, W) uniform in [0, 1)"""


def draw(shape: tuple[int, int, int], generator: torch.Generator) -> StereoDraws:
    """Random numbers for images of ``shape`` (B, H, W) on the device of ``generator``."""
    device = generator.device

    def normal(size: tuple[int, int, int]) -> Tensor:
        return torch.randn(size, generator=generator, device=device)

    return StereoDraws(
        normal(node_shape(shape, NOISE_CELL)),
        normal(shape),
        normal(node_shape(shape, EDGE_CELL)),
        normal(node_shape(shape, HOLE_CELL)),
        torch.rand(shape, generator=generator, device=device),
    )


def add_noise(
    depth_m: Tensor, camera: PinholeCamera, noise: StereoNoise, randomness: torch.Generator | StereoDraws
) -> Tensor:
    """Noisy depth images (B, H, W) in metres; 0 stays 0.

    Args:
        depth_m: (B, H, W) float, metres, 0 is invalid.
        camera: the left camera, which all images were taken with.
        randomness: a generator on the device of ``depth_m``, or numbers drawn from one.
    """
    assert depth_m.ndim == 3, depth_m.shape
    batch, height, width = depth_m.shape
    draws = randomness if isinstance(randomness, StereoDraws) else draw((batch, height, width), randomness)
    slope = float(np.tan(np.radians(noise.steepest_degrees))) / ((camera.fx + camera.fy) / 2)
    strength = camera.fx * noise.baseline_m
    there = depth_m > 0
    true = torch.where(there, strength / depth_m.clamp(min=1e-6), torch.zeros_like(depth_m))

    def part(nodes: Tensor, cell: int) -> Tensor:
        return smooth_field(nodes, (height, width), cell)

    disparity = true
    if noise.fattening > 0:
        window = 2 * noise.fattening + 1
        largest = max_pool2d(true[:, None], window, 1, noise.fattening)[:, 0]
        nearest = strength / largest.clamp(min=1e-6)
        grows = torch.special.ndtr(part(draws.edges, EDGE_CELL)) < noise.fattened
        grows &= is_discontinuity(depth_m, nearest, noise.fattening, slope)
        disparity = torch.where(grows, largest, true)

    lost = is_occluded(disparity) | (torch.special.ndtr(part(draws.holes, HOLE_CELL)) < noise.holes)
    lost |= at_discontinuity(depth_m, slope) & (draws.dropout < noise.edge_dropout)
    disparity = disparity + noise.smooth_deviation * part(draws.smooth, NOISE_CELL) + noise.fine_deviation * draws.fine
    if noise.step > 0:
        disparity = torch.round(disparity / noise.step) * noise.step
    valid = there & ~lost & (disparity > 0) & (disparity <= noise.largest_disparity)
    return torch.where(valid, strength / disparity.clamp(min=1e-6), torch.zeros_like(depth_m))


def is_occluded(disparity: Tensor) -> Tensor:
    """Which pixels (B, H, W) of the left image something nearer hides from the right camera.

    The column at which the right camera would see a pixel is its own less its disparity; one farther to the right in
    the left image that comes there or before is nearer. Where the disparity is 0 there is nothing.
    """
    columns = torch.arange(disparity.shape[-1], device=disparity.device, dtype=disparity.dtype)
    there = disparity > 0
    seen_at = torch.where(there, columns - disparity, torch.full_like(disparity, _ALWAYS_FAR))
    least = seen_at.flip(-1).cummin(dim=-1).values.flip(-1)
    to_the_right = torch.cat([least[..., 1:], torch.full_like(least[..., :1], _ALWAYS_FAR)], dim=-1)
    return there & (to_the_right <= seen_at)
