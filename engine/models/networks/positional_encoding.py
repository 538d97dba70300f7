"""Positional encoding of points (Mildenhall et al. 2020, in the layout of Palafox et al. 2021)."""

import torch
from torch import Tensor

# Six digits and not math.pi: published NPM checkpoints were trained with this value, and at the highest band
# the difference is visible in the fifth decimal of the encoding.
PI = 3.141592


def encoding_width(frequencies: int) -> int:
    """Number of channels that `encode_points` makes."""
    return 3 + 6 * frequencies


def encode_points(points: Tensor, frequencies: int, alpha: float | Tensor | None = None) -> Tensor:
    """Encode ``points`` (..., 3) as [pi x, sin(pi x), cos(pi x), ..., sin(2^(L-1) pi x), cos(2^(L-1) pi x)].

    Args:
        alpha: how many bands are open, as in `window`; None: all of them. As in the published NPM code the window
            multiplies the angle, so the cosine of a closed band is one (that of Park et al. 2021, Nerfies, multiplies
            the waves).

    Returns:
        (..., 3 + 6 L) for L = ``frequencies``; each band is a block of three sines and three cosines.
    """
    scaled = points * PI
    if frequencies == 0:
        return scaled
    bands = 2.0 ** torch.arange(frequencies, device=points.device, dtype=points.dtype)
    if alpha is not None:
        bands = bands * window(frequencies, alpha).to(bands)
    angles = scaled[..., None, :] * bands[:, None]  # (..., L, 3)
    waves = torch.stack((angles.sin(), angles.cos()), dim=-2)  # (..., L, 2, 3)
    return torch.cat((scaled, waves.flatten(-3)), dim=-1)


def window(frequencies: int, alpha: float | Tensor) -> Tensor:
    """Weights (L,) in [0, 1] of the bands: half a cosine from closed to open while ``alpha`` goes from k to k + 1."""
    start = torch.as_tensor(alpha, dtype=torch.float32)
    opened = (start - torch.arange(frequencies, device=start.device)).clamp(0, 1)
    return 0.5 * (1 - torch.cos(PI * opened))
