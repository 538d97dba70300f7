"""`npm-studio interpolate`: in-betweens of identities or poses, two or more."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress
from npm_studio.cli.keyframes import add_keyframes, path_of
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
    from engine.geometry.mesh import Mesh


def configure(parser: argparse.ArgumentParser) -> None:
    add_keyframes(parser)
    parser.add_argument("--steps", type=int, default=10, metavar="N", help="meshes, ends included (default: 10)")
    parser.add_argument(
        "--constant-speed",
        action="store_true",
        help="mean movement of the surface from mesh to mesh is the same; otherwise codes go at equal steps",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR|.mp4", help="folder of meshes, or a video")
    add_common(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from engine.surface.even_movement import times_of_constant_speed
    from engine.surface.many_surfaces import extract_meshes

    started = time.perf_counter()
    if not 2 <= options.steps <= 10_000:
        raise InputError(f"--steps {options.steps}", "is out of range", "use 2 to 10000")
    video = is_file_target(options.out, (".mp4",))
    model = open_model(options)
    path = path_of(options, model)
    with ConsoleProgress() as progress:
        results: dict[str, Any] = {"space": options.space, "steps": options.steps}
        times = path.evenly(options.steps)
        if options.constant_speed:
            times, moved = times_of_constant_speed(model, path, options.steps, progress)
            moved_mm = 1000 * moved / model.info.similarity.scale
            results["movement_mm"] = {"least": round(moved_mm.min(), 4), "largest": round(moved_mm.max(), 4)}
            progress.message(_movement(**results["movement_mm"]))
        codes = path.at(times)
        paths = (options.out / f"{step:06d}.ply" for step in range(options.steps))
        meshes = zip(paths, extract_meshes(model, codes, options.resolution, progress.cancelled), strict=True)
        if video:
            from npm_studio.reports.pictures import render_mesh_video

            frames = counted(map(_with_surface, meshes), options.steps, progress, "interpolate")
            render_mesh_video(frames, options.out, FRAMES_PER_SECOND)
            results["video"] = str(options.out)
        else:
            results["meshes"] = write_meshes(meshes, options.steps, progress, "interpolate")
        progress.message(f"{options.out}: {options.space} through {len(path.times)} keyframes")
    return {**results, "seconds": round(time.perf_counter() - started, 2)}


def _with_surface(named: "tuple[Path, Mesh]") -> "Mesh":
    from engine.core.errors import InputError

    path, mesh = named
    if mesh.is_empty:
        raise InputError(f"step {path.stem}", *NO_SURFACE)
    return mesh


def _movement(least: float, largest: float) -> str:
    if largest == 0:
        return "the surface does not move: all meshes are the same"
    uneven = "; that is not even, but as near as it came" if largest > 1.1 * least else ""
    return f"the surface moves by {least:.4g} to {largest:.4g} mm from mesh to mesh{uneven}"
