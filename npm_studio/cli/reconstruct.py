"""`npm-studio reconstruct`: meshes from codes."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress
from npm_studio.cli.meshes import MESH_SUFFIXES, Surfaces, add_common, is_file_target, open_model, write_meshes

if TYPE_CHECKING:
    from torch import Tensor

    from engine.model import NeuralParametricModel

    Wanted = tuple[str, Tensor, Tensor | None]
    """Name of a mesh, shape code (Cs,), pose code (Cp,) or None for the canonical pose."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Meshes from codes, in canonical units. Without --identity and --codes: the canonical mesh of every training "
        "identity. A folder as target of --codes gets the canonical mesh and every frame."
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--identity", metavar="I", help="name or index of a training identity")
    source.add_argument("--codes", type=Path, metavar="FILE.npz", help="codes of a fitted sequence")
    parser.add_argument(
        "--frame", metavar="F", help="name (walk/000003) or index of one of its frames (default: the canonical mesh)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.ply|DIR", help="mesh file or folder to write")
    add_common(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.errors import InputError

    started = time.perf_counter()
    one_file = is_file_target(options.out, MESH_SUFFIXES)
    model = open_model(options)
    wanted = _of_codes(options, model, one_file) if options.codes else _of_identities(options, model)
    if one_file and len(wanted) > 1:
        raise InputError(options.out, f"is one file for {len(wanted)} meshes", "add --identity, or give a folder")
    with ConsoleProgress() as progress:
        surfaces = Surfaces(model, options.resolution, progress.cancelled)
        meshes = (
            (options.out if one_file else options.out / f"{name}.ply", surfaces.mesh(name, shape, pose))
            for name, shape, pose in wanted
        )
        written = write_meshes(meshes, len(wanted), progress, "reconstruct")
        progress.message(f"{options.out}: {len(written)} of {len(wanted)} meshes")
    return {"resolution": options.resolution, "meshes": written, "seconds": round(time.perf_counter() - started, 2)}


def _of_identities(options: argparse.Namespace, model: "NeuralParametricModel") -> "list[Wanted]":
    from engine.errors import InputError
    from engine.latent.selection import find_frame, find_identity

    names = model.info.identities
    if options.identity is None:
        if options.frame is not None:
            raise InputError(f"--frame {options.frame}", "does not say whose frame", "add --identity or --codes")
        return [(name, model.shape_codes[index], None) for index, name in enumerate(names)]
    identity = find_identity(model, options.identity)
    shape = model.shape_codes[identity]
    if options.frame is None:
        return [(names[identity], shape, None)]
    row = find_frame(model, identity, options.frame)
    frame = model.info.frames[row]
    assert model.pose_codes is not None
    return [(f"{names[identity]}_{frame.sequence}_{frame.sample}", shape, model.pose_codes[row])]


def _of_codes(options: argparse.Namespace, model: "NeuralParametricModel", one_file: bool) -> "list[Wanted]":
    from engine.dataset.registered import find_name
    from engine.errors import InputError
    from engine.latent.selection import load_codes

    shape, poses = load_codes(options.codes, model)
    frames = [] if poses is None else [(f"{index:06d}", shape, pose) for index, pose in enumerate(poses)]
    if options.frame is None:
        canonical: list[Wanted] = [("canonical", shape, None)]
        return canonical if one_file else canonical + frames
    if not frames:
        raise InputError(options.codes, "holds no pose codes", "leave --frame out")
    return [frames[find_name([name for name, _, _ in frames], options.frame, f"{options.codes}: frame")]]
