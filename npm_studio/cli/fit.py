"""`npm-studio fit`: a method to a depth sequence."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.capture_options import add_capture_options, open_from_options, stated
from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_model, add_seed
from npm_studio.cli.method_fields import add_method_fields, stated_fields
from npm_studio.cli.words import words

if TYPE_CHECKING:
    from engine.methods.run import Run


def configure(parser: argparse.ArgumentParser) -> None:
    from engine.methods.method import DEFAULT, method_names

    parser.add_argument(
        "sequence", type=Path, metavar="SEQUENCE", help="depth sequence folder or depth recording; see `capture info`"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder to write")
    parser.add_argument(
        "--method", default=DEFAULT, metavar="NAME", help=f"{', '.join(method_names())} (default: {DEFAULT}); see below"
    )
    add_model(parser)
    parser.add_argument("--template", type=Path, metavar="FILE", help="mesh for methods that need one, metres")
    add_capture_options(parser)
    add_device(parser)
    add_seed(parser)
    add_json(parser)
    add_method_fields(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    from engine.core.config import read_config, set_fields
    from engine.methods.method import LoadedModel, load_method

    method = load_method(options.method)
    values: dict[str, Any] = {}
    set_fields(values, stated_fields(options))
    config = read_config(method.config_type, values)

    from engine.core.devices import resolve_device
    from engine.geometry.mesh import load_mesh
    from engine.methods.job import run_fit
    from engine.methods.request import FitRequest, check_out
    from engine.methods.residual import residual_notice
    from engine.models.checkpoint import load_model

    check_out(options.out)
    with ConsoleProgress() as progress:
        needs, loaded = method.requires, None
        if needs.any_model:
            loaded = LoadedModel(options.model, load_model(options.model, resolve_device(options.device)))
        template = None if options.template is None else load_mesh(options.template)
        sequence = open_from_options(options.sequence, options, None if loaded is None else loaded.model, progress)
        for warning in sequence.warnings:
            progress.message(f"warning: {warning.line(words)}")
        request = FitRequest(
            method, config, sequence, options.out, loaded, template, options.seed, options.device, stated(options)
        )
        result = run_fit(request, progress)
        kept = " (interrupted: the best so far)" if result.interrupted else ""
        progress.message(f"{result.folder}: {len(result.frames)} frames in {result.seconds:.1f} s{kept}")
        left = residual_notice(result, sequence)
        if left is not None:
            progress.notice(left)
    return summary(result)


def summary(run: "Run") -> dict[str, Any]:
    """What is known of a run, null where nothing is."""
    return {
        "run": str(run.folder),
        "method": run.method,
        "frames": len(run.frames),
        "seconds": round(run.seconds, 2),
        "interrupted": run.interrupted,
        "verdict": run.verdict,
        "reason": run.reason,
        "per_frame": [
            {"name": frame.name, "mean_distance_mm": None, "confidence": frame.confidence, "lost": frame.lost}
            for frame in run.frames
        ],
    }
