"""`npm-studio fit`: a method to a depth sequence."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npm_studio.cli.capture_options import add_capture_options, open_from_options, stated
from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_model, add_seed, interrupted
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
    parser.add_argument(
        "--fill-lost", action="store_true", help="interpolate the meshes of lost frames between their neighbours"
    )
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
    from engine.core.errors import InputError
    from engine.geometry.mesh import load_mesh
    from engine.methods.job import run_fit
    from engine.methods.request import FitRequest, check_out
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
            method,
            config,
            sequence,
            options.out,
            loaded,
            template,
            seed=options.seed,
            device=options.device,
            fill_lost=options.fill_lost,
            capture=stated(options),
        )
        result = run_fit(request, progress)
        progress.message(f"{options.sequence}: {sequence.origin}")
        for line in _lines(result):
            progress.message(line)
    results = summary(result)
    if result.verdict == "failed" and not interrupted():
        if options.json:
            print(json.dumps(results))
        raise InputError(result.folder, f"the fit has failed: {result.reason}", "the run is kept, look at it")
    return results


def _lines(run: "Run") -> Iterator[str]:
    """What a user wants to know of a run."""
    from engine.methods.run_summary import lost_text, mean_distance_mm

    kept = " (ended early: the best so far)" if run.interrupted else ""
    yield f"{run.folder}: {len(run.frames)} frames in {run.seconds:.1f} s{kept}"
    mean_mm = mean_distance_mm(run)
    if mean_mm is not None:
        yield f"mean distance of what was seen to the fit: {mean_mm:.3g} mm"
    if lost := lost_text(run):
        yield lost
    if run.verdict != "failed" or interrupted():  # else it is the error
        yield f"verdict: {run.verdict}: {run.reason}"


def summary(run: "Run") -> dict[str, Any]:
    """What is known of a run, null where nothing is."""
    from engine.methods.run_summary import lost_rows, mean_distance_mm

    mean_mm = mean_distance_mm(run)
    return {
        "run": str(run.folder),
        "method": run.method,
        "frames": len(run.frames),
        "seconds": round(run.seconds, 2),
        "interrupted": run.interrupted,
        "verdict": run.verdict,
        "reason": run.reason,
        "mean_distance_mm": None if mean_mm is None else round(mean_mm, 3),
        "lost_frames": len(lost_rows(run)),
        "per_frame": [
            {
                "name": frame.name,
                "mean_distance_mm": frame.mean_distance_mm,
                "confidence": frame.confidence,
                "lost": frame.lost,
                "filled": frame.filled,
            }
            for frame in run.frames
        ],
    }
