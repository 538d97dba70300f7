"""Where depth images break off, and fields of smooth random numbers over them; torch, on any device."""

import torch
from torch import Tensor


def is_discontinuity(here: Tensor, there: Tensor, pixels: Tensor | int, slope: float) -> Tensor:
    """Whether depths ``pixels`` apart change by more than ``slope`` times their distance; to nothing is always one."""
    nearer = torch.minimum(here, there)
    return ((here - there).abs() > slope * nearer * pixels) & (here > 0)


def at_discontinuity(depth: Tensor, slope: float) -> Tensor:
    """Pixels (B, H, W) with a discontinuity to one of their four neighbours."""
    edge = torch.zeros_like(depth, dtype=torch.bool)
    above, below = depth[:, :-1], depth[:, 1:]
    edge[:, :-1] |= is_discontinuity(above, below, 1, slope)
    edge[:, 1:] |= is_discontinuity(below, above, 1, slope)
    left, right = depth[..., :-1], depth[..., 1:]
    edge[..., :-1] |= is_discontinuity(left, right, 1, slope)
    edge[..., 1:] |= is_discontinuity(right, left, 1, slope)
    return edge


def looked_up(depth: Tensor, jitter: Tensor) -> tuple[Tensor, Tensor]:
    """The depths (B, H, W) found at places beside each pixel, inside the image, and how many pixels away these are.

    Args:
        depth: (B, H, W)
        jitter: (B, H, W, 2) rows and columns by which to look beside, whole numbers
    """
    height, width = depth.shape[1:]
    rows = torch.arange(height, device=depth.device)[:, None]
    columns = torch.arange(width, device=depth.device)
    there_row = (rows + jitter[..., 0]).clamp(0, height - 1)
    there_column = (columns + jitter[..., 1]).clamp(0, width - 1)
    there = depth.flatten(1).gather(1, (there_row * width + there_column).flatten(1)).view_as(depth)
    return there, torch.maximum((there_row - rows).abs(), (there_column - columns).abs())


def node_shape(shape: tuple[int, int, int], cell: int) -> tuple[int, int, int]:
    """Shape of the nodes of a field over images of ``shape`` (B, H, W) with a node every ``cell`` pixels."""
    batch, height, width = shape
    return batch, -(-height // cell) + 1, -(-width // cell) + 1


def smooth_field(nodes: Tensor, size: tuple[int, int], cell: int) -> Tensor:
    """A field (B, H, W) that is bilinear between ``nodes`` (B, N, M) ``cell`` pixels apart, of their deviation.

    What independent nodes lose between each other by averaging is made good: the deviation is the same everywhere.

    Args:
        size: H and W; there is a node before the first and one after the last pixel, see `node_shape`.
    """
    field = nodes
    for axis, length in ((1, size[0]), (2, size[1])):
        at = (torch.arange(length, device=nodes.device) + 0.5) / cell
        first = at.long()
        part = (at - first).to(nodes.dtype)
        spread = torch.sqrt((1 - part) ** 2 + part**2)
        before, after = (
            (weight / spread).unsqueeze(-1) if axis == 1 else weight / spread for weight in (1 - part, part)
        )
        field = field.index_select(axis, first) * before + field.index_select(axis, first + 1) * after
    return field
