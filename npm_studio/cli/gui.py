"""`npm-studio gui`: the application."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from npm_studio.resources import demo_model, model_path

if TYPE_CHECKING:
    from npm_studio.session.document.explorer import Explorer
    from npm_studio.views.main_window import MainWindow


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path",
        nargs="?",
        type=model_path,
        metavar="PROJECT|MODEL|RECORDING|RUN|DATASET",
        help="what to open: a project, a model by folder or built-in name, a depth recording, a run or a dataset; the"
        " last three with the built-in model (default: anny-compact)",
    )
    parser.add_argument("--sequence", type=Path, metavar="RECORDING", help="recording to be asked about and opened")


def run(options: argparse.Namespace) -> None:
    from npm_studio import bootstrap

    bootstrap.check_display()
    bootstrap.check_packages()
    bootstrap.run_application(lambda: _begin(options))


def _begin(options: argparse.Namespace) -> "Callable[[MainWindow], None]":
    """Look at what is to be opened, and begin to load its model in the background while the window is made, as far as
    a first mesh.

    Raises:
        InputError: it is nothing that the application begins with.
    """
    from concurrent.futures import ThreadPoolExecutor

    from engine.core.errors import InputError
    from npm_studio.session.document.recognise import Kind, recognise
    from npm_studio.session.live.mesher import warm_up
    from npm_studio.session.model import open_model
    from npm_studio.session.settings import load_settings

    kind, folder = recognise(options.path or demo_model())
    if options.sequence is not None:
        sequence_kind, sequence = recognise(options.sequence)
        if sequence_kind is not Kind.SEQUENCE:
            raise InputError(options.sequence, f"is a {sequence_kind.value}, not a depth sequence")
    model = folder if kind is Kind.MODEL else demo_model()

    def load() -> "Explorer":
        explorer = open_model(model)
        warm_up(explorer)
        return explorer

    loading = None if kind is Kind.PROJECT else ThreadPoolExecutor(1, "first model").submit(load)

    def prepare(window: "MainWindow") -> None:
        if options.path is None and options.sequence is None:
            window.welcoming.show(load_settings().welcome)
        if loading is not None:
            window.files.open_model(model, loading.result)
        if kind is not Kind.MODEL:
            window.files.open_path(folder)
        if options.sequence is not None:
            window.files.open_path(sequence)

    return prepare
