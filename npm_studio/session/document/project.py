"""Projects: a folder whose ``project.json`` points at a model, sequences and runs by relative path."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.core.errors import InputError
from engine.core.files import read_json, write_json
from engine.sequences.capture_options import CaptureOptions

FILE_NAME = "project.json"
_REMEDY = "give a folder that File > Save Project wrote"


@dataclass(frozen=True)
class Project:
    """What belongs together, absolute paths."""

    name: str
    model: Path | None = None
    sequences: tuple[Path, ...] = ()
    runs: tuple[Path, ...] = ()
    captures: Mapping[Path, CaptureOptions] = field(default_factory=dict)
    """How recordings among the sequences are opened."""


class _ProjectFile(BaseModel):
    """``project.json``; unknown keys are refused, so that a misspelt one is not silently lost."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["npm-studio project"]
    format_version: Literal[1]
    name: str
    model: str | None = None
    sequences: list[str] = []
    runs: list[str] = []
    captures: dict[str, dict[str, Any]] = {}


def save_project(project: Project, folder: Path) -> None:
    """Write ``folder/project.json``; other files in the folder are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    description = _ProjectFile(
        format="npm-studio project",
        format_version=1,
        name=project.name,
        model=None if project.model is None else _relative(project.model, folder),
        sequences=[_relative(path, folder) for path in project.sequences],
        runs=[_relative(path, folder) for path in project.runs],
        captures={_relative(path, folder): capture.as_dict() for path, capture in project.captures.items() if capture},
    )
    write_json(folder / FILE_NAME, description.model_dump())


def load_project(folder: Path) -> Project:
    """Read ``folder/project.json``.

    Raises:
        InputError: it is missing, does not follow the format, or points at something that is not there.
    """
    source = folder / FILE_NAME
    if not source.is_file():
        raise InputError(folder, f"is not a project: it has no {FILE_NAME}", _REMEDY)
    description = read_json(source, _REMEDY)
    version = description.get("format_version") if isinstance(description, dict) else None
    if isinstance(version, int) and version > 1:
        raise InputError(source, f"has format version {version}, this program reads 1", "upgrade npm-studio")
    try:
        file = _ProjectFile.model_validate(description)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(source, f"{place}: {first['msg']}", _REMEDY) from None
    return Project(
        name=file.name,
        model=None if file.model is None else _existing(file.model, source),
        sequences=tuple(_existing(path, source) for path in file.sequences),
        runs=tuple(_existing(path, source) for path in file.runs),
        captures={
            _existing(path, source): CaptureOptions.from_dict(capture) for path, capture in file.captures.items()
        },
    )


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:  # on another drive
        return path.resolve().as_posix()


def _existing(path: str, source: Path) -> Path:
    resolved = Path(os.path.normpath(source.parent / path))
    if not resolved.exists():
        raise InputError(source, f"points at {path}, which does not exist", "move it back or correct the path")
    return resolved
