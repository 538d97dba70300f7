"""Figures of benchmarks as JSON can have them."""

from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """``value`` without arrays and NaN, neither of which JSON has."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    return None if isinstance(value, float) and not np.isfinite(value) else value
