"""Projects: a folder with a document in ``project.json`` and its runs, which can be moved as a whole.

Paths in the file are relative to the folder. Of what lies outside, such as recordings, the file also says where it was,
for when the project alone has been moved.
"""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from engine.core.errors import Cancelled, InputError
from engine.core.files import read_json, replacing_folder, write_json
from engine.core.progress import Progress
from engine.methods.run import Run, load_run
from engine.sequences.capture_options import CaptureOptions
from npm_studio.session.document.older_documents import with_keyframes
from npm_studio.session.document.paths import with_paths
from npm_studio.session.document.state import DocumentState, OpenRecording, OpenRun

VERSION = 3
"""2 had interpolations between two ends and transfers between two bodies, 1 nothing of what was on show."""
FILE_NAME = "project.json"
AUTOSAVE_NAME = "autosave.json"
RUNS = "runs"
"""The folder of a project in which its runs are."""
_REMEDY = "give a folder that File > Save Project wrote"
_STATE = TypeAdapter(DocumentState)


class _ProjectFile(BaseModel):
    """``project.json``; unknown keys are refused, so that a misspelt one is not silently lost."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["npm-studio project"] = "npm-studio project"
    format_version: Literal[3] = 3
    name: str
    document: dict[str, Any]
    places: dict[str, str] = {}
    """Where what lies outside of the folder was, by its relative path."""


class _ProjectFile1(BaseModel):
    """Version 1, which had no codes and nothing of what was on show."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["npm-studio project"]
    format_version: Literal[1]
    name: str
    model: str | None = None
    sequences: list[str] = []
    runs: list[str] = []
    captures: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True)
class Project:
    """What a project folder holds; all paths are absolute and exist."""

    name: str
    state: DocumentState


def write_project(state: DocumentState, folder: Path, name: str | None = None, file_name: str = FILE_NAME) -> None:
    """Write ``state`` as a file in ``folder``; other files there are left alone.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    folder = folder.resolve()
    places: dict[str, str] = {}

    def store(path: Path) -> Path:
        stored = _relative(path, folder)
        if stored.startswith("..") or Path(stored).is_absolute():
            places[stored] = path.as_posix()
        return Path(stored)

    document = _STATE.dump_python(with_paths(state, store), mode="json")
    file = _ProjectFile(name=name or folder.name, document=document, places=places)
    write_json(folder / file_name, file.model_dump())


def save_project(state: DocumentState, folder: Path, progress: Progress) -> dict[Path, Run]:
    """Write the project ``folder``, and copy into it the runs that are elsewhere.

    Returns:
        those runs as they are there, by the folders that they were copied from.

    Raises:
        InputError: the folder cannot be written to, or a run cannot be read.
        Cancelled: ``progress`` asked to stop.
    """
    folder = folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        state = replace(state, deleted_runs=())
        moved = _copy_runs(state, folder, progress)
        write_project(with_paths(state, lambda path: moved.get(path, path)), folder)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return {
        one.folder: open_run(OpenRun(moved[one.folder], one.recording)) for one in state.runs if one.folder in moved
    }


def open_run(named: OpenRun) -> Run:
    """The run, of the recording where that is now.

    Raises:
        InputError: it is gone or damaged.
    """
    run = load_run(named.folder)
    return replace(run, inputs=replace(run.inputs, sequence=named.recording))


def cannot_write(folder: Path, error: OSError) -> InputError:
    return InputError(folder, f"cannot be written ({error.strerror or error})", "choose another folder")


def load_project(folder: Path, file_name: str = FILE_NAME) -> Project:
    """Read ``folder/project.json``, of any version up to `VERSION`.

    Raises:
        InputError: it is missing, newer, does not follow the format, or points at something that is not there.
    """
    source = folder.resolve() / file_name
    if not source.is_file():
        raise InputError(folder, f"is not a project: it has no {file_name}", _REMEDY)
    description = read_json(source, _REMEDY)
    version = description.get("format_version") if isinstance(description, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise InputError(source, f"has format version {version}, this program reads {VERSION}", "upgrade npm-studio")
    try:
        if version == 1:
            return _version_1(description, source)
        return _version_3(_from_version_2(description) if version == 2 else description, source)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(source, f"{place}: {first['msg']}", _REMEDY) from None


def _from_version_2(description: dict[str, Any]) -> dict[str, Any]:
    document = description.get("document")
    if not isinstance(document, dict):
        return description | {"format_version": VERSION}
    return description | {"format_version": VERSION, "document": with_keyframes(document)}


def _version_3(description: Any, source: Path) -> Project:
    file = _ProjectFile.model_validate(description)
    state = _STATE.validate_python(file.document)
    return Project(file.name, with_paths(state, lambda path: _existing(path.as_posix(), source, file.places)))


def _version_1(description: Any, source: Path) -> Project:
    file = _ProjectFile1.model_validate(description)
    captures = {_existing(path, source): CaptureOptions.from_dict(one) for path, one in file.captures.items()}
    paths = [_existing(path, source) for path in file.sequences]
    recordings = tuple(OpenRecording(path, captures.get(path, CaptureOptions())) for path in paths)
    runs = tuple(OpenRun(folder, _recording_of(folder)) for folder in (_existing(run, source) for run in file.runs))
    state = DocumentState(
        model=None if file.model is None else _existing(file.model, source), recordings=recordings, runs=runs
    )
    if recordings:
        own = [one.folder for one in runs if one.recording == recordings[-1].path]
        state = replace(state, fit=replace(state.fit, recording=recordings[-1].path, run=own[-1] if own else None))
    return Project(file.name, state)


def _recording_of(run: Path) -> Path:
    inputs = read_json(run / "run.json", "give the folder of a run").get("inputs", {})
    return Path(str(inputs.get("sequence", run))).resolve()


def _copy_runs(state: DocumentState, folder: Path, progress: Progress) -> dict[Path, Path]:
    """Copy runs into ``folder``, each under a name of its own; where they are now, by where they were."""
    outside = [one for one in state.runs if not one.folder.is_relative_to(folder)]
    moved: dict[Path, Path] = {}
    progress.stage("copy runs", len(outside))
    for done, run in enumerate(outside, 1):
        if progress.cancelled():
            raise Cancelled
        target = _free(folder / RUNS / run.folder.name)
        with replacing_folder(target) as temporary:
            shutil.copytree(run.folder, temporary, dirs_exist_ok=True)
        moved[run.folder] = target
        progress.advance(done)
    return moved


def _free(path: Path) -> Path:
    """``path``, or with a number behind it where that exists."""
    number, candidate = 2, path
    while candidate.exists():
        candidate, number = path.with_name(f"{path.name}-{number}"), number + 1
    return candidate


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), folder)).as_posix()
    except ValueError:  # on another drive
        return path.resolve().as_posix()


def _existing(path: str, source: Path, places: dict[str, str] | None = None) -> Path:
    resolved = Path(os.path.normpath(source.parent / path))
    elsewhere = (places or {}).get(path)
    if not resolved.exists() and elsewhere is not None and Path(elsewhere).exists():
        return Path(elsewhere)
    if not resolved.exists():
        raise InputError(source, f"points at {path}, which does not exist", "move it back or correct the path")
    return resolved
