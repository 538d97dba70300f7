"""`npm-studio dataset flow`: sample files of a dataset in the layout of the published NPM code."""

import argparse
import math
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json, add_seed


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a dataset")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder tree to write")
    parser.add_argument(
        "--sigma",
        type=_sigma,
        action="append",
        metavar="S",
        help="largest offset of flow samples from the surface, canonical units; may be given several times "
        "(default: 0.01 and 0.002)",
    )
    parser.add_argument(
        "--points", type=_points, default=100_000, metavar="N", help="flow samples of each frame (default: 100000)"
    )
    parser.add_argument("--sdf", action="store_true", help="also write the pools of `npm-studio prepare`")
    parser.add_argument("--meshes", action="store_true", help="also write the meshes")
    add_seed(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from external.datasets import open_dataset
    from external.npms.export import export_tree

    sigmas = tuple(dict.fromkeys(options.sigma or (0.01, 0.002)))
    dataset = open_dataset(options.dataset)
    with ConsoleProgress() as progress:
        summary = export_tree(
            dataset, options.out, sigmas, options.points, options.seed, options.sdf, options.meshes, progress
        )
        progress.message(f"{options.out}: {summary.frames} frames of {summary.identities} identities, {summary.split}")
    return {
        "out": str(options.out),
        "identities": summary.identities,
        "frames": summary.frames,
        "sigmas": list(sigmas),
        "points": options.points,
        "split": str(summary.split),
    }


def _sigma(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 0.5:
        raise argparse.ArgumentTypeError(f"{text} is not a distance from 0 to 0.5")
    return value


def _points(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) <= 10_000_000):
        raise argparse.ArgumentTypeError(f"{text} is not a number of points from 1 to 10000000")
    return int(text)
