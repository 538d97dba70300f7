"""One door to every depth recording: finds out what it is, says why, and returns a depth sequence.

==========================  ==========================================================================================
NPM Studio's own folder     ``intrinsics.json`` with camera_to_world, or frames as ``.npz``: read strictly by
                            `engine.sequences.depth_sequence.load_depth_sequence`
TUM RGB-D                   folder with ``depth.txt``
16-bit PNG                  folder, or its subfolder ``depth``, with intrinsics; see `external.captures.intrinsics`
npz                         one file with depth (T, H, W) and K
ScanNet                     ``.sens``
Azure Kinect                ``.mkv``, needs the package ``av``
RealSense, ROS 1            ``.bag``, needs the package ``rosbags``
point clouds                folder of, or one, ``.ply``, ``.pcd`` or ``.obj``
==========================  ==========================================================================================

Frames of a recording that cannot be used are left out, with their number and the first one's name in the warnings of
the sequence. A sequence that NPM Studio wrote is complete or refused.
"""

import struct
from collections.abc import Callable
from pathlib import Path

from engine.core.errors import InputError
from engine.core.files import natural_key, read_json
from engine.core.progress import Progress
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence
from engine.sequences.recording import Recording, finish
from external.captures.intrinsics import CURE
from external.captures.kinect_mkv import read_kinect_mkv
from external.captures.npz_file import read_npz_file
from external.captures.png_folder import depth_pngs, read_png_folder
from external.captures.point_files import ENDINGS as POINT_ENDINGS
from external.captures.point_files import read_point_files
from external.captures.realsense_bag import read_realsense_bag
from external.captures.sens import read_sens
from external.captures.tum import read_tum

_WHAT = (
    "give a folder with depth.txt (TUM), 16-bit PNG and intrinsics.json, or PLY/PCD/OBJ files, or a file "
    ".npz, .sens (ScanNet), .mkv (Azure Kinect) or .bag (RealSense)"
)
_FILES: dict[str, tuple[bytes, str, Callable[[Path, CaptureOptions], Recording]]] = {
    ".npz": (b"PK", "an npz file", read_npz_file),
    ".sens": (struct.pack("<I", 4), "a .sens file of version 4", read_sens),
    ".mkv": (b"\x1a\x45\xdf\xa3", "a Matroska file", read_kinect_mkv),
    ".bag": (b"#ROSBAG V2.0", "a ROS 1 bag (2.0)", read_realsense_bag),
}
"""Ending, the bytes that such a file begins with, what to call it, its reader."""


def open_capture(path: Path, options: CaptureOptions | None = None, progress: Progress | None = None) -> DepthSequence:
    """The depth sequence of a recording; its ``origin`` says what it was taken for and why.

    Every frame of a recording is decoded once, to find those that fail; none is kept in memory.

    Raises:
        InputError: nothing known is there, or it cannot be used; one line with the cure.
    """
    options = options or CaptureOptions()
    if is_native(path):
        if options.reading:
            problem = "is a depth sequence that states its camera and unit itself"
            raise InputError(path, problem, "correct them in its intrinsics.json")
        return load_depth_sequence(path)
    return finish(_read(path, options), options, progress or Progress())


def is_native(path: Path) -> bool:
    """Whether NPM Studio wrote the folder ``path``: its camera has a pose, or its frames are ``.npz`` in metres."""
    if not (path / "intrinsics.json").is_file():
        return False
    description = read_json(path / "intrinsics.json", CURE)
    has_pose = isinstance(description, dict) and "camera_to_world" in description
    return has_pose or (not depth_pngs(path) and (path / "depth").is_dir() and any((path / "depth").glob("*.npz")))


def _read(path: Path, options: CaptureOptions) -> Recording:
    if path.is_file():
        return _read_file(path, options)
    if not path.is_dir():
        raise InputError(path, "no such file or folder", _WHAT)
    if (path / "depth.txt").is_file():
        return read_tum(path, options)
    if depth_pngs(path):
        return read_png_folder(path, options)
    points = _files(path, POINT_ENDINGS)
    if points:
        return read_point_files(points, path, options)
    recordings = _files(path, tuple(_FILES))
    if len(recordings) == 1:
        return _read_file(recordings[0], options)
    if recordings:
        names = ", ".join(found.name for found in recordings[:4])
        raise InputError(path, f"holds {len(recordings)} recordings ({names} ...)", "give one of the files")
    pictures = _files(path, (".jpg", ".jpeg", ".bmp", ".tif", ".tiff"))
    if pictures:
        problem = f"holds pictures such as {pictures[0].name}, no depth"
        raise InputError(path, problem, "export raw depth as 16-bit PNG: a picture made for viewing has lost it")
    raise InputError(path, "holds no depth recording that is known", _WHAT)


def _read_file(path: Path, options: CaptureOptions) -> Recording:
    ending = path.suffix.lower()
    if ending in POINT_ENDINGS:
        return read_point_files([path], path, options)
    if ending == ".png" or path.name in ("intrinsics.json", "depth.txt"):
        raise InputError(path, "is one file of a recording", "give the folder that it is in")
    if ending not in _FILES:
        raise InputError(path, "is no depth recording that is known", _WHAT)
    magic, kind, read = _FILES[ending]
    try:
        with path.open("rb") as file:
            start = file.read(len(magic))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check its permissions") from None
    if not start:
        raise InputError(path, "is empty", "copy or record it again")
    if start != magic:
        raise InputError(path, f"is not {kind}, though it ends in {ending}", "copy or record it again")
    return read(path, options)


def _files(folder: Path, endings: tuple[str, ...]) -> tuple[Path, ...]:
    found = [p for p in folder.iterdir() if p.suffix.lower() in endings and not p.name.startswith(".") and p.is_file()]
    return tuple(sorted(found, key=natural_key))
