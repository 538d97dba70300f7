"""Of what a table was made: program, machine, model."""

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from npm_studio.reports.comparison.provenance import content_hash
from npm_studio.reports.machine import processor
from npm_studio.resources import is_checkout
from npm_studio.suites.running import Benchmark, Cell


def provenance_of(benchmark: Benchmark, cells: Sequence[Cell]) -> dict[str, Any]:
    """What is known, as JSON."""
    facts = [cell.measures["facts"] for cell in cells if cell.measures is not None]
    model = benchmark.model.resolve()
    return {
        "npm_studio": version("npm-studio"),
        "commit": commit(),
        "system": platform.platform(),
        "processor": processor(),
        "devices": sorted({each["device"] for each in facts}),
        "torch": sorted({each["versions"]["torch"] for each in facts}),
        "model": model.name.removesuffix(".npm"),
        "model_sha256": content_hash(model),
        "seed": benchmark.seed,
        "frames": benchmark.frames,
    }


def commit() -> str | None:
    """Of the checkout that the program runs from, with a plus where files differ from it; None elsewhere."""
    if not is_checkout():
        return None
    root = Path(__file__).parents[2]
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--match", ""],
            cwd=root, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return described.stdout.strip() or None
