"""Between two codes."""

import torch
from torch import Tensor


def interpolate(code_a: Tensor, code_b: Tensor, steps: int) -> Tensor:
    """``steps`` >= 2 codes (steps, C) on the straight line from ``code_a`` (C,) to ``code_b`` (C,), both included."""
    assert code_a.shape == code_b.shape, (code_a.shape, code_b.shape)
    assert steps >= 2, steps
    weights = torch.linspace(0, 1, steps, dtype=code_a.dtype, device=code_a.device)
    return torch.lerp(code_a, code_b, weights[:, None])
