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
        metavar="PROJECT|MODEL|RECORDING",
        help="project, model or recording to open, or the name of a built-in model (default: anny-compact)",
    )
    parser.add_argument("--sequence", type=Path, metavar="RECORDING", help="recording to be asked about and opened")


def run(options: argparse.Namespace) -> None:
    from engine.core.errors import InputError
    from npm_studio import bootstrap
    from npm_studio.session.document.recognise import Kind, recognise

    bootstrap.check_display()
    bootstrap.check_packages()
    kind, path = recognise(options.path or demo_model())
    if kind is Kind.RUN:
        raise InputError(options.path, "is a run", "open it in the window, or give a model, project or recording")
    opened = [path] if kind is not Kind.SEQUENCE else [demo_model(), path]
    if options.sequence is not None:
        sequence_kind, sequence = recognise(options.sequence)
        if sequence_kind is not Kind.SEQUENCE:
            raise InputError(options.sequence, f"is a {sequence_kind.value}, not a depth sequence")
        opened.append(sequence)

    def prepare(opening: "Opening") -> None:
        for each in opened:
            opening.open_path(each)

    bootstrap.run_application(prepare)
