"""The noise of a stereo camera: its laws, and a slow twin with the same random numbers."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.geometry.stereo_noise import (
    EDGE_CELL,
    HOLE_CELL,
    NOISE_CELL,
    StereoDraws,
    StereoNoise,
    add_noise,
    draw,
    is_occluded,
)
from tests.support.depth_images import (
    CAMERA,
    at_edge,
    ball,
    field_at,
    is_broken,
    plate_before_wall,
    share,
    slope_of,
    wall,
)

NOTHING = StereoNoise(
    smooth_deviation=0, fine_deviation=0, step=0, fattening=0, edge_dropout=0, holes=0, largest_disparity=1000
)
on_every_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])


def noisy(depth: Tensor, noise: StereoNoise, seed: int = 0) -> Tensor:
    return add_noise(depth, CAMERA, noise, torch.Generator().manual_seed(seed))


def noisy_twin(depth: np.ndarray, noise: StereoNoise, draws: dict[str, np.ndarray]) -> np.ndarray:
    """The model pixel by pixel on one image (H, W), as the module describes it."""
    height, width = depth.shape
    slope, strength = slope_of(noise.steepest_degrees), CAMERA.fx * noise.baseline_m
    grown = np.zeros((height, width))
    for row, column in zip(*np.nonzero(depth), strict=True):
        z, reach = float(depth[row, column]), noise.fattening
        window = depth[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1]
        nearest = float(window[window > 0].min())
        grows = share(field_at(draws["edges"], row, column, EDGE_CELL)) < noise.fattened
        grown[row, column] = strength / (nearest if grows and is_broken(z, nearest, reach, slope) else z)
    out = np.zeros_like(depth)
    for row, column in zip(*np.nonzero(depth), strict=True):
        d = grown[row, column]
        others = [other - grown[row, other] for other in range(column + 1, width) if grown[row, other] > 0]
        if others and min(others) <= column - d:
            continue
        if share(field_at(draws["holes"], row, column, HOLE_CELL)) < noise.holes:
            continue
        if at_edge(depth, row, column, slope) and draws["dropout"][row, column] < noise.edge_dropout:
            continue
        d += noise.smooth_deviation * field_at(draws["smooth"], row, column, NOISE_CELL)
        d += noise.fine_deviation * float(draws["fine"][row, column])
        d = round(d / noise.step) * noise.step
        out[row, column] = strength / d if 0 < d <= noise.largest_disparity else 0
    return out


@on_every_device
def test_a_batch_equals_the_slow_twin(device: str) -> None:
    noise = StereoNoise(holes=0.1, baseline_m=0.2)
    depth = torch.cat((plate_before_wall(), ball()))
    drawn = vars(draw((2, CAMERA.height, CAMERA.width), torch.Generator().manual_seed(4)))
    moved = StereoDraws(**{name: part.to(device) for name, part in drawn.items()})
    result = add_noise(depth.to(device), CAMERA, noise, moved).cpu().numpy()
    for index in range(2):
        expected = noisy_twin(depth[index].numpy(), noise, {name: part[index].numpy() for name, part in drawn.items()})
        different = np.abs(result[index] - expected) > 1e-4
        assert different.sum() <= 5  # a disparity half way between two steps
        assert 0.1 < (expected > 0).mean() < 1


def test_the_deviation_grows_with_the_square_of_the_depth_and_is_alike_nearby() -> None:
    noise = dataclasses.replace(NOTHING, smooth_deviation=0.01)
    strength = CAMERA.fx * noise.baseline_m
    for depth in (1.0, 2.0):
        error = noisy(wall(depth, 30), noise) - depth
        assert float(error.std()) == pytest.approx(0.01 * depth**2 / strength, rel=0.05)
        beside = (error[..., 1:] * error[..., :-1]).mean() / error.var()
        apart = (error[..., 12:] * error[..., :-12]).mean() / error.var()
        assert float(beside) > 0.7 and abs(float(apart)) < 0.1


def test_disparities_are_stored_in_steps() -> None:
    noise = dataclasses.replace(NOTHING, step=0.25)
    ramp = torch.linspace(1.0, 2.0, CAMERA.height * CAMERA.width).view(1, CAMERA.height, CAMERA.width)
    values = torch.unique(noisy(ramp, noise))
    steps = CAMERA.fx * noise.baseline_m / values[values > 0] / 0.25
    torch.testing.assert_close(steps, steps.round(), atol=1e-4, rtol=0)


def test_to_the_left_of_near_things_there_is_a_shadow_and_to_the_right_none() -> None:
    noise = dataclasses.replace(NOTHING, baseline_m=0.2)
    depth = plate_before_wall()
    lost = (noisy(depth, noise) == 0) & (depth > 0)
    wide = CAMERA.fx * 0.2 * (1 / 1.0 - 1 / 2.0)  # of the shadow, in pixels
    assert lost[0, 20].sum().item() == pytest.approx(wide, abs=1)
    assert lost[0, 20, 16 - int(wide) + 1 : 16].all() and not lost[0, 20, 16:].any()
    assert not lost[0, 5].any()


def test_nothing_hides_itself_on_a_slanted_wall() -> None:
    slanted = torch.linspace(1.0, 1.4, CAMERA.width).repeat(1, CAMERA.height, 1)
    for depth in (slanted, slanted.flip(-1)):
        assert not is_occluded(CAMERA.fx * 0.1 / depth).any()


def test_near_things_grow_and_far_ones_do_not() -> None:
    noise = dataclasses.replace(NOTHING, fattening=2, fattened=1.0, baseline_m=1e-3)
    result = noisy(plate_before_wall(), noise)
    near = torch.isclose(result, torch.tensor(1.0), atol=1e-4)
    assert near[0, 10:38, 14:42].all()
    assert int(near.sum()) == 28 * 28


def test_patches_are_missing() -> None:
    lost = noisy(wall(2.0, 60), dataclasses.replace(NOTHING, holes=0.1)) == 0
    assert float(lost.float().mean()) == pytest.approx(0.1, abs=0.03)
    assert float((lost[..., 1:] == lost[..., :-1]).float().mean()) > 0.95


def test_what_is_too_near_is_not_found() -> None:
    noise = dataclasses.replace(NOTHING, largest_disparity=10.0)
    assert not noisy(wall(0.5), noise).any()
    assert noisy(wall(1.0), noise).all()


def test_no_noise_at_all_leaves_what_both_cameras_see_as_it_is() -> None:
    depth = plate_before_wall()
    result = noisy(depth, dataclasses.replace(NOTHING, baseline_m=1e-3))
    seen = result > 0
    torch.testing.assert_close(result[seen], depth[seen])
    assert int((depth > 0).sum() - seen.sum()) <= 24


@pytest.mark.parametrize("depth", [torch.zeros(2, 48, 64), plate_before_wall()])
def test_what_has_no_depth_keeps_none(depth: Tensor) -> None:
    for seed in range(3):
        assert not noisy(depth, StereoNoise(), seed)[depth == 0].any()


@pytest.mark.parametrize("wrong", [{"step": -1}, {"holes": 1.5}, {"steepest_degrees": 90}, {"baseline_m": 0}])
def test_parameters_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        StereoNoise(**wrong)
