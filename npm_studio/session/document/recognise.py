"""What a dropped or chosen path is."""

from enum import Enum
from pathlib import Path

from engine.core.errors import InputError
from engine.sequences.reader import recording_at, registered_readers


class Kind(Enum):
    """Things that the application opens; the value is what a user calls them."""

    MODEL = "model"
    SEQUENCE = "depth sequence"
    RUN = "run"
    PROJECT = "project"
    DATASET = "dataset"


_MARKS = {
    "model.json": Kind.MODEL,
    "run.json": Kind.RUN,
    "project.json": Kind.PROJECT,
    "intrinsics.json": Kind.SEQUENCE,
    "dataset.json": Kind.DATASET,
}
_PICTURES = (".jpg", ".jpeg", ".bmp", ".png", ".webp", ".tif", ".tiff")
_FILMS = (".mp4", ".mov", ".avi", ".webm", ".m4v")


def marked_kind(path: Path) -> Kind | None:
    """What a folder says of itself by a file in it, without a look at anything else; None where it says nothing."""
    return next((kind for mark, kind in _MARKS.items() if (path / mark).is_file()), None)


def recognise(path: Path) -> tuple[Kind, Path]:
    """Kind of ``path`` and the file or folder to open.

    A file that marks a folder stands for its folder, and so does a depth image in a sequence. A folder of images
    without intrinsics counts as a sequence, so that opening it says what is missing.

    Raises:
        InputError: it is nothing that the application opens.
    """
    remedy = (
        "open a depth recording or depth-sequence folder, a run folder, a model folder (NAME.npm), a dataset folder "
        "or a project folder"
    )
    if not path.exists():
        raise InputError(path, "does not exist", remedy)
    if path.name in _MARKS and path.is_file():
        return _MARKS[path.name], path.parent
    for mark, kind in _MARKS.items():
        if (path / mark).is_file():
            return kind, path
    recording = recording_at(path, registered_readers())
    if recording is not None:
        return Kind.SEQUENCE, recording
    if path.suffix == ".npm" and path.is_dir():
        return Kind.MODEL, path
    if path.is_file():
        problem = "is a picture or a film, which holds no depth"
        if path.suffix.lower() not in (*_PICTURES, *_FILMS):
            problem = "is not something NPM Studio opens"
        raise InputError(path, problem, remedy)
    if pictures := [one.name for one in path.iterdir() if one.suffix.lower() in _PICTURES]:
        raise InputError(path, f"holds pictures such as {min(pictures)}, no depth", remedy)
    problem = "is an empty folder" if not any(path.iterdir()) else "holds nothing that NPM Studio opens"
    raise InputError(path, problem, remedy)
