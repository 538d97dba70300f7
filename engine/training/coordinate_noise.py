"""What depth sensors of all kinds do to a crop, in training: one model with parameters of each image's own.

Simpler than `engine.geometry.sensor_noise`, and of no sensor in particular: what has been seen with all of this is
hardly surprised by any. Depth and lengths are in canonical units; the noise of depth grows with its square.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.geometry.depth_edges import looked_up

_EDGE = 0.02
"""Canonical units of depth between neighbours that are not on one surface."""
_SAME = 0.015
"""Canonical units: a pixel whose depth an edge has moved farther shows nothing any more."""


@dataclass(frozen=True, eq=False)
class NoiseNumbers:
    """Random numbers behind one batch of B images of S x S pixels."""

    settings: Tensor
    """(B, 10) uniform in [0, 1)"""
    normal: Tensor
    """(B, 3, S, S) standard normal: depth, rows, columns"""
    uniform: Tensor
    """(B, 3, S, S) in [0, 1): mixing at edges, lost at edges, lost anywhere"""
    medium: Tensor
    """(B, 1, S / 4, S / 4) standard normal: noise that neighbours share"""
    coarse: Tensor
    """(B, 2, 8, 8) standard normal: depth error and holes"""

    def __getitem__(self, rows: slice) -> "NoiseNumbers":
        return NoiseNumbers(
            self.settings[rows], self.normal[rows], self.uniform[rows], self.medium[rows], self.coarse[rows]
        )


def draw_noise(count: int, size: int, generator: torch.Generator) -> NoiseNumbers:
    """Random numbers for ``count`` images of ``size`` pixels, on the device of ``generator``."""
    device, medium = generator.device, max(1, size // 4)
    return NoiseNumbers(
        torch.rand((count, 10), generator=generator, device=device),
        torch.randn((count, 3, size, size), generator=generator, device=device),
        torch.rand((count, 3, size, size), generator=generator, device=device),
        torch.randn((count, 1, medium, medium), generator=generator, device=device),
        torch.randn((count, 2, 8, 8), generator=generator, device=device),
    )


def add_sensor_noise(depth: Tensor, noisy: Tensor, scale: float, numbers: NoiseNumbers) -> tuple[Tensor, Tensor]:
    """Depth (B, S, S) as a sensor measures it, 0 where it does not, and where it still is of its pixel (B, S, S) bool.

    Args:
        depth: (B, S, S) canonical units, 0 where there is nothing
        noisy: (B,) bool; other images stay as they are
        scale: canonical units per metre
    """
    settings = numbers.settings[:, :, None, None].unbind(1)
    pattern = settings[0] < 0.4  # structured light; else time of flight or stereo
    moved = _edges(depth, pattern, settings, numbers)
    same = (moved > 0) & ((moved - depth).abs() < _SAME)
    metres = moved / scale
    size = depth.shape[-2:]
    shared = functional.interpolate(numbers.medium, size, mode="bilinear", align_corners=False)[:, 0]
    coarse = functional.interpolate(numbers.coarse, size, mode="bicubic", align_corners=False)
    # 0.5 to 3.5 mm at one metre, some of it shared by neighbours; up to 1.5 % that varies slowly over the crop
    deviation = (0.0005 + 0.003 * settings[1].square()) * metres.square() + 0.002 * settings[2]
    share = 0.7 * settings[3] * (settings[4] < 0.5)
    measured = metres + deviation * torch.lerp(numbers.normal[:, 0], 1.5 * shared, share)
    measured = measured * (1 + 0.005 * settings[5].square() * (settings[5] > 0.4) * coarse[:, 0])
    step = torch.where(pattern, 0.00285 * settings[6], 1e-5)  # of the disparity that is stored, per metre
    measured = 1 / (step * torch.round(1 / (step * measured.clamp_min(1e-3))).clamp_min(1))
    holes = coarse[:, 1] > 1.2 + 2 * settings[7]
    lost = holes | (numbers.uniform[:, 2] < 0.1 * settings[8].pow(3)) | (moved <= 0)
    result = torch.where(lost, 0.0, measured * scale)
    noisy = noisy[:, None, None]
    return torch.where(noisy, result, depth), torch.where(noisy, same & ~lost, depth > 0)


def _edges(depth: Tensor, pattern: Tensor, settings: tuple[Tensor, ...], numbers: NoiseNumbers) -> Tensor:
    """Ragged outlines, flying pixels between things, and what is lost there."""
    reach = 0.4 + 1.2 * settings[9]
    there, _ = looked_up(depth, torch.round(reach[..., None] * numbers.normal[:, 1:].movedim(1, -1)).long())
    apart = (there - depth).abs() > _EDGE
    # structured light takes the other depth, or none; light that comes back from both is somewhere in between
    mixed = torch.where((there > 0) & (depth > 0), torch.lerp(depth, there, numbers.uniform[:, 0]), depth)
    moved = torch.where(apart, torch.where(pattern, there, mixed), depth)
    low = -functional.max_pool2d(-depth[:, None], 3, 1, 1)[:, 0]
    high = functional.max_pool2d(depth[:, None], 3, 1, 1)[:, 0]
    lost = (high - low > _EDGE) & (numbers.uniform[:, 1] < 0.6 * settings[8])
    return torch.where(lost, 0.0, moved)


def coarser_pixels(size: int, factors: Tensor) -> Tensor:
    """For each of B images the pixel (B, S * S) that each of its pixels shows when ``factors`` (B,) >= 1 share one."""
    places = torch.arange(size, device=factors.device)
    middle = ((places / factors[:, None]).floor() + 0.5) * factors[:, None]
    shown = middle.floor().long().clamp(0, size - 1)  # (B, S)
    return (shown[:, :, None] * size + shown[:, None, :]).flatten(1)


def cut_off(size: int, sides: Tensor, fractions: Tensor) -> Tensor:
    """Pixels (B, S, S) that lie outside a picture whose edge runs through the crop.

    Args:
        sides: (B,) uniform in [0, 1): left, right, top or bottom
        fractions: (B,) of the crop that is cut off
    """
    places = ((torch.arange(size, device=sides.device) + 0.5) / size).expand(len(sides), size)
    side = (sides * 4).floor()[:, None]
    distance = torch.where(side % 2 == 0, places, 1 - places) < fractions[:, None]
    across, down = distance[:, None, :], distance[:, :, None]
    return torch.where((side < 2)[:, :, None], across.expand(-1, size, -1), down.expand(-1, -1, size))


def turned(up: Tensor, degrees: Tensor, normal: Tensor) -> Tensor:
    """``up`` (B, 3) of length 1, wrong by a normally distributed angle of deviation ``degrees`` (B,) in each direction.

    Args:
        normal: (B, 3) standard normal
    """
    return functional.normalize(up + (degrees * math.pi / 180)[:, None] * normal, dim=-1)
