"""`npm-studio reconstruct`: meshes from codes."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress
from npm_studio.cli.meshes import (
    MESH_SUFFIXES,
    add_common,
    add_unit,
    is_file_target,
    open_model,
    placing,
    write_meshes,
)

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.model import NeuralParametricModel

    Wanted = tuple[str, Tensor, Tensor | None]
    """Name of a mesh, shape code (Cs,), pose code (Cp,) or None for the canonical pose."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Meshes from codes, in canonical units unless --unit says otherwise. Without --identity and --codes: the "
        "canonical mesh of every training identity. A folder as target of --codes gets a mesh per frame, thousands if "
        "need be: files are written while the next are computed, and an interrupted command keeps those that are whole."
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--identity", metavar="I", help="name or index of a training identity")
    source.add_argument(
        "--codes",
        type=Path,
        metavar="FILE.npz",
        help="codes of a fitted sequence: shape (1, S, C), or (F, S, C) for one per frame, pose (F, S, C) or (F, C); "
        "of S snapshots the last",
    )
    parser.add_argument(
        "--frame", metavar="F", help="name (walk/000003) or index of one of its frames (default: the canonical mesh)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.ply|DIR", help="mesh file or folder to write")
    add_unit(parser)
    add_common(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from engine.surface.many_surfaces import extract_meshes

    started = time.perf_counter()
    one_file = is_file_target(options.out, MESH_SUFFIXES)
    model = open_model(options)
    place, unit = placing(options.unit, model)
    wanted = _of_codes(options, model, one_file) if options.codes else _of_identities(options, model)
    if one_file and len(wanted) > 1:
        remedy = "add --frame, or give a folder" if options.codes else "add --identity, or give a folder"
        raise InputError(options.out, f"is one file for {len(wanted)} meshes", remedy)
    with ConsoleProgress() as progress:
        codes = ((shape, pose) for _, shape, pose in wanted)
        meshes = map(place, extract_meshes(model, codes, options.resolution, progress.cancelled))
        paths = (options.out if one_file else options.out / f"{name}.ply" for name, *_ in wanted)
        computing = time.perf_counter()
        written = write_meshes(zip(paths, meshes, strict=True), len(wanted), progress, "reconstruct", unit)
        rate = len(written) / (time.perf_counter() - computing)
        progress.message(f"{options.out}: {len(written)} of {len(wanted)} meshes, {rate:.3g} per second")
    return {
        "resolution": options.resolution,
        "meshes": written,
        "meshes_per_second": round(rate, 2),
        "seconds": round(time.perf_counter() - started, 2),
    }


def _of_identities(options: argparse.Namespace, model: "NeuralParametricModel") -> "list[Wanted]":
    from engine.core.errors import InputError
    from engine.models.named_codes import find_frame, find_identity

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
    from engine.core.errors import InputError
    from engine.models.labels import find_name
    from engine.models.named_codes import load_codes

    shapes, poses = load_codes(options.codes, model)
    one_shape = len(shapes) == 1
    count = len(shapes) if poses is None else len(poses)
    frames: list[Wanted] = [
        (f"{index:06d}", shapes[0 if one_shape else index], None if poses is None else poses[index])
        for index in range(count)
    ]
    if options.frame is not None:
        if poses is None and one_shape:
            raise InputError(options.codes, "holds no pose codes", "leave --frame out")
        return [frames[find_name([name for name, _, _ in frames], options.frame, f"{options.codes}: frame")]]
    if not one_shape:
        return _by_shape(frames)
    canonical: list[Wanted] = [("canonical", shapes[0], None)]
    return canonical if one_file or poses is None else canonical + frames


def _by_shape(wanted: "list[Wanted]") -> "list[Wanted]":
    """``wanted`` with those of one shape together: each canonical surface is found once."""
    groups: dict[bytes, list[Wanted]] = {}
    for one in wanted:
        groups.setdefault(one[1].cpu().numpy().tobytes(), []).append(one)
    return [one for group in groups.values() for one in group]
