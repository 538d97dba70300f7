"""Distance from every node of a lattice to the nearest of many points, exactly, on a GPU.

The method of ``csrc/distance_grid.pyx``, breadth first: blocks of nodes are halved, and pairs of a block and a point
that can be nearest somewhere in it are kept.
"""

import torch
from torch import Tensor

LEAF = 8
CHUNK = 2**26
"""Distances that are held at once."""


def nearest_distances(points: Tensor, axis: Tensor) -> Tensor:
    """Distances (N, N, N) float32, index order x, y, z, from lattice nodes to the nearest of ``points`` (P, 3).

    Args:
        points: finite, float64, P > 0.
        axis: (N,) ascending float64 coordinates of the nodes along each of the three axes.
    """
    assert points.ndim == 2 and points.shape[1] == 3 and len(points) > 0, points.shape
    count, size = len(axis), LEAF
    while size < count:
        size *= 2
    blocks = torch.zeros((1, 3), dtype=torch.long, device=points.device)  # first node of each
    owner = torch.zeros(len(points), dtype=torch.long, device=points.device)  # pairs: a block ...
    point = torch.arange(len(points), device=points.device)  # ... and a point
    halves = torch.cartesian_prod(*3 * [torch.arange(2, device=points.device)])  # (8, 3)
    while True:
        keep = _can_be_nearest(points[point], owner, blocks, size, axis)
        owner, point = owner[keep], point[keep]
        if size == LEAF:
            return _leaves(points, axis, blocks, owner, point)
        size //= 2
        children = blocks[:, None] + size * halves  # (M, 8, 3)
        exists = (children < count).all(dim=-1)  # (M, 8)
        number = exists.reshape(-1).cumsum(0).reshape(-1, 8) - 1
        pair, child = exists[owner].nonzero(as_tuple=True)
        owner, point, blocks = number[owner[pair], child], point[pair], children[exists]


def _can_be_nearest(points: Tensor, owner: Tensor, blocks: Tensor, size: int, axis: Tensor) -> Tensor:
    """Pairs (K,) whose point (K, 3) is nearer than each of the points nearest to the corners, at some corner.

    Args:
        owner: (K,) block of each pair.
        blocks: (M, 3) first node of each block of ``size``^3 nodes.
    """
    low, high = axis[blocks], axis[(blocks + size).clamp(max=len(axis)) - 1]  # (M, 3)
    ends = torch.stack((low, high), dim=-1)[owner]  # (K, 3, 2)
    x, y, z = ((ends - points[..., None]) ** 2).unbind(dim=1)
    squared = (x[:, :, None, None] + y[:, None, :, None] + z[:, None, None, :]).reshape(-1, 8)  # (K, 8)
    corner = owner[:, None].expand(-1, 8)
    least = squared.new_full((len(blocks), 8), torch.inf).scatter_reduce(0, corner, squared, "amin")
    number = torch.arange(len(owner), device=owner.device)[:, None]
    nearest = torch.where(squared == least[owner], number, len(owner))
    first = corner.new_full((len(blocks), 8), len(owner)).scatter_reduce(0, corner, nearest, "amin")  # (M, 8) pairs
    keep = torch.ones(len(owner), dtype=torch.bool, device=owner.device)
    for witness in first.unbind(dim=1):
        keep &= (squared < squared[witness][owner]).any(dim=1)
    keep[first.reshape(-1)] = True
    return keep


def _leaves(points: Tensor, axis: Tensor, blocks: Tensor, owner: Tensor, point: Tensor) -> Tensor:
    """Compare every node of the leaves ``blocks`` (M, 3) with the points of their pairs."""
    side = -(-len(axis) // LEAF)
    out = axis.new_empty((side, LEAF) * 3, dtype=torch.float32)
    padded = torch.cat((axis, axis[-1:].expand(side * LEAF - len(axis))))
    point = point[owner.argsort(stable=True)]
    counts = torch.bincount(owner, minlength=len(blocks))
    starts = counts.cumsum(0) - counts
    order = counts.argsort(descending=True)  # blocks with about as many points go together
    nodes = torch.arange(LEAF, device=axis.device)
    sizes: list[int] = counts[order].tolist()
    begin = 0
    while begin < len(sizes):
        width = sizes[begin]
        leaves = order[begin : begin + max(1, CHUNK // (width * LEAF**3))]
        columns = torch.minimum(torch.arange(width, device=axis.device), counts[leaves, None] - 1)
        candidates = points[point[starts[leaves, None] + columns]]  # (L, K, 3)
        coordinates = padded[blocks[leaves][..., None] + nodes]  # (L, 3, 8)
        squares = ((coordinates[:, None] - candidates[..., None]) ** 2).float()  # (L, K, 3, 8)
        x, y, z = squares.unbind(dim=2)
        planes = x[..., :, None] + y[..., None, :]  # (L, K, 8, 8)
        nearest = (planes[..., None] + z[:, :, None, None, :]).amin(dim=1).sqrt()  # (L, 8, 8, 8)
        bx, by, bz = (blocks[leaves] // LEAF).unbind(dim=1)
        out[bx, :, by, :, bz, :] = nearest
        begin += len(leaves)
    full = side * LEAF
    return out.reshape(full, full, full)[: len(axis), : len(axis), : len(axis)].contiguous()
