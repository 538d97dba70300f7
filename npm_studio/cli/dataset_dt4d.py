"""`npm-studio dataset dt4d`: DeformingThings4D animations as a dataset."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress
from npm_studio.cli.importing import add_import_options, run_import


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder with .anime files below it, or one file")
    add_import_options(parser, normalise="subject")
    parser.add_argument("--only", metavar="NAME", help="take animations whose names begin so, such as bear")


def run(options: argparse.Namespace) -> dict[str, Any]:
    from external.dt4d.dataset import AnimeFolder

    with ConsoleProgress() as progress:
        return run_import(AnimeFolder(options.source, options.only, progress), options, progress)
