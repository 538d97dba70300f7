"""What a format of files is, what it can hold, and the one way to export."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.core.errors import Choice, InputError, Setting, remedy
from engine.core.files import check_name, replacing_folder
from engine.core.progress import Progress
from engine.exports.content import PROGRAM, ExportContent

Colours = Literal["no", "one for all frames", "of each frame"]
_HEAD = 256
"""Bytes within which every file of a frame says who made it."""


@dataclass(frozen=True)
class ExportFormat:
    """A format, and what it cannot do."""

    name: str
    title: str
    suffix: str
    write: Callable[[ExportContent, Path, Progress], None]
    """Into a file, or a folder where `per_frame` says so; raises Cancelled when asked to stop, and leaves nothing."""
    per_frame: bool = False
    """Whether each frame is a file of its own; several of them are a folder."""
    colours: Colours = "no"
    one_topology: bool = False
    """Whether all frames must have the same triangles."""
    ups: tuple[str, ...] = ("y", "z")
    why_up: str = ""
    """Why the vertical is fixed."""
    frames_of_reference: tuple[str, ...] = ("world", "camera")


def export(content: ExportContent, file_format: ExportFormat, out: Path, progress: Progress | None = None) -> None:
    """Write ``content`` to ``out``, whole or not at all.

    Raises:
        InputError: the format cannot hold it, or ``out`` is something else.
        Cancelled: ``progress`` asked to stop.
    """
    _check(content, file_format)
    is_file = out.suffix.lower() == file_format.suffix and not out.is_dir()
    if not is_file and not file_format.per_frame:
        raise InputError(
            out, f"is no file name for {file_format.title}", f"use one that ends with {file_format.suffix}"
        )
    if is_file and file_format.per_frame and len(content.meshes) > 1:
        fix = remedy("name a folder, or choose one with {}", Setting.ONLY)
        raise InputError(out, f"is one file for {len(content.meshes)} meshes", fix)
    if not is_file:
        _check_folder(out, file_format)
    file_format.write(content, out, progress or Progress())


def write_frames(
    content: ExportContent, out: Path, suffix: str, save: Callable[[int, Path], None], progress: Progress
) -> None:
    """A file of each frame in the folder ``out``, or the only one as the file ``out``; one in memory at a time.

    Args:
        save: writes the frame of an index, atomically.

    Raises:
        Cancelled: ``progress`` asked to stop; the folder is as it was.
    """
    from engine.core.errors import Cancelled

    names = content.meshes.frame_names
    progress.stage("export", len(names))
    if out.suffix.lower() == suffix and not out.is_dir():
        save(0, out)
        progress.advance(1)
        return
    with replacing_folder(out) as folder:
        for index, name in enumerate(names):
            if progress.cancelled():
                raise Cancelled
            save(index, folder / f"{check_name(name, out)}{suffix}")
            progress.advance(index + 1)


def _check(content: ExportContent, file_format: ExportFormat) -> None:
    meshes, title = content.meshes, file_format.title
    if file_format.one_topology and not meshes.one_topology:
        fix = remedy("use {} or obj", Choice(Setting.EXPORT_FORMAT, "ply"))
        raise InputError(meshes.title, f"has other triangles in each frame, which {title} cannot hold", fix)
    if meshes.frame not in file_format.frames_of_reference:
        fix = remedy("use {}", Choice(Setting.FRAME_OF_REFERENCE, "world"))
        raise InputError(title, "is for the world alone", fix)
    if content.up not in file_format.ups:
        fix = remedy("leave out {}", Setting.UP_AXIS)
        raise InputError(Choice(Setting.UP_AXIS, content.up), file_format.why_up, fix)
    if content.colours is None or file_format.colours == "of each frame":
        return
    if file_format.colours == "no":
        fix = remedy("leave out {}, or use {}", Setting.COLOURS, Choice(Setting.EXPORT_FORMAT, "ply"))
        raise InputError(title, "has no colours of vertices", fix)
    if content.colours.change and len(meshes) > 1:
        fix = remedy("use {}", Choice(Setting.EXPORT_FORMAT, "ply"))
        raise InputError(title, "has one colour of a vertex for all frames, and these change", fix)


def _check_folder(out: Path, file_format: ExportFormat) -> None:
    """That nothing is lost when ``out`` is replaced: it is new, empty, or an earlier export."""
    if out.suffix and not out.exists():
        known = f"use a folder, or a file that ends with {file_format.suffix}"
        raise InputError(out, f"has another ending than {file_format.title}", known)
    if out.exists() and not out.is_dir():
        raise InputError(out, "is a file, a folder is needed", "choose another name")
    for path in out.iterdir() if out.is_dir() else ():
        if not (path.is_file() and path.suffix == file_format.suffix and _is_own(path)):
            raise InputError(out, f"has something else in it: {path.name}", "name a new folder")


def _is_own(path: Path) -> bool:
    with path.open("rb") as file:
        return PROGRAM.encode() in file.read(_HEAD)
