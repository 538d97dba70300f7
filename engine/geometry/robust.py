"""Weights by which what lies far off counts for little."""

from torch import Tensor


def redescending(squared: Tensor, scale: Tensor | float) -> Tensor:
    """Weight of a residual with ``squared`` length under the loss of Geman and McClure: a quarter at ``scale``."""
    return 1 / (1 + squared / (scale * scale)).square()
