"""`npm-studio evaluate`: metrics of a run."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.console import ConsoleProgress, add_json, add_seed


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="run folder that `npm-studio fit` wrote")
    parser.add_argument(
        "--truth", type=Path, required=True, metavar="DIR", help="true meshes <frame>.ply, canonical units"
    )
    add_seed(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.errors import InputError
    from engine.core.files import write_json
    from engine.evaluate.metrics import METRICS, evaluate_sequence, load_truth, match_frames
    from engine.methods.run import load_run

    fitted = load_run(options.run_folder)
    faces, vertices, names = load_truth(options.truth)
    frames = match_frames(fitted.frame_names, names, options.truth)
    if fitted.inputs.similarity is None:
        raise InputError(options.run_folder, "says no similarity to the canonical units of the truth")
    canonical = fitted.inputs.similarity.to_canonical(fitted.meshes.vertices())
    with ConsoleProgress() as progress:
        metrics = evaluate_sequence(
            canonical, fitted.meshes.read(0).faces, vertices[frames], faces, seed=options.seed, progress=progress
        )
    description = metrics.as_dict(fitted.frame_names)
    write_json(options.run_folder / "metrics.json", description)
    if not options.json:
        for metric in METRICS:
            value = description[metric.name]
            figure = "not defined for one frame" if value is None else f"{value:.6g} {metric.unit}".removesuffix(" 1")
            print(f"{metric.title:20s} {figure}")
    summary = ("median_frame_chamfer_l2", "failed_frames", "samples", "iou_points", "seed")
    return {
        **metrics.means(),
        **{key: description[key] for key in summary},
        "frames": len(fitted.frame_names),
        "metrics": str(options.run_folder / "metrics.json"),
    }
