"""TUM RGB-D: ``depth.txt`` with a time stamp and a file name per line, 16-bit PNG, 5000 units per metre.

Sturm et al. 2012, "A Benchmark for the Evaluation of RGB-D SLAM Systems". ``groundtruth.txt`` (time stamp, position,
quaternion x y z w) says where the camera was in the world of the motion-capture room, which has Z up; at its own times,
of which there are about a hundred per second.
"""

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice
from engine.sequences.camera_path import Z_UP_TO_Y_UP, World
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import Recording
from external.captures import intrinsics
from external.captures.depth_pictures import read_picture
from external.captures.png_folder import first_size

UNITS_PER_METRE = 5000.0
_FREIBURG = {
    "freiburg1": (517.3, 516.5, 318.6, 255.3),
    "freiburg2": (520.9, 521.0, 325.1, 249.7),
    "freiburg3": (535.4, 539.2, 320.1, 247.6),
}
_MAX_BYTES = 64_000_000
_NEAR_S, _GAP_S = 0.02, 0.1
"""Seconds to the nearest measurement of the camera (as the benchmark's own tools have it), and between two of them."""


def read_tum(folder: Path, options: CaptureOptions) -> Recording:
    """A folder with ``depth.txt``.

    Raises:
        InputError: a line of it has no meaning or leads out of the folder, or the camera is unknown.
    """
    times, names = _associations(folder / "depth.txt")
    paths = tuple(folder / name for name in names)
    size = first_size(paths, folder)
    camera = intrinsics.chosen_intrinsics(options.intrinsics, folder) or _freiburg(folder)
    if camera is None:
        problem = f"has no intrinsics for its {size[0]}x{size[1]} depth images, and its name says no Freiburg camera"
        raise InputError(folder, problem, intrinsics.REMEDY)

    poses, warnings = _poses(folder / "groundtruth.txt", times)

    def read_stored(index: int) -> NDArray[Any]:
        return read_picture(paths[index])

    return Recording(
        path=folder,
        origin=f"TUM RGB-D: has depth.txt with {len(paths)} entries, intrinsics from {Path(camera.source).name}",
        camera=camera.camera(*size),
        frame_names=tuple(path.stem for path in paths),
        read_stored=read_stored,
        units_per_metre=camera.depth_scale or UNITS_PER_METRE,
        times_s=times,
        cameras_to_world=poses,
        world=World.UPRIGHT,
        warnings=warnings,
    )


def _freiburg(folder: Path) -> intrinsics.Intrinsics | None:
    name = folder.resolve().name.lower()
    for key, (fx, fy, cx, cy) in _FREIBURG.items():
        if key in name:
            return intrinsics.Intrinsics(f"the camera {key}", fx, fy, cx + 0.5, cy + 0.5, 640, 480)
    return None


def _associations(path: Path) -> tuple[NDArray[np.float64], list[str]]:
    """Time stamps (F,) in seconds and relative file names, in order of time."""
    found: list[tuple[float, str]] = []
    for number, line in enumerate(_lines(path), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            time, name = float(words[0]), words[1]
        except (ValueError, IndexError):
            problem = f"line {number} is not a time stamp and a file name"
            raise InputError(
                path, problem, "write lines such as: 1305031102.160407 depth/1305031102.160407.png"
            ) from None
        relative = PurePosixPath(name)
        if not np.isfinite(time):
            raise InputError(path, f"line {number} has no finite time stamp", "take the line out")
        if relative.is_absolute() or ".." in relative.parts or "\0" in name or "\\" in name:
            raise InputError(path, f"line {number} leads out of the folder: {name!r}", "use names below the folder")
        found.append((time, name))
    if not found:
        raise InputError(path, "lists no depth image", "write one line per frame: time stamp and file name")
    found.sort(key=lambda entry: entry[0])
    return np.array([time for time, _ in found]), [name for _, name in found]


def _lines(path: Path) -> list[str]:
    remedy = "copy it again from the data set"
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(path, "is too large for a list of frames", remedy)
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", remedy) from None


def _poses(path: Path, times_s: NDArray[np.float64]) -> tuple[NDArray[np.float64] | None, tuple[Notice, ...]]:
    """Poses (F, 4, 4) in a world with Y up; one that cannot be read is worth a warning, and none being there is not."""
    if not path.is_file():
        return None, ()
    try:
        rows = [line.split() for line in _lines(path) if line.strip() and not line.lstrip().startswith("#")]
        table = np.array(rows, np.float64)
        assert table.ndim == 2 and table.shape[1] == 8
    except (InputError, ValueError, AssertionError):
        return None, (Notice(f"{path.name} cannot be read and is not used"),)
    return Z_UP_TO_Y_UP @ poses_at(times_s, table), ()


def poses_at(times_s: NDArray[np.float64], table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Camera poses (F, 4, 4) at ``times_s`` (F,), NaN where the ground truth does not say.

    Between two measurements that are close enough in time, rotations are interpolated along the shortest arc and
    positions on the line; elsewhere the nearest one counts, if it is near.

    Args:
        table: (N, 8) time stamp in seconds, position in metres, quaternion x y z w.
    """
    from scipy.spatial.transform import Rotation, Slerp

    assert table.ndim == 2 and table.shape[1] == 8, table.shape
    table = table[np.isfinite(table).all(axis=1) & (np.linalg.norm(table[:, 4:], axis=1) > 0.5)]
    _, first = np.unique(table[:, 0], return_index=True)
    table = table[first]
    poses = np.full((len(times_s), 4, 4), np.nan)
    if len(table) == 0:
        return poses
    stamps, rotations = table[:, 0], Rotation.from_quat(table[:, 4:])
    after = np.clip(np.searchsorted(stamps, times_s), 1, max(len(stamps) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(stamps) - 1)
    nearest = np.where(np.abs(stamps[before] - times_s) <= np.abs(stamps[after] - times_s), before, after)
    near = np.abs(stamps[nearest] - times_s) <= _NEAR_S
    poses[near] = _rigid(rotations[nearest[near]].as_matrix(), table[nearest[near], 1:4])
    between = (stamps[before] <= times_s) & (times_s <= stamps[after]) & (stamps[after] - stamps[before] <= _GAP_S)
    if len(stamps) > 1 and between.any():
        moment = times_s[between]
        positions = np.stack([np.interp(moment, stamps, table[:, axis]) for axis in (1, 2, 3)], axis=1)
        poses[between] = _rigid(Slerp(stamps, rotations)(moment).as_matrix(), positions)
    return poses


def _rigid(rotations: NDArray[np.float64], positions: NDArray[np.float64]) -> NDArray[np.float64]:
    poses = np.tile(np.eye(4), (len(positions), 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = rotations, positions
    return poses


READER = RecordingReader(
    id="tum",
    title="TUM RGB-D",
    form="a folder with depth.txt (TUM)",
    read=read_tum,
    folder=lambda folder: "has depth.txt" if (folder / "depth.txt").is_file() else "",
    parts=("depth.txt",),
    rank=10,
)
