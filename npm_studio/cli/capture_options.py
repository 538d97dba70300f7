"""Options of every command that takes a depth recording."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.core.progress import Progress
    from engine.models.model import NeuralParametricModel
    from engine.sequences.capture_options import CaptureOptions
    from engine.sequences.depth_sequence import DepthSequence


def add_capture_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("depth recordings")
    group.add_argument("--depth-scale", type=positive, metavar="S", help="stored units per metre, 1000 for mm")
    group.add_argument(
        "--intrinsics", metavar="FILE|fx,fy,cx,cy", help="of the depth camera, pixels with centres at +0.5"
    )
    group.add_argument(
        "--stream", metavar="NAME", help="which of several depth streams: a topic or track, or a part of it"
    )
    group.add_argument("--near", type=positive, metavar="M", help="leave out what is nearer than M metres")
    group.add_argument("--far", type=positive, metavar="M", help="leave out what is farther than M metres")
    group.add_argument("--masks", type=Path, metavar="DIR", help="a PNG per frame, nonzero where the subject is")
    group.add_argument(
        "--remove-planes",
        action="store_true",
        help="leave out floor, walls and all but the largest connected surface",
    )
    return group


def stated(options: argparse.Namespace) -> CaptureOptions:
    """What the user stated about the recording and its subject."""
    from engine.sequences.capture_options import CaptureOptions
    from engine.sequences.isolation import Isolation

    isolation = Isolation(options.near, options.far, options.masks, options.remove_planes, options.remove_planes)
    return CaptureOptions(options.depth_scale, options.intrinsics, isolation, options.stream)


def open_from_options(
    path: Path, options: argparse.Namespace, model: NeuralParametricModel | None, progress: Progress | None = None
) -> DepthSequence:
    """The recording ``path`` as the options say, its subject placed where ``model`` expects it.

    Raises:
        InputError: it cannot be opened, or nothing is left of it.
    """
    from engine.sequences.opening import open_subject
    from engine.sequences.reader import registered_readers

    return open_subject(path, registered_readers(), stated(options), model, progress)


def positive(text: str) -> float:
    """A positive number, for argparse."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a number") from None
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value
