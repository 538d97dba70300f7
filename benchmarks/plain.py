"""Figures of benchmarks: as JSON can have them, and from a command to a file."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import InputError
from engine.core.files import write_json


def plain(value: Any) -> Any:
    """``value`` without arrays and NaN, neither of which JSON has."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    return None if isinstance(value, float) and not np.isfinite(value) else value


def measured(measure: Callable[[Path], dict[str, Any]], json: Path | None) -> dict[str, Any] | None:
    """What ``measure`` finds, given an empty folder for as long as it runs, also in the file ``json``.

    None, and a line on standard error, for bad input.
    """
    try:
        with tempfile.TemporaryDirectory() as work:
            results = measure(Path(work))
    except InputError as error:
        print(error, file=sys.stderr)
        return None
    if json:
        write_json(json, plain(results))
    return results
