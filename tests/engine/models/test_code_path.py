"""Paths through several codes."""

import numpy as np
import pytest
import torch

from engine.models.code_path import CodePath
from engine.models.code_space import interpolate

SHAPES = torch.tensor([[0.0, 0.0], [1.0, 2.0], [1.5, -1.0], [3.0, 0.5]])
POSES = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
TIMES = np.array([0.0, 1.0, 4.0, 5.0])


def shapes_at(path: CodePath, times: np.ndarray) -> torch.Tensor:
    return torch.stack([shape for shape, _ in path.at(times)])


@pytest.mark.parametrize("smooth", [False, True])
def test_a_path_is_at_each_keyframe_at_its_time(smooth: bool) -> None:
    path = CodePath(SHAPES, POSES, TIMES, smooth)
    for (shape, pose), wanted, wanted_pose in zip(path.at(TIMES), SHAPES, POSES, strict=True):
        torch.testing.assert_close(shape, wanted)
        torch.testing.assert_close(pose, wanted_pose)


@pytest.mark.parametrize("smooth", [False, True])
def test_a_path_of_two_codes_is_the_straight_line_between_them(smooth: bool) -> None:
    path = CodePath(SHAPES[:2], None, np.array([-1.0, 3.0]), smooth)
    torch.testing.assert_close(shapes_at(path, path.evenly(7)), interpolate(SHAPES[0], SHAPES[1], 7))
    assert all(pose is None for _, pose in path.at(path.evenly(3)))


def test_between_keyframes_a_path_goes_straight_at_even_pace_unless_it_is_smooth() -> None:
    path = CodePath(SHAPES, POSES, TIMES)
    torch.testing.assert_close(shapes_at(path, np.array([1.75])), (0.75 * SHAPES[1:2] + 0.25 * SHAPES[2:3]))


def test_a_smooth_path_has_no_kink() -> None:
    before, after = TIMES[1:3] - 1e-3, TIMES[1:3] + 1e-3
    exact = SHAPES.double()
    for smooth, has_kinks in ((True, False), (False, True)):
        path = CodePath(exact, None, TIMES, smooth)
        there = (exact[1:3] - shapes_at(path, before)) / 1e-3
        on = (shapes_at(path, after) - exact[1:3]) / 1e-3
        assert (float((there - on).abs().max()) > 0.1) == has_kinks


def test_a_smooth_path_follows_a_parabola_exactly_between_inner_keyframes() -> None:
    codes = torch.from_numpy(np.stack((TIMES, TIMES**2), axis=1))
    times = np.linspace(1, 4, 9)
    found = shapes_at(CodePath(codes, None, TIMES, True), times)
    np.testing.assert_allclose(found.numpy(), np.stack((times, times**2), axis=1), atol=1e-9)


def test_a_code_that_does_not_change_stays_the_same_to_the_last_bit() -> None:
    still = SHAPES[1:2].expand(4, -1)
    for smooth in (False, True):
        path = CodePath(still, POSES, TIMES, smooth)
        assert all(torch.equal(shape, SHAPES[1]) for shape, _ in path.at(path.evenly(23)))
