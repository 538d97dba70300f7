"""TUM RGB-D: ``depth.txt`` with a time stamp and a file name per line, 16-bit PNG, 5000 units per metre.

Sturm et al. 2012, "A Benchmark for the Evaluation of RGB-D SLAM Systems". ``groundtruth.txt`` (time stamp, position,
quaternion x y z w) only serves to warn of a camera that moves: its world is that of a motion-capture room.
"""

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import Recording, frame_rate_of, motion_warnings
from external.captures import intrinsics
from external.captures.png_folder import first_size, read_stored_png

UNITS_PER_METRE = 5000.0
_FREIBURG = {
    "freiburg1": (517.3, 516.5, 318.6, 255.3),
    "freiburg2": (520.9, 521.0, 325.1, 249.7),
    "freiburg3": (535.4, 539.2, 320.1, 247.6),
}
_MAX_BYTES = 64_000_000


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
        raise InputError(folder, problem, intrinsics.CURE)

    def read_stored(index: int) -> NDArray[np.float32]:
        return read_stored_png(paths[index])

    return Recording(
        path=folder,
        origin=f"TUM RGB-D: has depth.txt with {len(paths)} entries, intrinsics from {Path(camera.source).name}",
        camera=camera.camera(*size),
        frame_names=tuple(path.stem for path in paths),
        read_stored=read_stored,
        units_per_metre=camera.depth_scale or UNITS_PER_METRE,
        frame_rate=frame_rate_of(times),
        warnings=_motion(folder / "groundtruth.txt", times),
    )


def _freiburg(folder: Path) -> intrinsics.Intrinsics | None:
    name = folder.resolve().name.lower()
    for key, (fx, fy, cx, cy) in _FREIBURG.items():
        if key in name:
            return intrinsics.Intrinsics(f"the camera {key}", fx, fy, cx + 0.5, cy + 0.5, 640, 480)
    return None


def _associations(path: Path) -> tuple[list[float], list[str]]:
    """Time stamps in seconds and relative file names, in order of time."""
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
    return [time for time, _ in found], [name for _, name in found]


def _lines(path: Path) -> list[str]:
    cure = "copy it again from the data set"
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise InputError(path, "is too large for a list of frames", cure)
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error.__class__.__name__})", cure) from None


def _motion(path: Path, times: list[float]) -> tuple[str, ...]:
    """Warns of a camera that moves during the recording; a ground truth that cannot be read is worth a warning too."""
    if not path.is_file():
        return ()
    try:
        rows = [line.split() for line in _lines(path) if line.strip() and not line.lstrip().startswith("#")]
        table = np.array(rows, np.float64)
        assert table.ndim == 2 and table.shape[1] == 8
    except (InputError, ValueError, AssertionError):
        return ("groundtruth.txt cannot be read and is not used",)
    table = table[(table[:, 0] >= times[0] - 0.05) & (table[:, 0] <= times[-1] + 0.05)]
    return motion_warnings(np.array([_pose(row[1:4], row[4:8]) for row in table]).reshape(-1, 4, 4))


def _pose(position: NDArray[np.float64], quaternion_xyzw: NDArray[np.float64]) -> NDArray[np.float64]:
    pose = np.eye(4)
    x, y, z, w = quaternion_xyzw / max(float(np.linalg.norm(quaternion_xyzw)), 1e-12)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = position
    return pose


READER = RecordingReader(
    id="tum",
    title="TUM RGB-D",
    form="a folder with depth.txt (TUM)",
    read=read_tum,
    folder=lambda folder: "has depth.txt" if (folder / "depth.txt").is_file() else "",
    parts=("depth.txt",),
    rank=10,
)
