"""What a dropped or chosen path is."""

from enum import Enum
from pathlib import Path

from engine.core.errors import InputError


class Kind(Enum):
    """Things that the application opens; the value is what a user calls them."""

    MODEL = "model"
    SEQUENCE = "depth sequence"
    RUN = "run"
    PROJECT = "project"


_MARKS = {
    "model.json": Kind.MODEL,
    "run.json": Kind.RUN,
    "project.json": Kind.PROJECT,
    "intrinsics.json": Kind.SEQUENCE,
}


POINT_CLOUDS = (".ply", ".pcd", ".obj")
RECORDINGS = (".npz", ".sens", ".mkv", ".bag", *POINT_CLOUDS)
"""Endings of files that are depth recordings by themselves; `external.captures.open_capture` reads them."""


def recognise(path: Path) -> tuple[Kind, Path]:
    """Kind of ``path`` and the folder to open.

    A file that marks a folder stands for its folder, and so does a depth image in a sequence. A folder of images
    without intrinsics counts as a sequence, so that opening it says what is missing.

    Raises:
        InputError: it is nothing that the application opens.
    """
    cure = (
        "drop a depth recording or depth-sequence folder, a run folder, a model folder (NAME.npm) or a project folder"
    )
    if not path.exists():
        raise InputError(path, "does not exist", cure)
    if path.is_file():
        if path.name in _MARKS:
            return _MARKS[path.name], path.parent
        for folder in (path.parent, path.parent.parent):
            if path.suffix.lower() in (".png", ".npz") and (folder / "intrinsics.json").is_file():
                return Kind.SEQUENCE, folder
        if path.name == "depth.txt":
            return Kind.SEQUENCE, path.parent
        if path.suffix.lower() in RECORDINGS:
            return Kind.SEQUENCE, path
        raise InputError(path, "is not something NPM Studio opens", cure)
    for mark, kind in _MARKS.items():
        if (path / mark).is_file():
            return kind, path
    if (path / "depth.txt").is_file():
        return Kind.SEQUENCE, path
    for place in (path / "depth", path):
        if place.is_dir() and any(p.suffix.lower() in (".png", ".npz") for p in place.iterdir()):
            return Kind.SEQUENCE, path
    if any(p.suffix.lower() in RECORDINGS for p in path.iterdir()):
        return Kind.SEQUENCE, path
    if path.suffix == ".npm":
        return Kind.MODEL, path
    if path.name == "depth" and (path.parent / "intrinsics.json").is_file():
        return Kind.SEQUENCE, path.parent
    problem = "is an empty folder" if not any(path.iterdir()) else "holds nothing that NPM Studio opens"
    raise InputError(path, problem, cure)
