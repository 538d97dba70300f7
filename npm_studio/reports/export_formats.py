"""The formats of export by name; one more is a module and a line here."""

from importlib import import_module
from pathlib import Path

from engine.core.errors import InputError, Setting, remedy
from engine.exports.export_format import ExportFormat

_PLACES = {
    "ply": "engine.exports.mesh_files:PLY",
    "obj": "engine.exports.mesh_files:OBJ",
    "stl": "engine.exports.mesh_files:STL",
    "glb": "engine.exports.morph_glb:GLB",
    "npz": "engine.exports.numbers:NPZ",
    "pc2": "engine.exports.point_cache:PC2",
    "csv": "engine.exports.numbers:CSV",
    "mp4": "npm_studio.reports.pictures.exported:MP4",
    "png": "npm_studio.reports.pictures.exported:PNG",
    "turntable": "npm_studio.reports.pictures.exported:TURNTABLE",
}
"""Module and object by name; the module is imported when its format is asked for."""
EXPORT_FORMATS = tuple(_PLACES)
"""Names of all formats."""


def export_format(name: str) -> ExportFormat:
    """The format called ``name``, one of `EXPORT_FORMATS`."""
    module, _, value = _PLACES[name].partition(":")
    found: ExportFormat = getattr(import_module(module), value)
    return found


def format_of(out: Path) -> ExportFormat:
    """The format that the ending of ``out`` stands for; PLY files where it has none, or is a folder.

    Raises:
        InputError: no format has this ending.
    """
    ending = out.suffix.lower().removeprefix(".")
    if not ending or out.is_dir():
        return export_format("ply")
    if ending not in EXPORT_FORMATS:
        raise InputError(out, "unknown ending", remedy("state {}, one of " + ", ".join(_PLACES), Setting.EXPORT_FORMAT))
    return export_format(ending)
