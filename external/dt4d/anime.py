"""DeformingThings4D ``.anime`` files: one deforming mesh.

Little-endian: int32 number of frames, vertices and triangles; float32 vertices (V, 3) of the first frame; int32
triangles (T, 3); float32 offsets (F - 1, V, 3) of the other frames from the first.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError

_HEADER = 12
_REMEDY = "download it again"


@dataclass(frozen=True)
class AnimeHeader:
    """Counts of an ``.anime`` file."""

    frames: int
    vertices: int
    triangles: int


def read_header(path: Path) -> AnimeHeader:
    """Counts of a file whose size agrees with them.

    Raises:
        InputError: the file is missing, truncated or no ``.anime`` file.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            raw = file.read(_HEADER)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    if len(raw) < _HEADER:
        raise InputError(path, "is truncated", _REMEDY)
    frames, vertices, triangles = (int(n) for n in np.frombuffer(raw, "<i4"))
    if min(frames, vertices, triangles) < 1:
        raise InputError(path, f"states {frames} frames, {vertices} vertices and {triangles} triangles", _REMEDY)
    expected = _HEADER + 12 * (vertices + triangles + (frames - 1) * vertices)
    if size != expected:
        problem = f"has {size} bytes where {frames} frames of {vertices} vertices need {expected}"
        raise InputError(path, f"is truncated or not an .anime file: it {problem}", _REMEDY)
    return AnimeHeader(frames, vertices, triangles)


def read_faces(path: Path) -> NDArray[np.int32]:
    """Triangles (T, 3) of a file.

    Raises:
        InputError: see `read_header`; or a triangle names a vertex that does not exist.
    """
    header = read_header(path)
    faces = np.fromfile(path, "<i4", 3 * header.triangles, offset=_HEADER + 12 * header.vertices).reshape(-1, 3)
    if faces.min() < 0 or faces.max() >= header.vertices:
        raise InputError(path, "has triangles that name vertices which do not exist", _REMEDY)
    return faces.astype(np.int32)


def read_frames(path: Path) -> NDArray[np.float32]:
    """Vertices (F, V, 3) of all frames, in the file's unit and axes.

    Raises:
        InputError: see `read_header`; or a coordinate is not finite.
    """
    header = read_header(path)
    first = np.fromfile(path, "<f4", 3 * header.vertices, offset=_HEADER).reshape(1, -1, 3)
    start = _HEADER + 12 * (header.vertices + header.triangles)
    offsets = np.fromfile(path, "<f4", 3 * header.vertices * (header.frames - 1), offset=start)
    frames = np.concatenate((first, first + offsets.reshape(-1, header.vertices, 3))).astype(np.float32)
    if not np.isfinite(frames).all():
        raise InputError(path, "has coordinates that are not finite", _REMEDY)
    return frames
