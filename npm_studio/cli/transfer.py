"""`npm-studio transfer`: poses of one identity, or of a fitted sequence, on others."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.console import ConsoleProgress
from npm_studio.cli.meshes import add_common, is_file_target, open_model, write_meshes
from npm_studio.resources import demo_model

if TYPE_CHECKING:
    from torch import Tensor

    from engine.methods.method import LoadedModel
    from engine.methods.run import Run
    from engine.methods.transferring import FittedMotion
    from engine.models.model import NeuralParametricModel


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Poses of one identity on others. Those of a training identity become meshes in canonical units; those of a "
        "run, with its places, meshes in metres in the world of the run, all raised or lowered so that the lowest "
        "point is where it was. With --run the model is that of the run, unless --model says where it is now."
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--pose-from", metavar="A", help="name or index of the training identity that has the poses")
    source.add_argument("--run", dest="run_folder", type=Path, metavar="RUN", help="fitted sequence that has the poses")
    parser.add_argument(
        "--to",
        nargs="+",
        required=True,
        metavar="B",
        help="training identities that take the poses, or runs of the same model whose subjects do",
    )
    parser.add_argument(
        "--frames",
        nargs="+",
        default=[],
        metavar="F",
        help="which poses: names (walk/000003), indices, or whole sequences (walk); default: all",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of DIR/<B>/<frame>.ply")
    add_common(parser)
    parser.set_defaults(model=None)


def run(options: argparse.Namespace) -> dict[str, Any]:
    started = time.perf_counter()
    is_file_target(options.out, ())
    results = _of_identity(options) if options.run_folder is None else _of_run(options)
    return {**results, "seconds": round(time.perf_counter() - started, 2)}


def _of_identity(options: argparse.Namespace) -> dict[str, Any]:
    """Meshes in canonical units of the poses of a training identity."""
    from engine.methods.method import LoadedModel
    from engine.models.named_codes import find_frames, find_identity
    from engine.surface.many_surfaces import extract_meshes

    options.model = options.model or demo_model()
    model = open_model(options)
    targets = _targets(options, LoadedModel(options.model, model))
    rows = find_frames(model, find_identity(model, options.pose_from), options.frames)
    assert model.pose_codes is not None
    frames, poses = [model.info.frames[row] for row in rows], model.pose_codes[rows]
    with ConsoleProgress() as progress:
        codes = ((shape, pose) for shape in targets.values() for pose in poses)
        made = extract_meshes(model, codes, options.resolution, progress.cancelled)
        paths = (options.out / name / f"{frame.sequence}_{frame.sample}.ply" for name in targets for frame in frames)
        written = write_meshes(zip(paths, made, strict=True), len(targets) * len(rows), progress, "transfer")
        progress.message(f"{options.out}: {len(rows)} poses on {len(targets)} identities, {len(written)} meshes")
    return {"identities": list(targets), "meshes": written}


def _of_run(options: argparse.Namespace) -> dict[str, Any]:
    """Meshes in metres in the world of a run, of its poses and places."""
    from engine.core.errors import Cancelled
    from engine.methods.method import LoadedModel
    from engine.methods.run import load_run
    from engine.methods.run_summary import lost_text
    from engine.methods.transferring import motion_of, transfer_motion
    from engine.models.labels import find_name

    fitted = load_run(options.run_folder)
    options.model = options.model or _model_of(fitted)
    loaded = LoadedModel(options.model, open_model(options))
    targets = _targets(options, loaded)
    names = fitted.frame_names
    rows = [find_name(names, name, f"{options.run_folder}: frame") for name in options.frames]
    motion = motion_of(fitted, loaded, rows)
    written, raised = [], {}
    with ConsoleProgress() as progress:
        for line in (lost_text(fitted), _doubt(options.run_folder, motion)):
            if line:
                progress.message(line)
        for name, shape in targets.items():
            try:
                made = transfer_motion(motion, loaded.model, shape, name, options.resolution, progress.cancelled)
            except Cancelled:
                break
            paths = (options.out / name / f"{frame}.ply" for frame in motion.frame_names)
            named = zip(paths, made.meshes, strict=True)
            written += write_meshes(named, len(made.meshes), progress, f"transfer to {name}", "metres")
            raised[name] = round(1000 * made.raised_m, 2)
            if motion.lowest_m is not None:
                progress.message(f"{name}: raised by {raised[name]:.1f} mm, so that the lowest point is where it was")
        progress.message(f"{options.out}: {len(motion.frame_names)} frames on {len(raised)} shapes, in metres")
    return {"identities": list(raised), "unit": "m", "frame": "world", "raised_mm": raised, "meshes": written}


def _doubt(folder: Path, motion: "FittedMotion") -> str:
    """Why the height of the meshes is not settled; empty where it is."""
    if motion.places is None:
        return f"{folder} does not say where its subject was: the meshes stay where the model has them"
    if motion.lowest_m is None:
        return "the subject is not upright in its world, so there is no floor to keep: the places are those of the run"
    return ""


def _model_of(fitted: "Run") -> Path:
    """Where the model of a run is.

    Raises:
        InputError: it has none, or it is gone.
    """
    from engine.core.errors import InputError

    model = fitted.inputs.model
    if model is None:
        raise InputError(fitted.folder, "has no codes: its method fits none", "give a run of the method npm")
    if not model.is_dir():
        raise InputError(fitted.folder, f"is a run of model {model}, which is gone", "say where it is with --model")
    return model


def _targets(options: argparse.Namespace, loaded: "LoadedModel") -> "dict[str, Tensor]":
    """Shape code (Cs,) of each identity or run that takes the poses, by its name."""
    from engine.core.errors import InputError
    from engine.methods.npm.kept_shape import shape_of_run
    from engine.methods.run import load_run
    from engine.models.named_codes import find_identity

    model: NeuralParametricModel = loaded.model
    targets: dict[str, Tensor] = {}
    for wanted in options.to:
        folder = Path(wanted)
        if wanted not in model.info.identities and (folder / "run.json").is_file():
            name, shape = folder.resolve().name, shape_of_run(load_run(folder), loaded).code
            if name in targets or name in model.info.identities:
                raise InputError(f"--to {wanted}", f"would share {options.out / name} with another", "rename the run")
            targets[name] = shape
        else:
            index = find_identity(model, wanted)
            targets[model.info.identities[index]] = model.shape_codes[index]
    return targets
