"""RealSense cameras, read by the package ``pyrealsense2`` (extra ``realsense``).

Depth unit, intrinsics, time stamps and frame numbers are those of the device. Pixel centres of the SDK are at whole
numbers, so half a pixel is added to its principal point. Axes of depth are those of OpenCV, and the SDK turns
accelerations into them.
"""

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice, Setting, remedy
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import World
from engine.sequences.depth_source import DepthFrame
from engine.sequences.depth_unit import DepthUnit
from engine.sequences.isolation import check_live, within_range
from engine.sequences.recording import valid
from engine.sequences.source_kind import Pace, SourceKind, SourceOptions
from external.captures.intrinsics import Intrinsics, scaled_to
from external.captures.lens import RationalDistortion, Undistort
from external.sources.gravity import FEWEST, pose_of, why_no_vertical

NAME = "realsense"
_WAITING = 16
"""Frames that a device keeps for somebody who wants every one; those beyond are dropped, and counted."""
_TURN_MS = 100
"""After which it is looked whether somebody has closed the source or pulled the plug."""
_SAMPLES, _SAMPLING_S = 50, 1.0
"""Of the accelerometer."""
_USUAL = 848 * 480, 30
"""Pixels and frames per second that the maker recommends for depth, where a device has no default."""
_LIBUSB = "libusb-1.0"


class RealSense:
    """A `engine.sequences.depth_source.DepthSource` of an open device."""

    def __init__(self, rs: Any, device: Any, options: SourceOptions) -> None:
        """Opens the depth sensor of ``device``, a ``pyrealsense2.device``, and starts it.

        Raises:
            InputError: it has none, another program uses it, or its intrinsics describe no camera.
        """
        self._device, self._options = device, options
        self.name = _title(rs, device)
        self._sensor, profile = _depth_stream(rs, device, self.name)
        self._unit = DepthUnit(round(1 / float(self._sensor.get_depth_scale()), 6))
        self.camera, self._undistort, lens = _camera(rs, profile, self.name)
        self._interval_s = 1 / max(1, profile.fps())
        pose, vertical = _measured_pose(rs, device, profile)
        self._pose, self.world = pose, World.ARBITRARY if pose is None else World.UPRIGHT
        self._said: tuple[Notice, ...] = (*lens, *vertical)
        self.origin = (
            f"camera {self.name}: {self.camera.width}x{self.camera.height} at {profile.fps()} frames per second, "
            f"{self._unit.per_metre:g} units per metre and intrinsics as the device says"
        )
        if pose is not None:
            self.origin += ", up by its accelerometer before the first frame, so that it must stand still"
        self._count, self._clock_faults = 0, 0
        self._closed, self._stopping = threading.Event(), threading.Lock()
        live = options.pace is Pace.LIVE
        self._queue = rs.frame_queue(1 if live else _WAITING, keep_frames=not live)
        try:
            self._sensor.open(profile)
            self._sensor.start(self._queue)
        except RuntimeError as error:
            raise InputError(self.name, f"cannot be started ({error})", "end other programs that use it") from None

    @property
    def warnings(self) -> tuple[Notice, ...]:
        if not self._clock_faults:
            return self._said
        text = f"the clock of the camera did not go on {self._clock_faults} times: frames are taken to be regular there"
        return (*self._said, Notice(text))

    def __iter__(self) -> Iterator[DepthFrame]:
        number: int | None = None
        seconds: float | None = None
        while (frame := self._wait()) is not None:
            came = int(frame.get_frame_number())
            dropped = 0 if number is None else max(0, came - number - 1)  # it begins anew when a device does
            time_s = frame.get_timestamp() / 1000
            if seconds is not None and time_s <= seconds:
                time_s = seconds + self._interval_s
                self._clock_faults += 1
            number, seconds = came, time_s
            depth = self._metres(np.asanyarray(frame.as_depth_frame().get_data()))
            self._count += dropped + 1
            yield DepthFrame(f"{self._count - 1:06d}", time_s, depth, self._pose, dropped)

    def close(self) -> None:
        self._closed.set()
        with self._stopping:
            try:
                self._sensor.stop()
                self._sensor.close()
            except RuntimeError:  # it is closed already, or gone
                pass

    def _wait(self) -> Any:
        """The next frame, or None where the source has been closed.

        Raises:
            InputError: the device is gone, or gives no frames any more.
        """
        since = time.monotonic()
        while not self._closed.is_set():
            arrived, frame = self._queue.try_wait_for_frame(_TURN_MS)
            if arrived:
                return frame
            silent_s = time.monotonic() - since
            if not self._device.is_connected():
                raise self._lost("was unplugged")
            if silent_s > self._options.patience_s:
                raise self._lost(f"has given no frame for {self._options.patience_s:g} s")
        return None

    def _lost(self, problem: str) -> InputError:
        self.close()
        return InputError(self.name, problem, "check its cable and begin anew; what has been tracked is kept")

    def _metres(self, stored: NDArray[np.uint16]) -> NDArray[np.float32]:
        if self._undistort is not None:
            stored = self._undistort(stored)
        depth = self._unit.metres(valid(stored))  # a copy: the device uses its memory again
        return np.where(within_range(depth, self._options.capture.isolation), depth, np.float32(0))


def open_realsense(text: str, options: SourceOptions, progress: Progress) -> RealSense:
    """The camera that ``text`` names, ``realsense`` or ``realsense:SERIAL``.

    Raises:
        InputError: the package is not installed, the camera is not there or cannot be used, or more is stated of it
            than the range of depth.
    """
    if options.capture.reading:
        problem = "is a camera that states its intrinsics and its unit itself, and has one stream of depth"
        fix = remedy("leave out {}, {} and {}", Setting.INTRINSICS, Setting.DEPTH_UNITS, Setting.STREAM)
        raise InputError(text, problem, fix)
    check_live(options.capture.isolation, text)
    rs = _library()
    return RealSense(rs, find_device(rs, rs.context().query_devices(), text.partition(":")[2]), options)


def find_device(rs: Any, devices: Any, serial: str = "") -> Any:
    """The one of ``devices`` with that serial number, or the only one.

    Raises:
        InputError: it is not there, or there are several and none is named.
    """
    found = {_serial(rs, device): device for device in devices}
    if not found:
        fix = "connect one, to a USB 3 port if it has one, and see that you may use it (udev rules on Linux)"
        raise InputError(NAME, "no camera is connected", fix)
    names = ", ".join(f"{NAME}:{number}" for number in found)
    if serial and serial not in found:
        raise InputError(f"{NAME}:{serial}", "is not connected", f"give one of {names}")
    if not serial and len(found) > 1:
        raise InputError(NAME, f"{len(found)} cameras are connected", f"give one of {names}")
    return found[serial] if serial else next(iter(found.values()))


def _library() -> Any:
    try:
        import pyrealsense2
    except ImportError as error:
        if _LIBUSB in str(error):
            problem, fix = f"pyrealsense2 lacks a library of the system ({error})", "install libusb-1.0-0 or libusb"
        else:
            problem, fix = "cameras are read by pyrealsense2, which is not installed", "pip install pyrealsense2"
        raise InputError(NAME, problem, fix) from None
    return pyrealsense2


def _serial(rs: Any, device: Any) -> str:
    """As the device says, or nothing."""
    key = rs.camera_info.serial_number
    return str(device.get_info(key)) if device.supports(key) else ""


def _title(rs: Any, device: Any) -> str:
    key = rs.camera_info.name
    model = str(device.get_info(key)) if device.supports(key) else "RealSense"
    return f"{model} {_serial(rs, device)}".rstrip()


def _depth_stream(rs: Any, device: Any, name: str) -> tuple[Any, Any]:
    """The depth sensor and the stream of it that is read: its default, or the one nearest to the usual size."""
    try:
        sensor = device.first_depth_sensor()
    except RuntimeError:
        raise InputError(name, "has no depth sensor", "give another camera") from None
    streams = [
        profile.as_video_stream_profile()
        for profile in sensor.get_stream_profiles()
        if profile.stream_type() == rs.stream.depth and profile.format() == rs.format.z16
    ]
    if not streams:
        raise InputError(name, "has no stream of 16-bit depth", "give another camera")
    pixels, rate = _USUAL

    def unlike(profile: Any) -> tuple[bool, int, int]:
        size = profile.width() * profile.height()
        return not profile.is_default(), abs(profile.fps() - rate), abs(size - pixels)

    return sensor, min(streams, key=unlike)


def _camera(rs: Any, profile: Any, name: str) -> tuple[PinholeCamera, Undistort | None, tuple[Notice, ...]]:
    """The camera of a stream, how to undo its lens distortion where it has one, and what is to be said."""
    found = profile.get_intrinsics()
    stated = Intrinsics(name, found.fx, found.fy, found.ppx + 0.5, found.ppy + 0.5, found.width, found.height)
    camera, said = scaled_to(stated, (profile.width(), profile.height()))
    coefficients = [float(value) for value in found.coeffs]
    if found.model == rs.distortion.none or not np.any(np.abs(coefficients) > 1e-6):
        return camera, None, said
    if found.model == rs.distortion.brown_conrady:
        return camera, Undistort(camera, RationalDistortion(*coefficients)), said
    text = f"lens distortion of the model {str(found.model).rpartition('.')[2]} is not corrected"
    return camera, None, (*said, Notice(text))


def _measured_pose(rs: Any, device: Any, depth: Any) -> tuple[NDArray[np.float64] | None, tuple[Notice, ...]]:
    """The pose (4, 4) of a camera that rests, by its accelerometer if it has one, and what is to be said."""
    for sensor in device.query_sensors():
        for profile in sensor.get_stream_profiles():
            if profile.stream_type() != rs.stream.accel:
                continue
            try:
                samples = _accelerations(rs, sensor, profile) @ _rotation(profile, depth).T
                why = why_no_vertical(samples)
            except RuntimeError as error:
                why = f"it cannot be read: {error}"
            if why:
                return None, (Notice(f"the vertical is not taken from the accelerometer: {why}"),)
            return pose_of(samples.mean(axis=0)), ()
    return None, ()


def _accelerations(rs: Any, sensor: Any, profile: Any) -> NDArray[np.float64]:
    """The first samples (N, 3), m/s^2, in the axes of the accelerometer."""
    queue = rs.frame_queue(_SAMPLES)
    samples: list[tuple[float, float, float]] = []
    sensor.open(profile)
    try:
        sensor.start(queue)
        until = time.monotonic() + _SAMPLING_S
        while len(samples) < _SAMPLES and (time.monotonic() < until or len(samples) < FEWEST):
            arrived, frame = queue.try_wait_for_frame(int(_SAMPLING_S * 1000))
            if not arrived:
                break
            vector = frame.as_motion_frame().get_motion_data()
            samples.append((vector.x, vector.y, vector.z))
        sensor.stop()
    finally:
        sensor.close()
    return np.array(samples, np.float64).reshape(-1, 3)


def _rotation(profile: Any, depth: Any) -> NDArray[np.float64]:
    """(3, 3) from the axes of the accelerometer to those of depth; the same where the device does not say."""
    try:
        columns = profile.get_extrinsics_to(depth).rotation  # column by column
    except RuntimeError:
        return np.eye(3)
    return np.reshape(columns, (3, 3)).T.astype(np.float64)


SOURCE = SourceKind(
    id=NAME,
    title="RealSense",
    form=f"{NAME} or {NAME}:SERIAL (a camera)",
    takes=lambda text, options: "is the name of the camera" if text.partition(":")[0] == NAME else "",
    open=open_realsense,
)
