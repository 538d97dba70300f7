"""RealSense cameras, with the software device of the SDK."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import World
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_source import DepthFrame, DepthSource
from engine.sequences.isolation import Isolation
from engine.sequences.source_kind import Pace, SourceOptions, open_source
from external.sources.gravity import pose_of, why_no_vertical
from external.sources.realsense import RealSense, find_device
from npm_studio.cli.words import words
from tests.support import software_camera
from tests.support.software_camera import SERIAL, UNIT_M, Accelerometer, SoftwareCamera, stored

EVERY = SourceOptions(pace=Pace.EVERY, patience_s=0.2)
PATIENT = SourceOptions(pace=Pace.EVERY, patience_s=600)
LEVEL = np.tile([0.0, -9.8, 0.0], (20, 1))
"""Of a camera that is held upright: y points down, and what holds it pushes up."""


@pytest.fixture(scope="module")
def rs() -> Any:
    return pytest.importorskip("pyrealsense2", reason="pyrealsense2 cannot be loaded", exc_type=ImportError)


@pytest.fixture
def camera(rs: Any) -> SoftwareCamera:
    return software_camera.software_camera(rs)


@contextmanager
def opened(camera: SoftwareCamera, options: SourceOptions = EVERY) -> Iterator[RealSense]:
    source = RealSense(camera.rs, camera.device, options)
    try:
        yield source
    finally:
        source.close()


@contextmanager
def pushing(accelerometer: Accelerometer) -> Iterator[None]:
    """Samples come as long as the block lasts."""
    over = threading.Event()

    def push() -> None:
        while not over.is_set():
            accelerometer.push()
            time.sleep(0.02)

    thread = threading.Thread(target=push)
    thread.start()
    yield
    over.set()
    thread.join()


def taken(source: RealSense, count: int) -> list[DepthFrame]:
    frames = iter(source)
    return [next(frames) for _ in range(count)]


def metres(number: int) -> np.ndarray:
    image = stored(number).astype(np.float64)
    return np.where(image == 65535, 0, image * UNIT_M)


def test_unit_intrinsics_and_time_stamps_are_those_of_the_device(camera: SoftwareCamera) -> None:
    with opened(camera) as opened_source:
        source: DepthSource = opened_source
        for number in range(3):
            camera.push(number, 12.5 + number / 30)
        frames = taken(opened_source, 3)
    assert source.name == f"Software RealSense {SERIAL}"
    assert source.camera == PinholeCamera(64, 48, 60.0, 61.0, 31.75, 24.25)
    assert "64x48 at 30 frames per second, 4000 units per metre" in source.origin
    assert source.warnings == ()
    assert [frame.name for frame in frames] == ["000000", "000001", "000002"]
    assert [frame.time_s for frame in frames] == pytest.approx([12.5, 12.5 + 1 / 30, 12.5 + 2 / 30])
    for number, frame in enumerate(frames):
        np.testing.assert_allclose(frame.depth_m, metres(number), rtol=1e-6)
        assert frame.depth_m.dtype == np.float32
        assert frame.camera_to_world is None and frame.dropped == 0


def test_frames_that_the_device_lost_are_counted_by_their_numbers(camera: SoftwareCamera) -> None:
    with opened(camera) as source:
        for number in (5, 6, 9, 2, 3):  # it began anew after the third
            camera.push(number, number / 30 if number > 4 else 1 + number / 30)
        frames = taken(source, 5)
    assert [frame.dropped for frame in frames] == [0, 0, 2, 0, 0]
    assert [frame.name for frame in frames] == ["000000", "000001", "000004", "000005", "000006"]


def test_a_live_reader_gets_the_newest_frame_and_the_number_of_those_that_it_missed(camera: SoftwareCamera) -> None:
    with opened(camera, SourceOptions(patience_s=600)) as source:
        frames = iter(source)
        camera.push(0)
        assert next(frames).dropped == 0
        for number in range(1, 8):
            camera.push(number)
        newest = next(frames)
    assert (newest.name, newest.dropped) == ("000007", 6)
    np.testing.assert_allclose(newest.depth_m, metres(7), rtol=1e-6)


def test_frames_stay_as_they_are_while_the_device_goes_on(camera: SoftwareCamera) -> None:
    with opened(camera) as source:
        frames = iter(source)
        camera.push(0)
        first = next(frames)
        for number in range(1, 40):
            camera.push(number)
            next(frames)
    np.testing.assert_allclose(first.depth_m, metres(0), rtol=1e-6)


def test_a_clock_that_stops_is_mended_and_said(camera: SoftwareCamera) -> None:
    with opened(camera) as source:
        for number, seconds in enumerate((1.0, 1.0, 0.5)):
            camera.push(number, seconds)
        times = [frame.time_s for frame in taken(source, 3)]
    assert times == pytest.approx([1.0, 1 + 1 / 30, 1 + 2 / 30])
    assert "did not go on 2 times" in str(source.warnings[0])


def test_a_device_that_gives_nothing_more_ends_in_one_line_after_the_frames_that_it_gave(
    camera: SoftwareCamera,
) -> None:
    frames: list[DepthFrame] = []
    with opened(camera) as source:
        camera.push(0)
        camera.push(1)
        with pytest.raises(InputError) as caught:
            frames.extend(source)
    assert len(frames) == 2
    line = caught.value.line(words)
    assert line.startswith(f"Software RealSense {SERIAL}: has given no frame for 0.2 s; check its cable")
    assert "\n" not in line


def test_a_device_that_is_unplugged_ends_at_once(camera: SoftwareCamera) -> None:
    class Unplugged:
        """The device as the SDK has it after the plug was pulled."""

        def is_connected(self) -> bool:
            return False

        def __getattr__(self, name: str) -> Any:
            return getattr(camera.device, name)

    source = RealSense(camera.rs, Unplugged(), PATIENT)
    with pytest.raises(InputError, match="was unplugged"):
        next(iter(source))


def test_closing_from_another_thread_ends_the_wait(camera: SoftwareCamera) -> None:
    with opened(camera, PATIENT) as source:
        frames: list[DepthFrame] = []
        reader = threading.Thread(target=lambda: frames.extend(source))
        reader.start()
        source.close()
        source.close()
        reader.join(timeout=30)
    assert not reader.is_alive()
    assert frames == []


def test_a_camera_can_be_opened_again_after_it_was_closed(camera: SoftwareCamera) -> None:
    for _ in range(2):
        with opened(camera) as source:
            camera.push(0)
            assert len(taken(source, 1)) == 1


def test_a_camera_that_is_used_already_is_refused(camera: SoftwareCamera) -> None:
    with opened(camera), pytest.raises(InputError, match=r"cannot be started .*; end other programs that use it"):
        RealSense(camera.rs, camera.device, EVERY)


def test_of_the_range_of_depth_the_rest_is_invalid(camera: SoftwareCamera) -> None:
    options = SourceOptions(CaptureOptions(isolation=Isolation(far_m=1.005)), Pace.EVERY, patience_s=0.2)
    with opened(camera, options) as source:
        camera.push(0)
        depth = taken(source, 1)[0].depth_m
    np.testing.assert_allclose(depth, np.where(metres(0) <= 1.005, metres(0), 0), rtol=1e-6)
    assert 0 < (depth > 0).mean() < 1


def test_lens_distortion_is_undone_or_said(rs: Any) -> None:
    bent = software_camera.software_camera(rs, "brown_conrady", (0.2, 0.0, 0.0, 0.0, 0.0))
    with opened(bent) as source:
        bent.push(0)
        depth = taken(source, 1)[0].depth_m
    x = (63.5 - 31.75) / 60  # of the last column, in the row of the principal point
    shown = np.floor((31.0 - 31.75) / 60 * 60 + 31.75)
    assert depth[24, 31] == pytest.approx(metres(0)[24, int(shown)])
    column = int(np.floor(60 * ((50.5 - 31.75) / 60) * (1 + 0.2 * ((50.5 - 31.75) / 60) ** 2) + 31.75))
    assert depth[24, 50] == pytest.approx(metres(0)[24, column])
    assert 60 * x * (1 + 0.2 * x * x) + 31.75 >= 64
    assert depth[24, 63] == 0  # beyond what the lens shows
    other = software_camera.software_camera(rs, "inverse_brown_conrady", (0.1, 0.0, 0.0, 0.0, 0.0))
    with opened(other) as source:
        assert [str(notice) for notice in source.warnings] == [
            "lens distortion of the model inverse_brown_conrady is not corrected"
        ]


@pytest.mark.parametrize("rotated", [False, True])
def test_up_is_what_the_accelerometer_says_of_a_camera_at_rest(camera: SoftwareCamera, rotated: bool) -> None:
    tilt = np.radians(20)  # looks down
    up = np.array([0, -np.cos(tilt), -np.sin(tilt)])
    rotation = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]) if rotated else None
    samples = np.tile(9.8 * up, (20, 1)) @ (np.eye(3) if rotation is None else rotation)
    with pushing(Accelerometer(camera, samples, rotation)), opened(camera) as source:
        camera.push(0)
        frame = taken(source, 1)[0]
    assert source.world is World.UPRIGHT
    assert "up by its accelerometer" in source.origin
    assert source.warnings == ()
    pose = frame.camera_to_world
    assert pose is not None
    np.testing.assert_allclose(pose[:3, :3] @ up, [0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(pose[:3, 2], [0, -np.sin(tilt), -np.cos(tilt)], atol=1e-6)
    np.testing.assert_array_equal(pose[:3, 3], 0)


def test_a_camera_that_is_being_moved_does_not_say_which_way_is_up(camera: SoftwareCamera) -> None:
    samples = LEVEL + np.random.default_rng(0).normal(0, 2, LEVEL.shape)
    with pushing(Accelerometer(camera, samples)), opened(camera) as source:
        camera.push(0)
        assert taken(source, 1)[0].camera_to_world is None
    assert source.world is World.ARBITRARY
    assert "is not taken from the accelerometer: the camera was being moved" in str(source.warnings[0])


def test_samples_tell_the_vertical_where_they_are_those_of_gravity() -> None:
    assert why_no_vertical(LEVEL) == ""
    assert why_no_vertical(LEVEL[:3]) == "it gave 3 samples"
    assert why_no_vertical(LEVEL / 2) == "it measures 4.9 m/s^2 at rest"


@pytest.mark.parametrize("up", [[0, -1, 0], [1, 0, 0], [0.3, -0.8, -0.5], [0, 0, -1], [0, 0, 1]])
def test_a_pose_from_up_is_a_rotation_that_turns_it_to_y(up: list[float]) -> None:
    direction = np.array(up, np.float64)
    pose = pose_of(9.7 * direction)
    np.testing.assert_allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)
    np.testing.assert_allclose(pose[:3, :3] @ (direction / np.linalg.norm(direction)), [0, 1, 0], atol=1e-12)


def test_a_device_without_depth_is_refused(rs: Any) -> None:
    device = rs.software_device()
    device.add_sensor("Tracking Module")
    with pytest.raises(InputError, match="RealSense: has no depth sensor; give another camera"):
        RealSense(rs, device, EVERY)


def test_of_several_cameras_one_is_named_by_its_serial_number(rs: Any, camera: SoftwareCamera) -> None:
    other = software_camera.software_camera(rs)
    other.device.update_info(rs.camera_info.serial_number, "99")
    assert find_device(rs, [camera.device]) is camera.device
    assert find_device(rs, [camera.device, other.device], "99") is other.device
    with pytest.raises(InputError, match=f"2 cameras are connected; give one of realsense:{SERIAL}, realsense:99"):
        find_device(rs, [camera.device, other.device])
    with pytest.raises(InputError, match=f"realsense:7: is not connected; give one of realsense:{SERIAL}"):
        find_device(rs, [camera.device], "7")


def test_without_a_camera_one_line_says_so(rs: Any) -> None:
    if len(rs.context().query_devices()):
        pytest.skip("a camera is connected")
    with pytest.raises(InputError) as caught:
        open_source("realsense")
    assert caught.value.line(words).startswith("realsense: no camera is connected; connect one")


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        ("No module named 'pyrealsense2'", "which is not installed; pip install pyrealsense2"),
        ("libusb-1.0.so.0: cannot open shared object file", "lacks a library of the system (libusb-1.0.so.0"),
    ],
)
def test_without_the_package_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, failure: str, line: str
) -> None:
    class Finder:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            if name == "pyrealsense2":
                raise ImportError(failure)

    monkeypatch.delitem(sys.modules, "pyrealsense2", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(InputError) as caught:
        open_source("realsense:123")
    assert line in caught.value.line(words)


def test_what_a_camera_states_itself_is_not_stated_again() -> None:
    with pytest.raises(InputError) as caught:
        open_source("realsense", SourceOptions(CaptureOptions(depth_scale=1000)))
    assert caught.value.line(words).endswith("leave out --intrinsics, --depth-scale and --stream")
    with pytest.raises(InputError, match="this one is live"):
        open_source("realsense", SourceOptions(CaptureOptions(isolation=Isolation(remove_planes=True))))
