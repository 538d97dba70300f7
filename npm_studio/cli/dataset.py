"""`npm-studio dataset`: finds the module of a kind of dataset and runs it."""

import argparse
import importlib
from typing import Any

KINDS: dict[str, str] = {
    "anny": "bodies in motion from the Anny body model, as a registered dataset",
    "render": "a monocular depth sequence with ground truth from a registered dataset",
}
"""Name of each kind and its one-line help; module ``npm_studio.cli.dataset_<name>`` implements it."""


def configure(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    for name, summary in KINDS.items():
        child = kinds.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        module = importlib.import_module(f"npm_studio.cli.dataset_{name}")
        module.configure(child)
        child.set_defaults(run_kind=module.run)


def run(options: argparse.Namespace) -> dict[str, Any] | None:
    results: dict[str, Any] | None = options.run_kind(options)
    return results
