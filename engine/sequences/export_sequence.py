"""Writing depth sequences one frame at a time, as `engine.sequences.depth_sequence` or in the layout of TUM RGB-D.

A TUM sequence (Sturm et al., A Benchmark for the Evaluation of RGB-D SLAM Systems, IROS 2012) is::

    depth/<timestamp>.png   16-bit greyscale, 5000 units per metre, 0 where there is none
    depth.txt               per line: timestamp, path of the image
    groundtruth.txt         per line: timestamp tx ty tz qx qy qz qw, camera to world in metres
    intrinsics.json         not part of that layout, which leaves the camera to its web page; pixel centres at +0.5,
                            so tools that put them at whole numbers need cx and cy less 0.5

With its ``intrinsics.json`` it is a sequence of `engine.sequences.depth_sequence` as well.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.core.files import replacing_file, replacing_folder
from engine.geometry.camera import PinholeCamera
from engine.sequences.depth_sequence import write_frame
from engine.sequences.intrinsics_file import DEFAULT_DEPTH_SCALE, write_intrinsics

SequenceFormat = Literal["png", "npz", "tum"]
TUM_DEPTH_SCALE = 5000.0
"""Stored units per metre."""


def frame_name(index: int, frame_rate: float, file_format: SequenceFormat) -> str:
    """Name of a frame without ending: its number, or in TUM sequences its time in seconds."""
    return f"{index / frame_rate:.6f}" if file_format == "tum" else f"{index:06d}"


@contextmanager
def writing_sequence(
    folder: Path,
    camera: PinholeCamera,
    camera_to_world: ArrayLike,
    frame_rate: float,
    file_format: SequenceFormat,
    depth_scale: float = DEFAULT_DEPTH_SCALE,
) -> Iterator[Callable[[NDArray[np.floating[Any]]], None]]:
    """A function that writes the next depth image (H, W), metres; what was there is replaced when the block ends well.

    Args:
        camera_to_world: (4, 4) rigid, OpenCV camera axes to world metres, of all frames.
        file_format: ``png`` rounds to whole units, ``npz`` keeps float32, ``tum`` rounds to fifths of a millimetre.
        depth_scale: stored units per metre of ``png``

    Raises:
        ValueError: from that function: an image has not the camera's size.
        InputError: from that function: depths lie too far away for 16 bits.
    """
    is_tum = file_format == "tum"
    depth_scale = TUM_DEPTH_SCALE if is_tum else depth_scale
    names: list[str] = []

    with replacing_folder(folder / "depth") as temporary:

        def write(depth_m: NDArray[np.floating[Any]]) -> None:
            if depth_m.shape != (camera.height, camera.width):
                raise ValueError(f"depth image {len(names)} is {depth_m.shape}, not {(camera.height, camera.width)}")
            names.append(frame_name(len(names), frame_rate, file_format))
            write_frame(temporary / f"{names[-1]}.{'npz' if file_format == 'npz' else 'png'}", depth_m, depth_scale)

        yield write
    write_intrinsics(folder, camera, camera_to_world, frame_rate, depth_scale)
    if not is_tum:  # an earlier rendering of the same folder may have been one
        (folder / "depth.txt").unlink(missing_ok=True)
        (folder / "groundtruth.txt").unlink(missing_ok=True)
    else:
        pose = pose_text(camera_to_world)
        _write_lines(folder / "depth.txt", "timestamp filename", [f"{name} depth/{name}.png" for name in names])
        _write_lines(folder / "groundtruth.txt", "timestamp tx ty tz qx qy qz qw", [f"{name} {pose}" for name in names])


def pose_text(camera_to_world: ArrayLike) -> str:
    """``tx ty tz qx qy qz qw`` of a rigid transform (4, 4), the quaternion with qw >= 0."""
    from scipy.spatial.transform import Rotation

    pose = np.asarray(camera_to_world, np.float64)
    quaternion = Rotation.from_matrix(pose[:3, :3]).as_quat(canonical=True)
    return " ".join(f"{number:.9f}" for number in (*pose[:3, 3], *quaternion))


def _write_lines(path: Path, columns: str, lines: list[str]) -> None:
    with replacing_file(path) as temporary:
        temporary.write_text("\n".join([f"# {columns}", *lines, ""]), encoding="utf-8")
