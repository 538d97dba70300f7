"""`npm-studio dataset`: finds the module of a kind of dataset and runs it."""

import argparse
from typing import Any

from npm_studio.cli.parser import DeferredParser

KINDS: dict[str, str] = {
    "anny": "bodies in motion from the Anny body model",
    "hands": "hands in motion from Anny's hand model",
    "bvh": "Anny bodies that move as motion capture (.bvh) says",
    "smpl": "bodies from your own SMPL model file, in random or recorded motions",
    "mano": "hands from your own MANO model file",
    "cape": "the raw release of CAPE: clothed people, scans included",
    "meshes": "your own registered meshes: folders of PLY, OBJ, GLB, STL or OFF files",
    "dt4d": "DeformingThings4D animations (.anime)",
    "npms": "a folder tree of the published NPM code, read in place",
    "normalise": "another normalisation of a dataset, as a new dataset",
    "render": "monocular depth sequences with ground truth from a dataset",
    "grids": "occupancy and partial signed-distance grids of a depth sequence",
    "flow": "sample files of a dataset in the layout of the published NPM code",
    "verify": "check everything in a dataset and list each problem",
    "info": "what a dataset holds",
    "show": "contact sheets of a dataset: meshes, poses, samples, correspondences",
}
"""Name of each kind and its one-line help; module ``npm_studio.cli.dataset_<name>`` implements it."""


def configure(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True, parser_class=DeferredParser)
    for name, summary in KINDS.items():
        description = summary[0].upper() + summary[1:] + "."
        kinds.add_parser(name, help=summary, description=description, module=f"npm_studio.cli.dataset_{name}")


def run(options: argparse.Namespace) -> dict[str, Any] | None:
    results: dict[str, Any] | None = options.run_kind(options)
    return results
