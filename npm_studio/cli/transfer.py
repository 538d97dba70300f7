"""`npm-studio transfer`: poses of one identity on others."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress
from npm_studio.cli.meshes import add_common, is_file_target, open_model, write_meshes

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.model import NeuralParametricModel


def configure(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--pose-from", metavar="A", help="name or index of the training identity that has the poses")
    source.add_argument("--run", dest="run_folder", type=Path, metavar="RUN", help="fitted sequence that has the poses")
    parser.add_argument("--to", nargs="+", required=True, metavar="B", help="training identities that take the poses")
    parser.add_argument(
        "--frames",
        nargs="+",
        default=[],
        metavar="F",
        help="which poses: names (walk/000003), indices, or whole sequences (walk); default: all",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of DIR/<B>/<frame>.ply")
    add_common(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.models.named_codes import find_identity
    from engine.sequences.mirroring import mirrored_mesh
    from engine.surface.many_surfaces import extract_meshes

    started = time.perf_counter()
    is_file_target(options.out, ())
    model = open_model(options)
    targets = list(dict.fromkeys(find_identity(model, name) for name in options.to))
    mirrored = False
    if options.run_folder:
        poses, mirrored = _of_run(options, model)
    else:
        poses = _of_identity(options, model)
    names = model.info.identities
    with ConsoleProgress() as progress:
        codes = ((model.shape_codes[target], pose) for target in targets for _, pose in poses)
        paths = (options.out / names[target] / f"{name}.ply" for target in targets for name, _ in poses)
        made = extract_meshes(model, codes, options.resolution, progress.cancelled)
        of_side = (mirrored_mesh(mesh, 0.0) if mirrored else mesh for mesh in made)
        written = write_meshes(zip(paths, of_side, strict=True), len(targets) * len(poses), progress, "transfer")
        progress.message(f"{options.out}: {len(poses)} poses on {len(targets)} identities, {len(written)} meshes")
    return {
        "identities": [names[target] for target in targets],
        "meshes": written,
        "seconds": round(time.perf_counter() - started, 2),
    }


def _of_identity(options: argparse.Namespace, model: "NeuralParametricModel") -> "list[tuple[str, Tensor]]":
    """File name and pose code (Cp,) of each chosen training frame."""
    from engine.models.named_codes import find_frames, find_identity

    rows = find_frames(model, find_identity(model, options.pose_from), options.frames)
    assert model.pose_codes is not None
    frames = model.info.frames
    return [(f"{frames[row].sequence}_{frames[row].sample}", model.pose_codes[row]) for row in rows]


def _of_run(options: argparse.Namespace, model: "NeuralParametricModel") -> "tuple[list[tuple[str, Tensor]], bool]":
    """File name and pose code (Cp,) of each chosen frame of a run, and whether they are those of a mirror image."""
    from engine.core.errors import InputError
    from engine.methods.run import load_run
    from engine.methods.run_summary import is_mirrored
    from engine.models.labels import find_name
    from engine.models.named_codes import load_codes

    run = load_run(options.run_folder)
    names = run.frame_names
    codes = options.run_folder / "codes.npz"
    _, poses = load_codes(codes, model)
    if poses is None:
        raise InputError(codes, "holds no pose codes", "fit it again with a model that has a pose stage")
    chosen = [find_name(names, name, f"{options.run_folder}: frame") for name in options.frames]
    return [(names[index], poses[index]) for index in chosen or range(len(names))], is_mirrored(run)
