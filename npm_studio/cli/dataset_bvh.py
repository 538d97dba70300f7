"""`npm-studio dataset bvh`: Anny bodies that move as motion capture says."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json, add_seed

_EPILOG = """The root of the body stays at the origin, turned so that the body faces +z when the clip starts. Arms that
hang are carried as far out as the body needs; of frames in which a limb still passes through the body, or that leave
the cube, a message tells: the longest stretch without them is kept."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument("motion", type=Path, metavar="MOTION", help="BVH file, or folder of them")
    parser.add_argument("out", type=Path, metavar="OUT", help="dataset folder to write; a dataset there is replaced")
    parser.add_argument("--identities", type=int, default=4, metavar="N", help="number of bodies (default: 4)")
    sampling = parser.add_mutually_exclusive_group()
    sampling.add_argument("--fps", type=float, default=15.0, metavar="F", help="frames per second (default: 15)")
    sampling.add_argument("--frames", type=int, metavar="N", help="frames per clip, evenly over it, instead of --fps")
    add_seed(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from external.bvh.generate import generate_from_bvh

    with ConsoleProgress() as progress:
        counts = generate_from_bvh(
            options.motion,
            options.out,
            options.identities,
            options.seed,
            options.fps,
            options.frames,
            progress=progress,
        )
    return {"dataset": str(options.out), "identities": options.identities, **counts}
