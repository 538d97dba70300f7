"""One ``.npz`` with a whole recording.

``depth`` (T, H, W): floating point in metres, or unsigned integers with ``depth_scale`` units per metre. ``K`` (3, 3)
intrinsics as OpenCV has them (pixel centres at whole numbers). Optional ``mask`` (T, H, W), nonzero where the subject
is; ``cam_to_world`` (4, 4) or (T, 4, 4), metres, a camera of OpenCV axes in a world with Y up; ``frame_rate``.
"""

import threading
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from engine.dataset.depth_sequence import DEFAULT_FRAME_RATE
from engine.errors import InputError
from external.captures import intrinsics
from external.captures.recording import MAX_PIXELS, CaptureOptions, Recording, motion_warnings

_CURE = "save it with numpy.savez(depth=(T,H,W) metres, K=(3,3))"
_BROKEN = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, KeyError, NotImplementedError, RuntimeError)
_SMALL = 100_000_000


def read_npz_file(path: Path, options: CaptureOptions) -> Recording:
    """Reads the headers of the arrays and the small ones; images are read when asked for.

    Raises:
        InputError: it is no npz, lacks ``depth`` or the intrinsics, or holds arrays of other shapes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = {Path(name).stem for name in archive.namelist() if name.endswith(".npy")}
    except _BROKEN as error:
        raise InputError(path, f"is truncated or not an npz file ({error})", _CURE) from None
    if "depth" not in names:
        has = f"it has {', '.join(sorted(names)[:8])}" if names else "it is empty"
        raise InputError(path, f"has no array depth ({has})", _CURE)
    depth = _ImageStack(path, "depth")
    count, height, width = depth.shape
    mask = _ImageStack(path, "mask") if "mask" in names else None
    if mask is not None and mask.shape != depth.shape:
        raise InputError(path, f"mask {mask.shape} does not fit depth {depth.shape}", _CURE)
    if options.intrinsics is not None:
        camera = intrinsics.parse_intrinsics(options.intrinsics)
    elif "K" in names:
        camera = intrinsics.from_matrix(_small(path, "K", (3, 3)), str(path))
    else:
        raise InputError(
            path, "has no array K (3, 3) of intrinsics", "add it, or give --intrinsics fx,fy,cx,cy or FILE"
        )
    poses = _poses(path, count) if "cam_to_world" in names else np.eye(4)[None]
    units = float(_small(path, "depth_scale", ())) if "depth_scale" in names else None
    rate = float(_small(path, "frame_rate", ())) if "frame_rate" in names else DEFAULT_FRAME_RATE
    for name, value in (("depth_scale", units), ("frame_rate", rate)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise InputError(path, f"{name} must be a positive number, is {value}", _CURE)

    def read_stored(index: int) -> NDArray[Any]:
        image = depth.image(index)
        if mask is not None:
            image = np.where(mask.image(index) != 0, image, image.dtype.type(0))
        return image

    return Recording(
        path=path,
        origin=f"npz: has depth {depth.shape} {depth.dtype}{' and mask' if mask else ''}",
        camera=camera.camera(width, height),
        frame_names=tuple(f"{index:06d}" for index in range(count)),
        read_stored=read_stored,
        units_per_metre=units,
        expected_units=1.0 if depth.dtype.kind == "f" else None,
        frame_rate=rate,
        camera_to_world=poses[0],
        warnings=motion_warnings(poses),
    )


class _ImageStack:
    """An array (T, H, W) inside an npz, read image by image; stays open, so that reading forward is not quadratic."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._lock = threading.Lock()
        try:
            self._stream, self.shape, fortran, self.dtype = _open(path, name)
            self._start = self._stream.tell()
        except _BROKEN as error:
            raise InputError(path, f"array {name} cannot be read ({error})", _CURE) from None
        allowed = "f" if name == "depth" else "b"
        is_image = self.dtype.kind in allowed or self.dtype.kind in "ui"
        if len(self.shape) != 3 or not is_image or self.dtype.itemsize > 8 or fortran:
            order = " in Fortran order" if fortran else ""
            raise InputError(
                path, f"array {name} must be (T, H, W) numbers, is {self.shape} {self.dtype}{order}", _CURE
            )
        if not 0 < self.shape[1] * self.shape[2] <= MAX_PIXELS:
            raise InputError(path, f"declares depth images of {self.shape[2]}x{self.shape[1]} pixels", _CURE)
        size = self.shape[1] * self.shape[2] * self.dtype.itemsize
        with zipfile.ZipFile(path) as archive:
            declared = archive.getinfo(f"{name}.npy").file_size
        if self.shape[0] * size > declared:
            raise InputError(path, f"array {name} is shorter than its shape {self.shape} says", _CURE)

    def image(self, index: int) -> NDArray[Any]:
        size = self.shape[1] * self.shape[2] * self.dtype.itemsize
        try:
            with self._lock:
                self._stream.seek(self._start + index * size)
                data = self._stream.read(size)
            return np.frombuffer(data, self.dtype).reshape(self.shape[1:])
        except _BROKEN as error:
            raise InputError(f"{self.path} frame {index:06d}", f"cannot be decoded ({error})", _CURE) from None


def _open(path: Path, name: str) -> tuple[IO[bytes], tuple[int, ...], bool, np.dtype[Any]]:
    """The stream of one array after its header, its shape, whether it is in Fortran order, and its type."""
    stream = zipfile.ZipFile(path).open(f"{name}.npy")  # noqa: SIM115 (the caller closes it)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    return stream, shape, fortran, dtype


def _small(path: Path, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A whole array of numbers of the given shape."""
    try:
        stream, found, _, dtype = _open(path, name)
        if found != shape or dtype.kind not in "fiu":
            raise InputError(path, f"array {name} must be {shape} numbers, is {found} {dtype}", _CURE)
        with stream:
            count = int(np.prod(shape, dtype=np.int64))
            if count * dtype.itemsize > _SMALL:
                raise InputError(path, f"array {name} is too large", _CURE)
            return np.frombuffer(stream.read(count * dtype.itemsize), dtype, count).reshape(shape).astype(np.float64)
    except InputError:
        raise
    except _BROKEN as error:
        raise InputError(path, f"array {name} cannot be read ({error})", _CURE) from None


def _poses(path: Path, count: int) -> NDArray[np.float64]:
    """Camera poses (1 or T, 4, 4), rigid."""
    try:
        stream, shape, _, _ = _open(path, "cam_to_world")
        stream.close()
    except _BROKEN as error:
        raise InputError(path, f"array cam_to_world cannot be read ({error})", _CURE) from None
    if shape not in ((4, 4), (count, 4, 4)):
        raise InputError(path, f"cam_to_world must be (4, 4) or ({count}, 4, 4), is {shape}", _CURE)
    poses = _small(path, "cam_to_world", shape).reshape(-1, 4, 4)
    rotation = poses[:, :3, :3]
    is_rigid = np.isfinite(poses).all() and np.allclose(rotation @ rotation.transpose(0, 2, 1), np.eye(3), atol=1e-3)
    if not is_rigid or (np.linalg.det(rotation) < 0).any():
        raise InputError(path, "cam_to_world is not a rigid transform", _CURE)
    return poses
