"""`npm-studio export`: a run or a model as files of other programs."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress, add_device, add_json
from npm_studio.cli.meshes import add_resolution
from npm_studio.reports.export_formats import EXPORT_FORMATS
from npm_studio.resources import model_path

if TYPE_CHECKING:
    from engine.exports.content import ExportContent, VertexColours
    from engine.methods.run import Run


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "A run, or the training identities of a model in the canonical pose, as files of other programs, in metres. "
        "An export is written as a whole or not at all."
    )
    parser.add_argument("source", type=model_path, metavar="RUN|MODEL", help="run folder, or model by folder or name")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE|DIR",
        help="what to write: of ply, obj, stl and png a folder with a file for each frame, or a file for a single one",
    )
    parser.add_argument(
        "--format",
        choices=EXPORT_FORMATS,
        help="glb: one mesh animated by morph targets; npz: codes; pc2: point cache; csv: what is known of each frame; "
        "png: transparent pictures; turntable: an MP4 around the first frame (default: by the ending of --out, PLY "
        "for a folder)",
    )
    parser.add_argument(
        "--frame",
        choices=("world", "camera"),
        default="world",
        help="frame of reference: world, or as the camera of each frame saw it, x right, y down, z forward "
        "(default: world)",
    )
    parser.add_argument("--up", choices=("y", "z"), default="y", help="axis that points up in the world (default: y)")
    parser.add_argument("--every", type=_positive, default=1, metavar="N", help="take each N-th frame (default: 1)")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="NAME",
        help="frames of a run or identities of a model, by name or index",
    )
    parser.add_argument(
        "--colours",
        choices=("none", "correspondence", "error"),
        default="none",
        help="of vertices: by their place in the canonical pose, or by their distance to the true surface, pale to "
        "dark purple at 20 mm (default: none)",
    )
    parser.add_argument(
        "--truth", type=Path, metavar="PATH", help="true meshes for --colours error, as `evaluate` takes them"
    )
    add_resolution(parser)
    add_device(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import Choice, InputError, Setting
    from engine.exports.export_format import export
    from npm_studio.reports.export_formats import export_format, format_of

    if (options.colours == "error") != (options.truth is not None):
        problem = "needs true meshes" if options.truth is None else "is given without use"
        subject = "--colours error" if options.truth is None else f"--truth {options.truth}"
        raise InputError(subject, problem, "name both --colours error and --truth, or neither")
    chosen = format_of(options.out) if options.format is None else export_format(options.format)
    is_model = (options.source / "model.json").is_file()
    if is_model and options.frame == "camera":
        raise InputError(Choice(Setting.FRAME_OF_REFERENCE, "camera"), "is not for models", "leave it out")
    with ConsoleProgress() as progress:
        content = _of_model(options) if is_model else _of_run(options, progress)
        for note in content.notes:
            progress.message(note)
        export(content, chosen, options.out, progress)
        meshes = content.meshes
        progress.message(f"wrote {options.out}: {len(meshes)} {'meshes' if is_model else 'frames'}, {content.unit}")
    return {
        "out": str(options.out),
        "format": chosen.name,
        "names": list(meshes.frame_names),
        "unit": "m",
        "frame": meshes.frame,
        "axes": content.axes,
        "frame_rate": None if is_model else content.frame_rate,
        "notes": list(content.notes),
    }


def _of_run(options: argparse.Namespace, progress: ConsoleProgress) -> "ExportContent":
    from dataclasses import replace

    from engine.exports.of_run import content_of_run
    from engine.exports.vertex_colours import run_correspondences
    from engine.methods.run import load_run

    fitted = load_run(options.source)
    rows = _rows(options, fitted.frame_names, f"{options.source}: frame")
    content = content_of_run(fitted, options.frame, options.up, rows)
    if options.colours == "correspondence":
        return replace(content, colours=run_correspondences(fitted))
    return replace(content, colours=_errors(options, fitted, rows, progress)) if options.colours == "error" else content


def _errors(options: argparse.Namespace, fitted: "Run", rows: list[int], progress: ConsoleProgress) -> "VertexColours":
    from dataclasses import replace

    from engine.methods.evaluation import prediction_of
    from external.truth import open_stated_truth
    from npm_studio.reports.error_colours import error_colours

    prediction = prediction_of(fitted, options.truth)
    truth, origin = open_stated_truth(options.truth, fitted, prediction, progress)
    for note in (origin, prediction.note):
        if note:
            progress.message(note)
    return error_colours(replace(prediction, meshes=prediction.meshes.select(rows)), truth)


def _of_model(options: argparse.Namespace) -> "ExportContent":
    from engine.core.devices import resolve_device
    from engine.core.errors import InputError, Setting, remedy
    from engine.exports.of_model import content_of_model
    from engine.models.checkpoint import load_model

    if not 16 <= options.resolution <= 1024:
        raise InputError(f"--resolution {options.resolution}", "is out of range", "use 16 to 1024")
    if options.colours != "none":
        raise InputError(
            options.source, "is a model: its meshes have no colours", remedy("leave out {}", Setting.COLOURS)
        )
    model = load_model(options.source, resolve_device(options.device))
    rows = _rows(options, model.info.identities, f"{options.source}: identity")
    return content_of_model(model, rows, options.up, options.resolution)


def _rows(options: argparse.Namespace, names: tuple[str, ...], what: str) -> list[int]:
    """Of the names that are wanted, each N-th."""
    from engine.models.labels import find_name

    rows = list(dict.fromkeys(find_name(names, name, what) for name in options.only)) or list(range(len(names)))
    return rows[:: options.every]


def _positive(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return int(text)
