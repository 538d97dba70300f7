"""`npm-studio dataset meshes`: your own registered meshes as a dataset."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress
from npm_studio.cli.importing import add_import_options, run_import


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="meshes as IDENTITY/SEQUENCE/FRAME.ply (.obj, .glb, .stl, .off)"
    )
    add_import_options(parser)
    parser.add_argument(
        "--canonical",
        metavar="FILE",
        help="canonical mesh inside the folder of each identity, such as tpose.ply (default: found by its name, else "
        "the frame whose limbs are stretched out most)",
    )
    parser.add_argument("--unit", choices=("m", "cm", "mm"), default="m", help="unit of the files (default: m)")
    parser.add_argument("--up", choices=("y", "z"), default="y", help="axis that points up in the files (default: y)")
    parser.add_argument("--class", dest="category", default="meshes", metavar="TEXT", help="what the meshes show")
    parser.add_argument("--frame-rate", type=float, default=30.0, metavar="FPS", help="frames per second (default: 30)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from external.meshes.folder import MeshFolder

    if not 0 < options.frame_rate < 10_000:
        raise InputError(f"--frame-rate {options.frame_rate:g}", "must be positive")
    with ConsoleProgress() as progress:
        raw = MeshFolder(
            options.folder,
            options.canonical,
            options.unit,
            options.up,
            options.category,
            options.frame_rate,
            progress=progress,
        )
        return run_import(raw, options, progress)
