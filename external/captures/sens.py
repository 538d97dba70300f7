"""ScanNet's ``.sens`` files, version 4: one file with colour, depth and poses, depth zlib-compressed uint16.

Layout (ScanNet, SensReader), little-endian: uint32 version, uint64 length and name, four float32 4x4 matrices (colour
intrinsic and extrinsic, depth intrinsic and extrinsic), int32 colour and depth compression, uint32 colour width and
height, depth width and height, float32 depth units per metre, uint64 number of frames; each frame: float32 4x4 camera
to world (minus infinity where tracking was lost), uint64 colour and depth time stamp (microseconds), uint64 colour and
depth bytes, colour, depth.
"""

import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice
from engine.sequences.camera_path import Z_UP_TO_Y_UP, World
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import MAX_PIXELS, Recording
from external.captures import intrinsics

_FRAME = struct.Struct("<16f4Q")
_REMEDY = "copy it again; only version 4 of ScanNet's .sens is read"
_EXPORT = "export its depth images with ScanNet's SensReader and give the folder"
_RAW, _ZLIB = 0, 1


def read_sens(path: Path, options: CaptureOptions) -> Recording:
    """Reads the headers of all frames; a file that was cut off gives the frames that are whole.

    Raises:
        InputError: it is no ``.sens`` file of version 4, or its depth is not uint16, raw or zlib.
    """
    try:
        with path.open("rb") as file:
            matrix, compression, width, height, units, declared = _header(file, path)
            frames = _index(file, declared, path.stat().st_size)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", _REMEDY) from None
    if options.intrinsics is not None:
        camera = intrinsics.parse_intrinsics(options.intrinsics)
    else:
        camera = intrinsics.from_matrix(matrix, str(path))
    scaled, warnings = intrinsics.scaled_to(camera, (width, height))
    if len(frames) < declared:
        text = f"the file is cut off: {len(frames)} of the {declared} frames that it declares are there"
        warnings += (Notice(text),)
    poses, world = _path([pose for pose, *_ in frames])

    def read_stored(index: int) -> NDArray[Any]:
        _, _, offset, size = frames[index]
        name = f"{path} frame {index:06d}"
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(min(size, 2 * width * height * 2 + 1024))
        expected = 2 * width * height
        if compression == _ZLIB:
            try:
                data = zlib.decompressobj().decompress(data, expected + 1)
            except zlib.error:
                raise InputError(name, "is damaged: it cannot be decompressed", _REMEDY) from None
        if len(data) != expected:
            raise InputError(name, f"does not hold {width}x{height} pixels", _REMEDY)
        return np.frombuffer(data, "<u2").reshape(height, width)

    return Recording(
        path=path,
        origin=f"ScanNet .sens version 4: {len(frames)} frames of {width}x{height}",
        camera=scaled,
        frame_names=tuple(f"{index:06d}" for index in range(len(frames))),
        read_stored=read_stored,
        units_per_metre=units,
        times_s=np.array([time / 1e6 for _, time, _, _ in frames], np.float64),
        cameras_to_world=poses,
        world=world,
        warnings=warnings,
    )


def _path(recorded: list[NDArray[np.float32]]) -> tuple[NDArray[np.float64], World]:
    """Poses (F, 4, 4), and of what world.

    ScanNet's has Z up, as its meshes do. Where the first pose is the identity, the recording has not been brought
    there: its world are the axes of the first camera.
    """
    poses = np.array(recorded, np.float64).reshape(-1, 4, 4)
    if len(poses) and np.array_equal(poses[0], np.eye(4)):
        return poses, World.ARBITRARY
    with np.errstate(invalid="ignore"):  # lost poses are minus infinity
        return Z_UP_TO_Y_UP @ poses, World.UPRIGHT


def _header(file: BinaryIO, path: Path) -> tuple[NDArray[np.float64], int, int, int, float, int]:
    """Depth intrinsics (4, 4), depth compression, width, height, units per metre, declared number of frames."""
    try:
        version, length = struct.unpack("<IQ", file.read(12))
        if version != 4 or length > 65536:
            raise InputError(
                path, f"is not a .sens file of version 4 (version {version}, a name of {length} bytes)", _REMEDY
            )
        file.seek(length, 1)
        matrices = np.frombuffer(file.read(4 * 64), "<f4").reshape(4, 4, 4)
        _, compression, _, _, width, height, units, declared = struct.unpack("<2i4IfQ", file.read(36))
    except (struct.error, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(path, "is truncated in its header", _REMEDY) from None
    if compression not in (_RAW, _ZLIB):
        raise InputError(path, f"has depth compression {compression}; raw (0) and zlib (1) are read", _EXPORT)
    if not 0 < width * height <= MAX_PIXELS:
        raise InputError(path, f"declares depth images of {width}x{height} pixels", _REMEDY)
    if not (np.isfinite(units) and units > 0):
        raise InputError(path, f"declares {units} depth units per metre", _REMEDY)
    return matrices[2].astype(np.float64), compression, width, height, float(units), declared


def _index(file: BinaryIO, declared: int, file_size: int) -> list[tuple[NDArray[np.float32], int, int, int]]:
    """Pose (4, 4), depth time stamp, offset and bytes of the depth of every frame that is whole."""
    frames: list[tuple[NDArray[np.float32], int, int, int]] = []
    while len(frames) < declared:
        header = file.read(_FRAME.size)
        if len(header) < _FRAME.size:
            break
        *numbers, _, time, colour_bytes, depth_bytes = _FRAME.unpack(header)
        offset = file.tell() + colour_bytes
        if depth_bytes == 0 or offset + depth_bytes > file_size:  # no image, nor can what follows be one
            break
        frames.append((np.array(numbers, np.float32).reshape(4, 4), time, offset, depth_bytes))
        file.seek(offset + depth_bytes)
    return frames


READER = RecordingReader(
    id="sens",
    title="ScanNet",
    form="a .sens file of version 4 (ScanNet)",
    read=read_sens,
    endings=(".sens",),
    magic=struct.pack("<I", 4),
)
