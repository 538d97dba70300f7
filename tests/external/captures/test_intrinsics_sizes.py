"""Intrinsics and the size of the pictures that they are for."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera
from engine.sequences.capture_options import CaptureOptions
from external.captures.intrinsics import Intrinsics, scaled_to
from npm_studio.cli.words import words
from tests.support import capture_files as files
from tests.support.captures import open_capture
from tests.support.point_cloud_files import backproject, organised_points, pcd_bytes

FRAMES = files.depth_frames()
TWICE = {"width": 80, "height": 60, "fx": 100, "fy": 102, "cx": 40, "cy": 30}
CAMERA = PinholeCamera(40, 30, 50.0, 51.0, 20.0, 15.0)


def write_npz(path: Path) -> None:
    np.savez(path, depth=FRAMES, K=files.K)


WRITERS: dict[str, Callable[[Path], object]] = {
    "a.mkv": lambda path: path.write_bytes(files.kinect_mkv(FRAMES)),
    "a.bag": lambda path: path.write_bytes(files.bag_bytes(files.realsense_messages(FRAMES))),
    "a.sens": lambda path: path.write_bytes(files.sens_bytes(FRAMES)),
    "a.npz": write_npz,
    "a.npy": lambda path: np.save(path, FRAMES),
    "pngs": lambda path: files.write_pngs(path / "depth", FRAMES),
    "tum": lambda path: files.write_tum(path, FRAMES),
    "a.pcd": lambda path: path.write_bytes(pcd_bytes(organised_points(FRAMES[0]), size=(40, 30))),
}


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


@pytest.mark.parametrize("name", WRITERS)
def test_stated_intrinsics_of_larger_pictures_are_scaled_whatever_is_read(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name)
    (tmp_path / "stated.json").write_text(json.dumps(TWICE))
    sequence = open_capture(tmp_path / name, CaptureOptions(intrinsics=tmp_path / "stated.json"))
    assert sequence.camera == CAMERA
    assert "scaled from 80x60 to the 40x30" in " ".join(notice.line(words) for notice in sequence.warnings)
    np.testing.assert_allclose(sequence.depth_m(0), FRAMES[0], atol=6e-4)


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "a.pcd"])
def test_stated_intrinsics_of_another_shape_are_refused_whatever_is_read(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name)
    (tmp_path / "stated.json").write_text(json.dumps({**TWICE, "width": 60}))
    with pytest.raises(InputError, match="pictures of 60x60"):
        open_capture(tmp_path / name, CaptureOptions(intrinsics=tmp_path / "stated.json"))


def test_points_that_are_organised_as_a_picture_say_its_size(tmp_path: Path) -> None:
    WRITERS["a.pcd"](tmp_path / "a.pcd")
    sequence = open_capture(tmp_path / "a.pcd", CaptureOptions(intrinsics="50,51,20,15"))
    assert sequence.camera == CAMERA
    np.testing.assert_allclose(sequence.depth_m(0), FRAMES[0], atol=6e-4)


def test_points_that_are_organised_as_a_picture_tell_its_camera(tmp_path: Path) -> None:
    WRITERS["a.pcd"](tmp_path / "a.pcd")
    sequence = open_capture(tmp_path / "a.pcd")
    assert "seen through the camera that their picture tells" in sequence.origin
    found, true = (np.array([camera.fx, camera.fy, camera.cx, camera.cy]) for camera in (sequence.camera, CAMERA))
    np.testing.assert_allclose(found, true, atol=1e-2)
    np.testing.assert_allclose(sequence.depth_m(0), FRAMES[0], atol=6e-4)


def test_points_in_rows_that_no_pinhole_camera_saw_are_seen_by_a_virtual_one(tmp_path: Path) -> None:
    points = organised_points(FRAMES[0])
    points[:, 0] += 0.3 * np.sin(np.arange(len(points)))
    (tmp_path / "a.pcd").write_bytes(pcd_bytes(points, size=(40, 30)))
    assert "seen through a virtual camera" in open_capture(tmp_path / "a.pcd").origin


def test_points_cut_out_of_a_picture_are_seen_in_all_of_it(tmp_path: Path) -> None:
    cut = np.where(np.arange(40) < 25, FRAMES[0], np.float32(0))
    points = organised_points(FRAMES[0]).reshape(30, 40, 3)[:, :25].reshape(-1, 3)
    (tmp_path / "a.pcd").write_bytes(pcd_bytes(points, size=(25, 30)))
    (tmp_path / "b.pcd").write_bytes(pcd_bytes(backproject(cut)))
    (tmp_path / "k.json").write_text(json.dumps({"width": 40, "height": 30, "fx": 50, "fy": 51, "cx": 20, "cy": 15}))
    for name in ("a.pcd", "b.pcd"):
        sequence = open_capture(tmp_path / name, CaptureOptions(intrinsics=tmp_path / "k.json"))
        assert sequence.camera == CAMERA
        np.testing.assert_allclose(sequence.depth_m(0), cut, atol=6e-4)
