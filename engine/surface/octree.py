"""The lattice cells that a surface passes through, found without evaluating the whole lattice.

The lattice of resolution N has N nodes per axis, ``linspace(-0.5, 0.5, N)``. Space is pruned in blocks of 2^k cells:
where |sdf| <= L times the distance from the surface, a block of half diagonal r with |sdf| > L r at its centre holds
none of the surface. L is measured, not proven, so pruning alone could lose a few cells; the surface is therefore
followed across the faces of the blocks that it leaves through until it closes.
"""

from collections.abc import Callable
from math import sqrt

import torch
from torch import Tensor

from engine.surface.lipschitz import COARSE_REACH, FINE_REACH, LipschitzBounds

Distance = Callable[[Tensor], Tensor]
"""Signed distance (P,) of canonical points (P, 3)."""

# Blocks per axis that pruning starts from, at least: 24 blocks have a half diagonal of 0.036, within COARSE_REACH.
_START = 24
# What a distance computed in bfloat16 may be off by.
_HALF_ERROR = 1e-3
# Nodes on the faces of the cube count as outside, so that a surface that leaves the cube is closed there.
_OUTSIDE = 1e-4
# Order of a cell's corners in `warp.geometry`.
CORNERS = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))


def surface_cells(
    distance: Distance, rough_distance: Distance, bounds: LipschitzBounds, resolution: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Cells that contain a piece of the zero level.

    Args:
        distance: evaluated at lattice nodes.
        rough_distance: evaluated at block centres only; may be off by 0.001, as in bfloat16.
        bounds: of ``distance``.
        resolution: nodes per axis.

    Returns:
        Lowest corners (A, 3) int32 of the cells and distances (A, 8) at their `CORNERS`.
    """
    blocks = _prune(rough_distance, bounds, resolution, device)
    nodes = _Nodes(distance, resolution, device)
    found = known = _keys(blocks, resolution)
    blocks_kept, values_kept = [], []
    while len(found):
        blocks = _from_keys(found, resolution)
        values = nodes.values_of_blocks(blocks)  # (B, 3, 3, 3)
        crossed = _both_signs(values.flatten(1))
        blocks, values = blocks[crossed], values[crossed]
        blocks_kept.append(blocks)
        values_kept.append(values)
        neighbours = _keys(_entered_neighbours(blocks, values, resolution), resolution).unique()
        found = neighbours[~torch.isin(neighbours, known)]
        known = torch.cat((known, found))
    if not blocks_kept:
        return torch.empty(0, 3, dtype=torch.int32, device=device), torch.empty(0, 8, device=device)
    return _cells_of_blocks(torch.cat(blocks_kept), torch.cat(values_kept), resolution)


def lattice_line(resolution: int, device: torch.device) -> Tensor:
    """Coordinates (N,) of the lattice nodes along one axis."""
    return torch.linspace(-0.5, 0.5, resolution, device=device)


def close_at_cube(values: Tensor, nodes: Tensor, resolution: int) -> Tensor:
    """``values`` (P,) with those of ``nodes`` (P, 3) on the faces of the cube made positive."""
    on_face = ((nodes == 0) | (nodes == resolution - 1)).any(dim=-1)
    return torch.where(on_face, values.clamp_min(_OUTSIDE), values)


def _prune(distance: Distance, bounds: LipschitzBounds, resolution: int, device: torch.device) -> Tensor:
    """Blocks (B, 3) of two cells per axis, by index, that may hold a piece of the surface."""
    cells = resolution - 1
    level = 1
    while -(-cells // 2 ** (level + 1)) >= _START:
        level += 1
    line = torch.arange(-(-cells // 2**level), device=device)
    blocks = torch.cartesian_prod(line, line, line)
    while True:
        width = 2**level
        radius = sqrt(3) / 2 * width / cells
        if radius <= COARSE_REACH:
            slope = bounds.fine if radius <= FINE_REACH else bounds.coarse
            centres = (blocks * width + (blocks * width + width).clamp_max(cells)) * (0.5 / cells) - 0.5
            blocks = blocks[distance(centres).abs() <= slope * radius + _HALF_ERROR]
        if level == 1:
            return blocks
        level -= 1
        blocks = _subdivide(blocks)
        blocks = blocks[(blocks * 2**level < cells).all(dim=1)]


def _subdivide(blocks: Tensor) -> Tensor:
    """The eight halves (8 B, 3) of ``blocks`` (B, 3)."""
    line = torch.arange(2, device=blocks.device)
    return (2 * blocks[:, None] + torch.cartesian_prod(line, line, line)).reshape(-1, 3)


def _keys(triples: Tensor, resolution: int) -> Tensor:
    """One number (B,) for each of ``triples`` (B, 3), all in [0, resolution)."""
    return (triples[:, 0] * resolution + triples[:, 1]) * resolution + triples[:, 2]


def _from_keys(keys: Tensor, resolution: int) -> Tensor:
    return torch.stack((keys // resolution**2, keys // resolution % resolution, keys % resolution), dim=1)


class _Nodes:
    """Distances at lattice nodes, each evaluated once."""

    def __init__(self, distance: Distance, resolution: int, device: torch.device) -> None:
        self._distance, self._resolution = distance, resolution
        self._line = lattice_line(resolution, device)
        self._keys = torch.empty(0, dtype=torch.int64, device=device)
        self._values = torch.empty(0, device=device)

    def values_of_blocks(self, blocks: Tensor) -> Tensor:
        """Distances (B, 3, 3, 3) at the nodes of ``blocks`` (B, 3); nodes beyond the lattice repeat its last ones."""
        line = torch.arange(3, device=blocks.device)
        nodes = 2 * blocks[:, None] + torch.cartesian_prod(line, line, line)  # (B, 27, 3)
        keys = _keys(nodes.clamp_max(self._resolution - 1).reshape(-1, 3), self._resolution)
        wanted = keys.unique()
        self._evaluate(wanted[~torch.isin(wanted, self._keys)])
        return self._values[torch.searchsorted(self._keys, keys)].reshape(-1, 3, 3, 3)

    def _evaluate(self, keys: Tensor) -> None:
        nodes = _from_keys(keys, self._resolution)
        values = close_at_cube(self._distance(self._line[nodes]), nodes, self._resolution)
        self._keys, order = torch.cat((self._keys, keys)).sort()
        self._values = torch.cat((self._values, values))[order]


def _both_signs(values: Tensor) -> Tensor:
    """Whether ``values`` (B, K) of a row lie on both sides of the surface (B,)."""
    inside = values < 0
    return inside.any(dim=1) & ~inside.all(dim=1)


def _entered_neighbours(blocks: Tensor, values: Tensor, resolution: int) -> Tensor:
    """Blocks (E, 3) that share with ``blocks`` (B, 3) a face that the surface passes through."""
    count = -(-(resolution - 1) // 2)
    entered = []
    for axis in range(3):
        for side, direction in ((0, -1), (2, 1)):
            face = values.select(axis + 1, side).flatten(1)  # (B, 9)
            neighbours = blocks[_both_signs(face)]
            neighbours[:, axis] += direction
            entered.append(neighbours[(neighbours[:, axis] >= 0) & (neighbours[:, axis] < count)])
    return torch.cat(entered)


def _cells_of_blocks(blocks: Tensor, values: Tensor, resolution: int) -> tuple[Tensor, Tensor]:
    """Crossed cells (A, 3) int32 of ``blocks`` (B, 3) and distances (A, 8), from ``values`` (B, 3, 3, 3)."""
    line = torch.arange(2, device=blocks.device)
    lowest = torch.cartesian_prod(line, line, line)  # (8, 3) cells of a block
    corners = lowest[:, None] + torch.tensor(CORNERS, device=blocks.device)  # (8, 8, 3)
    corner_values = values.flatten(1)[:, _keys(corners.reshape(-1, 3), 3)].reshape(-1, 8)
    cells = (2 * blocks[:, None] + lowest).reshape(-1, 3)
    kept = _both_signs(corner_values) & (cells < resolution - 1).all(dim=1)
    return cells[kept].int(), corner_values[kept]
