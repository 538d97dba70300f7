"""A manifest: many fits, a row each, checked before anything starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from engine.core.config import Config, fields_of, read_config, value_of
from engine.core.errors import InputError
from engine.core.files import check_name
from engine.methods.method import DEFAULT, FitMethod, load_method
from npm_studio.batch import log, record, table
from npm_studio.batch.manifest_file import FileRow, read_rows
from npm_studio.batch.words import manifest_words
from npm_studio.resources import built_in_models, demo_model

_TAKEN = (record.FOLDER, log.FILE, table.FILE)
"""Names in the folder of a batch that no run can have."""
_Positive = Annotated[float, Field(gt=0, lt=1e9)]


class Row(Config):
    """One fit, as a manifest states it; paths are relative to the manifest."""

    sequence: str
    """Depth sequence folder, depth recording or scan."""
    name: str = ""
    """Of the run, which is written to a folder of that name; by default that of the sequence."""
    model: str = demo_model().stem
    """Folder of a model, or a built-in model by name."""
    method: str = DEFAULT
    """How to fit."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Fields of the configuration of the method."""
    truth: str = ""
    """True meshes that the run is evaluated against; where nothing is stated it is not evaluated."""
    views: list[str] = Field(default_factory=list)
    """Recordings of the same scene by other cameras."""
    template: str = ""
    """Mesh for methods that need one, metres."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Of every random choice."""
    fill_lost: bool = False
    """Whether meshes of lost frames are interpolated between their neighbours."""
    depth_scale: _Positive | None = None
    """Stored units per metre."""
    intrinsics: str = ""
    """Of the depth camera: a file, or fx,fy,cx,cy."""
    stream: str = ""
    """Which of several depth streams."""
    near: _Positive | None = None
    """Leave out what is nearer, metres."""
    far: _Positive | None = None
    """Leave out what is farther, metres."""
    masks: str = ""
    """Folder with a PNG per frame, nonzero where the subject is."""
    remove_planes: bool = False
    """Leave out floor, walls and all but the largest connected surface."""
    subject: Annotated[int, Field(ge=1, lt=1000)] | None = None
    """Which of several that the model finds, counted from the largest; where nothing is stated, that one."""


@dataclass(frozen=True, eq=False)
class FitRow:
    """A row that can be begun."""

    line: int
    """In the manifest, from 1."""
    name: str
    row: Row
    folder: Path
    """Of the manifest; absolute."""
    method: FitMethod
    config: BaseModel

    def path(self, text: str) -> Path:
        """The file that the row means by ``text``."""
        return self.folder / text


def read_manifest(path: Path) -> tuple[tuple[FitRow, ...], tuple[InputError, ...]]:
    """The rows of a manifest, and what is wrong with those that cannot be begun, with their lines.

    Whether sequences and truth are there is not looked at: that is found out when they are needed.

    Raises:
        InputError: the manifest cannot be read, or has no rows.
    """
    rows, wrong, lines = [], [], dict[str, int]()
    for file_row in read_rows(path):
        try:
            row = _checked(file_row, path)
            if (before := lines.setdefault(row.name, row.line)) != row.line:
                raise InputError(row.name, f"is the name of the row in line {before}, too", "give each a name")
            rows.append(row)
        except InputError as error:
            problem = f"{error.name(manifest_words)} {error.problem}"
            wrong.append(InputError(f"{path}, line {file_row.line}", problem, error.remedy))
    return tuple(rows), tuple(wrong)


def _checked(file_row: FileRow, path: Path) -> FitRow:
    if file_row.problem:
        raise InputError("the row", file_row.problem)
    is_text = path.suffix.lower() == ".csv"
    row = read_config(Row, _typed(file_row.values) if is_text else file_row.values)
    method = load_method(row.method)
    try:
        config = read_config(method.config_type, row.options)
    except InputError as error:
        raise InputError("options:", f"{error.name(manifest_words)} {error.problem}", error.remedy) from None
    name = check_name(row.name or Path(row.sequence).stem, path)
    if name in _TAKEN:
        raise InputError(f"name {name!r}", "is that of a file of the batch itself", "choose another")
    checked = FitRow(file_row.line, name, row, path.resolve().parent, method, config)
    if method.requires.takes_model(bool(row.template)) and row.model not in built_in_models():
        folder = checked.path(row.model)
        if not (folder / "model.json").is_file():
            known = ", ".join(built_in_models())
            raise InputError(folder, "is not a model", f"give a folder NAME.npm, or a built-in model: {known}")
    if method.requires.template and not row.template:
        raise InputError(f"method {method.id!r}", "needs a template mesh", "state template")
    for text in filter(None, (row.template, row.masks)):
        if not checked.path(text).exists():
            raise InputError(checked.path(text), "no such file or folder")
    return checked


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Text of CSV as values of the fields that are no text."""
    typed = {name for name, field in Row.model_fields.items() if field.annotation is not str}
    try:
        return {
            name: value_of(value) if isinstance(value, str) and name in typed else value
            for name, value in values.items()
        }
    except ValueError as error:
        raise InputError("the row", f"has a cell where {error}") from None


def path_options(row: FitRow) -> dict[str, Path]:
    """Options of a row that are paths, by name."""
    stated = row.config.model_dump(mode="json")
    kinds = {field.name: field.kind for field in fields_of(type(row.config))}
    found = {name: value for name, value in stated.items() if isinstance(value, str) and value}
    return {
        name: row.path(value)
        for name, value in found.items()
        if kinds.get(name) == "path" or ("/" in value and row.path(value).exists())
    }
