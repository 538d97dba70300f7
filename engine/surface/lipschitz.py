"""What is measured of a model before its surfaces are: how large distances get, and what half precision costs."""

from dataclasses import asdict, dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from engine.models.model import NeuralParametricModel
from engine.surface.folded import FoldedDecoder, SignedDistance

FINE_REACH = 0.014
COARSE_REACH = 0.04
FAR_REACH = 0.07
"""Training clamps distances at 0.1 and shapes nothing beyond, so no bound is claimed far from the surface."""
_QUANTILE, _MARGIN = 0.999, 1.1
_HALF_CODES, _HALF_POINTS, _HALF_REACH = 4, 4096, 0.1
_CODES, _POINTS, _NEAR, _NEWTON_STEPS = 16, 4096, 256, 3


@dataclass(frozen=True)
class LipschitzBounds:
    """Bounds L with ``|sdf(p)| <= L d`` for points p at distance d from the surface (L is 1 for an exact distance).

    Measured along straight lines from the surface, they are lower than bounds of the gradient norm.
    """

    coarse: float
    """For d up to `COARSE_REACH`."""
    fine: float
    """For d up to `FINE_REACH`."""
    far: float | None = None
    """For d up to `FAR_REACH`; None: not known."""

    def within(self, reach: float) -> float | None:
        """The bound for all distances up to ``reach``; None where none is claimed."""
        if reach <= FINE_REACH:
            return self.fine
        near = max(self.fine, self.coarse)
        if reach <= COARSE_REACH:
            return near
        return None if self.far is None or reach > FAR_REACH else max(near, self.far)

    def as_dict(self) -> dict[str, float | None]:
        return asdict(self)


def measure_lipschitz(model: NeuralParametricModel, seed: int = 0) -> LipschitzBounds:
    """Measure the bounds of ``model`` over training codes and as many normally distributed ones.

    From points of the surface one walks along the normal to both sides; the bounds are the 99.9th percentile of
    |sdf| over the way walked, plus 10 %. The result belongs into ``model.info.training["lipschitz"]`` (as a dict) to
    spare later users the measurement, half a second on a CPU for a network of 6 x 256.
    """
    generator = torch.Generator().manual_seed(seed)
    codes = model.shape_codes
    rows = torch.randperm(len(codes), generator=generator)[: _CODES // 2].to(codes.device)
    spread = codes.std(dim=0) if len(codes) > 1 else codes.abs().mean(dim=0)
    drawn = codes.mean(dim=0) + spread * torch.randn(len(rows), codes.shape[1], generator=generator).to(codes)
    fine: list[Tensor] = []
    coarse: list[Tensor] = []
    far: list[Tensor] = []
    bands = ((fine, 0.0, FINE_REACH), (coarse, FINE_REACH, COARSE_REACH), (far, COARSE_REACH, FAR_REACH))
    for code in torch.cat((codes[rows], drawn)):
        points, normals = _surface_points(model, code, generator)
        distance = SignedDistance(model, code)
        for slopes, nearest, farthest in bands:
            ways = farthest + (nearest - farthest) * torch.rand(len(points), generator=generator).to(points)
            for side in (-1, 1):
                values = distance(points + side * ways[:, None] * normals)
                slopes.append(values.abs() / ways.clamp_min(0.1 * FINE_REACH))
    return LipschitzBounds(coarse=_upper(coarse), fine=_upper(fine), far=_upper(far))


def measure_half_error(model: NeuralParametricModel, seed: int = 0) -> float:
    """What signed distances in half precision may be off by near the surface, on the model's device.

    Twice the largest difference among points of training codes; infinite where half precision overflows. Computed once
    per model object.
    """
    if model not in _half_errors:
        generator = torch.Generator().manual_seed(seed)
        codes, worst = model.shape_codes, 0.0
        for row in torch.randperm(len(codes), generator=generator)[:_HALF_CODES].tolist():
            points = (torch.rand(_HALF_POINTS, 3, generator=generator) - 0.5).to(codes)
            exact = SignedDistance(model, codes[row])(points)
            off = (SignedDistance(model, codes[row], half=True)(points) - exact).abs()[exact.abs() < _HALF_REACH]
            worst = max(worst, float(off.nan_to_num(torch.inf).amax())) if len(off) else worst
        _half_errors[model] = max(2 * worst, 1e-5)
    return _half_errors[model]


def measure_half_pose_error(model: NeuralParametricModel, seed: int = 0) -> float:
    """What positions of surface points posed in half precision may be off by, on the model's device.

    Twice the largest difference among points near the surfaces of training frames; infinite where half precision
    overflows and for a model without training poses. Computed once per model object.
    """
    if model not in _half_pose_errors:
        decoder, generator, worst = model.pose_decoder, torch.Generator().manual_seed(seed), torch.inf
        if decoder is not None and model.pose_codes is not None and model.has_pose:
            worst = 0.0
            for row in torch.randperm(len(model.pose_codes), generator=generator)[:_HALF_CODES].tolist():
                shape_code = model.shape_codes[model.info.frames[row].identity]
                points = (torch.rand(4 * _HALF_POINTS, 3, generator=generator) - 0.5).to(shape_code)
                points = points[SignedDistance(model, shape_code)(points).abs() < FINE_REACH]
                code = torch.cat((shape_code, model.pose_codes[row]))
                off = FoldedDecoder(decoder, code, half=True)(points) - FoldedDecoder(decoder, code)(points)
                worst = max(worst, float(off.abs().nan_to_num(torch.inf).amax())) if len(off) else worst
        _half_pose_errors[model] = 2 * worst
    return _half_pose_errors[model]


_half_errors: WeakKeyDictionary[NeuralParametricModel, float] = WeakKeyDictionary()
_half_pose_errors: WeakKeyDictionary[NeuralParametricModel, float] = WeakKeyDictionary()
_measured: WeakKeyDictionary[NeuralParametricModel, LipschitzBounds] = WeakKeyDictionary()


def lipschitz_bounds(model: NeuralParametricModel) -> LipschitzBounds:
    """The bounds stored with ``model``, or measured once per model object."""
    stored: Any = model.info.training.get("lipschitz")
    names = ("coarse", "fine", "far")
    if isinstance(stored, dict) and all(isinstance(stored.get(name), int | float) for name in names):
        return LipschitzBounds(**{name: float(stored[name]) for name in names})
    if model not in _measured:
        _measured[model] = measure_lipschitz(model)
    return _measured[model]


def _surface_points(model: NeuralParametricModel, code: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Points (S, 3) of the surface of ``code`` (Cs,) and unit normals (S, 3), by Newton steps from random points."""
    points = (torch.rand(_POINTS, 3, generator=generator) - 0.5).to(code)
    near = SignedDistance(model, code)(points).abs() < COARSE_REACH
    points = points[near][:_NEAR]
    for _ in range(_NEWTON_STEPS):
        values, gradients = _distance_and_gradient(model, code, points)
        points = points - values[:, None] * gradients / gradients.square().sum(dim=1, keepdim=True).clamp_min(1e-2)
    values, gradients = _distance_and_gradient(model, code, points)
    reached = (values.abs() < 1e-4) & (points.abs() < 0.5).all(dim=1)
    return points[reached], torch.nn.functional.normalize(gradients[reached], dim=1)


def _distance_and_gradient(model: NeuralParametricModel, code: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Distance (P,) and its gradient (P, 3) at ``points`` (P, 3)."""
    with torch.enable_grad():
        points = points.detach().requires_grad_(True)
        distance = model.sdf(code[None], points[None])[0]
        (gradient,) = torch.autograd.grad(distance.sum(), points)
    return distance.detach(), gradient


def _upper(slopes: list[Tensor]) -> float:
    ordered = torch.cat(slopes).sort().values
    if len(ordered) == 0:  # no surface at all: any bound is right
        return 1.0
    return _MARGIN * float(ordered[min(len(ordered) - 1, int(_QUANTILE * len(ordered)))])
