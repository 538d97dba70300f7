"""`npm-studio sample`: meshes of codes drawn from the learned distributions."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from npm_studio.cli.console import ConsoleProgress, add_seed
from npm_studio.cli.meshes import add_common, add_unit, is_file_target, open_model, placing, write_meshes

if TYPE_CHECKING:
    from engine.models.drawing import DrawnCodes

LARGEST_COUNT = 100_000
LARGEST_SPREAD = 3.0
"""Beyond which hardly a draw is like anything that was learned."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, required=True, metavar="N", help="draws")
    parser.add_argument(
        "--of",
        choices=("shape", "pose", "both"),
        help="what is drawn: shapes in the canonical pose, poses of one shape, or both (default: both, or shape where "
        "the model has no poses)",
    )
    parser.add_argument(
        "--identity", metavar="I", help="with --of pose: name or index of whose poses (default: the mean shape)"
    )
    parser.add_argument(
        "--spread", type=float, default=1.0, metavar="X", help="factor of the standard deviations, up to 3 (default: 1)"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of DIR/000000.ply, ... and DIR/codes.npz"
    )
    add_unit(parser)
    add_common(parser)
    add_seed(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from engine.models.drawing import draw_codes
    from engine.models.named_codes import find_identity, save_codes
    from engine.surface.many_surfaces import extract_meshes

    started = time.perf_counter()
    if not 1 <= options.count <= LARGEST_COUNT:
        raise InputError(f"--count {options.count}", "is out of range", f"use 1 to {LARGEST_COUNT}")
    if not 0 < options.spread <= LARGEST_SPREAD:
        problem = f"is not above 0 and at most {LARGEST_SPREAD:g}"
        raise InputError(f"--spread {options.spread:g}", problem, "use 1 for draws like what was learned")
    is_file_target(options.out, ())
    model = open_model(options)
    of: Literal["shape", "pose", "both"] = options.of or ("both" if model.has_pose else "shape")
    if of != "shape" and not model.has_pose:
        raise InputError(f"--of {of}", f"cannot be: model {model.info.name} has no poses", "use --of shape")
    if options.identity is not None and of != "pose":
        raise InputError(f"--identity {options.identity}", "has a shape, but shapes are drawn", "use --of pose")
    place, unit = placing(options.unit, model)
    shape = None if options.identity is None else model.shape_codes[find_identity(model, options.identity)]
    drawn = draw_codes(model, options.count, of, options.seed, options.spread, shape)
    save_codes(options.out / "codes.npz", drawn.shapes[:1] if of == "pose" else drawn.shapes, drawn.poses)
    with ConsoleProgress() as progress:
        poses = [None] * options.count if drawn.poses is None else drawn.poses
        codes = zip(drawn.shapes, poses, strict=True)
        meshes = map(place, extract_meshes(model, codes, options.resolution, progress.cancelled))
        paths = (options.out / f"{draw:06d}.ply" for draw in range(options.count))
        named = zip(paths, meshes, strict=True)
        written = write_meshes(named, options.count, progress, "sample", unit, "use a smaller --spread")
        progress.message(f"{options.out}: {len(written)} of {options.count} draws of {of}, and codes.npz")
    return {
        "of": of,
        "spread": options.spread,
        "seed": options.seed,
        "codes": str(options.out / "codes.npz"),
        "meshes": [{**one, **_nearer(drawn, draw)} for draw, one in enumerate(written)],
        "seconds": round(time.perf_counter() - started, 2),
    }


def _nearer(drawn: "DrawnCodes", draw: int) -> dict[str, float]:
    """Which fraction of the learned distributions is nearer to the mean than a draw."""
    known = {"shape_nearer": drawn.shape_nearer, "pose_nearer": drawn.pose_nearer}
    return {name: round(float(values[draw]), 4) for name, values in known.items() if values is not None}
