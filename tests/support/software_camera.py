"""A RealSense camera in software, by the SDK itself: frames are what tests push."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.geometry.camera import PinholeCamera

CAMERA = PinholeCamera(64, 48, 60.0, 61.0, 31.75, 24.25)
UNIT_M = 0.00025
SERIAL = "0123456789"
ZEROS = (0.0,) * 5


def stored(number: int) -> np.ndarray:
    """The image (H, W) of a frame in units of the device; 0 and 65535 are in it."""
    image = np.full((CAMERA.height, CAMERA.width), 4000 + 10 * number, np.uint16)
    image += np.arange(CAMERA.width, dtype=np.uint16)
    image[0], image[1] = 0, 65535
    return image


@dataclass(eq=False)
class SoftwareCamera:
    """The device, and what pushes frames through it."""

    rs: Any
    device: Any
    depth: Any
    profile: Any

    def push(self, number: int, seconds: float | None = None, image: np.ndarray | None = None) -> None:
        """Frame ``number``, taken ``seconds`` after the device was switched on, or at 30 frames per second.

        ``image`` (H, W) in units of the device is `stored` where there is none.
        """
        image = stored(number) if image is None else image
        frame = self.rs.software_video_frame()
        frame.pixels, frame.stride, frame.bpp = image.view(np.uint8), 2 * image.shape[1], 2
        frame.timestamp = 1000 * (number / 30 if seconds is None else seconds)
        frame.domain, frame.frame_number = self.rs.timestamp_domain.hardware_clock, number
        frame.profile, frame.depth_units = self.profile, UNIT_M
        self.depth.on_video_frame(frame)


def software_camera(
    rs: Any, model: str = "none", coefficients: tuple[float, ...] = ZEROS, camera: PinholeCamera = CAMERA
) -> SoftwareCamera:
    """A device with a depth sensor alone, of the lens distortion ``model``."""
    device = rs.software_device()
    device.register_info(rs.camera_info.name, "Software RealSense")
    device.register_info(rs.camera_info.serial_number, SERIAL)
    depth = device.add_sensor("Stereo Module")
    depth.add_read_only_option(rs.option.depth_units, UNIT_M)
    intrinsics = rs.intrinsics()
    intrinsics.width, intrinsics.height, intrinsics.fx, intrinsics.fy = (
        camera.width,
        camera.height,
        camera.fx,
        camera.fy,
    )
    intrinsics.ppx, intrinsics.ppy = camera.cx - 0.5, camera.cy - 0.5  # the SDK counts from the centre of a pixel
    intrinsics.model, intrinsics.coeffs = getattr(rs.distortion, model), list(coefficients)
    stream = rs.video_stream()
    stream.type, stream.fmt, stream.index, stream.uid = rs.stream.depth, rs.format.z16, 0, 1
    stream.width, stream.height, stream.fps, stream.bpp = camera.width, camera.height, 30, 2
    stream.intrinsics = intrinsics
    profile = depth.add_video_stream(stream, True).as_video_stream_profile()
    return SoftwareCamera(rs, device, depth, profile)


class Accelerometer:
    """One more sensor of a `SoftwareCamera`, that measures the same again and again while it is read."""

    def __init__(self, camera: SoftwareCamera, samples: np.ndarray, rotation: np.ndarray | None = None) -> None:
        """``samples`` (N, 3), m/s^2; ``rotation`` (3, 3) from its axes to those of depth, where it is known."""
        rs = camera.rs
        self._rs, self._samples = rs, samples
        self._sensor = camera.device.add_sensor("Motion Module")
        stream = rs.motion_stream()
        stream.type, stream.fmt, stream.index, stream.uid = rs.stream.accel, rs.format.motion_xyz32f, 0, 2
        stream.fps, stream.intrinsics = 200, rs.motion_device_intrinsic()
        self._profile = self._sensor.add_motion_stream(stream, True).as_motion_stream_profile()
        if rotation is not None:
            extrinsics = rs.extrinsics()
            extrinsics.rotation, extrinsics.translation = rotation.T.reshape(-1).tolist(), [0.0, 0.0, 0.0]
            self._profile.register_extrinsics_to(camera.profile, extrinsics)

    def push(self) -> None:
        """All samples, one after the other."""
        for number, sample in enumerate(self._samples):
            frame, vector = self._rs.software_motion_frame(), self._rs.vector()
            vector.x, vector.y, vector.z = map(float, sample)
            frame.data, frame.timestamp, frame.frame_number = vector, 5.0 * number, number
            frame.domain, frame.profile = self._rs.timestamp_domain.hardware_clock, self._profile
            self._sensor.on_motion_frame(frame)
