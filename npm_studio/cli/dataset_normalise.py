"""`npm-studio dataset normalise`: another normalisation of a dataset, as a new dataset."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress
from npm_studio.cli.importing import add_import_options, run_import


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a dataset; it is left as it is")
    add_import_options(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from engine.dataset.normalisation import parse_normalisation
    from engine.dataset.renormalised import DatasetInMetres
    from external.datasets import open_dataset

    if options.dataset.resolve() in options.out.resolve().parents:
        raise InputError(options.out, "lies in the dataset that is to be normalised", "name another folder")
    with ConsoleProgress() as progress:
        raw = DatasetInMetres(open_dataset(options.dataset))
        known = raw.similarities_if(parse_normalisation(options.normalise).by)
        return run_import(raw, options, progress, known)
