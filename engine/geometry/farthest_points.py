"""Points that are spread evenly over a set of them."""

import torch
from torch import Tensor


def farthest_points(points: Tensor, count: int) -> Tensor:
    """Indices (count,) of ``points`` (N, 3), each the farthest from those before it; they repeat where N is less."""
    chosen = [points[:, 1].argmax()]
    distance = torch.full((len(points),), torch.inf, device=points.device)
    while len(chosen) < count:
        distance = torch.minimum(distance, (points - points[chosen[-1]]).square().sum(1))
        chosen.append(distance.argmax())
    return torch.stack(chosen)
