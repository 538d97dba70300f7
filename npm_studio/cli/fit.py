"""`npm-studio fit`: a model to a depth sequence."""

import argparse
from pathlib import Path
from typing import Any

from npm_studio.cli.capture_options import add_capture_options, open_from_options, stated
from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_model, add_seed


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sequence", type=Path, metavar="SEQUENCE", help="depth sequence folder or depth recording; see `capture info`"
    )
    add_model(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder to write")
    parser.add_argument("--method", choices=("npm",), default="npm", help="how to fit (default: npm)")
    parser.add_argument("--iterations", type=int, metavar="N", help="optimiser steps (default: 240)")
    parser.add_argument("--resolution", type=int, metavar="N", help="grid of the final mesh (default: 256)")
    add_capture_options(parser)
    add_device(parser)
    add_seed(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> dict[str, Any]:
    import dataclasses

    from engine.core.devices import resolve_device
    from engine.core.errors import InputError
    from engine.methods.job import FitRequest, check_request, run_fit
    from engine.methods.npm.config import FitConfig
    from engine.models.checkpoint import load_model

    for name, lowest, highest in (("iterations", 1, 100_000), ("resolution", 16, 1024)):
        value = getattr(options, name)
        if value is not None and not lowest <= value <= highest:
            raise InputError(f"--{name} {value}", "is out of range", f"use {lowest} to {highest}")
    chosen = {name: getattr(options, name) for name in ("iterations", "resolution") if getattr(options, name)}
    config = dataclasses.replace(FitConfig(), **chosen)
    folder = options.model
    capture = stated(options)
    request = FitRequest(options.sequence, folder, options.out, config, options.seed, options.device, capture)
    check_request(request)
    with ConsoleProgress() as progress:
        model = load_model(folder, resolve_device(options.device))
        sequence = open_from_options(options.sequence, options, model, progress)
        for text in sequence.warnings:
            progress.message(f"warning: {text}")
        result = run_fit(request, progress, model, sequence)
        kept = " (interrupted: the best so far)" if result.interrupted else ""
        progress.message(f"{result.folder}: {len(result.frame_names)} frames in {result.seconds:.1f} s{kept}")
    return {
        "run": str(result.folder),
        "frames": len(result.frame_names),
        "seconds": round(result.seconds, 2),
        "interrupted": result.interrupted,
    }
