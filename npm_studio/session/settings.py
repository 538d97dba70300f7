"""What the application remembers from one start to the next, apart from documents."""

import configparser
import csv
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_config_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.core.files import write_json
from npm_studio.session.document.view_state import DisplaySettings

VERSION = 1
MOST_RECENT = 10
_log = logging.getLogger(__name__)


class Settings(BaseModel):
    """All of it; what has a title is in the preferences.

    A file of an older version is migrated, unknown fields are dropped, wrong ones get their defaults.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = VERSION
    theme: Annotated[
        Literal["dark", "light", "system"],
        Field(
            title="Theme",
            description="Colours of the window.",
            json_schema_extra={"system": "As the system has it"},
        ),
    ] = "dark"
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Field(
            title="Computes on",
            description="What makes meshes and fits, as of the next model that is opened.",
            json_schema_extra={"auto": "GPU where there is one", "cpu": "CPU", "cuda": "GPU"},
        ),
    ] = "auto"
    threads: Annotated[
        int,
        Field(ge=0, le=256, title="Threads", description="Of the processor that may be used, as of the next start."),
    ] = 0
    runs_folder: Annotated[
        Path | None,
        Field(
            title="Folder of runs",
            description="Where fits go that belong to no project. Where none is chosen: your data folder.",
        ),
    ] = None
    welcome: Annotated[
        bool,
        Field(
            title="Welcome page",
            description="Shown when the program starts without a file to open; lists recent files.",
        ),
    ] = True
    geometry: str = ""
    """Of the window, as Qt writes it, in base64."""
    panels: tuple[int, ...] = ()
    """Widths of library, views and panel, pixels."""
    workspace: str = ""
    """The one that was on show; empty: the first."""
    recent: tuple[str, ...] = ()
    """Paths opened lately, the newest first."""
    display: DisplaySettings = DisplaySettings()
    """Of new documents."""


def settings_path() -> Path:
    return user_config_path("npm-studio", appauthor=False) / "settings.json"


def load_settings() -> Settings:
    """Those of the last session; what cannot be used of them is left out and logged."""
    path = settings_path()
    try:
        raw = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else _of_version_0(path)
    except (OSError, ValueError) as error:
        _log.warning("%s cannot be read: %s", path, error)
        return Settings()
    return _valid(migrated(raw))


def change_settings(**fields: Any) -> None:
    """Remember ``fields``, see `Settings`; a folder that cannot be written to is no reason to stop."""
    changed = load_settings().model_copy(update=fields)
    try:
        write_json(settings_path(), changed.model_dump(mode="json"))
    except OSError as error:
        _log.warning("%s cannot be written: %s", settings_path(), error)


def migrated(raw: Any) -> dict[str, Any]:
    """``raw`` settings of any version as those of `VERSION`; of a newer one what has the same name is taken."""
    values: dict[str, Any] = dict(raw) if isinstance(raw, dict) else {}
    version = values.get("version")
    while isinstance(version, int) and version in _MIGRATIONS:
        values = _MIGRATIONS[version](values)
        version = values["version"]
    return {**values, "version": VERSION}


def _valid(values: dict[str, Any]) -> Settings:
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        wrong = {str(one["loc"][0]) for one in error.errors()}
        _log.warning("settings that cannot be used: %s", ", ".join(sorted(wrong)))
        return _valid({name: value for name, value in values.items() if name not in wrong})


def _from_0(values: dict[str, Any]) -> dict[str, Any]:
    """Before, switches of the Display menu were keys of their own."""
    look = {key.removeprefix("look/"): value == "true" for key, value in values.items() if key.startswith("look/")}
    theme, recent = values.get("theme", "dark"), values.get("recent", [])
    return {"version": 1, "theme": theme, "recent": recent, "display": look}


_MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {0: _from_0}
"""From each older version to the next."""


def _of_version_0(path: Path) -> dict[str, Any]:
    """What was remembered in an INI file, before there were versions."""
    parser = configparser.RawConfigParser()
    parser.read(path.with_name("npm-studio.ini"), encoding="utf-8")
    values: dict[str, Any] = {"version": 0}
    for section in parser.sections():
        for key, value in parser.items(section):
            values[key if section == "General" else f"{section}/{key}"] = value
    if isinstance(values.get("recent"), str):
        values["recent"] = next(csv.reader([values["recent"]], skipinitialspace=True), [])
    return values
