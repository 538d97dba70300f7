"""Which camera intrinsics a recording has: what the user states, or the file beside its frames.

`external.captures.intrinsics_forms` says what files are read. That of another stream is never taken, and where
something that looks like intrinsics is not, the refusal names it.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from engine.core.errors import Choice, InputError, Setting, remedy
from engine.core.files import natural_key
from engine.core.text_file import numbers
from external.captures.intrinsics_forms import read_intrinsics
from external.captures.intrinsics_values import GIVE, MINIMAL, REMEDY, Intrinsics, from_matrix, is_scaled, scaled_to
from external.captures.stream_names import other_stream, says_depth

__all__ = [
    "GIVE",
    "MINIMAL",
    "REMEDY",
    "Intrinsics",
    "chosen_intrinsics",
    "from_matrix",
    "is_scaled",
    "no_intrinsics",
    "parse_intrinsics",
    "read_intrinsics",
    "scaled_to",
]
_USUAL = (
    *("intrinsics.json", "intrinsic.json", "camera_intrinsic.json", "camera_intrinsics.json", "camera.json"),
    *("intrinsics.txt", "intrinsic.txt", "intrinsic_depth.txt", "camera-intrinsics.txt"),
)
"""Names that mean nothing else: what such a file cannot tell is an error."""
_LOOKS = re.compile(
    r"intrin|calib|^camchain|(^|[_-])k([_-]|$)|^sensors?$|(^|_)info$"
    r"|(^|[_-])cam(era)?s?([_-]?(rgb|colou?r|depth|ir))?[_-]?(k|info|param\w*|matrix|\d)?$"
)
_READ = (".json", ".txt", ".csv", ".yaml", ".yml", ".npy", "")
_UNREAD = (".xml", ".ini", ".cfg", ".conf", ".toml", ".npz", ".mat", ".pkl", ".pickle", ".dat")
_FOLDERS = ("intrinsic", "intrinsics", "calibration", "calib", "camera")


def chosen_intrinsics(stated: str | Path | None, folder: Path, images: Path | None = None) -> Intrinsics | None:
    """What the user stated, or else the most likely file beside the frames of ``folder``; None without either.

    Args:
        images: the folder of the frames, where they are in one of their own; all others belong to other recordings.

    Raises:
        InputError: what is stated, or a file of a usual name, cannot be used.
    """
    if stated is not None:
        return parse_intrinsics(stated)
    for path in _files(folder, images):
        if path.suffix.lower() not in _READ or other_stream(path.stem):
            continue
        try:
            return read_intrinsics(path)
        except InputError:
            if path.name.lower() in _USUAL:
                raise
    return None


def no_intrinsics(folder: Path, images: Path | None, size: tuple[int, int], also: str = "") -> InputError:
    """The refusal of depth images of ``size`` (width, height) without intrinsics; names those that are not used."""
    problem = f"has no intrinsics for its {size[0]}x{size[1]} depth images{also}"
    unused = [(path, _why_not(path)) for path in _files(folder, images)]
    if not unused:
        return InputError(folder, problem, REMEDY)
    said = ", ".join(f"{path.relative_to(_top(folder))} {why}" for path, why in unused[:3])
    usable = next((path for path, _ in unused if other_stream(path.stem)), None)
    if usable is None:
        fix = remedy("put its numbers into intrinsics.json, such as {}, or {} fx,fy,cx,cy", MINIMAL, Setting.INTRINSICS)
    else:
        fix = remedy("if depth is registered to it, give {} {}", Setting.INTRINSICS, str(usable))
    return InputError(folder, f"{problem}: {said}", fix)


def _why_not(path: Path) -> str:
    if kind := other_stream(path.stem):
        return f"is of the {kind} camera"
    if path.suffix.lower() not in _READ:
        return f"is not read ({path.suffix.lower()})"
    try:
        read_intrinsics(path)
    except InputError as error:
        return error.problem
    return "is not used"


def parse_intrinsics(stated: str | Path) -> Intrinsics:
    """``fx,fy,cx,cy`` or a file.

    Raises:
        InputError: it is neither.
    """
    found = numbers(str(stated))
    if found is not None and len(found) == 4:
        fx, fy, cx, cy = found
        return Intrinsics(f"the intrinsics {stated}", fx, fy, cx, cy, stated=True)
    if not Path(stated).is_file():
        raise InputError(Choice(Setting.INTRINSICS, str(stated)), "is neither four numbers nor a file", REMEDY)
    return read_intrinsics(Path(stated))


def _top(folder: Path) -> Path:
    return folder.parent if says_depth(folder.name) else folder


def _files(folder: Path, images: Path | None) -> list[Path]:
    """What looks like intrinsics, the most likely first: usual names, those that say depth, all others."""
    places = [*dict.fromkeys(place for top in (folder, _top(folder)) for place in _places(top))]
    if images is not None and images not in places:
        places.insert(1, images)
    found = [path for place in places for path in _looking_so(place, folder.resolve().name)]

    def rank(path: Path) -> tuple[int, int]:
        name = path.name.lower()
        if name in _USUAL:
            return 0, _USUAL.index(name)
        return (1 if says_depth(name) else 2), 0

    return sorted(dict.fromkeys(found), key=lambda path: (rank(path)[0], places.index(path.parent), rank(path)[1]))


def _places(top: Path) -> Iterator[Path]:
    """Where intrinsics lie: the folder, and those of its subfolders that are called so."""
    yield top
    with os.scandir(top) as entries:  # which tells files from folders without asking for each
        names = [entry.name for entry in entries if entry.name.lower() in _FOLDERS and entry.is_dir()]
    yield from (top / name for name in sorted(names))


def _looking_so(place: Path, recording: str) -> list[Path]:
    """Files of ``place`` whose names look like intrinsics; ``recording`` is what ScanNet calls that file."""
    with os.scandir(place) as entries:
        names = [os.path.splitext(entry.name) for entry in entries if entry.name[0] != "."]
    likely = [
        stem + ending
        for stem, ending in names
        if ending.lower() in (*_READ, *_UNREAD)
        and (_LOOKS.search(stem.lower()) or (stem, ending) == (recording, ".txt"))
    ]
    return sorted((place / name for name in likely if (place / name).is_file()), key=natural_key)
