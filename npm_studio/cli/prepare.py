"""`npm-studio prepare`: signed-distance pools of a registered dataset."""

import argparse
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json, add_seed

DISTRIBUTIONS = ("normal", "gaps", "gaussian")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Sample signed-distance pools from the canonical mesh of each identity that has none yet. Meshes that are not "
        "closed are repaired first; what was done, and how far the surface moved, is told and stored beside the pools."
    )
    parser.add_argument("dataset", type=Path, metavar="DIR", help="a dataset, or a view of datasets")
    for name, count, where in (
        ("near", 200_000, "close to the surface"),
        ("uniform", 100_000, "all over the cube"),
        ("surface", 50_000, "on the surface, with normals"),
    ):
        help_text = f"samples per identity {where} (default: {count})"
        parser.add_argument(f"--{name}", type=int, default=count, metavar="N", help=help_text)
    parser.add_argument(
        "--distribution",
        choices=DISTRIBUTIONS,
        default="normal",
        help="how near samples leave the surface: along the normal by up to 0.05, the closer the likelier (default); "
        "gaps: the same in pairs that stay on this side of the next surface, as the published NPM data; "
        "gaussian: in any direction by --sigma",
    )
    parser.add_argument(
        "--sigma",
        type=float,
        nargs="+",
        metavar="S",
        help="of --distribution gaussian, canonical units (default: 0.01 0.0025)",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=0.002,
        metavar="D",
        help="repair may move 95 %% of a surface by this much, all of it by ten times that; else the mesh is refused "
        "(canonical units, default: 0.002)",
    )
    parser.add_argument(
        "--check-fraction",
        type=float,
        default=0.02,
        metavar="P",
        help="fraction of the samples that a second engine evaluates too (default: 0.02, at least 2000 per identity; "
        "0 for none)",
    )
    add_seed(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from engine.dataset.preparation.sdf_pools import SAMPLING, Sampling, prepare_pools
    from external.datasets import open_dataset

    if options.sigma and options.distribution != "gaussian":
        raise InputError(f"--distribution {options.distribution}", "has no --sigma", "add --distribution gaussian")
    sigmas = tuple(options.sigma) if options.sigma else SAMPLING.sigmas
    sampling = Sampling(options.distribution, sigmas, options.check_fraction, options.tolerance)
    counts = (options.near, options.uniform, options.surface)
    dataset = open_dataset(options.dataset)
    with ConsoleProgress() as progress:
        summary = prepare_pools(dataset, counts, options.seed, os.cpu_count() or 1, progress, sampling)
        parts = [f"pools of {len(summary.written)} identities written"]
        if summary.kept:
            parts.append(f"{len(summary.kept)} were there already")
        if summary.given:
            parts.append(f"{len(summary.given)} came with the dataset")
        if summary.repaired:
            parts.append(f"{len(summary.repaired)} meshes repaired")
        progress.message(f"{dataset.root}: {', '.join(parts)}")
        if summary.checked:
            progress.message(
                f"second engine: {summary.sign_disagreements} of {summary.checked} signs differ "
                f"({summary.disagreement_rate:.1e}), distances by {summary.largest_difference:.1e} at most"
            )
    if summary.refused:
        name, reason = next(iter(summary.refused.items()))
        others = f" (and {len(summary.refused) - 1} more, named above)" if len(summary.refused) > 1 else ""
        problem = f"is refused: {reason.subject}: {reason.problem}"
        raise InputError(f"{dataset.root}: identity {name}{others}", problem, reason.remedy)
    return {**asdict(summary), "disagreement_rate": summary.disagreement_rate}
