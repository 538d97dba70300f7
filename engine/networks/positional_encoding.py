"""Positional encoding of points (Mildenhall et al. 2020, in the layout of Palafox et al. 2021)."""

import torch
from torch import Tensor

# Six digits and not math.pi: published NPM checkpoints were trained with this value, and at the highest band
# the difference is visible in the fifth decimal of the encoding.
PI = 3.141592


def encoding_width(frequencies: int) -> int:
    """Number of channels that `encode_points` makes."""
    return 3 + 6 * frequencies


def encode_points(points: Tensor, frequencies: int) -> Tensor:
    """Encode ``points`` (..., 3) as [pi x, sin(pi x), cos(pi x), ..., sin(2^(L-1) pi x), cos(2^(L-1) pi x)].

    Returns:
        (..., 3 + 6 L) for L = ``frequencies``; each band is a block of three sines and three cosines.
    """
    scaled = points * PI
    if frequencies == 0:
        return scaled
    bands = 2.0 ** torch.arange(frequencies, device=points.device, dtype=points.dtype)
    angles = scaled[..., None, :] * bands[:, None]  # (..., L, 3)
    waves = torch.stack((angles.sin(), angles.cos()), dim=-2)  # (..., L, 2, 3)
    return torch.cat((scaled, waves.flatten(-3)), dim=-1)
