"""The noise of a time-of-flight camera: its laws, and a slow twin with the same random numbers."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.geometry.time_of_flight import CELL, TimeOfFlightDraws, TimeOfFlightNoise, add_noise, concavity, draw
from tests.support.depth_images import (
    CAMERA,
    at_edge,
    ball,
    corner,
    field_at,
    is_broken,
    plate_before_wall,
    share,
    slope_of,
    wall,
)

NOTHING = TimeOfFlightNoise(deviation_m=0, deviation_growth=0, multipath=0, flying=0, edge_dropout=0)
on_every_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])


def noisy(depth: Tensor, noise: TimeOfFlightNoise, seed: int = 0, dark: Tensor | None = None) -> Tensor:
    return add_noise(depth, CAMERA, noise, torch.Generator().manual_seed(seed), dark)


def concavity_twin(depth: np.ndarray, row: int, column: int, arm: int) -> float:
    """By looking in twelve directions and distances to both sides of one pixel."""
    height, width = depth.shape
    inverse, total = 1 / float(depth[row, column]), 0.0
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        for part in (1, 2, 3):
            step, sides = max(arm * part // 3, 1), []
            for sign in (-1, 1):
                r, c = row + sign * down * step, column + sign * right * step
                z = float(depth[r, c]) if 0 <= r < height and 0 <= c < width else 0.0
                sides.append(1 / z if z > 0 else 0.0)
            if all(abs(side - inverse) < 0.1 * inverse for side in sides):
                total += sum(sides) / 2 - inverse
    return max(total / 12 / inverse**2, 0.0)


def noisy_twin(
    depth: np.ndarray, noise: TimeOfFlightNoise, draws: dict[str, np.ndarray], dark: np.ndarray
) -> np.ndarray:
    """The model pixel by pixel on one image (H, W), as the module describes it."""
    height, width = depth.shape
    slope = slope_of(noise.steepest_degrees)
    arm = max(round(noise.multipath_reach * (CAMERA.fx + CAMERA.fy) / 2), 1)
    bent = np.zeros_like(depth)
    for row, column in zip(*np.nonzero(depth), strict=True):
        limit = noise.multipath_limit_m
        bias = noise.multipath * limit * math.tanh(concavity_twin(depth, row, column, arm) / limit)
        bent[row, column] = depth[row, column] + bias
    out = np.zeros_like(depth)
    for row, column in zip(*np.nonzero(depth), strict=True):
        place = row, column
        if at_edge(depth, row, column, slope) and draws["dropout"][place] < noise.edge_dropout:
            continue
        if dark[place] and share(field_at(draws["dark"], row, column, CELL)) < noise.dark_holes:
            continue
        z = float(bent[place])
        down, right = np.rint(np.float32(noise.lateral_deviation) * draws["lateral"][place]).astype(int)
        r, c = min(max(row + down, 0), height - 1), min(max(column + right, 0), width - 1)
        other = float(bent[r, c])
        broken = other > 0 and is_broken(z, other, max(abs(r - row), abs(c - column)), slope)
        if broken and draws["flying"][place] < noise.flying:
            z += float(draws["mixture"][place]) * (other - z)
        deviation = (noise.deviation_m + noise.deviation_growth * z**2) * (noise.dark_noise if dark[place] else 1)
        z = noise.scale * (z + deviation * float(draws["axial"][place]))
        out[place] = z if 0 < z < noise.farthest_m else 0
    return out


@on_every_device
def test_a_batch_equals_the_slow_twin(device: str) -> None:
    noise = TimeOfFlightNoise(scale=1.02, farthest_m=2.05, multipath_reach=0.1)
    depth = torch.cat((plate_before_wall(), ball(), corner()))
    dark = torch.zeros_like(depth, dtype=torch.bool)
    dark[:, 15:30, 20:50] = True
    drawn = vars(draw((3, CAMERA.height, CAMERA.width), torch.Generator().manual_seed(4)))
    moved = TimeOfFlightDraws(**{name: part.to(device) for name, part in drawn.items()})
    result = add_noise(depth.to(device), CAMERA, noise, moved, dark.to(device)).cpu().numpy()
    for index in range(3):
        one = {name: part[index].numpy() for name, part in drawn.items()}
        expected = noisy_twin(depth[index].numpy(), noise, one, dark[index].numpy())
        np.testing.assert_allclose(result[index], expected, atol=2e-5)
        assert 0.15 < (expected > 0).mean() < 1


def test_the_deviation_grows_with_the_square_of_the_depth_and_in_dark_cloth() -> None:
    noise = TimeOfFlightNoise(multipath=0, dark_holes=0)
    for depth in (1.0, 3.0):
        wanted = noise.deviation_m + noise.deviation_growth * depth**2
        assert float((noisy(wall(depth, 10), noise) - depth).std()) == pytest.approx(wanted, rel=0.03)
        dark = torch.ones(10, CAMERA.height, CAMERA.width, dtype=torch.bool)
        in_dark = noisy(wall(depth, 10), noise, dark=dark) - depth
        assert float(in_dark.std()) == pytest.approx(noise.dark_noise * wanted, rel=0.03)


def test_planes_are_not_bent_and_concave_corners_are_rounded_off_to_the_back() -> None:
    arm = 6
    assert float(concavity(wall(2.0), arm).max()) < 1e-5
    bias = noisy(corner(), TimeOfFlightNoise(deviation_m=0, deviation_growth=0, edge_dropout=0)) - corner()
    rows = bias[0].mean(dim=1)
    edge = int((corner()[0, :, 0] < 1.99).nonzero()[0])
    assert 0.002 < float(rows[edge - 1 : edge + 1].max()) < 0.06
    assert float(rows[: edge - 8].abs().max()) < 1e-4 and float(rows[edge + 8 :].abs().max()) < 1e-4


def test_convex_things_are_not_bent() -> None:
    assert float(concavity(ball(), 4)[0, 20:28, 26:34].max()) < 1e-6


def test_flying_pixels_lie_between_the_two_sides_of_an_outline() -> None:
    noise = TimeOfFlightNoise(deviation_m=0, deviation_growth=0, multipath=0, edge_dropout=0)
    result = noisy(plate_before_wall(), noise)
    between = (result > 1.001) & (result < 1.999)
    assert int(between.sum()) > 30
    inner = torch.zeros_like(between)
    inner[0, 16:32, 20:36] = True
    inner[0, :, :10] = True
    assert not between[inner].any()


def test_a_scale_is_the_same_everywhere() -> None:
    import dataclasses

    result = noisy(plate_before_wall(), dataclasses.replace(NOTHING, scale=1.015))
    torch.testing.assert_close(result, plate_before_wall() * 1.015)


def test_patches_of_dark_cloth_are_missing_and_of_other_things_none() -> None:
    dark = torch.zeros(20, CAMERA.height, CAMERA.width, dtype=torch.bool)
    dark[:, :, 30:] = True
    result = noisy(wall(2.0, 20), TimeOfFlightNoise(), dark=dark)
    lost = result == 0
    assert float(lost[dark].float().mean()) == pytest.approx(TimeOfFlightNoise().dark_holes, abs=0.05)
    assert not lost[~dark].any()
    alike = lost[:, :, 30:-1] == lost[:, :, 31:]
    assert float(alike.float().mean()) > 0.9  # patches, not single pixels


def test_beyond_the_range_there_is_nothing() -> None:
    assert not noisy(wall(7.0), TimeOfFlightNoise()).any()
    assert noisy(wall(5.0), TimeOfFlightNoise()).all()


def test_no_noise_at_all_leaves_the_image_as_it_is() -> None:
    assert torch.equal(noisy(plate_before_wall(), NOTHING), plate_before_wall())


@pytest.mark.parametrize("depth", [torch.zeros(2, 48, 64), plate_before_wall()])
def test_what_has_no_depth_keeps_none(depth: Tensor) -> None:
    for seed in range(3):
        assert not noisy(depth, TimeOfFlightNoise(), seed)[depth == 0].any()


@pytest.mark.parametrize("wrong", [{"deviation_m": -1}, {"flying": 1.5}, {"steepest_degrees": 90}, {"scale": 0}])
def test_parameters_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        TimeOfFlightNoise(**wrong)
