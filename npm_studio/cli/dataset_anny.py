"""`npm-studio dataset anny`: registered bodies in motion from the Anny body model."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json, add_seed


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=Path, metavar="OUT", help="dataset folder to write; a dataset there is replaced")
    parser.add_argument("--identities", type=int, default=16, metavar="N", help="number of bodies (default: 16)")
    parser.add_argument("--sequences", type=int, default=8, metavar="N", help="motions per body (default: 8)")
    parser.add_argument("--frames", type=int, default=16, metavar="N", help="frames per motion (default: 16)")
    add_seed(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from external.anny.generate import generate_dataset

    with ConsoleProgress() as progress:
        generate_dataset(
            options.out, options.identities, options.sequences, options.frames, options.seed, progress=progress
        )
    return {
        "dataset": str(options.out),
        "identities": options.identities,
        "sequences": options.identities * options.sequences,
        "frames": options.identities * options.sequences * options.frames,
    }
