"""`npm-studio dataset hands`: registered hands in motion from the Anny hand models."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json, add_seed


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=Path, metavar="OUT", help="dataset folder to write; a dataset there is replaced")
    parser.add_argument("--identities", type=int, default=16, metavar="N", help="number of hands (default: 16)")
    parser.add_argument("--sequences", type=int, default=8, metavar="N", help="motions per hand (default: 8)")
    parser.add_argument("--frames", type=int, default=16, metavar="N", help="frames per motion (default: 16)")
    parser.add_argument(
        "--side", choices=("right", "left", "both"), default="right", help="both: by turns (default: right)"
    )
    add_seed(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from external.anny.hands.generate import generate_hands

    with ConsoleProgress() as progress:
        generate_hands(
            options.out,
            options.identities,
            options.sequences,
            options.frames,
            options.seed,
            options.side,
            progress=progress,
        )
    return {
        "dataset": str(options.out),
        "identities": options.identities,
        "sequences": options.identities * options.sequences,
        "frames": options.identities * options.sequences * options.frames,
    }
