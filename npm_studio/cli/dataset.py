"""`npm-studio dataset`: finds the functions of a kind of dataset and runs them."""

import argparse
from typing import Any

from npm_studio.cli.parser import DeferredParser

KINDS: dict[str, tuple[str, str]] = {
    "anny": ("generate", "bodies in motion from the Anny body model"),
    "hands": ("generate", "hands in motion from Anny's hand model"),
    "bvh": ("generate", "Anny bodies that move as motion capture (.bvh) says"),
    "scene": ("record", "depth recordings of people in rooms, with ground truth"),
    "smpl": ("import", "bodies from your own SMPL model file, in random or recorded motions"),
    "mano": ("import", "hands from your own MANO model file"),
    "cape": ("import", "the raw release of CAPE: clothed people, scans included"),
    "meshes": ("import", "your own registered meshes: folders of PLY, OBJ, GLB, STL or OFF files"),
    "dt4d": ("import", "DeformingThings4D animations (.anime)"),
    "npms": ("import", "a folder tree of the published NPM code, read in place"),
    "normalise": ("derive", "another normalisation of a dataset, as a new dataset"),
    "render": ("derive", "monocular depth sequences with ground truth from a dataset"),
    "grids": ("derive", "occupancy and partial signed-distance grids of a depth sequence"),
    "flow": ("derive", "sample files of a dataset in the layout of the published NPM code"),
    "verify": ("inspect", "check everything in a dataset and list each problem"),
    "info": ("inspect", "what a dataset holds"),
    "show": ("inspect", "contact sheets of a dataset: meshes, poses, samples, correspondences"),
}
"""Name of each kind, what it does to data, and its one-line help.

Module ``npm_studio.cli.dataset_<what it does>`` has its functions ``configure_<name>`` and ``run_<name>``.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True, parser_class=DeferredParser)
    for name, (action, summary) in KINDS.items():
        description = summary[0].upper() + summary[1:] + "."
        module = f"npm_studio.cli.dataset_{action}"
        kinds.add_parser(name, help=summary, description=description, module=module, kind=name)


def run(options: argparse.Namespace) -> dict[str, Any] | None:
    results: dict[str, Any] | None = options.run_kind(options)
    return results
