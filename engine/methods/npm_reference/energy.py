"""The terms of the published energy, as plain functions in the precision of what they are given.

Of a step with B pairs of frames, all that a slot of the pairs has, the first frames or the second ones, is averaged
together, and the two slots are added.
"""

import torch
from torch import Tensor
from torch.nn import functional

VALID = 0.999999
"""Interpolated validity of a place in a grid above which all nodes around it are valid."""
LARGEST_ERROR = 100.0
_DISTANCES_AT_ONCE = 1 << 24


def interpolated(grids: Tensor, rows: Tensor, points: Tensor, align: bool = False) -> Tensor:
    """Trilinear values (R, P) of ``grids`` at canonical ``points`` (R, P, 3); beyond the faces those of the faces.

    Grids are read in place: copies of those of a batch would take longer than all else.

    Args:
        grids: (G, N, N, N), nodes at ``linspace(-0.5, 0.5, N)``, axes x, y, z; numbers or bool
        rows: (R,) which of them holds for each row of points
        align: whether they are looked up where the nodes are. As released they are taken for centres of N cells that
            fill the cube, which is off by half a cell at its faces.
    """
    assert grids.ndim == 4 and points.ndim == 3 and rows.shape == points.shape[:1], (grids.shape, points.shape)
    size = grids.shape[-1]
    places = (points + 0.5) * (size - 1) if align else points * size + (size - 1) / 2
    places = places.clamp(0, size - 1)
    corner = places.detach().floor().long().clamp(0, size - 2)
    x, y, z = (places - corner).unbind(-1)
    flat = grids.reshape(-1)
    first = ((rows[:, None] * size + corner[..., 0]) * size + corner[..., 1]) * size + corner[..., 2]

    def along_z(offset: int) -> Tensor:
        low, high = (flat[first + offset + step].to(points.dtype) for step in (0, 1))
        return low + z * (high - low)

    near, far = (
        below + y * (above - below)
        for below, above in ((along_z(step * size * size), along_z(step * size * size + size)) for step in (0, 1))
    )
    return near + x * (far - near)


def reconstruction(
    model_sdf: Tensor, seen_sdf: Tensor, valid: Tensor, clamp: float, clamp_both: bool = False
) -> Tensor:
    """How far the signed distances of canonical points are from those that were seen where a pose takes them.

    Of distances ``d`` of the model, clamped, and ``s`` that were seen, the mean over the valid points of
    ``|s - d| (1 + sign(d) sign(d - s) / 2)``: an error towards the surface or through it counts three times as much as
    one away from it. A slot without a valid point counts nothing (the published code stops there).

    Args:
        model_sdf: (B, P)
        seen_sdf: (S, B, P) of the S slots
        valid: (S, B, P) bool
        clamp_both: whether ``s`` is clamped too
    """
    assert seen_sdf.shape == valid.shape and seen_sdf.shape[1:] == model_sdf.shape, (seen_sdf.shape, model_sdf.shape)
    expected = model_sdf.clamp(-clamp, clamp)
    seen = seen_sdf.clamp(-clamp, clamp) if clamp_both else seen_sdf
    errors = (seen - expected).abs().clamp(max=LARGEST_ERROR)
    errors = errors * (1 + 0.5 * expected.sign() * (expected - seen).sign())
    counts = valid.sum(dim=(1, 2)).clamp_min(1)
    return (torch.where(valid, errors, 0).sum(dim=(1, 2)) / counts).sum()


def nearest_points(observed: Tensor, posed: Tensor, on_surface: Tensor) -> Tensor:
    """Mean squared distance from observed points to the nearest model point that is on the surface.

    Averaged over points and pairs, and added over slots. A pair without a point on the surface counts nothing (the
    published code stops there). The host waits once, for the number of points on the surface.

    Args:
        observed: (S, B, Q, 3)
        posed: (S, B, P, 3)
        on_surface: (B, P) bool
    """
    slots, pairs = observed.shape[:2]
    assert posed.shape[:2] == (slots, pairs) and on_surface.shape == posed.shape[1:3], (observed.shape, posed.shape)
    counts = on_surface.sum(dim=1)
    most = int(counts.max())
    if most == 0:
        return posed.new_zeros(())
    chosen = on_surface.int().argsort(dim=1, descending=True, stable=True)[:, :most]  # (B, K): those on it come first
    beyond = torch.arange(most, device=posed.device) >= counts[:, None]
    candidates = posed.gather(2, chosen[None, :, :, None].expand(slots, -1, -1, 3))  # (S, B, K, 3)
    nearest = _nearest(observed, candidates.detach(), beyond)
    partners = candidates.gather(2, nearest[..., None].expand(-1, -1, -1, 3))
    squares = (observed - partners).square().sum(-1).mean(-1)  # (S, B)
    return torch.where(counts > 0, squares, 0).sum() / pairs


def _nearest(observed: Tensor, candidates: Tensor, beyond: Tensor) -> Tensor:
    """Which (S, B, Q) of ``candidates`` (S, B, K, 3), without those ``beyond`` (B, K), is nearest to each point.

    |o - c|^2 less |o|^2, which is the same for all candidates of a point, is one product of matrices, and many times as
    fast on a GPU as distances by their differences. About the middle of the candidates little is lost by that.
    """
    slots, pairs = observed.shape[:2]
    at_once = max(1, _DISTANCES_AT_ONCE // (slots * pairs * candidates.shape[2]))
    middle = candidates.mean(2, keepdim=True)
    candidates = (candidates - middle).flatten(0, 1)  # (S B, K, 3)
    lengths = candidates.square().sum(-1).masked_fill(beyond.repeat(slots, 1), torch.inf)[:, None]
    parts = []
    for some in (observed - middle).flatten(0, 1).split(at_once, dim=1):
        parts.append(torch.baddbmm(lengths, some, candidates.mT, alpha=-2).argmin(-1))
    return torch.cat(parts, dim=1).unflatten(0, (slots, pairs))


def code_size(codes: Tensor) -> Tensor:
    """Mean square of ``codes`` (..., C)."""
    return codes.square().mean()


def unsteadiness(first: Tensor, second: Tensor) -> Tensor:
    """How much what the pose decoder puts out (B, P, D) for the same points differs in the two frames of pairs.

    The mean of the smooth L1 loss: half the square of a difference below one, and less by a half than its size beyond.
    """
    return functional.smooth_l1_loss(first, second)
