"""Intrinsics and the size of the pictures that they are for."""

import pytest

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera
from external.captures.intrinsics import Intrinsics, scaled_to
from npm_studio.cli.words import words


def of_size(width: int | None, height: int | None, cx: float = 320.0) -> Intrinsics:
    return Intrinsics("camera_info", 560.0, 558.0, cx, 240.0, width, height)


def test_intrinsics_of_the_pictures_size_stay_as_they_are_and_nothing_is_said() -> None:
    assert scaled_to(of_size(640, 480), (640, 480)) == (PinholeCamera(640, 480, 560, 558, 320, 240), ())
    assert scaled_to(of_size(None, None), (640, 480)) == (PinholeCamera(640, 480, 560, 558, 320, 240), ())


def test_intrinsics_of_larger_pictures_of_the_same_shape_are_scaled_and_it_is_said() -> None:
    camera, (notice,) = scaled_to(of_size(640, 480), (320, 240))
    assert camera == PinholeCamera(320, 240, 280, 279, 160, 120)
    assert "scaled from 640x480 to the 320x240" in notice.line(words) and "--intrinsics" in notice.line(words)


def test_a_width_that_does_not_divide_is_scaled_too() -> None:
    camera, _ = scaled_to(of_size(848, 480, cx=424.0), (282, 160))
    assert camera.cx == pytest.approx(141)


@pytest.mark.parametrize("size", [(640, 360), (480, 640), (400, 480)])
def test_intrinsics_of_pictures_of_another_shape_are_refused_with_both_sizes(size: tuple[int, int]) -> None:
    with pytest.raises(InputError) as caught:
        scaled_to(of_size(640, 480), size)
    line = caught.value.line(words)
    assert "640x480" in line and f"{size[0]}x{size[1]}" in line and "--intrinsics" in line


@pytest.mark.parametrize("size", [(320, 240), (400, 300), (1600, 1200)])
def test_a_principal_point_far_from_the_middle_is_refused_where_no_size_is_stated(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="far from the middle") as caught:
        scaled_to(of_size(None, None), size)
    assert '"width": 640' in caught.value.line(words)


def test_a_principal_point_far_from_the_middle_is_said_where_the_size_is_stated() -> None:
    camera, (notice,) = scaled_to(of_size(640, 480, cx=100.0), (640, 480))
    assert camera.cx == 100 and "far from the middle" in notice.line(words)
