"""Intrinsics as ROS, OpenCV, ORB-SLAM, Kalibr, OpenLORIS, ScanNet, BOP and RealSense write them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from npm_studio.cli.words import words
from tests.support.capture_files import HEIGHT, WIDTH, K, depth_frames, matrix_text, write_pngs
from tests.support.captures import open_capture

CAMERA = PinholeCamera(WIDTH, HEIGHT, 50.0, 51.0, 20.0, 15.0)
"""K with pixel centres at +0.5."""
ROWS = "[50.0, 0.0, 19.5, 0.0, 51.0, 14.5, 0.0, 0.0, 1.0]"
ROS = f"""image_width: {WIDTH}
image_height: {HEIGHT}
camera_name: depth
camera_matrix:
  rows: 3
  cols: 3
  data: {ROWS}
distortion_coefficients: {{rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}}
projection_matrix: {{rows: 3, cols: 4, data: [9, 0, 9, 0, 0, 9, 9, 0, 0, 0, 1, 0]}}
"""
OPENCV = f"""%YAML:1.0
---
calibration_time: "Tue 01 Jan 2019"
image_width: {WIDTH}
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: {ROWS}
"""
ORB_SLAM = """%YAML:1.0
# Camera calibration and distortion parameters (OpenCV)
Camera.fx: 50.0
Camera.fy: 51.0
Camera.cx: 19.5
Camera.cy: 14.5
Camera.fps: 20.0
DepthMapFactor: 1000.0
"""
KALIBR = "cam0:\n  camera_model: pinhole\n  intrinsics: [50.0, 51.0, 19.5, 14.5]\n  resolution: [40, 30]\n"
OPENLORIS = """d400_color_optical_frame:
  type: color
  intrinsics: {data: [90., 44., 90., 30.]}
d400_depth_optical_frame:
  type: depth
  width: 40
  intrinsics: !!opencv-matrix
    {rows: 1, cols: 4, data: [50., 19.5, 51., 14.5]}
"""
SCANNET = """appVersionId = com.example.scan
colorWidth = 1296
colorHeight = 968
depthWidth = 40
depthHeight = 30
fx_color = 1170.187988
fy_color = 1170.187988
fx_depth = 50.0
fy_depth = 51.0
mx_color = 647.75
mx_depth = 19.5
my_depth = 14.5
"""
SENS_READER = """m_versionNumber = 4
m_depthWidth = 40
m_depthHeight = 30
m_depthShift = 1000
m_calibrationColorIntrinsic = 90 0 44 0 0 90 30 0 0 0 1 0 0 0 0 1
m_calibrationDepthIntrinsic = 50 0 19.5 0 0 51 14.5 0 0 0 1 0 0 0 0 1
"""
REALSENSE = {
    "width": 40,
    "height": 30,
    "fx": 50,
    "fy": 51,
    "ppx": 19.5,
    "ppy": 14.5,
    "model": "None",
    "coeffs": [0.0] * 5,
}
BOP = {str(frame): {"cam_K": K.reshape(-1).tolist(), "depth_scale": 0.2} for frame in range(3)}
FORMS = {
    "camera.yaml": ROS,
    "calibration.yml": OPENCV,
    "camera_calib.yaml": ORB_SLAM,
    "camchain-intrinsics.yaml": KALIBR,
    "camchain.yaml": KALIBR,
    "sensors.yaml": OPENLORIS,
    "_info.txt": SENS_READER,
    "recording.txt": SCANNET,
    "intrinsic/intrinsic_depth.txt": matrix_text(4),
    "depthIntrinsics.txt": matrix_text(4),
    "cam_K.txt": matrix_text(3),
    "K.txt": "50 51 19.5 14.5\n",
    "intrinsics.txt": str(K),
    "calibration.txt": "# fx fy cx cy\r\n50,0 51,0 19,5 14,5\r\n",
    "camera.txt": "50 0 19.5 0\n0 51 14.5 0\n0 0 1 0\n",
    "depth_intrinsics.txt": "fx: 50\nfy: 51\ncx: 19.5\ncy: 14.5\n",
    "camera_matrix.csv": "50,0,19.5\n0,51,14.5\n0,0,1\n",
    "camera_info.json": json.dumps({"K": K.tolist(), "width": 40, "height": 30}),
    "metadata_camera.json": json.dumps({"K": K.T.reshape(-1).tolist(), "w": 40, "h": 30}),
    "depth_intrinsics.json": json.dumps(REALSENSE),
    "scene_camera.json": json.dumps(BOP),
    "depth/intrinsics.txt": matrix_text(3),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "recording"
    write_pngs(place / "depth", depth_frames())
    return place


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        open_capture(path, CaptureOptions(**options))
    return caught.value.line(words)


def lines(sequence: DepthSequence) -> str:
    return " ".join(notice.line(words) for notice in sequence.warnings)


@pytest.mark.parametrize("name", FORMS)
def test_every_usual_file_of_intrinsics_gives_the_same_camera(folder: Path, name: str) -> None:
    put(folder, name, FORMS[name])
    sequence = open_capture(folder, CaptureOptions(depth_scale=1000))
    assert sequence.camera == CAMERA
    assert Path(name).name in sequence.origin


@pytest.mark.parametrize("name", [name for name in FORMS if "/" not in name])
def test_the_same_files_can_be_stated(folder: Path, tmp_path: Path, name: str) -> None:
    path = put(tmp_path, name, FORMS[name])
    assert open_capture(folder, CaptureOptions(1000, path)).camera == CAMERA


def test_numpy_arrays_of_a_matrix_are_read(folder: Path) -> None:
    for matrix in (K, np.pad(K, ((0, 0), (0, 1))), np.stack([K, K]), np.array([50, 51, 19.5, 14.5], np.float32)):
        np.save(folder / "intrinsics.npy", matrix)
        assert open_capture(folder).camera == CAMERA


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_intrinsics_are_read_in_any_encoding_that_windows_writes(folder: Path, encoding: str) -> None:
    (folder / "intrinsics.json").write_text(json.dumps(REALSENSE), encoding=encoding)
    assert open_capture(folder).camera == CAMERA


def test_a_file_that_states_units_and_frame_rate_is_believed(folder: Path) -> None:
    put(folder, "calibration.yaml", ORB_SLAM)
    sequence = open_capture(folder)
    assert sequence.frame_rate == 20 and not sequence.warnings


def test_a_lens_distortion_that_is_not_corrected_is_said(folder: Path) -> None:
    put(folder, "camera.yaml", ROS.replace("data: [0, 0, 0, 0, 0]", "data: [0.1, -0.2, 0, 0, 0]"))
    assert "lens distortion that camera.yaml states is not corrected" in lines(open_capture(folder))
    put(folder, "camera.yaml", f"width: 40\nheight: 30\nK: {ROWS}\nD: [0.1, 0, 0, 0, 0]\n")
    assert "lens distortion that camera.yaml states is not corrected" in lines(open_capture(folder))


@pytest.mark.parametrize("name", ["colorIntrinsics.txt", "intrinsic/intrinsic_color.txt", "camera_rgb.yaml"])
def test_the_camera_of_another_stream_is_never_taken_and_named_with_the_flag(folder: Path, name: str) -> None:
    put(folder, name, ROS if name.endswith("yaml") else matrix_text(3))
    line = refusal(folder)
    assert Path(name).name in line and "of the colour camera" in line and "--intrinsics" in line


def test_of_the_cameras_of_a_file_none_is_taken_where_none_is_said_to_be_of_depth(folder: Path) -> None:
    put(folder, "sensors.yaml", OPENLORIS.replace("depth", "other"))
    put(folder, "calib.json", json.dumps({"left": REALSENSE, "right": REALSENSE | {"fx": 70}}))
    put(folder, "camera.yaml", "rgb:\n  fx: 50\n")
    line = refusal(folder)
    assert "calib.json describes 2 cameras (left, right)" in line and "no depth camera, only rgb" in line


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("calibration.xml", b"<opencv_storage>", "is not read (.xml)"),
        ("intrinsics.pkl", b"\x80\x04.", "is not read (.pkl)"),
        ("calib.txt", b"P0: left\nP1: right\n", "does not hold a 3x3 or 4x4 matrix"),
        ("camera.yaml", b"a: [1\nb: 2", "is not valid YAML"),
        ("camera.yaml", b"just words", "does not describe a camera"),
        ("K.npy", b"\x93NUMPY\x01\x00v\x00{'descr'", "is truncated or not a readable npy file"),
        ("calibration.txt", bytes(range(256)), "cannot be read"),
    ],
)
def test_what_looks_like_intrinsics_and_is_not_read_is_named(folder: Path, name: str, data: bytes, word: str) -> None:
    (folder / name).write_bytes(data)
    line = refusal(folder)
    assert "has no intrinsics for its 40x30 depth images" in line
    assert name in line and word in line and "or --intrinsics fx,fy,cx,cy" in line


def test_a_matrix_of_the_full_size_beside_pictures_of_half_the_size_is_refused(folder: Path) -> None:
    put(folder, "intrinsics.txt", "100 0 39.5\n0 102 29.5\n0 0 1\n")
    assert "far from the middle of 40x30 pixels" in refusal(folder)


def test_intrinsics_that_state_the_full_size_are_scaled_and_it_is_said(folder: Path) -> None:
    put(folder, "intrinsics.json", json.dumps({"width": 80, "height": 60, "fx": 100, "fy": 102, "cx": 40, "cy": 30}))
    sequence = open_capture(folder)
    assert sequence.camera == CAMERA
    assert "scaled from 80x60 to the 40x30" in lines(sequence)


def test_focal_lengths_that_are_relative_to_the_picture_are_refused(folder: Path) -> None:
    relative = {"width": WIDTH, "height": HEIGHT, "fx": 1.25, "fy": 1.7, "cx": 20, "cy": 15}
    put(folder, "intrinsics.json", json.dumps(relative))
    assert "which no lens has; give them in pixels" in refusal(folder)


def npz(path: Path, matrix: np.ndarray) -> Path:
    np.savez(path, depth=depth_frames().astype(np.float32), K=matrix)
    return path


CORNERS: dict[str, Callable[[Path], Path]] = {
    "npz": lambda folder: npz(folder / "a.npz", np.array([[100, 0, 39.5], [0, 102, 29.5], [0, 0, 1]])),
}


@pytest.mark.parametrize("kind", CORNERS)
def test_a_matrix_with_its_principal_point_in_the_corner_is_refused_in_every_format(tmp_path: Path, kind: str) -> None:
    assert "far from the middle" in refusal(CORNERS[kind](tmp_path))
