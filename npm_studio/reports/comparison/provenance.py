"""Where the numbers of a comparison come from: runs with their versions, seeds and commands, models and recordings."""

import hashlib
import shlex
from pathlib import Path
from typing import Any

from engine.comparison.side import Side
from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.methods.method import load_method
from engine.methods.run import Run
from npm_studio.reports.machine import processor, versions

_BLOCK = 1 << 22


def provenance(sides: tuple[Side, ...], truth: Path | None, command: str, progress: Progress) -> dict[str, Any]:
    """JSON: of each run what made it, and the SHA-256 of models, recordings and truth; None of what is gone.

    Args:
        command: that makes this comparison again, or empty

    Raises:
        Cancelled: ``progress`` asked to stop.
    """
    runs = {side.name: side.run for side in sides if side.run is not None}
    paths = {run.inputs.sequence for run in runs.values()} | {run.inputs.model for run in runs.values()} - {None}
    known = sorted(path for path in (*paths, truth) if path is not None)
    progress.stage("hashes", len(known))
    hashes = {}
    for done, path in enumerate(known):
        hashes[str(path)] = content_hash(path, progress)
        progress.advance(done + 1)
    installed = versions()
    return {
        "command": command,
        "versions": {name: installed[name] for name in ("npm-studio", "Python", "torch", "numpy", "warp-lang")},
        "processor": processor(),
        "truth": None if truth is None else str(truth),
        "runs": {name: _of_run(run) for name, run in runs.items()},
        "sha256": hashes,
    }


def content_hash(path: Path, progress: Progress | None = None) -> str | None:
    """SHA-256 of a file, or of all files of a folder with their names, in order; None where it is gone.

    Raises:
        Cancelled: ``progress`` asked to stop.
    """
    progress = progress or Progress()
    if not path.exists():
        return None
    digest = hashlib.sha256()
    files = [path]
    if path.is_dir():
        files = sorted((each for each in path.rglob("*") if each.is_file()), key=lambda each: each.parts)
    for file in files:
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                if progress.cancelled():
                    raise Cancelled
                digest.update(block)
    return digest.hexdigest()


def fit_command(run: Run) -> str:
    """The command line that fits ``run`` again, with what differs from the defaults."""
    inputs, capture = run.inputs, run.inputs.capture
    words = ["npm-studio", "fit", str(inputs.sequence), "--method", run.method]
    if inputs.views:
        words += ["--views", *map(str, inputs.views)]
    if inputs.model is not None:
        words += ["--model", str(inputs.model)]
    isolation = capture.isolation
    for flag, value in (
        ("--depth-scale", capture.depth_scale),
        ("--intrinsics", capture.intrinsics),
        ("--stream", capture.stream),
        ("--near", isolation.near_m),
        ("--far", isolation.far_m),
        ("--masks", isolation.masks),
        ("--subject", capture.subject),
    ):
        words += [] if value is None else [flag, str(value)]
    words += ["--remove-planes"] if isolation.remove_planes else []
    for name, value in _stated(run).items():
        words += [f"--{name}", str(value)]
    words += ["--seed", str(inputs.seed), "--device", inputs.device, "--out", str(run.folder)]
    return shlex.join(words)


def _of_run(run: Run) -> dict[str, Any]:
    inputs = run.inputs
    return {
        "folder": str(run.folder.resolve()),
        "method": run.method,
        "command": fit_command(run),
        "versions": dict(run.versions),
        "seed": inputs.seed,
        "device": inputs.device,
        "recording": str(inputs.sequence),
        "model": None if inputs.model is None else str(inputs.model),
        "config": dict(inputs.config),
        "seconds": run.seconds,
        "interrupted": run.interrupted,
        "verdict": run.verdict,
        "reason": run.reason,
    }


def _stated(run: Run) -> dict[str, Any]:
    """Fields of the configuration that are not as the method has them by itself; all where it is not installed."""
    try:
        fields = load_method(run.method).config_type.model_fields
    except InputError:
        return dict(run.inputs.config)
    return {
        name: value
        for name, value in run.inputs.config.items()
        if name not in fields or value != fields[name].get_default(call_default_factory=True)
    }
