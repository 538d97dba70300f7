"""Losses of the decoders."""

import torch
from torch import Tensor

from engine.models.networks.decoder import ShapeDecoder


def clamped_distance_loss(
    predicted: Tensor, true: Tensor, clamp: float, tolerance: Tensor | float = 0.0, hardness: Tensor | float = 0.0
) -> Tensor:
    """Mean absolute difference of signed distances, both clamped (Park et al. 2019, DeepSDF).

    With ``tolerance`` and ``hardness`` that of Curriculum DeepSDF (Duan et al. 2020): errors below the tolerance cost
    nothing, and points whose distance is off in the direction of the wrong side cost more.

    Args:
        predicted, true: (B, P), canonical units
    """
    predicted, true = predicted.clamp(-clamp, clamp), true.clamp(-clamp, clamp)
    error = true - predicted
    return ((error.abs() - tolerance).clamp_min(0) * (1 + hardness * true.sign() * error.sign())).mean()


def gradient_losses(
    decoder: ShapeDecoder, codes: Tensor, points: Tensor, normals: Tensor, alpha: Tensor | None, depth: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Eikonal term and normal term at surface points.

    The first is the mean of (|g| - 1)^2 (Gropp et al. 2020, IGR), the second that of 1 - cos(g, normal), for the
    gradient g of the signed distance.

    Args:
        codes: (B, C)
        points: (B, P, 3), canonical, on the surface
        normals: (B, P, 3), of unit length, outward
        alpha, depth: as in `Decoder.forward`
    """
    points = points.detach().requires_grad_()
    distance = decoder(codes, points, False, alpha, depth)
    (gradient,) = torch.autograd.grad(distance.sum(), points, create_graph=True)
    length = gradient.square().sum(-1).add(1e-12).sqrt()
    cosine = (gradient * normals).sum(-1) / length
    return (length - 1).square().mean(), (1 - cosine).mean()


def displacement_loss(predicted: Tensor, true: Tensor, squared: bool) -> tuple[Tensor, Tensor]:
    """Loss of positions (B, P, 3), and their mean distance.

    The loss is half the mean squared distance (Palafox et al. 2021), or the mean distance, made smooth at zero: the
    slope of a plain norm keeps codes jittering once errors are a millimetre.
    """
    squares = (predicted - true).square().sum(-1)
    error = squares.detach().sqrt().mean()
    return (0.5 * squares.mean() if squared else (squares + 1e-6).sqrt().mean()), error
