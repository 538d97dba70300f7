"""Accelerations of points, all frames together, against second differences that are written out."""

import torch
from torch import Tensor

from engine.methods.npm.steadiness import (
    MOVING,
    acceleration_band,
    across_frames,
    expected_accelerations,
    expected_speeds,
    speed_band,
    steady_rows,
)

TIMES = torch.tensor([0.0, 0.1, 0.25, 0.3, 0.5, 0.6, 0.7], dtype=torch.float64)
FRAMES, POINTS = len(TIMES), 4
EXPECTED = torch.tensor([[10.0, 5.0, 20.0, 1.0]], dtype=torch.float64).expand(FRAMES, -1)
PRECISIONS = torch.tensor([1.0, 2.0, 0.5, 0.0, 1.0, 3.0, 1.0], dtype=torch.float64)


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def accelerating(acceleration: Tensor) -> Tensor:
    """Where points (F, N, 3) are at `TIMES` under one ``acceleration`` (3,)."""
    times = TIMES[:, None, None]
    return random(POINTS, 3, seed=12) + random(POINTS, 3, seed=13) * times + 0.5 * acceleration * times**2


def energy(placed: Tensor) -> Tensor:
    """Half the weighted sum of squared departures from even motion, one after the other."""
    total = torch.zeros((), dtype=torch.float64)
    for frame in range(1, FRAMES - 1):
        before, after = TIMES[frame] - TIMES[frame - 1], TIMES[frame + 1] - TIMES[frame]
        even = (after * placed[frame - 1] + before * placed[frame + 1]) / (before + after)
        departure = (placed[frame] - even) / (0.5 * EXPECTED[frame, :, None] * before * after)
        total = total + 0.5 * PRECISIONS[frame] * departure.square().sum()
    return total


def test_the_band_is_the_matrix_of_the_energy_of_all_frames() -> None:
    band, placed = acceleration_band(TIMES, PRECISIONS, EXPECTED), random(FRAMES, POINTS, 3, seed=2).requires_grad_()
    (gradient,) = torch.autograd.grad(energy(placed), placed)
    torch.testing.assert_close(across_frames(band, placed.detach()), gradient)


def test_the_band_of_speeds_is_the_matrix_of_the_energy_of_all_motions() -> None:
    placed = random(FRAMES, POINTS, 3, seed=2).requires_grad_()
    total = torch.zeros((), dtype=torch.float64)
    for frame in range(FRAMES - 1):
        moved = (placed[frame + 1] - placed[frame]) / (TIMES[frame + 1] - TIMES[frame])
        total = total + 0.5 * PRECISIONS[frame] * (moved / EXPECTED[frame, :, None]).square().sum()
    (gradient,) = torch.autograd.grad(total, placed)
    torch.testing.assert_close(across_frames(speed_band(TIMES, PRECISIONS, EXPECTED), placed.detach()), gradient)


def test_who_moves_is_expected_to_and_who_trembles_is_not() -> None:
    times = torch.arange(31, dtype=torch.float64) / 30
    walk = 2.0 * times[:, None] * torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    tremble = torch.where(torch.arange(31) % 2 == 0, 0.5, -0.5)[:, None] * torch.tensor([0.02, 0.0, 0.0])
    expected = expected_speeds(torch.stack((torch.zeros(31, 3), tremble, walk), dim=1), times, 0.01)
    torch.testing.assert_close(expected[:, 0], torch.full((31,), 0.01, dtype=torch.float64))
    torch.testing.assert_close(expected[:, 2], torch.full((31,), (4 + 1e-4) ** 0.5, dtype=torch.float64))
    assert (expected[3:-3, 1] < 0.02 * 30 / 3).all()
    assert torch.isfinite(expected_speeds(random(1, POINTS, 3, seed=4), TIMES[:1], 0.01)).all()


def test_rows_of_frames_have_the_gradient_of_the_energy_of_all() -> None:
    placed = random(FRAMES, POINTS, 3, seed=2).requires_grad_()
    (gradient,) = torch.autograd.grad(energy(placed), placed)
    rows = steady_rows(random(POINTS, 3, seed=3), placed.detach(), acceleration_band(TIMES, PRECISIONS, EXPECTED))
    torch.testing.assert_close(rows.weights[..., None] * (placed.detach() - rows.targets), gradient)


def test_even_motion_costs_nothing_and_one_acceleration_costs_its_square() -> None:
    band = acceleration_band(TIMES, PRECISIONS, EXPECTED)
    even, alike = accelerating(torch.zeros(3)), accelerating(torch.tensor([0.0, 30.0, 0.0]))
    torch.testing.assert_close((even * across_frames(band, even)).sum(), torch.zeros((), dtype=torch.float64))
    expected = PRECISIONS[1:-1].sum() * (30 / EXPECTED[0]).square().sum()
    torch.testing.assert_close((alike * across_frames(band, alike)).sum(), expected)


def test_frames_of_which_nothing_is_expected_and_few_frames_are_free() -> None:
    assert not acceleration_band(TIMES, torch.zeros(FRAMES), EXPECTED).any()
    for count in (1, 2):
        placed = random(count, POINTS, 3, seed=4)
        assert torch.isfinite(expected_accelerations(placed, TIMES[:count], 1.0)).all()
        band = acceleration_band(TIMES[:count], PRECISIONS[:count], EXPECTED[:count])
        rows = steady_rows(random(POINTS, 3, seed=3), placed, band)
        assert not rows.weights.any() and torch.isfinite(rows.targets).all()


def test_points_that_accelerate_are_expected_to_and_those_that_shake_are_not() -> None:
    times = torch.arange(31, dtype=torch.float64) / 30
    kick = 20.0 * times.square()[:, None].expand(-1, 3)
    shake = torch.where(torch.arange(31) % 2 == 0, 0.5, -0.5)[:, None] * torch.tensor([0.02, 0.0, 0.0])
    expected = expected_accelerations(torch.stack((torch.zeros(31, 3), shake, kick), dim=1), times, 1.0)
    alike = torch.ones(31, dtype=torch.float64)
    torch.testing.assert_close(expected[:, 0], alike)
    torch.testing.assert_close(expected[:, 2], alike * (1 + (MOVING * 40) ** 2 * 3) ** 0.5)
    frame_by_frame = 0.02 * 2 * 30**2
    assert (expected[:, 1] < 0.25 * MOVING * frame_by_frame).all()
