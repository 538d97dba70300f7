"""Points that are spread evenly over a set of them."""

import torch
from torch import Tensor


def farthest_points(
    points: Tensor, count: int, before: Tensor | None = None, importance: Tensor | None = None
) -> Tensor:
    """Indices (count,) of ``points`` (N, 3), each the farthest from those before it; they repeat where N is less.

    Args:
        before: (M,) indices of points that are there already; by default the first is the highest point
        importance: (N,) by which squared distances count; by default all alike
    """
    chosen = [points[:, 1].argmax()] if before is None else list(before)
    wanted = count + (0 if before is None else len(before))
    distance = torch.full((len(points),), torch.inf, device=points.device)
    for index in chosen[:-1]:
        distance = torch.minimum(distance, (points - points[index]).square().sum(1))
    while len(chosen) < wanted:
        distance = torch.minimum(distance, (points - points[chosen[-1]]).square().sum(1))
        chosen.append((distance if importance is None else importance * distance).argmax())
    return torch.stack(chosen[wanted - count :])
