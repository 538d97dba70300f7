"""How far the shape of a fit may be off, as few codes that say it of the surface."""

import torch
from torch import Tensor

from engine.models.code_space import CodeSpace

KEPT = 8
"""Directions: by far most of what the surface may be off."""


def shape_deviations(information: Tensor, rates: Tensor, shapes: CodeSpace) -> Tensor:
    """What may be added to the shape code, independently of each other, (K, Cs), CPU; one standard deviation each.

    The covariance of the shape is divided along the directions in which it moves the surface most: those of the largest
    singular values of R L, with the rates R at which the surface moves and L L^T the covariance. Along the others it
    hardly moves it, and they are left out.

    Args:
        information: (S, S) inverse covariance of the shape, in standard deviations along the directions of ``shapes``
        rates: (P, S) at which the distances to the surface change with the shape
    """
    assert information.shape == (rates.shape[1], rates.shape[1]), (information.shape, rates.shape)
    if rates.shape[1] == 0:  # a model of one identity
        return shapes.mean.new_zeros((0, len(shapes.mean))).cpu()
    exact = information.double().cpu()
    values, vectors = torch.linalg.eigh((exact + exact.mT) / 2)
    factor = vectors * values.clamp_min(1e-12 * float(values.max())).rsqrt()
    directions = torch.linalg.svd(rates.double().cpu() @ factor, full_matrices=False).Vh[:KEPT]
    along = (factor @ directions.mT).mT  # (K, S)
    return (along @ shapes.derivative.double().cpu().mT).float()
