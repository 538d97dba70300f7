"""Sequences of point clouds, one PLY, PCD, OBJ or XYZ file per frame, seen by a pinhole camera.

With intrinsics, points are in the axes of that camera, metres or millimetres; PCD files that are organised as a picture
are seen in its size. Without them, such a picture tells its camera, if that has a pinhole; else a virtual camera is
chosen from the first file: points all in front of the origin (z forward, or z backward with y up as OpenGL has it) are
seen from the origin; other points are a scan in a world with Y up and are seen from in front, on the +z side. Points at
the largest depth that 16 bits hold, 65535 mm, are what a camera did not see, and left out.
"""

import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice, Setting, in_words, remedy
from engine.core.files import natural_key
from engine.core.text_file import decoded, numbers
from engine.geometry.camera import REFERENCE_CAMERA, PinholeCamera
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import Recording
from external.captures import intrinsics
from external.captures.pcd_file import pcd_points, picture_size

ENDINGS = (".ply", ".pcd", ".obj", ".xyz")
_MAX_BYTES = 2**29
_REMEDY = "export the points again as PLY"
_FRONT_DISTANCE_M = 2.5
_SEE_THROUGH_M = 0.05
_FEWEST_POINTS, _MOST_PIXELS_OFF = 100, 0.25
"""Points that tell a camera, and how far from the middles of their pixels it may have nearly all of them."""
_NOT_SEEN = 65.535, 65535.0
"""Depths of pixels that a camera has marked as not seen, in metres and in millimetres."""


def point_files(folder: Path) -> tuple[Path, ...]:
    """The files of points in ``folder``, in natural order."""
    found = (p for p in folder.iterdir() if p.suffix.lower() in ENDINGS and not p.name.startswith("."))
    return tuple(sorted((path for path in found if path.is_file()), key=natural_key))


def read_point_files(root: Path, options: CaptureOptions) -> Recording:
    """One frame per file of a folder, or a single file.

    Raises:
        InputError: no file can be read, or the intrinsics lack the size of the image.
    """
    paths = point_files(root) if root.is_dir() else (root,)
    first = _first_points(paths, root)
    scale = options.depth_scale or _units_per_metre(first)
    warnings: tuple[Notice, ...] = ()
    if scale != 1 and options.depth_scale is None:
        fix = remedy("state {} if that is wrong", Setting.DEPTH_UNITS)
        warnings = (Notice(f"units guessed: {scale:g} per metre", fix),)
    chosen = intrinsics.chosen_intrinsics(options.intrinsics, paths[0].parent)
    of_picture = _camera_of_picture(paths[0]) if chosen is None else None
    axes, kind = _to_camera(first / scale, chosen is not None or of_picture is not None)
    source = "a virtual camera" if chosen is None else Path(chosen.source).name
    if chosen is not None:
        camera, said = intrinsics.scaled_to(chosen, _picture_size(chosen, paths))
        warnings += said
    elif of_picture is not None:
        camera, source = of_picture, "the camera that their picture tells"
    else:
        camera = virtual_camera(len(first))

    def read_stored(index: int) -> NDArray[Any]:
        points = read_points(paths[index]) / scale
        return scale * project_points(points @ axes[:3, :3].T + axes[:3, 3], camera)

    endings = "/".join(sorted({path.suffix.lower().lstrip(".").upper() for path in paths}))
    return Recording(
        path=root,
        origin=f"point clouds: {len(paths)} {endings} files, {kind}, seen through {source}",
        camera=camera,
        frame_names=tuple(path.stem for path in paths),
        read_stored=read_stored,
        units_per_metre=scale,
        warnings=warnings,
    )


def _picture_size(chosen: intrinsics.Intrinsics, paths: Sequence[Path]) -> tuple[int, int]:
    """Width and height of the image that points are projected into: that which they were made from, where it is known.

    A cloud that was cut out of a larger picture is seen in the size that the intrinsics state.

    Raises:
        InputError: neither files nor intrinsics state a size.
    """
    cloud = next((path for path in paths if path.suffix.lower() == ".pcd"), None)
    made_from = None if cloud is None else picture_size(cloud)
    if not (chosen.width and chosen.height):
        if made_from is not None:
            return made_from
        needed = f"give a file with width and height, such as {intrinsics.MINIMAL}"
        raise InputError(chosen.source, "does not state the size of the image that points are projected into", needed)
    stated = chosen.width, chosen.height
    return made_from if made_from is not None and intrinsics.is_scaled(stated, made_from) else stated


def _camera_of_picture(path: Path) -> PinholeCamera | None:
    """The pinhole camera, z forward, of the picture that a PCD file is organised as; None where it is none."""
    size = picture_size(path) if path.suffix.lower() == ".pcd" else None
    if size is None:
        return None
    try:
        points = pcd_points(path.read_bytes(), path)
    except (InputError, OSError, ValueError, KeyError, IndexError):  # said when its frame is read
        return None
    width, height = size
    seen = np.flatnonzero(np.isfinite(points).all(axis=1) & (points[:, 2] > 0) & ~_is_not_seen(points))
    if len(points) != width * height or len(seen) < _FEWEST_POINTS:
        return None
    values = []
    for axis, pixel in ((0, seen % width), (1, seen // width)):
        slopes = np.stack([points[seen, axis] / points[seen, 2], np.ones(len(seen))], axis=1)
        focal_and_centre = np.linalg.lstsq(slopes, pixel + 0.5, rcond=None)[0]
        off = np.quantile(np.abs(slopes @ focal_and_centre - pixel - 0.5), 0.99)
        if focal_and_centre[0] <= 0 or off > _MOST_PIXELS_OFF:
            return None
        values.append(focal_and_centre)
    (fx, cx), (fy, cy) = (map(float, pair) for pair in values)
    return PinholeCamera(width, height, fx, fy, cx, cy)


def virtual_camera(points: int) -> PinholeCamera:
    """The camera of the NPM paper, with pixels coarse enough for a cloud of that many points to close up."""
    shrink = 1 if points >= 150_000 else 2 if points >= 40_000 else 4
    camera = REFERENCE_CAMERA
    values = (camera.fx / shrink, camera.fy / shrink, camera.cx / shrink, camera.cy / shrink)
    return PinholeCamera(camera.width // shrink, camera.height // shrink, *values)


def project_points(points_camera: NDArray[np.floating[Any]], camera: PinholeCamera) -> NDArray[np.float32]:
    """Depth image (H, W) of points (N, 3): the nearest point of each pixel, 0 where there is none.

    Points of a back side that show through gaps between points of the front, more than 5 cm behind a neighbouring
    pixel, are left out.
    """
    from scipy.ndimage import minimum_filter

    points = points_camera[np.isfinite(points_camera).all(axis=1) & (points_camera[:, 2] > 1e-3)]
    column, row = np.floor(camera.project(points)).T if len(points) else np.empty((2, 0))
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    pixel = (row[inside] * camera.width + column[inside]).astype(np.intp)
    depth = np.full(camera.width * camera.height, np.inf, np.float32)
    np.minimum.at(depth, pixel, points[inside, 2].astype(np.float32))
    image = depth.reshape(camera.height, camera.width)
    behind = image > minimum_filter(image, 3) + _SEE_THROUGH_M
    return np.where(np.isfinite(image) & ~behind, image, np.float32(0))


def read_points(path: Path) -> NDArray[np.float64]:
    """Points (N, 3) of a PLY, PCD, OBJ or XYZ file, in its units.

    Raises:
        InputError: it is damaged, of another kind, too large, or without a point that was seen.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(path, f"is larger than {_MAX_BYTES >> 20} MB", "thin the points out")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", _REMEDY) from None
    try:
        points = _points_of(data, path)
    except InputError:
        raise
    except Exception as error:  # trimesh raises whatever damaged bytes lead to
        raise InputError(path, f"cannot be read{in_words(error)}", _REMEDY) from None
    points = points[np.isfinite(points).all(axis=1) & ~_is_not_seen(points)]
    if len(points) == 0:
        raise InputError(path, "holds no points", _REMEDY)
    return points


def _is_not_seen(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which (N,) of ``points`` (N, 3) stand for pixels without depth."""
    depth = np.abs(points[:, 2])
    return np.logical_or(*(np.isclose(depth, marked, rtol=1e-6, atol=0) for marked in _NOT_SEEN))


def _points_of(data: bytes, path: Path) -> NDArray[np.float64]:
    ending = path.suffix.lower()
    if ending == ".pcd":
        return pcd_points(data, path)
    return _xyz_points(data) if ending == ".xyz" else _mesh_points(data, ending)


def _mesh_points(data: bytes, ending: str) -> NDArray[np.float64]:
    import trimesh

    if ending == ".ply" and not data.startswith(b"ply"):
        raise ValueError("it is not a PLY file")
    loaded = trimesh.load(BytesIO(data), file_type=ending[1:], process=False)
    parts = loaded.geometry.values() if isinstance(loaded, trimesh.Scene) else [loaded]
    vertices = [np.asarray(part.vertices, np.float64).reshape(-1, 3) for part in parts]
    points = np.concatenate([np.empty((0, 3)), *vertices])
    declared = re.search(rb"^element\s+vertex\s+(\d+)", data[:10_000], re.MULTILINE) if ending == ".ply" else None
    if declared is not None and len(points) < int(declared[1]):  # trimesh takes what there is of a text file
        raise ValueError(f"truncated: {len(points)} of {int(declared[1])} points")
    return points


def _xyz_points(data: bytes) -> NDArray[np.float64]:
    """Points of a text with x, y, z and perhaps more numbers in each line; a first line may count them or name them."""
    lines = [line for line in decoded(data).splitlines() if line.strip() and not line.lstrip().startswith(("#", "//"))]
    first = numbers(lines[0]) if lines else []
    if lines and (first is None or len(first) == 1):
        lines = lines[1:]
        if first and len(lines) < first[0]:
            raise ValueError(f"truncated: {len(lines)} of {first[0]:.0f} points")
    columns = len(numbers(lines[0]) or ()) if lines else 3
    text = "\n".join(lines)
    try:
        values = np.array(text.split(), np.float64)
    except ValueError:  # commas, or no numbers
        values = np.array(numbers(text) or [np.nan], np.float64)
    if columns < 3 or len(values) % columns or len(values) != columns * len(lines):
        raise ValueError("not every line holds x, y and z, and as many numbers as the first")
    return values.reshape(-1, columns)[:, :3]


def _first_points(paths: Sequence[Path], root: Path) -> NDArray[np.float64]:
    first: InputError | None = None
    for path in paths:
        try:
            return read_points(path)
        except InputError as error:
            first = first or error
    assert first is not None
    problem = f"none of its {len(paths)} files can be used, the first ({Path(first.subject).name}) {first.problem}"
    raise InputError(root, problem, first.remedy)


def _units_per_metre(points: NDArray[np.float64]) -> float:
    """1 or 1000: whatever is larger than a room in metres is in millimetres."""
    extent = float(np.ptp(points, axis=0).max())
    return 1.0 if extent < 30 else 1000.0


def _to_camera(points_m: NDArray[np.float64], known_camera: bool) -> tuple[NDArray[np.float64], str]:
    """Transform (4, 4) of the points' axes to OpenCV camera axes, and in words what the points were taken for."""
    axes = np.eye(4)
    low, high = np.quantile(points_m[:, 2], (0.01, 0.99))
    if low > 0.1 or (known_camera and high > 0 and abs(high) > abs(low)):
        return axes, "in camera axes (z forward)"
    axes[1, 1] = axes[2, 2] = -1
    if high < -0.1 or known_camera:
        return axes, "in OpenGL camera axes (z backward, y up)"
    centre = (points_m.min(axis=0) + points_m.max(axis=0)) / 2
    axes[:3, 3] = np.array([0, 0, _FRONT_DISTANCE_M]) - axes[:3, :3] @ centre
    return axes, "a scan in the world (y up) seen from 2.5 m in front"


READER = RecordingReader(
    id="point-files",
    title="point clouds",
    form="PLY, PCD, OBJ or XYZ files of points",
    read=read_point_files,
    folder=lambda folder: "has files of points" if point_files(folder) else "",
    endings=ENDINGS,
    rank=30,
)
