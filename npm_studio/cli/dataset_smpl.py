"""`npm-studio dataset smpl`: bodies from the user's own model file, in random or recorded motions."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_seed
from npm_studio.cli.importing import add_import_options, run_import


def configure(parser: argparse.ArgumentParser) -> None:
    add_import_options(parser, normalise="cape")
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="FILE|DIR",
        help="your SMPL, SMPL-H or SMPL-X model file (.pkl or .npz), or a folder of them by gender",
    )
    add_motion_options(parser, "bodies")
    parser.add_argument(
        "--up", choices=("z", "y"), default="z", help="axis that points up in the recordings (default: z, as in AMASS)"
    )


def add_motion_options(parser: argparse.ArgumentParser, what: str) -> None:
    """Options that bodies and hands share."""
    parser.add_argument(
        "--motions", type=Path, metavar="DIR", help="recorded motions: .npz files with poses and betas, as in AMASS"
    )
    parser.add_argument(
        "--identities", type=int, metavar="N", help=f"number of {what} (default: 16; all that are in the recordings)"
    )
    parser.add_argument(
        "--sequences", type=int, metavar="N", help="motions of each (default: 8; all that are in the recordings)"
    )
    parser.add_argument("--frames", type=int, default=16, metavar="N", help="frames of each motion (default: 16)")
    add_seed(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from external.smpl.bodies import random_bodies, recorded_bodies

    with ConsoleProgress() as progress:
        if options.motions:
            raw = recorded_bodies(
                options.model, options.motions, options.frames, options.up, options.identities, options.sequences
            )
        else:
            identities, sequences = default_counts(options)
            raw = random_bodies(options.model, identities, sequences, options.frames, options.seed)
        return run_import(raw, options, progress)


def default_counts(options: argparse.Namespace) -> tuple[int, int]:
    """Numbers of identities and of sequences where motions are made up."""
    return (
        16 if options.identities is None else options.identities,
        8 if options.sequences is None else options.sequences,
    )
