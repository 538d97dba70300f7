"""`npm-studio dataset mano`: hands from the user's own MANO model file, in random or recorded motions."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress
from npm_studio.cli.dataset_smpl import add_motion_options, default_counts
from npm_studio.cli.importing import add_import_options, run_import


def configure(parser: argparse.ArgumentParser) -> None:
    add_import_options(parser, normalise="bounds")
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="FILE|DIR",
        help="your MANO_RIGHT.pkl or MANO_LEFT.pkl, or the folder with them",
    )
    parser.add_argument("--side", choices=("right", "left"), help="which hand of a folder with both (default: right)")
    add_motion_options(parser, "hands")


def run(options: argparse.Namespace) -> dict[str, Any]:
    from external.smpl.hands import random_hands, recorded_hands

    with ConsoleProgress() as progress:
        if options.motions:
            raw = recorded_hands(
                options.model, options.side, options.motions, options.frames, options.identities, options.sequences
            )
        else:
            identities, sequences = default_counts(options)
            raw = random_hands(options.model, options.side, identities, sequences, options.frames, options.seed)
        return run_import(raw, options, progress)
