"""`npm-studio gui`: the application."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from npm_studio.resources import demo_model, model_path

if TYPE_CHECKING:
    from npm_studio.views.opening import Opening


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        nargs="?",
        type=model_path,
        metavar="PROJECT|MODEL",
        help="project or model folder to open, or the name of a built-in model (default: anny-compact)",
    )
    parser.add_argument("--sequence", type=Path, metavar="DIR", help="depth sequence to open and fit")


def run(options: argparse.Namespace) -> None:
    from engine.core.errors import InputError
    from npm_studio import bootstrap
    from npm_studio.session.document.recognise import Kind, recognise

    bootstrap.check_display()
    bootstrap.check_packages()
    kind, folder = recognise(options.path or demo_model())
    if kind not in (Kind.MODEL, Kind.PROJECT):
        raise InputError(options.path, f"is a {kind.value}, not a model or project", "give sequences with --sequence")
    if options.sequence is not None:
        sequence_kind, sequence = recognise(options.sequence)
        if sequence_kind is not Kind.SEQUENCE:
            raise InputError(options.sequence, f"is a {sequence_kind.value}, not a depth sequence")

    def prepare(opening: "Opening") -> None:
        opening.open_path(folder)
        if options.sequence is not None:
            opening.open_path(sequence, fit=True)

    bootstrap.run_application(prepare)
