"""TUM RGB-D: ``depth.txt`` with a time stamp and a file name per line, 16-bit PNG, 5000 units per metre.

Sturm et al. 2012, "A Benchmark for the Evaluation of RGB-D SLAM Systems". Without ``depth.txt`` its images are those of
``associations.txt``, in which lines hold a time stamp and a file of depth and of colour, in either order; ICL-NUIM has
these alone, with numbers of frames for time stamps. ``groundtruth.txt`` (time stamp, position, quaternion x y z w) says
where the camera was in the world of the motion-capture room, which has Z up; at its own times, of which there are about
a hundred per second.
"""

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice
from engine.core.text_file import number, numbers, read_text
from engine.sequences.camera_path import Z_UP_TO_Y_UP, World
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import Recording
from external.captures import intrinsics
from external.captures.depth_pictures import read_picture
from external.captures.known_datasets import known_dataset
from external.captures.png_folder import first_size
from external.captures.stream_names import says_depth

UNITS_PER_METRE = 5000.0
_MAX_BYTES = 64_000_000
_ASSOCIATIONS = re.compile(r"assoc\w*\.txt$", re.IGNORECASE)
_TIME = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?(?:e[+-]?\d+)?|nan|inf)", re.IGNORECASE)
_ENTRY = re.compile(rf"\s*({_TIME.pattern})[\s,;]+([^\s,;]+)(?=[\s,;]|$)", re.IGNORECASE)
_LINE_REMEDY = "write lines such as: 1305031102.160407 depth/1305031102.160407.png"
_NEAR_S, _GAP_S = 0.02, 0.1
"""Seconds to the nearest measurement of the camera (as the benchmark's own tools have it), and between two of them."""


def read_tum(folder: Path, options: CaptureOptions) -> Recording:
    """A folder with ``depth.txt`` or ``associations.txt``.

    Raises:
        InputError: a line of it has no meaning or leads out of the folder, or the camera is unknown.
    """
    listing = list_of(folder)
    if listing is None:
        raise InputError(folder, "has no depth.txt", "copy it again from the data set")
    times, names = _entries(listing)
    paths = _located(folder, names)
    size = first_size(paths, folder)
    known = known_dataset(folder)
    images = paths[0].parent
    chosen = intrinsics.chosen_intrinsics(options.intrinsics, folder, images) or (known.camera if known else None)
    if chosen is None:
        raise intrinsics.no_intrinsics(folder, images, size, ", and its name says no Freiburg camera")
    camera, warnings = intrinsics.scaled_to(chosen, size)
    poses, said = _poses(folder / "groundtruth.txt", times)
    if poses is not None and known is not None and known.title != "TUM RGB-D":
        poses, said = None, (Notice(f"groundtruth.txt of {known.title} is left-handed and is not used"),)
    numbered = listing.name != "depth.txt" and times[0] in (0, 1) and bool((np.diff(times) == 1).all())
    if numbered:
        said += (Notice(f"the time stamps of {listing.name} are numbers of frames and not used"),)

    def read_stored(index: int) -> NDArray[Any]:
        return read_picture(paths[index])

    title, source = known.title if known else "TUM RGB-D", Path(chosen.source).name
    if known and not chosen.depth_scale:
        source += f"; {known.units_per_metre:g} units per metre by the name of the folder"
    return Recording(
        path=folder,
        origin=f"{title}: has {listing.name} with {len(paths)} entries, intrinsics from {source}",
        camera=camera,
        frame_names=tuple(path.stem for path in paths),
        read_stored=read_stored,
        units_per_metre=chosen.depth_scale or (known.units_per_metre if known else None),
        expected_units=UNITS_PER_METRE,
        expected_of=title,
        times_s=None if numbered else times,
        cameras_to_world=poses,
        world=World.UPRIGHT,
        warnings=warnings + said,
    )


def list_of(folder: Path) -> Path | None:
    """The file that lists the depth images of ``folder``: ``depth.txt``, or one of associations; None without."""
    if (folder / "depth.txt").is_file():
        return folder / "depth.txt"
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if _ASSOCIATIONS.search(entry.name) and entry.is_file())
    return folder / names[0] if names else None


def _entries(path: Path) -> tuple[NDArray[np.float64], list[str]]:
    """Time stamps (F,) in seconds and relative file names of depth, in order of time.

    Raises:
        InputError: a line has no meaning, or leads out of the folder.
    """
    rows: list[tuple[int, list[tuple[float, str]]]] = []
    for count, line in enumerate(_lines(path), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            rows.append((count, _pairs(line, path, count)))
    if not rows:
        raise InputError(path, "lists no depth image", "write one line per frame: time stamp and file name")
    column = 0
    if len(rows[0][1]) > 1:
        named = [place for place, (_, name) in enumerate(rows[0][1]) if says_depth(name)]
        if len(named) != 1:
            problem = "does not say which of its files are of depth"
            raise InputError(path, problem, "put depth images into a folder depth/ and list them as depth/NAME.png")
        column = named[0]
    found = []
    for count, pairs in rows:
        if column >= len(pairs):
            raise InputError(path, f"line {count} names fewer files than the first", _LINE_REMEDY)
        found.append(pairs[column])
    found.sort(key=lambda entry: entry[0])
    return np.array([time for time, _ in found]), [name for _, name in found]


def _pairs(line: str, path: Path, count: int) -> list[tuple[float, str]]:
    """Time stamps and file names of a line, apart by blanks, commas or semicolons; decimal commas are read."""
    pairs, place = [], 0
    while match := _ENTRY.match(line, place):
        name = match[2].replace("\\", "/")
        relative = PurePosixPath(name)
        time = number(match[1])
        if not np.isfinite(time):
            raise InputError(path, f"line {count} has no finite time stamp", "take the line out")
        if relative.is_absolute() or ".." in relative.parts or "\0" in name or re.match("[A-Za-z]:", name):
            raise InputError(path, f"line {count} leads out of the folder: {name!r}", "use names below the folder")
        pairs.append((time, name))
        place = match.end() + bool(line[match.end() : match.end() + 1] in (",", ";"))
    if not pairs:
        raise InputError(path, f"line {count} is not a time stamp and a file name", _LINE_REMEDY)
    return pairs


def _located(folder: Path, names: list[str]) -> tuple[Path, ...]:
    """Where the listed files are: in the folder, or in its subfolder depth/ where a list holds bare names."""
    bare = not (folder / names[0]).is_file() and (folder / "depth" / names[0]).is_file()
    return tuple((folder / "depth" if bare else folder) / name for name in names)


def _lines(path: Path) -> list[str]:
    return read_text(path, "copy it again from the data set", _MAX_BYTES).splitlines()


def _poses(path: Path, times_s: NDArray[np.float64]) -> tuple[NDArray[np.float64] | None, tuple[Notice, ...]]:
    """Poses (F, 4, 4) in a world with Y up; one that cannot be read is worth a warning, and none being there is not."""
    if not path.is_file():
        return None, ()
    try:
        lines = [line for line in _lines(path) if line.strip() and not line.lstrip().startswith("#")]
        table = _table(lines)
        assert table.ndim == 2 and table.shape[1] == 8
    except (InputError, TypeError, ValueError, AssertionError):
        return None, (Notice(f"{path.name} cannot be read and is not used"),)
    return Z_UP_TO_Y_UP @ poses_at(times_s, table), ()


def _table(lines: list[str]) -> NDArray[np.float64]:
    try:
        return np.array([line.split() for line in lines], np.float64)
    except ValueError:  # with commas, say
        return np.array([numbers(line) for line in lines], np.float64)


def poses_at(times_s: NDArray[np.float64], table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Camera poses (F, 4, 4) at ``times_s`` (F,), NaN where the ground truth does not say.

    Between two measurements that are close enough in time, rotations are interpolated along the shortest arc and
    positions on the line; elsewhere the nearest one counts, if it is near.

    Args:
        table: (N, 8) time stamp in seconds, position in metres, quaternion x y z w.
    """
    from scipy.spatial.transform import Rotation, Slerp

    assert table.ndim == 2 and table.shape[1] == 8, table.shape
    with np.errstate(over="ignore"):
        length = np.linalg.norm(table[:, 4:], axis=1)  # of a rotation 1
    table = table[np.isfinite(table).all(axis=1) & (np.abs(length - 1) < 0.5)]
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
    folder=lambda folder: f"has {listing.name}" if (listing := list_of(folder)) else "",
    parts=("depth.txt", "associations.txt"),
    rank=10,
)
