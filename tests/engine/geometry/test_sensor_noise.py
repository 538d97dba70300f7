"""The noise of a structured-light depth camera: its law, and a slow twin with the same random numbers."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.geometry.camera import PinholeCamera
from engine.geometry.sensor_noise import KinectNoise, NoiseDraws, add_noise, draw, frame_generator

CAMERA = PinholeCamera(64, 48, 57.3, 57.6, 32.0, 24.0)
NOISE = KinectNoise()
on_every_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])


def wall(depth: float, batch: int = 1) -> torch.Tensor:
    return torch.full((batch, CAMERA.height, CAMERA.width), depth)


def noisy(depth: torch.Tensor, noise: KinectNoise = NOISE, seed: int = 0) -> torch.Tensor:
    return add_noise(depth, CAMERA, noise, torch.Generator().manual_seed(seed))


def plate_before_wall() -> torch.Tensor:
    """A plate at 1 m in front of a wall at 2 m, and nothing in the last columns."""
    depth = wall(2.0)
    depth[0, 12:36, 16:40] = 1.0
    depth[0, :, 56:] = 0
    return depth


def noisy_twin(depth: np.ndarray, camera: PinholeCamera, noise: KinectNoise, draws: NoiseDraws) -> np.ndarray:
    """The model pixel by pixel on one image (H, W), as the module describes it."""
    height, width = depth.shape
    slope = math.tan(math.radians(noise.steepest_degrees)) / ((camera.fx + camera.fy) / 2)
    disparity, lateral, dropout = (part[0].numpy() for part in (draws.disparity, draws.lateral, draws.dropout))

    def broken(z: float, other: float, pixels: int) -> bool:
        return abs(z - other) > slope * min(z, other) * pixels

    out = np.zeros_like(depth)
    for row, column in zip(*np.nonzero(depth), strict=True):
        z = float(depth[row, column])
        neighbours = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        inside = [(r, c) for r, c in neighbours if 0 <= r < height and 0 <= c < width]
        if any(broken(z, float(depth[place]), 1) for place in inside) and dropout[row, column] < noise.edge_dropout:
            continue
        down, right = np.rint(noise.lateral_deviation * lateral[row, column].astype(np.float32)).astype(int)
        r, c = min(max(row + down, 0), height - 1), min(max(column + right, 0), width - 1)
        if broken(z, float(depth[r, c]), max(abs(r - row), abs(c - column))):
            z = float(depth[r, c])
        if z == 0:
            continue
        d = round(1 / (noise.disparity_step * z) + noise.disparity_deviation * float(disparity[row, column]))
        out[row, column] = 1 / (noise.disparity_step * d) if d > 0 else 0
    return out


@on_every_device
def test_a_batch_equals_the_slow_twin(device: str) -> None:
    rows, columns = np.mgrid[: CAMERA.height, : CAMERA.width]
    ball = 1.5 - 0.02 * np.sqrt(np.maximum(400 - (rows - 24.0) ** 2 - (columns - 30.0) ** 2, 0))
    ball = np.where(ball < 1.5, ball, 0)
    depth = torch.cat((plate_before_wall(), torch.tensor(ball, dtype=torch.float32)[None]))
    draws = draw((2, CAMERA.height, CAMERA.width), torch.Generator().manual_seed(4))
    moved = NoiseDraws(*(part.to(device) for part in (draws.disparity, draws.lateral, draws.dropout)))
    result = add_noise(depth.to(device), CAMERA, NOISE, moved).cpu().numpy()
    for index in range(2):
        one = NoiseDraws(*(part[index : index + 1] for part in (draws.disparity, draws.lateral, draws.dropout)))
        expected = noisy_twin(depth[index].numpy(), CAMERA, NOISE, one)
        different = np.abs(result[index] - expected) > 1e-5
        assert different.sum() <= 2  # a disparity half way between two whole numbers
        assert (expected > 0).any()


def test_the_deviation_grows_with_the_square_of_the_depth() -> None:
    deviations = [float(noisy(wall(depth, 20)).std()) for depth in (1.0, 2.0, 3.0)]
    assert deviations[1] / deviations[0] == pytest.approx(4, rel=0.03)
    assert deviations[2] / deviations[0] == pytest.approx(9, rel=0.05)
    step = NOISE.disparity_step  # the deviation of the disparity and of its rounding, at one metre
    assert deviations[0] == pytest.approx(step * math.hypot(NOISE.disparity_deviation, 1 / math.sqrt(12)), rel=0.05)


def test_depths_are_quantised_in_steps_that_grow_with_the_square_of_the_depth() -> None:
    ramp = torch.linspace(1.0, 2.05, CAMERA.height * CAMERA.width).view(1, CAMERA.height, CAMERA.width)
    values = torch.unique(noisy(ramp, KinectNoise(edge_dropout=0, lateral_deviation=0))).numpy()
    steps = np.diff(values)
    np.testing.assert_allclose(steps, NOISE.disparity_step * values[1:] * values[:-1], rtol=0.02)
    whole = 1 / (NOISE.disparity_step * values)
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-3)


def test_depth_is_lost_near_edges_only() -> None:
    depth = plate_before_wall()
    lost = (noisy(depth) == 0) & (depth > 0)
    near_edge = torch.nn.functional.max_pool2d((depth != 2.0).float(), 7, 1, 3) > 0
    near_edge &= torch.nn.functional.max_pool2d((depth != 1.0).float(), 7, 1, 3) > 0
    assert int(lost.sum()) > 20
    assert not lost[~near_edge].any()
    assert not lost[:, :2, :40].any()  # the border of the image is not an edge


def test_surfaces_at_a_grazing_angle_lose_depth_and_others_do_not() -> None:
    tilted = {}
    for degrees in (60, 85):
        slope = math.tan(math.radians(degrees)) / CAMERA.fx  # change of the depth from column to column, relative
        row = 1.0 * (1 + slope) ** torch.arange(16)
        depth = torch.zeros(1, CAMERA.height, CAMERA.width)
        depth[..., 20:36] = row
        lost = (noisy(depth, KinectNoise(lateral_deviation=0)) == 0)[..., 21:35]
        tilted[degrees] = float(lost.float().mean())
    assert tilted[60] == 0
    assert 0.4 < tilted[85] < 0.6


def test_outlines_become_ragged_and_surfaces_stay_whole() -> None:
    depth = plate_before_wall()
    result = noisy(depth, KinectNoise(disparity_step=0, edge_dropout=0))
    changed = result != depth
    assert set(torch.unique(result).tolist()) == {0.0, 1.0, 2.0}
    assert changed[0, 12:36, 16].any() and not changed[0, 18:30, 22:34].any()


@pytest.mark.parametrize("depth", [torch.zeros(2, 48, 64), plate_before_wall()])
def test_what_has_no_depth_keeps_none(depth: Tensor) -> None:
    for seed in range(5):
        assert not noisy(depth, seed=seed)[depth == 0].any()


def test_no_noise_at_all_leaves_the_image_as_it_is() -> None:
    depth = plate_before_wall()
    nothing = KinectNoise(disparity_step=0, lateral_deviation=0, edge_dropout=0)
    assert torch.equal(noisy(depth, nothing), depth)


def test_each_frame_of_each_view_has_noise_of_its_own_that_can_be_made_again() -> None:
    draws = [torch.rand(4, generator=frame_generator(*place)) for place in ((0, 1, 2), (0, 2, 1), (1, 1, 2), (0, 1, 2))]
    assert torch.equal(draws[0], draws[3])
    assert not any(torch.equal(draws[0], other) for other in draws[1:3])


@pytest.mark.parametrize("wrong", [{"lateral_deviation": -1}, {"edge_dropout": 1.5}, {"steepest_degrees": 90}])
def test_parameters_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        KinectNoise(**wrong)
