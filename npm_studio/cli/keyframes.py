"""Which codes `npm-studio interpolate` goes through, and when."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from engine.models.code_path import CodePath
    from engine.models.model import NeuralParametricModel


def add_keyframes(parser: argparse.ArgumentParser) -> None:
    which = "identity, or identity:frame such as 3:walk/000004; names or indices"
    parser.add_argument("--from", dest="start", metavar="A", help=which)
    parser.add_argument("--to", dest="end", metavar="B", help=which)
    parser.add_argument(
        "--through", nargs="+", default=[], metavar="K", help="identities or identity:frames on the way from A to B"
    )
    parser.add_argument(
        "--keyframes",
        type=Path,
        metavar="FILE.npz",
        help="instead of all these: codes of a file, as `sample` and `fit` write them and `reconstruct` reads them",
    )
    parser.add_argument(
        "--times",
        nargs="+",
        type=float,
        metavar="T",
        help="when the path is at each keyframe, ends included, in any unit (default: at equal distances)",
    )
    parser.add_argument(
        "--smooth", action="store_true", help="codes turn gently at keyframes (default: straight from each to the next)"
    )
    parser.add_argument(
        "--space",
        choices=("shape", "pose", "both"),
        required=True,
        help="what changes; the rest stays as in A (canonical pose when A has no frame)",
    )


def path_of(options: argparse.Namespace, model: "NeuralParametricModel") -> "CodePath":
    """The path that ``options`` ask for.

    Raises:
        InputError: there are no such codes, or they do not make a path.
    """
    from engine.core.errors import InputError
    from engine.models.code_path import CodePath

    if options.keyframes is None:
        if options.start is None or options.end is None:
            raise InputError("the path", "has no ends", "give --from and --to, or --keyframes FILE.npz")
        shapes, poses = _of_identities(options, model)
    elif options.start is not None or options.end is not None or options.through:
        raise InputError(f"--keyframes {options.keyframes}", "has its own ends", "leave --from, --to and --through out")
    else:
        shapes, poses = _of_file(options.keyframes, options.space, model)
    return CodePath(shapes, poses, _times(options, len(shapes)), options.smooth)


def _times(options: argparse.Namespace, count: int) -> "NDArray[np.float64]":
    """Times (K,) of ``count`` keyframes."""
    import numpy as np

    from engine.core.errors import InputError

    if options.times is None:
        return np.arange(count, dtype=np.float64)
    times = np.array(options.times, np.float64)
    stated = f"--times {' '.join(f'{time:g}' for time in times)}"
    if len(times) != count:
        raise InputError(stated, f"has {len(times)} times for {count} keyframes", f"give {count}, ends included")
    if not np.isfinite(times).all() or not (np.diff(times) > 0).all():
        raise InputError(stated, "does not increase", "give times in the order of the keyframes")
    if options.constant_speed:
        raise InputError(stated, "contradicts --constant-speed, which chooses its own", "leave one of them out")
    return times


def _of_identities(options: argparse.Namespace, model: "NeuralParametricModel") -> "tuple[Tensor, Tensor | None]":
    """Shape codes (K, Cs), and pose codes (K, Cp) or None, of the identities and frames that are named."""
    from engine.core.errors import InputError
    from engine.models.named_codes import find_identity_frame

    through = [("--through", name) for name in options.through]
    names = [("--from", options.start), *through, ("--to", options.end)]
    found = [find_identity_frame(model, name) for _, name in names]
    first = found[0]
    for (flag, name), one in zip(names, found, strict=True):
        if options.space == "shape" and one is not first and one.frame is not None:
            raise InputError(f"{flag} {name}", "names a frame, but only the shape changes", "use --space both")
        if options.space != "shape" and one.frame is None:
            raise InputError(f"{flag} {name}", f"needs a frame for --space {options.space}", f"use {name}:FRAME")
    identities = [first.identity if options.space == "pose" else one.identity for one in found]
    frames = [first.frame if options.space == "shape" else one.frame for one in found]
    if first.frame is None:
        return model.shape_codes[identities], None
    assert model.pose_codes is not None
    return model.shape_codes[identities], model.pose_codes[frames]


def _of_file(path: Path, space: str, model: "NeuralParametricModel") -> "tuple[Tensor, Tensor | None]":
    """Shape codes (K, Cs), and pose codes (K, Cp) or None, of an npz file; what does not change is as in the first."""
    from engine.core.errors import InputError
    from engine.models.named_codes import load_codes

    shapes, poses = load_codes(path, model)
    if poses is None and space != "shape":
        raise InputError(path, "holds no pose codes", "use --space shape")
    count = len(shapes) if space == "shape" or poses is None else len(poses)
    if count < 2:
        raise InputError(path, "holds one keyframe, a path needs two", "give a file with more codes")
    if space == "pose" or len(shapes) == 1:
        shapes = shapes[:1].expand(count, -1)
    if space == "shape" and poses is not None:
        poses = poses[:1].expand(count, -1)
    return shapes, poses
