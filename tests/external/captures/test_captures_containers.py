"""Recordings in containers: Azure Kinect's Matroska and ROS 1 bags, written byte by byte."""

import builtins
import struct
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera
from engine.sequences.capture_options import CaptureOptions
from external.captures.kinect_mkv import depth_calibration
from external.captures.lens import RationalDistortion, Undistort
from npm_studio.cli.words import words
from tests.support import capture_files as files
from tests.support.capture_files import (
    DEPTH_TOPIC,
    HEIGHT,
    INFO_TOPIC,
    INFRARED_TOPIC,
    WIDTH,
    bag_bytes,
    depth_frames,
    kinect_calibration,
    kinect_mkv,
    realsense_messages,
    ros_camera_info,
    ros_image,
    stored,
)
from tests.support.captures import open_capture

FRAMES = depth_frames()
CAMERA = PinholeCamera(WIDTH, HEIGHT, 50.0, 51.0, 20.0, 15.0)
BINNED = depth_frames(3, 320, 288) / np.float32(2)
BINNED_CAMERA = PinholeCamera(320, 288, 0.49 * 512, 0.48 * 512, 0.51 * 512 - 96, 0.5 * 512 - 90)
CALIBRATION = kinect_calibration(0.49, 0.48, 0.51, 0.5)


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        open_capture(path, CaptureOptions(**options))
    line = caught.value.line(words)
    assert "\n" not in line and ";" in line, f"no cure in: {line}"
    return line


@pytest.fixture
def mkv(tmp_path: Path) -> Path:
    path = tmp_path / "walk.mkv"
    path.write_bytes(kinect_mkv(BINNED, CALIBRATION))
    return path


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    path = tmp_path / "walk.bag"
    path.write_bytes(bag_bytes(realsense_messages(FRAMES)))
    return path


def test_the_depth_track_of_a_kinect_recording_is_read_and_not_the_infrared(mkv: Path) -> None:
    sequence = open_capture(mkv)
    assert "track DEPTH (rawvideo) 320x288, intrinsics from calibration.json" in sequence.origin
    assert (sequence.frame_rate, sequence.warnings) == (25.0, ())
    for index in (0, 1, 2, 0, 2, 1):
        np.testing.assert_allclose(sequence.depth_m(index), BINNED[index], atol=6e-4)


def test_time_stamps_of_a_container_are_those_of_its_packets(mkv: Path, bag: Path) -> None:
    np.testing.assert_allclose(open_capture(mkv).times_s, [0, 0.04, 0.08], atol=1e-9)
    np.testing.assert_allclose(np.diff(open_capture(bag).times_s), [0.1, 0.1], atol=1e-9)


def test_the_calibration_gives_the_camera_of_the_depth_mode(mkv: Path) -> None:
    camera = open_capture(mkv).camera
    assert (camera.width, camera.height) == (320, 288)
    for name in ("fx", "fy", "cx", "cy"):
        assert getattr(camera, name) == pytest.approx(getattr(BINNED_CAMERA, name))


@pytest.mark.parametrize(
    ("size", "principal_point"),
    [((640, 576), (320, 332)), ((320, 288), (160, 166)), ((512, 512), (256, 256)), ((1024, 1024), (512, 512))],
)
def test_each_depth_mode_is_cut_out_of_the_calibrated_image(
    size: tuple[int, int], principal_point: tuple[int, int]
) -> None:
    camera, _ = depth_calibration(kinect_calibration()[:-1].decode(), *size, "test")
    assert (camera.cx, camera.cy) == pytest.approx(principal_point)
    assert camera.fx == pytest.approx(0.49 * (512 if size[0] in (320, 512) else 1024))


def test_lens_distortion_is_undone(tmp_path: Path) -> None:
    """A pixel of the result shows what the lens shows where the model puts its ray, written out pixel by pixel."""
    path = tmp_path / "a.mkv"
    k1, k4, p1, p2 = 0.3, -0.1, 0.004, -0.003
    path.write_bytes(kinect_mkv(BINNED, kinect_calibration(0.49, 0.48, 0.51, 0.5, k1=k1, k4=k4, p1=p1, p2=p2)))
    depth = open_capture(path).depth_m(0)
    camera = BINNED_CAMERA
    for row in range(0, 288, 17):
        for column in range(0, 320, 19):
            x, y = (column + 0.5 - camera.cx) / camera.fx, (row + 0.5 - camera.cy) / camera.fy
            r2 = x * x + y * y
            radial = (1 + k1 * r2) / (1 + k4 * r2)
            u = camera.fx * (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)) + camera.cx
            v = camera.fy * (y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y) + camera.cy
            inside = 0 <= u < 320 and 0 <= v < 288
            expected = BINNED[0][int(v), int(u)] if inside else 0
            assert depth[row, column] == pytest.approx(expected, abs=6e-4)


def test_no_distortion_leaves_every_pixel_where_it_is() -> None:
    image = stored(FRAMES[0], 1000)
    np.testing.assert_array_equal(Undistort(CAMERA, RationalDistortion())(image), image)


def test_a_kinect_recording_without_calibration_takes_stated_intrinsics(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(kinect_mkv(FRAMES))
    assert "no calibration attached" in refusal(tmp_path / "a.mkv")
    sequence = open_capture(tmp_path / "a.mkv", CaptureOptions(intrinsics="50,51,20,15"))
    assert sequence.camera == CAMERA
    np.testing.assert_allclose(sequence.depth_m(1), FRAMES[1], atol=6e-4)


@pytest.mark.parametrize(
    "calibration",
    [
        b'{"CalibrationInformation": {}}',
        b'{"CalibrationInformation": ',
        b'{"CalibrationInformation": {"Cameras": [{"Purpose": 3}]}}',
        kinect_calibration(float("nan")),
        kinect_calibration(-1.0),
    ],
)
def test_a_calibration_without_meaning_is_refused(tmp_path: Path, calibration: bytes) -> None:
    (tmp_path / "a.mkv").write_bytes(kinect_mkv(BINNED, calibration))
    line = refusal(tmp_path / "a.mkv")
    assert "does not describe the depth camera" in line and "calibration.json" in line


def test_frames_of_an_unknown_mode_ask_for_intrinsics(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(kinect_mkv(FRAMES, CALIBRATION))
    assert "no depth mode of 40x30" in refusal(tmp_path / "a.mkv")


def test_a_recording_without_depth_track_names_the_tracks_it_has(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(kinect_mkv(FRAMES, CALIBRATION, ("COLOR", "IR")))
    assert "has no depth track (it has COLOR, IR)" in refusal(tmp_path / "a.mkv")


def test_short_frames_of_a_recording_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(kinect_mkv(BINNED, CALIBRATION, blocks=[bytes(100)]))
    sequence = open_capture(tmp_path / "a.mkv")
    assert "1 of 3 frames skipped" in sequence.warnings[0].line(words) and "000000" in sequence.warnings[0].line(words)
    np.testing.assert_allclose(sequence.depth_m(0), BINNED[1], atol=6e-4)


def test_a_kinect_recording_that_was_cut_off_gives_its_whole_frames(mkv: Path) -> None:
    mkv.write_bytes(mkv.read_bytes()[:-1000])
    sequence = open_capture(mkv)
    assert len(sequence) == 2
    np.testing.assert_allclose(sequence.depth_m(1), BINNED[1], atol=6e-4)


@pytest.mark.parametrize("keep", [4, 30, 60, 200])
def test_a_kinect_recording_cut_off_in_its_header_is_refused(mkv: Path, keep: int) -> None:
    mkv.write_bytes(mkv.read_bytes()[:keep])
    refusal(mkv)


def test_an_absurd_size_of_a_kinect_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_bytes(kinect_mkv(FRAMES, CALIBRATION, size=(2**30, 2**30)))
    refusal(tmp_path / "a.mkv")


def test_a_realsense_bag_is_read_and_not_its_infrared(bag: Path) -> None:
    sequence = open_capture(bag)
    assert f"topic {DEPTH_TOPIC} (mono16) has 3 frames" in sequence.origin
    assert (sequence.camera, sequence.frame_rate, sequence.warnings) == (CAMERA, 10.0, ())
    for index in (2, 0, 1, 1):
        np.testing.assert_allclose(sequence.depth_m(index), FRAMES[index], atol=6e-4)


def test_the_depth_unit_of_a_bag_counts(tmp_path: Path) -> None:
    (tmp_path / "a.bag").write_bytes(bag_bytes(realsense_messages(FRAMES, 0.00025)))
    np.testing.assert_allclose(open_capture(tmp_path / "a.bag").depth_m(1), FRAMES[1], atol=2e-4)


@pytest.mark.parametrize(("encoding", "said"), [("16UC1", 0), ("mono16", 1)])
def test_a_bag_without_depth_unit_is_in_millimetres_which_is_said_where_ros_does_not_define_it(
    encoding: str, said: int, tmp_path: Path
) -> None:
    (tmp_path / "a.bag").write_bytes(bag_bytes(realsense_messages(FRAMES, None, encoding), "bz2"))
    sequence = open_capture(tmp_path / "a.bag")
    assert len(sequence.warnings) == said
    assert all("does not state the unit of its mono16 images" in each.line(words) for each in sequence.warnings)
    np.testing.assert_allclose(sequence.depth_m(2), FRAMES[2], atol=6e-4)


def test_a_bag_of_floats_is_in_metres(tmp_path: Path) -> None:
    (tmp_path / "a.bag").write_bytes(bag_bytes(realsense_messages(FRAMES, encoding="32FC1")))
    np.testing.assert_array_equal(open_capture(tmp_path / "a.bag").depth_m(2), FRAMES[2])


def test_rows_of_an_image_may_be_padded_and_topics_have_other_names(tmp_path: Path) -> None:
    info = ("/camera/depth/camera_info", "sensor_msgs/CameraInfo", ros_camera_info())
    other = ("/camera/color/camera_info", "sensor_msgs/CameraInfo", ros_camera_info(9, 9))
    image = ros_image(stored(FRAMES[0], 1000).astype("<u2"), "16UC1", padding=6)
    messages = [other, info, ("/camera/depth/image_rect_raw", "sensor_msgs/Image", image)]
    (tmp_path / "a.bag").write_bytes(bag_bytes(messages))
    sequence = open_capture(tmp_path / "a.bag")
    assert "intrinsics from /camera/depth/camera_info" in sequence.origin
    np.testing.assert_allclose(sequence.depth_m(0), FRAMES[0], atol=6e-4)


def test_the_lens_of_a_bag_is_undistorted(tmp_path: Path) -> None:
    messages = realsense_messages(FRAMES)
    messages[0] = (INFO_TOPIC, "sensor_msgs/CameraInfo", ros_camera_info(distortion=(0.2, 0, 0, 0, 0)))
    (tmp_path / "a.bag").write_bytes(bag_bytes(messages))
    depth = open_capture(tmp_path / "a.bag").depth_m(0)
    x, y = (5.5 - 20) / 50, (25.5 - 15) / 51
    radial = 1 + 0.2 * (x * x + y * y)
    assert depth[25, 5] == pytest.approx(FRAMES[0][int(51 * y * radial + 15), int(50 * x * radial + 20)], abs=6e-4)


def test_messages_that_fail_are_skipped(tmp_path: Path) -> None:
    messages = realsense_messages(FRAMES)
    last = max(index for index, message in enumerate(messages) if message[0] == DEPTH_TOPIC)
    messages[last] = (*messages[last][:2], messages[last][2][:60])
    messages.append((DEPTH_TOPIC, "sensor_msgs/Image", ros_image(np.full((4, 4), 9, "<u2"), "mono16")))
    (tmp_path / "a.bag").write_bytes(bag_bytes(messages))
    sequence = open_capture(tmp_path / "a.bag")
    assert len(sequence) == 2
    assert "2 of 4 frames skipped" in sequence.warnings[0].line(words)


@pytest.mark.parametrize(
    ("keep_topics", "word"),
    [((INFO_TOPIC, INFRARED_TOPIC), "no topic of 16-bit"), ((DEPTH_TOPIC,), "no camera_info"), ((), "no images")],
)
def test_a_bag_without_depth_or_intrinsics_is_refused(
    tmp_path: Path, keep_topics: tuple[()] | tuple[str, str] | tuple[str], word: str
) -> None:
    messages = [m for m in realsense_messages(FRAMES) if m[0] in keep_topics or m[0] == files.UNIT_TOPIC]
    (tmp_path / "a.bag").write_bytes(bag_bytes(messages))
    assert word in refusal(tmp_path / "a.bag")


def test_a_bag_without_camera_info_takes_stated_intrinsics(tmp_path: Path) -> None:
    messages = [m for m in realsense_messages(FRAMES) if m[0] != INFO_TOPIC]
    (tmp_path / "a.bag").write_bytes(bag_bytes(messages))
    assert open_capture(tmp_path / "a.bag", CaptureOptions(intrinsics="50,51,20,15")).camera == CAMERA


@pytest.mark.parametrize("keep", [13, 100, 4000, 5000, 20000, -1, -20])
def test_a_truncated_bag_is_refused(bag: Path, keep: int) -> None:
    bag.write_bytes(bag.read_bytes()[:keep])
    assert "rosbag reindex" in refusal(bag)


def test_a_chunk_that_grows_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bz2

    monkeypatch.setattr("external.captures.realsense_bag._MAX_CHUNK", 1_000_000)
    bomb = bz2.compress(bytes(20_000_000))
    (tmp_path / "a.bag").write_bytes(bag_bytes(realsense_messages(FRAMES), "bz2", chunk=bomb))
    assert "grows beyond 1000000 bytes" in refusal(tmp_path / "a.bag")


def test_a_bag_that_declares_absurd_counts_or_images_is_refused(tmp_path: Path, bag: Path) -> None:
    whole = bytearray(bag.read_bytes())
    place = whole.index(b"chunk_count=") + len(b"chunk_count=")
    whole[place : place + 4] = struct.pack("<I", 2**32 - 1)
    bag.write_bytes(whole)
    assert "cannot be read as a ROS 1 bag" in refusal(bag)
    image = bytearray(ros_image(stored(FRAMES[0], 1000).astype("<u2"), "16UC1"))
    start = len(files.ros_header(0))
    image[start : start + 8] = struct.pack("<II", 2**31, 2**31)
    messages = [
        (INFO_TOPIC, "sensor_msgs/CameraInfo", ros_camera_info()),
        (DEPTH_TOPIC, "sensor_msgs/Image", bytes(image)),
    ]
    (tmp_path / "b.bag").write_bytes(bag_bytes(messages))
    assert "declares depth images" in refusal(tmp_path / "b.bag")


@pytest.mark.parametrize(("package", "name"), [("av", "walk.mkv"), ("rosbags", "walk.bag")])
def test_a_missing_package_is_named_with_its_cure(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, package: str, name: str
) -> None:
    path = request.getfixturevalue(name.split(".")[1])
    found = builtins.__import__

    def without(module: str, *arguments: Any, **options: Any) -> ModuleType:
        if module.split(".")[0] == package:
            raise ImportError(module)
        return found(module, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    assert f"pip install {package}" in refusal(path)


def test_a_track_of_an_unknown_codec_is_passed_over(mkv: Path) -> None:
    data = mkv.read_bytes()
    first = data.index(b"V_MS/VFW/FOURCC")
    mkv.write_bytes(data[:first] + b"V_UNKNOWN/CODEC" + data[first + 15 :])
    np.testing.assert_allclose(open_capture(mkv).depth_m(0), BINNED[0], atol=6e-4)


def test_frames_of_a_bag_are_read_in_any_order_and_after_one_that_fails(tmp_path: Path) -> None:
    frames = depth_frames(6)
    messages = realsense_messages(frames)
    images = [index for index, message in enumerate(messages) if message[0] == DEPTH_TOPIC]
    topic, kind, data = messages[images[2]]
    messages[images[2]] = topic, kind, data[:40]
    (tmp_path / "a.bag").write_bytes(bag_bytes(messages))
    sequence = open_capture(tmp_path / "a.bag")
    assert len(sequence) == 5
    for index in (4, 0, 1, 2, 1, 3, 4, 4):
        np.testing.assert_allclose(sequence.depth_m(index), frames[index + (index >= 2)], atol=1e-3)


def test_a_relative_path_with_a_colon_is_a_path_and_no_address(mkv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = mkv.with_name("2021-03-05T12:30:01.mkv")
    mkv.rename(name)
    monkeypatch.chdir(name.parent)
    sequence = open_capture(Path(name.name))
    assert len(sequence) == len(FRAMES)
    assert sequence.depth_m(1).any()
