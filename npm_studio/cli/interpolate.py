"""`npm-studio interpolate`: in-betweens of two identities or poses."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress
from npm_studio.cli.meshes import (
    FRAMES_PER_SECOND,
    NO_SURFACE,
    add_common,
    counted,
    is_file_target,
    open_model,
    write_meshes,
)

if TYPE_CHECKING:
    from torch import Tensor

    from engine.geometry.mesh import Mesh
    from engine.models.model import NeuralParametricModel


def configure(parser: argparse.ArgumentParser) -> None:
    which = "identity, or identity:frame such as 3:walk/000004; names or indices"
    parser.add_argument("--from", dest="start", required=True, metavar="A", help=which)
    parser.add_argument("--to", dest="end", required=True, metavar="B", help=which)
    parser.add_argument(
        "--space",
        choices=("shape", "pose", "both"),
        required=True,
        help="what changes; the rest stays as in A (canonical pose when A has no frame)",
    )
    parser.add_argument("--steps", type=int, default=10, metavar="N", help="meshes, ends included (default: 10)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR|.mp4", help="folder of meshes, or a video")
    add_common(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from engine.surface.many_surfaces import extract_meshes

    started = time.perf_counter()
    if not 2 <= options.steps <= 10_000:
        raise InputError(f"--steps {options.steps}", "is out of range", "use 2 to 10000")
    video = is_file_target(options.out, (".mp4",))
    model = open_model(options)
    shapes, poses = _codes(options, model)
    with ConsoleProgress() as progress:
        codes = zip(shapes, poses, strict=True)
        paths = (options.out / f"{step:06d}.ply" for step in range(options.steps))
        meshes = zip(paths, extract_meshes(model, codes, options.resolution, progress.cancelled), strict=True)
        results: dict[str, Any] = {"space": options.space, "steps": options.steps}
        if video:
            from npm_studio.reports.pictures import render_mesh_video

            frames = counted(map(_with_surface, meshes), options.steps, progress, "interpolate")
            render_mesh_video(frames, options.out, FRAMES_PER_SECOND)
            results["video"] = str(options.out)
        else:
            results["meshes"] = write_meshes(meshes, options.steps, progress, "interpolate")
        progress.message(f"{options.out}: {options.space} from {options.start} to {options.end}")
    return {**results, "seconds": round(time.perf_counter() - started, 2)}


def _with_surface(named: "tuple[Path, Mesh]") -> "Mesh":
    from engine.core.errors import InputError

    path, mesh = named
    if mesh.is_empty:
        raise InputError(f"step {path.stem}", *NO_SURFACE)
    return mesh


def _codes(options: argparse.Namespace, model: "NeuralParametricModel") -> "tuple[list[Tensor], list[Tensor | None]]":
    """Shape code (Cs,) and pose code (Cp,), or None, of each step."""
    from engine.core.errors import InputError
    from engine.models.code_space import interpolate
    from engine.models.named_codes import find_identity_frame

    start, end = find_identity_frame(model, options.start), find_identity_frame(model, options.end)
    steps: int = options.steps
    shapes = [model.shape_codes[start.identity]] * steps
    poses: list[Tensor | None] = [None] * steps
    if start.frame is not None and model.pose_codes is not None:
        poses = [model.pose_codes[start.frame]] * steps
    if options.space in ("shape", "both"):
        shapes = list(interpolate(model.shape_codes[start.identity], model.shape_codes[end.identity], steps))
    if options.space == "shape" and end.frame is not None:
        raise InputError(f"--to {options.end}", "names a frame, but only the shape changes", "use --space both")
    if options.space in ("pose", "both"):
        for name, text, frame in (("--from", options.start, start.frame), ("--to", options.end, end.frame)):
            if frame is None:
                raise InputError(f"{name} {text}", f"needs a frame for --space {options.space}", f"use {text}:FRAME")
        assert model.pose_codes is not None
        poses = list(interpolate(model.pose_codes[start.frame], model.pose_codes[end.frame], steps))
    return shapes, poses
