"""`npm-studio dataset` kinds that make identities in motion: from the Anny models, random or as motion capture says."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json, add_seed

_BVH_EPILOG = """The root of the body stays at the origin, turned so that the body faces +z when the clip starts; --path
keeps where it went. An arm that would pass through the body is swung away from it. Of frames in which a limb does so
nevertheless, or that leave the cube, a message tells: the longest stretch without them is kept."""


def configure_anny(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=Path, metavar="OUT", help="dataset folder to write; a dataset there is replaced")
    parser.add_argument("--identities", type=int, default=16, metavar="N", help="number of bodies (default: 16)")
    parser.add_argument("--sequences", type=int, default=8, metavar="N", help="motions per body (default: 8)")
    parser.add_argument("--frames", type=int, default=16, metavar="N", help="frames per motion (default: 16)")
    add_seed(parser)
    add_json(parser)


def run_anny(options: argparse.Namespace) -> dict[str, Any]:
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


def configure_hands(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=Path, metavar="OUT", help="dataset folder to write; a dataset there is replaced")
    parser.add_argument("--identities", type=int, default=16, metavar="N", help="number of hands (default: 16)")
    parser.add_argument("--sequences", type=int, default=8, metavar="N", help="motions per hand (default: 8)")
    parser.add_argument("--frames", type=int, default=16, metavar="N", help="frames per motion (default: 16)")
    parser.add_argument(
        "--side", choices=("right", "left", "both"), default="right", help="both: by turns (default: right)"
    )
    add_seed(parser)
    add_json(parser)


def run_hands(options: argparse.Namespace) -> dict[str, Any]:
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


def configure_bvh(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _BVH_EPILOG
    parser.add_argument("motion", type=Path, metavar="MOTION", help="BVH file, or folder of them")
    parser.add_argument("out", type=Path, metavar="OUT", help="dataset folder to write; a dataset there is replaced")
    parser.add_argument("--identities", type=int, default=4, metavar="N", help="number of bodies (default: 4)")
    sampling = parser.add_mutually_exclusive_group()
    sampling.add_argument("--fps", type=float, default=15.0, metavar="F", help="frames per second (default: 15)")
    sampling.add_argument("--frames", type=int, metavar="N", help="frames per clip, evenly over it, instead of --fps")
    parser.add_argument(
        "--path",
        action="store_true",
        help="also write where each body was in the world, metres: OUT/paths/IDENTITY/SEQUENCE.npy, (frames, 4, 4)",
    )
    add_seed(parser)
    add_json(parser)


def run_bvh(options: argparse.Namespace) -> dict[str, Any]:
    from external.bvh.generate import ClipRequest, generate_from_bvh

    with ConsoleProgress() as progress:
        counts = generate_from_bvh(
            options.motion,
            options.out,
            options.identities,
            options.seed,
            ClipRequest(options.fps, options.frames, options.path),
            progress=progress,
        )
    return {"dataset": str(options.out), "identities": options.identities, **counts}
