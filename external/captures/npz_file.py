"""One ``.npz`` with a whole recording.

``depth`` (T, H, W): floating point in metres, or unsigned integers with ``depth_scale`` units per metre. ``K`` (3, 3)
intrinsics as OpenCV has them (pixel centres at whole numbers). Optional ``mask`` (T, H, W), nonzero where the subject
is; ``cam_to_world`` (4, 4) or (T, 4, 4), metres, a camera of OpenCV axes in a world with Y up, or in the axes of the
first camera where that is the identity; ``frame_rate``.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Setting, remedy
from engine.core.npz import NpzFile, NpzRows
from engine.sequences.camera_path import World, are_rigid
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import MAX_PIXELS, Recording
from external.captures import intrinsics

_REMEDY = "save it with numpy.savez(depth=(T,H,W) metres, K=(3,3))"


def read_npz_file(path: Path, options: CaptureOptions) -> Recording:
    """Reads the headers of the arrays and the small ones; images are read when asked for.

    Raises:
        InputError: it is no npz, lacks ``depth`` or the intrinsics, or holds arrays of other shapes.
    """
    with NpzFile(path, _REMEDY) as file:
        depth = _images(file, "depth", "fiu")
        mask = _images(file, "mask", "biu") if "mask" in file.names else None
        if mask is not None and mask.shape != depth.shape:
            raise InputError(path, f"mask {mask.shape} does not fit depth {depth.shape}", _REMEDY)
        if options.intrinsics is not None:
            camera = intrinsics.parse_intrinsics(options.intrinsics)
        elif "K" in file.names:
            camera = intrinsics.from_matrix(file.read("K", "fiu", (3, 3)).astype(np.float64), str(path))
        else:
            fix = remedy("add it, or give {} fx,fy,cx,cy or FILE", Setting.INTRINSICS)
            raise InputError(path, "has no array K (3, 3) of intrinsics", fix)
        poses = _poses(file, len(depth)) if "cam_to_world" in file.names else None
        units = _positive(file, "depth_scale")
        rate = _positive(file, "frame_rate")

    def read_stored(index: int) -> NDArray[Any]:
        image = depth[index]
        if mask is not None:
            image = np.where(mask[index] != 0, image, image.dtype.type(0))
        return image

    height, width = depth.shape[1:]
    scaled, said = intrinsics.scaled_to(camera, (width, height))
    return Recording(
        path=path,
        origin=f"npz: has depth {depth.shape} {depth.dtype}{' and mask' if mask else ''}",
        camera=scaled,
        frame_names=tuple(f"{index:06d}" for index in range(len(depth))),
        read_stored=read_stored,
        units_per_metre=units,
        expected_units=1.0 if depth.dtype.kind == "f" else None,
        frame_rate=rate,
        cameras_to_world=poses,
        world=World.ARBITRARY if poses is not None and np.array_equal(poses[0], np.eye(4)) else World.PLACED,
        warnings=said,
    )


def _images(file: NpzFile, name: str, kinds: str) -> NpzRows:
    """An array (T, H, W) of which the images are read one by one."""
    images = file.rows(name, kinds, 3)
    if images.shape[1] * images.shape[2] > MAX_PIXELS:
        raise InputError(file.path, f"declares depth images of {images.shape[2]}x{images.shape[1]} pixels", _REMEDY)
    return images


def _positive(file: NpzFile, name: str) -> float | None:
    if name not in file.names:
        return None
    value = float(file.read(name, "fiu", ()))
    if value <= 0:
        raise InputError(file.path, f"{name} must be a positive number, is {value}", _REMEDY)
    return value


def _poses(file: NpzFile, count: int) -> NDArray[np.float64]:
    """Camera poses (T, 4, 4), rigid."""
    shape = file.shape("cam_to_world")
    if shape not in ((4, 4), (count, 4, 4)):
        raise InputError(file.path, f"cam_to_world must be (4, 4) or ({count}, 4, 4), is {shape}", _REMEDY)
    poses = file.read("cam_to_world", "fiu", shape).astype(np.float64).reshape(-1, 4, 4)
    if not are_rigid(poses).all():
        raise InputError(file.path, "cam_to_world is not a rigid transform", _REMEDY)
    return np.broadcast_to(poses, (count, 4, 4)).copy()


READER = RecordingReader(id="npz", title="npz", form="an .npz file", read=read_npz_file, endings=(".npz",), magic=b"PK")
