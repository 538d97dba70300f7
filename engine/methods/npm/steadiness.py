"""How much points of the surface accelerate, and what stands moves: differences in time, of all frames together.

With the first or second differences ``D`` of irregular times and their weights ``W``, the energy of the coordinates
``p`` of a point is half of ``p^T B p``, with ``B = D^T W D``. Each frame is coupled with two before and two after it:
``B`` is five numbers for each frame and point.
"""

import torch
from torch import Tensor

from engine.methods.npm.residuals import SurfaceRows

REACH = 2
"""Frames before and after a frame that it is coupled with."""
APART_S = 0.1
"""Seconds between the positions that say how fast a point is and how much it accelerates: errors of single frames count
for little."""
MOVING = 6.0
"""Times what is seen at that scale that a point is expected to accelerate: it is far more at shorter ones."""
_SMALLEST = 1e-6


def expected_accelerations(placed: Tensor, times_s: Tensor, least: float) -> Tensor:
    """Of points (F, N, 3) in each frame (F, N): who kicks is expected to, and a foot that stands is not.

    The root of the squares of ``least`` and of what is seen at the scale of `APART_S`, in canonical units per second
    squared; near the ends as where there are positions on both sides.

    Args:
        times_s: (F,) increasing
    """
    last = len(times_s) - 1
    before, after = _apart(times_s)
    to_before, to_after = (
        gap.clamp_min(_SMALLEST)[:, None, None] for gap in (times_s - times_s[before], times_s[after] - times_s)
    )
    change = (placed[after] - placed) / to_after - (placed - placed[before]) / to_before
    squared = (MOVING * 2 * change / (to_before + to_after)).square().sum(-1)
    first_whole = torch.searchsorted(times_s, times_s[0] + APART_S).clamp_max(last // 2 + last % 2)
    last_whole = (torch.searchsorted(times_s, times_s[-1] - APART_S, right=True) - 1).clamp_min(last // 2)
    frames = torch.arange(len(times_s), device=times_s.device)
    squared = squared[frames.clamp(first_whole, torch.maximum(first_whole, last_whole))]
    return ((squared[before] + squared + squared[after]) / 3 + least**2).sqrt()


def expected_speeds(placed: Tensor, times_s: Tensor, least: float) -> Tensor:
    """Likewise in canonical units per second: who walks is expected to move on, and a foot that stands is not."""
    before, after = _apart(times_s)
    gap = (times_s[after] - times_s[before]).clamp_min(_SMALLEST)[:, None, None]
    return (((placed[after] - placed[before]) / gap).square().sum(-1) + least**2).sqrt()


def _apart(times_s: Tensor) -> tuple[Tensor, Tensor]:
    """The frames (F,) that are `APART_S` before and after each; the first and the last near the ends."""
    before = (torch.searchsorted(times_s, times_s - APART_S, right=True) - 1).clamp_min(0)
    return before, torch.searchsorted(times_s, times_s + APART_S).clamp_max(len(times_s) - 1)


def acceleration_band(times_s: Tensor, precisions: Tensor, expected: Tensor) -> Tensor:
    """``B`` (F, N, 5): of each frame and point, its coupling with frames from two before to two after it.

    A point that accelerates by ``a`` departs by ``a t1 t2 / 2`` from the even motion between neighbours ``t1`` before
    and ``t2`` after it.

    Args:
        times_s: (F,) increasing
        precisions: (F,) weights of the accelerations in the middle of which a frame is, 0 where none is expected
        expected: (F, N) accelerations, canonical units per second squared
    """
    to_before, to_after = times_s - times_s.roll(1), times_s.roll(-1) - times_s
    to_before[0], to_after[-1] = 1, 1
    share = to_before / (to_before + to_after)
    deviation = (0.5 * expected * (to_before * to_after)[:, None]).clamp_min(_SMALLEST)
    weights = precisions[:, None] / deviation.square()
    weights[0], weights[-1] = 0, 0
    departure = torch.stack((share - 1, torch.ones_like(share), -share), dim=1)  # a row of D
    band = weights.new_zeros(*weights.shape, 2 * REACH + 1)
    for one in range(3):
        for other in range(3):
            product = weights * (departure[:, one] * departure[:, other])[:, None]
            band[..., REACH + other - one] += product.roll(one - 1, 0)
    return band


def speed_band(times_s: Tensor, precisions: Tensor, expected: Tensor) -> Tensor:
    """``B`` (F, N, 5) of the motion from each frame to the next.

    Args:
        times_s: (F,) increasing
        precisions: (F,) weights of the motion from a frame to the next, 0 where none is expected
        expected: (F, N) speeds, canonical units per second
    """
    to_after = times_s.roll(-1) - times_s
    to_after[-1] = 1
    deviation = torch.maximum(expected, expected.roll(-1, 0)) * to_after[:, None]
    weights = precisions[:, None] / deviation.clamp_min(_SMALLEST).square()
    weights[-1] = 0
    before = weights.roll(1, 0)
    nothing = torch.zeros_like(weights)
    return torch.stack((nothing, -before, before + weights, -weights, nothing), dim=-1)


def across_frames(band: Tensor, values: Tensor) -> Tensor:
    """``B`` (F, P, 5) times ``values`` (F, P, R)."""
    padded = torch.nn.functional.pad(values, (0, 0, 0, 0, REACH, REACH))
    total = torch.zeros_like(values)
    for place in range(2 * REACH + 1):
        total.addcmul_(band[..., place, None], padded[place : place + len(values)])
    return total


def steady_rows(canonical: Tensor, placed: Tensor, band: Tensor) -> SurfaceRows:
    """Points of the surface against where the frames about them, as they are, would have them.

    Of the energy of all frames these rows have the gradient and each frame's own part of the matrix.

    Args:
        canonical: (N, 3) the same points in all frames
        placed: (F, N, 3)
        band: (F, N, 5)
    """
    own = band[..., REACH]
    targets = placed - across_frames(band, placed) / own.clamp_min(_SMALLEST)[..., None]
    axes = torch.eye(3, device=placed.device).expand(len(placed), placed.shape[1], 3, 3).transpose(1, 2)
    still = torch.zeros_like(canonical).expand_as(placed)
    return SurfaceRows(canonical.expand_as(placed), still, axes, targets, own)
