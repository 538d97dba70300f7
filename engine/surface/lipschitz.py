"""How fast a learned signed distance changes: a measured bound for pruning space."""

from dataclasses import asdict, dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from engine.model import NeuralParametricModel

COARSE_BAND = 0.1
"""Training clamps distances here; beyond it nothing shapes the network, so no bound is claimed there."""
FINE_BAND = 0.02
_QUANTILE, _MARGIN = 0.999, 1.15
_CODES, _POINTS = 24, 2048


@dataclass(frozen=True)
class LipschitzBounds:
    """Bounds of the gradient norm of a model's signed distance (1 for an exact one)."""

    coarse: float
    """Where |distance| < `COARSE_BAND`."""
    fine: float
    """Where |distance| < `FINE_BAND`."""

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def measure_lipschitz(model: NeuralParametricModel, seed: int = 0) -> LipschitzBounds:
    """Measure gradient norms of ``model`` over training codes and normally distributed ones.

    The bounds are the 99.9th percentile in each band plus 15 %. Points are uniform in the cube, and the same points
    moved close to the surface. The result belongs into ``model.info.training["lipschitz"]`` (as a dict) to spare
    later users the measurement, about a second on a CPU for a network of 6 x 256.
    """
    generator = torch.Generator().manual_seed(seed)
    codes = model.shape_codes
    rows = torch.randperm(len(codes), generator=generator)[: _CODES // 2].to(codes.device)
    random = torch.randn(_CODES - len(rows), codes.shape[1], generator=generator).to(codes)
    spread = codes.std(dim=0) if len(codes) > 1 else codes.abs().mean(dim=0)
    distances, slopes = [], []
    for code in torch.cat((codes[rows], codes.mean(dim=0) + spread * random)):
        points = (torch.rand(_POINTS, 3, generator=generator) - 0.5).to(codes)
        distance, gradient = _distance_and_gradient(model, code, points)
        near = distance.abs() < COARSE_BAND
        offset = FINE_BAND * (2 * torch.rand(_POINTS, generator=generator).to(codes) - 1)
        step = (offset - distance) / gradient.square().sum(dim=1).clamp_min(1e-4)
        closer = (points + step[:, None] * gradient)[near].clamp(-0.5, 0.5)
        for values, slope in ((distance, gradient), _distance_and_gradient(model, code, closer)):
            distances.append(values)
            slopes.append(slope.norm(dim=1))
    distance, slope = torch.cat(distances).abs(), torch.cat(slopes)
    coarse, fine = (_upper(slope[distance < band]) for band in (COARSE_BAND, FINE_BAND))
    return LipschitzBounds(max(coarse, fine), fine)


_measured: WeakKeyDictionary[NeuralParametricModel, LipschitzBounds] = WeakKeyDictionary()


def lipschitz_bounds(model: NeuralParametricModel) -> LipschitzBounds:
    """The bounds stored with ``model``, or measured once per model object."""
    stored: Any = model.info.training.get("lipschitz")
    if isinstance(stored, dict) and {"coarse", "fine"} <= stored.keys():
        return LipschitzBounds(float(stored["coarse"]), float(stored["fine"]))
    if model not in _measured:
        _measured[model] = measure_lipschitz(model)
    return _measured[model]


def _distance_and_gradient(model: NeuralParametricModel, code: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Distance (P,) and its gradient (P, 3) at ``points`` (P, 3)."""
    with torch.enable_grad():
        points = points.detach().requires_grad_(True)
        distance = model.sdf(code[None], points[None])[0]
        (gradient,) = torch.autograd.grad(distance.sum(), points)
    return distance.detach(), gradient


def _upper(slopes: Tensor) -> float:
    if len(slopes) == 0:  # no surface at all: any bound is right
        return 1.0
    rank = min(len(slopes) - 1, int(_QUANTILE * len(slopes)))
    return _MARGIN * float(slopes.sort().values[rank])
