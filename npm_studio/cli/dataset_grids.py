"""`npm-studio dataset grids`: occupancy and partial signed-distance grids of a depth sequence."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sequence", type=Path, metavar="SEQUENCE", help="a depth sequence folder")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder to write; one subfolder per frame")
    parser.add_argument("--resolution", type=int, choices=(128, 256), default=256, help="nodes per axis (default: 256)")
    parser.add_argument("--kind", choices=("occupancy", "partial-sdf", "both"), default="both", help="(default: both)")
    parser.add_argument(
        "--normalise",
        default="anny",
        metavar="HOW",
        help="way to canonical space: bounds (of what is seen), cape, mano, anny, none, or SCALE,X,Y,Z (default: anny)",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.dataset.normalisation import bounds, fit_cube, parse_normalisation
    from engine.sequences.depth_sequence import load_depth_sequence
    from external.npms.view_grids import KINDS, write_view_grids

    normalisation = parse_normalisation(options.normalise)
    sequence = load_depth_sequence(options.sequence)
    similarity = normalisation.similarity
    if normalisation.by != "fixed":
        similarity = fit_cube(*bounds(sequence.points_world(index) for index in range(len(sequence))))
    kinds = KINDS if options.kind == "both" else (options.kind,)
    with ConsoleProgress() as progress:
        frames = write_view_grids(sequence, options.out, similarity, options.resolution, kinds, progress)
        progress.message(f"{options.out}: {', '.join(kinds)} of {frames} frames at {options.resolution}^3")
    return {
        "out": str(options.out),
        "frames": frames,
        "resolution": options.resolution,
        "kinds": list(kinds),
        "similarity": similarity.as_dict(),
    }
