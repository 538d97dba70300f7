"""Losses of the decoders against slow loops, finite differences and shapes with known answers."""

import math

import pytest
import torch
from torch import Tensor, nn

from engine.models.networks.curriculum import curriculum_loss
from engine.training.losses import clamped_distance_loss, displacement_loss, gradient_losses


@pytest.mark.parametrize("epoch", [None, 0, 20, 40, 80])
def test_the_clamped_loss_is_what_a_slow_loop_says(epoch: int | None) -> None:
    tolerance, hardness = (0.0, 0.0) if epoch is None else curriculum_loss(epoch, 100)
    generator = torch.Generator().manual_seed(0)
    predicted, true = (0.2 * torch.randn(3, 50, generator=generator) for _ in range(2))
    total = 0.0
    for p, t in zip(predicted.flatten().tolist(), true.flatten().tolist(), strict=True):
        p, t = max(-0.1, min(0.1, p)), max(-0.1, min(0.1, t))
        # the surface is nearer, or on the other side, than the decoder thinks
        hard = (t > 0 and t > p) or (t < 0 and t < p)
        easy = (t > 0 and t < p) or (t < 0 and t > p)
        weight = 1 + hardness * (hard - easy)
        total += max(0.0, abs(t - p) - tolerance) * weight
    assert float(clamped_distance_loss(predicted, true, 0.1, tolerance, hardness)) == pytest.approx(total / 150, 1e-5)


def test_errors_below_the_tolerance_and_beyond_the_clamp_cost_nothing() -> None:
    predicted = torch.tensor([[0.012, 0.3, -0.5]], requires_grad=True)
    loss = clamped_distance_loss(predicted, torch.tensor([[0.0, 0.2, -0.1]]), 0.1, 0.025, 0.0)
    loss.backward()
    assert loss.item() == 0.0
    assert predicted.grad is not None
    assert not predicted.grad.any()


class Sphere(nn.Module):
    """``steepness`` times the signed distance of spheres whose radius is the code."""

    def __init__(self, steepness: float) -> None:
        super().__init__()
        self.steepness = steepness

    def forward(self, codes: Tensor, points: Tensor, half: bool, alpha: object, depth: object) -> Tensor:
        return self.steepness * (points.norm(dim=-1) - codes)


@pytest.mark.parametrize("steepness", [1.0, 3.0])
def test_on_a_sphere_the_gradient_terms_are_known(steepness: float) -> None:
    generator = torch.Generator().manual_seed(0)
    normals = nn.functional.normalize(torch.randn(2, 40, 3, generator=generator), dim=-1)
    codes = torch.tensor([[0.3], [0.4]])
    points = codes[..., None] * normals
    eikonal, normal = gradient_losses(Sphere(steepness), codes, points, normals, None, None)  # type: ignore[arg-type]
    assert eikonal.item() == pytest.approx((steepness - 1) ** 2, abs=1e-5)
    assert normal.item() == pytest.approx(0.0, abs=1e-5)
    _, inward = gradient_losses(Sphere(steepness), codes, points, -normals, None, None)  # type: ignore[arg-type]
    assert inward.item() == pytest.approx(2.0, abs=1e-5)


class Smooth(nn.Module):
    """A decoder without kinks, in double precision: what finite differences need."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(7, 16), nn.Tanh(), nn.Linear(16, 1)).double()

    def forward(
        self, codes: Tensor, points: Tensor, half: bool = False, alpha: object = None, depth: object = None
    ) -> Tensor:
        row = codes[:, None].expand(-1, points.shape[1], -1)
        distance: Tensor = self.layers(torch.cat((row, points), dim=-1))[..., 0]
        return distance


def test_gradient_terms_and_their_slopes_agree_with_finite_differences() -> None:
    torch.manual_seed(0)
    decoder = Smooth()
    codes = torch.randn(2, 4, dtype=torch.float64)
    points = 0.4 * torch.randn(2, 20, 3, dtype=torch.float64)
    normals = nn.functional.normalize(torch.randn(2, 20, 3, dtype=torch.float64), dim=-1)

    def twin(codes: Tensor) -> tuple[float, float]:
        step = 1e-6
        gradient = torch.zeros_like(points)
        for axis in range(3):
            offset = torch.zeros(3, dtype=torch.float64)
            offset[axis] = step
            with torch.no_grad():
                gradient[..., axis] = (decoder(codes, points + offset) - decoder(codes, points - offset)) / (2 * step)
        length = gradient.norm(dim=-1)
        cosine = (gradient * normals).sum(-1) / length
        return float((length - 1).square().mean()), float((1 - cosine).mean())

    codes.requires_grad_()
    eikonal, normal = gradient_losses(decoder, codes, points, normals, None, None)  # type: ignore[arg-type]
    assert (eikonal.item(), normal.item()) == pytest.approx(twin(codes.detach()), rel=1e-5)

    (slope,) = torch.autograd.grad(eikonal + normal, codes)
    direction = torch.randn(2, 4, dtype=torch.float64)
    ends = [sum(twin(codes.detach() + sign * 1e-5 * direction)) for sign in (1, -1)]
    assert float((slope * direction).sum()) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3)


def test_displacements_are_compared_by_distance_or_by_its_square() -> None:
    predicted = torch.tensor([[[0.3, 0.4, 0.0], [0.0, 0.0, 0.0]]])
    true = torch.zeros(1, 2, 3)
    squared, error = displacement_loss(predicted, true, squared=True)
    assert float(squared) == pytest.approx(0.5 * 0.25 / 2)
    assert float(error) == pytest.approx(0.25)
    distance, error = displacement_loss(predicted, true, squared=False)
    assert float(distance) == pytest.approx((math.sqrt(0.25 + 1e-6) + 1e-3) / 2, rel=1e-5)
    assert float(error) == pytest.approx(0.25)


@pytest.mark.parametrize("squared", [True, False])
def test_the_slope_of_displacements_is_finite_at_zero(squared: bool) -> None:
    predicted = torch.zeros(1, 2, 3, requires_grad=True)
    loss, _ = displacement_loss(predicted, torch.zeros(1, 2, 3), squared)
    loss.backward()
    assert predicted.grad is not None
    assert torch.equal(predicted.grad, torch.zeros(1, 2, 3))
