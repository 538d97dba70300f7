"""Readers of recordings: what a format is called, how it is recognised, and who reads it.

A format is one module with a `RecordingReader`, registered under the entry-point group `npm_studio.captures`; this
project's own are in `external.captures`.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.core.errors import InputError
from engine.core.files import natural_key
from engine.core.registry import CAPTURES, load_all
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.recording import Recording

_PICTURES = (".jpg", ".jpeg", ".bmp")
_COPY = "copy or record it again"
_LOOKED_AT = 100
"""Subfolders of what is no recording itself."""
_log = logging.getLogger(__name__)


def _never(folder: Path) -> str:
    return ""


@dataclass(frozen=True)
class RecordingReader:
    """One format of recordings: folders by what lies in them, single files by their ending and first bytes."""

    id: str
    title: str
    """What users call it, such as ``Azure Kinect``."""
    form: str
    """What they hand over, such as ``an .mkv file (Azure Kinect)``."""
    read: Callable[[Path, CaptureOptions], Recording]
    """Reads the index of a file or folder and none of its frames; raises InputError where it cannot be used."""
    folder: Callable[[Path], str] = _never
    """Why a folder is such a recording; empty where it is none."""
    parts: tuple[str, ...] = ()
    """Names, or endings with their dot, of files that are parts of such a folder."""
    endings: tuple[str, ...] = ()
    """Endings, with their dot and in small letters, of files that are such a recording by themselves."""
    magic: bytes = b""
    """What these files begin with."""
    has_streams: bool = False
    """Whether such a recording may hold several streams of depth, of which ``CaptureOptions.stream`` names one."""
    rank: int = 0
    """Lower ranks are asked first: formats with a mark of their own before those that take any folder of images."""

    def takes(self, file: Path) -> bool:
        """Whether ``file`` has one of the endings."""
        return file.suffix.lower() in self.endings


Readers = Sequence[RecordingReader]


def registered_readers() -> tuple[RecordingReader, ...]:
    """All that are installed, by rank and name; one that cannot be loaded is left out, and the log says so."""
    return tuple(
        sorted(load_all(CAPTURES, RecordingReader, "reader of recordings"), key=lambda reader: (reader.rank, reader.id))
    )


def file_endings(readers: Readers) -> tuple[str, ...]:
    """Endings of files that are recordings by themselves."""
    return tuple(dict.fromkeys(ending for reader in readers for ending in reader.endings))


def _alone(readers: Readers) -> tuple[str, ...]:
    """Endings of files that are the recording of their folder; readers with a rank decide on folders themselves."""
    return file_endings([reader for reader in readers if reader.rank == 0])


def recording_at(path: Path, readers: Readers) -> Path | None:
    """What to open where a user points at ``path``: itself, the folder that it is a part of, or nothing.

    A folder that looks like a recording counts even if it cannot be read, so that opening it says what is missing.
    """
    if not path.is_dir():
        return _recording_of_file(path, readers)
    if "depth" in path.name.lower() and (path.parent / "intrinsics.json").is_file():
        return path.parent
    if (path / "intrinsics.json").is_file() or _is_recording(path, readers):
        return path
    return path if _recordings_in(path, readers) else None


def _recording_of_file(path: Path, readers: Readers) -> Path | None:
    images = {part for reader in readers for part in reader.parts if part.startswith(".")} | {".npz", ".npy"}
    for folder in (path.parent, path.parent.parent):
        if path.suffix.lower() in images and (folder / "intrinsics.json").is_file():
            return folder  # a frame of a sequence folder
    if any(path.name in reader.parts for reader in readers):
        return path.parent
    return path if any(reader.takes(path) for reader in readers) else None


def choose_reader(path: Path, readers: Readers) -> tuple[RecordingReader, Path]:
    """The reader of the recording at ``path``, and the file or folder to hand to it.

    Raises:
        InputError: nothing known is there; one line with what is.
    """
    if path.is_file():
        return _reader_of_file(path, readers), path
    if not path.is_dir():
        raise InputError(path, "no such file or folder", _what(readers))
    for reader in readers:
        if why := reader.folder(path):
            _log.info("%s: read as %s: %s", path, reader.title, why)
            return reader, path
    files = _files(path, _alone(readers))
    if len(files) == 1:
        return _reader_of_file(files[0], readers), files[0]
    if files:
        names = ", ".join(found.name for found in files[:4])
        raise InputError(path, f"holds {len(files)} recordings ({names} ...)", "give one of the files")
    if pictures := _files(path, _PICTURES):
        problem = f"holds pictures such as {pictures[0].name}, no depth"
        raise InputError(path, problem, "export raw depth as 16-bit PNG: a picture made for viewing has lost it")
    if within := _recordings_in(path, readers):
        names = ", ".join(f"{folder.name}/" for folder in within[:4])
        fix = f"give {within[0]}" if len(within) == 1 else "give one of these folders"
        raise InputError(
            path, f"holds no depth recording itself, but {names} {'does' if len(within) == 1 else 'do'}", fix
        )
    raise InputError(path, "holds no depth recording that is known", _what(readers))


def _is_recording(folder: Path, readers: Readers) -> bool:
    return any(reader.folder(folder) for reader in readers) or bool(_files(folder, _alone(readers)))


def _recordings_in(folder: Path, readers: Readers) -> list[Path]:
    """Those of the first subfolders that are recordings."""
    inner = sorted((p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")), key=natural_key)
    return [path for path in inner[:_LOOKED_AT] if _is_recording(path, readers)]


def _reader_of_file(path: Path, readers: Readers) -> RecordingReader:
    chosen = [reader for reader in readers if reader.takes(path)]
    ending = path.suffix.lower()
    if not chosen:
        if any(part in (path.name, ending) for reader in readers for part in reader.parts):
            raise InputError(path, "is one file of a recording", "give the folder that it is in")
        raise InputError(path, "is no depth recording that is known", _what(readers))
    try:
        with path.open("rb") as file:
            start = file.read(max(1, *(len(reader.magic) for reader in chosen)))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check its permissions") from None
    if not start:
        raise InputError(path, "is empty", _COPY)
    for reader in chosen:
        if start.startswith(reader.magic):
            _log.info("%s: read as %s: ends in %s", path, reader.title, ending)
            return reader
    raise InputError(path, f"is not {chosen[0].form}, though it ends in {ending}", _COPY)


def _what(readers: Readers) -> str:
    return f"give {', or '.join(reader.form for reader in readers)}"


def _files(folder: Path, endings: tuple[str, ...]) -> tuple[Path, ...]:
    found = [p for p in folder.iterdir() if p.suffix.lower() in endings and not p.name.startswith(".") and p.is_file()]
    return tuple(sorted(found, key=natural_key))
