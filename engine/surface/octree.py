"""The lattice cells that a surface passes through, found without evaluating the whole lattice.

The lattice of resolution N has N nodes per axis, ``linspace(-0.5, 0.5, N)``. An octree divides its *nodes*, down to
bricks of 2 x 2 x 2 of them, so that no node belongs to two blocks:

1. Prune. Where |sdf| <= L times the distance from the surface, a block whose nodes are at most r from its centre and
   with |sdf| > L (r + h) there has no end of a crossed lattice edge among its nodes, h being the length of an edge.
2. Follow. L is measured, not proven, so pruning alone could lose a few cells: whenever known nodes of a cell lie on
   both sides, its unknown nodes are evaluated too, until the surface closes.
3. Settle. Up to here distances may be rough, with an error of at most e. Nodes of edges that are perhaps crossed are
   evaluated in full precision; all others are farther than e from zero, so their signs are certain. Should the
   difference between rough and full precision exceed e anywhere, all is done again in full precision.

Bricks live in a table, and a small map from their coordinates to its rows stands in for the lattice.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor
from torch.nn import functional

from engine.surface.lipschitz import LipschitzBounds

Distance = Callable[[Tensor], Tensor]
"""Signed distance (P,) of canonical points (P, 3)."""
DistanceOfSeveral = Callable[[Tensor, Tensor], Tensor]
"""Signed distance (P,) of canonical points (P, 3) to shapes (P,), by index."""

# Blocks per axis that pruning starts from, at least: 16 have a half diagonal of 0.054, within FAR_REACH, and 24 one of
# 0.036, within COARSE_REACH.
_START_FAR, _START = 16, 24
# What a distance computed in half precision may be off by, unless one knows better.
_HALF_ERROR = 1e-3
# Corners of crossed cells that are no ends of crossed edges themselves are wanted too, most of them within this many
# cells of the surface; the few others are found by following.
_MARGIN = 1.3
# Nodes on the faces of the cube count as outside, so that a surface that leaves the cube is closed there.
_OUTSIDE = 1e-4
# Order of a cell's corners in `warp.geometry`.
CORNERS = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))


def surface_cells(
    distance: Distance,
    rough_distance: Distance,
    bounds: LipschitzBounds,
    resolution: int,
    device: torch.device,
    rough_error: float = _HALF_ERROR,
) -> tuple[Tensor, Tensor]:
    """Cells that contain a piece of the zero level.

    Args:
        distance: decides where the surface is.
        rough_distance: sorts out what is far from it; the same object as ``distance`` where nothing is faster.
        bounds: of ``distance``.
        resolution: nodes per axis.
        rough_error: what ``rough_distance`` may be off by near the surface; checked.

    Returns:
        Lowest corners (A, 3) int32 of the cells and distances (A, 8) at their `CORNERS`.
    """

    def exact(points: Tensor, _: Tensor) -> Tensor:
        return distance(points)

    def rough(points: Tensor, _: Tensor) -> Tensor:
        return rough_distance(points)

    second = exact if rough_distance is distance else rough
    _, cells, values = surface_cells_of_several(exact, second, bounds, resolution, device, 1, rough_error)
    return cells, values


def surface_cells_of_several(
    distance: DistanceOfSeveral,
    rough_distance: DistanceOfSeveral,
    bounds: LipschitzBounds,
    resolution: int,
    device: torch.device,
    count: int,
    rough_error: float = _HALF_ERROR,
) -> tuple[Tensor, Tensor, Tensor]:
    """`surface_cells` of ``count`` shapes at once.

    Returns:
        Shape (A,) int64 that each cell belongs to, ascending, and cells (A, 3) and distances (A, 8).
    """
    exact = rough_distance is distance
    error = 0.0 if exact else rough_error
    added = _prune(rough_distance, bounds, resolution, device, count, error)
    bricks = _Bricks(resolution, count, device)
    while len(added):
        bricks.add(added, rough_distance)
        added = bricks.missing(error)
    if not exact and not bricks.settle(distance, error):
        return surface_cells_of_several(distance, distance, bounds, resolution, device, count)
    return bricks.cells()


def lattice_line(resolution: int, device: torch.device) -> Tensor:
    """Coordinates (N,) of the lattice nodes along one axis."""
    return torch.linspace(-0.5, 0.5, resolution, device=device)


def close_at_cube(values: Tensor, nodes: Tensor, resolution: int) -> Tensor:
    """``values`` (P,) with those of ``nodes`` (P, 3) on the faces of the cube made positive."""
    on_face = ((nodes == 0) | (nodes == resolution - 1)).any(dim=-1)
    return torch.where(on_face, values.clamp_min(_OUTSIDE), values)


def _prune(
    distance: DistanceOfSeveral,
    bounds: LipschitzBounds,
    resolution: int,
    device: torch.device,
    count: int,
    error: float,
) -> Tensor:
    """Bricks (R, 4) that may hold an end of a crossed edge: shape, and coordinates in units of two nodes."""
    start = _START if bounds.far is None else _START_FAR
    level = 1
    while -(-resolution // 2 ** (level + 1)) >= start:
        level += 1
    line = torch.arange(-(-resolution // 2**level), device=device)
    blocks = torch.cartesian_prod(torch.arange(count, device=device), line, line, line)
    step = 1 / (resolution - 1)
    while True:
        width = 2**level
        reach = (sqrt(3) / 2 * (width - 1) + _MARGIN) * step
        slope = bounds.within(reach)
        if slope is not None:
            low = blocks[:, 1:] * width
            high = (low + (width - 1)).clamp_max(resolution - 1)
            values = distance((low + high) * (0.5 * step) - 0.5, blocks[:, 0])
            # inside the surface, the faces of the cube are crossed too
            far_inside_counts = ((low > 1) & (high < resolution - 2)).all(dim=1)
            excess = torch.where(far_inside_counts, values.abs(), values)
            blocks = blocks[~(excess > slope * reach + error)]
        if level == 1:
            return blocks
        level -= 1
        blocks = _subdivide(blocks)
        if resolution % 2 ** (level + 1):
            blocks = blocks[(blocks[:, 1:] * 2**level < resolution).all(dim=1)]


def _subdivide(blocks: Tensor) -> Tensor:
    """The eight halves (8 B, 4) of ``blocks`` (B, 4)."""
    tables = _tables(blocks.device)
    return (blocks * tables.doubled)[:, None].add(tables.halves).reshape(-1, 4)


@dataclass(frozen=True, eq=False)
class _Tables:
    """Small constants on a device."""

    doubled: Tensor
    """(4,) factors of shape, x, y, z when blocks are divided."""
    halves: Tensor
    """(8, 4) what is added then."""
    inner: Tensor
    """(8, 3) nodes of a brick."""
    around: Tensor
    """(27, 3) bricks around a brick."""
    window_bricks: Tensor
    """(64,) rows of ``around`` that the nodes of a window belong to."""
    window_nodes: Tensor
    """(64,) rows of ``inner`` that they are."""
    corners: Tensor
    """(8, 3) `CORNERS`."""
    window_corners: Tensor
    """(8,) places of `CORNERS` among the 64 nodes of a window, from the place of a cell's lowest corner."""


@functools.cache
def _tables(device: torch.device) -> _Tables:
    line, around = torch.arange(2), torch.arange(-1, 2)
    inner = torch.cartesian_prod(line, line, line)
    # nodes -1, 0, 1, 2 of a window: brick -1, 0, 0, 1 and node 1, 0, 1, 0 in it
    bricks, nodes = torch.tensor([0, 1, 1, 2]), torch.tensor([1, 0, 1, 0])
    corners = torch.tensor(CORNERS)
    tables = {
        "doubled": torch.tensor([1, 2, 2, 2]),
        "halves": functional.pad(inner, (1, 0)),
        "inner": inner,
        "around": torch.cartesian_prod(around, around, around),
        "window_bricks": torch.cartesian_prod(bricks, bricks, bricks) @ torch.tensor([9, 3, 1]),
        "window_nodes": torch.cartesian_prod(nodes, nodes, nodes) @ torch.tensor([4, 2, 1]),
        "corners": corners,
        "window_corners": corners @ torch.tensor([16, 4, 1]),
    }
    on_device = _Tables(**{name: table.to(device) for name, table in tables.items()})
    if device.type == "cuda":  # other threads may use them on streams of their own
        torch.cuda.current_stream(device).synchronize()
    return on_device


class _Bricks:
    """Distances at the nodes of some bricks, and the windows of 4 x 4 x 4 nodes around these.

    A window reaches one node beyond its brick, so that it holds all cells that touch the brick.
    """

    def __init__(self, resolution: int, count: int, device: torch.device) -> None:
        self._resolution, self._device = resolution, device
        self._line = lattice_line(resolution, device)
        side = -(-resolution // 2) + 2  # one more on each side: windows at the rim look there
        self._map = torch.zeros(count * side**3, dtype=torch.int32, device=device)
        """Rows of bricks; row 0 is that of nothing known."""
        self._side = side
        self._bricks = torch.zeros(0, 4, dtype=torch.int64, device=device)
        self._values = torch.full((1, 8), torch.nan, device=device)
        self._rows = torch.zeros(0, 64, dtype=torch.int32, device=device)
        """Rows of the nodes of each window."""
        self._tables = _tables(device)

    def add(self, bricks: Tensor, distance: DistanceOfSeveral) -> None:
        """Take up new ``bricks`` (R, 4)."""
        nodes = (2 * bricks[:, None, 1:] + self._tables.inner).reshape(-1, 3)
        values = self._evaluate(distance, nodes.clamp_max(self._resolution - 1), bricks[:, 0].repeat_interleave(8))
        if self._resolution % 2:  # the last bricks have nodes beyond the lattice
            values = values.masked_fill((nodes >= self._resolution).any(dim=1), torch.nan)
        rows = torch.arange(len(bricks), device=self._device, dtype=torch.int32) + len(self._values)
        self._map[self._addresses(bricks)] = rows
        self._bricks = torch.cat((self._bricks, bricks))
        self._values = torch.cat((self._values, values.reshape(-1, 8)))
        x, y, z = self._tables.around.unbind(dim=1)
        around = self._addresses(self._bricks)[:, None] + (x * self._side + y) * self._side + z  # (R, 27)
        self._rows = self._map[around][:, self._tables.window_bricks]

    def missing(self, error: float) -> Tensor:
        """Bricks (R, 4) not yet known that cells with known nodes on both sides reach into."""
        window = self._windows()
        both = _of_cells(window < error if error else window < 0) & _of_cells(window >= -error)
        cells = (both & _of_cells(window.isnan()) & self._on_lattice()).nonzero()  # (A, 4): row, place in the window
        if len(cells) == 0:
            return self._bricks[:0]
        corners = cells[:, None, 1:] + self._tables.corners - 1  # nodes, relative to the brick
        bricks = self._bricks[cells[:, 0]]
        beside = bricks[:, None, 1:] + corners.div(2, rounding_mode="floor")  # (A, 8, 3)
        found = torch.cat((bricks[:, None, :1].expand(-1, 8, 1), beside), dim=2).reshape(-1, 4)
        found = found[self._map[self._addresses(found)] == 0]
        return found.unique(dim=0)

    def settle(self, distance: DistanceOfSeveral, error: float) -> bool:
        """Replace rough distances by exact ones wherever an edge may be crossed; False: they differed too much."""
        window = self._windows()
        inside, outside = window < error, window >= -error
        own = (slice(None), slice(1, 3), slice(1, 3), slice(1, 3))
        may_be_crossed = torch.zeros_like(inside[own])
        for axis in range(1, 4):
            for start in (0, 2):
                beside = list(own)
                beside[axis] = slice(start, start + 2)
                may_be_crossed |= (inside[own] & outside[tuple(beside)]) | (outside[own] & inside[tuple(beside)])
        where = may_be_crossed.flatten(1).nonzero()  # (K, 2)
        if len(where) == 0:
            return True
        rows, inner = where.unbind(dim=1)
        bricks = self._bricks[rows]
        exact = self._evaluate(distance, 2 * bricks[:, 1:] + self._tables.inner[inner], bricks[:, 0])
        worst = (exact - self._values[rows + 1, inner]).abs().amax()
        self._values[rows + 1, inner] = exact
        return bool(worst <= error)

    def cells(self) -> tuple[Tensor, Tensor, Tensor]:
        """Shapes (A,), lowest corners (A, 3) int32 of crossed cells and distances (A, 8), ordered by shape."""
        window = self._windows()
        crossed = _of_cells(window < 0) & _of_cells(window >= 0) & self._on_lattice()
        # a cell touches up to eight bricks: it belongs to the first of them
        first = self._rows.view(-1, 4, 4, 4)
        first = torch.where(first == 0, len(self._values), first)
        for axis in range(1, 4):
            first = torch.minimum(first.narrow(axis, 0, 3), first.narrow(axis, 1, 3))
        own = torch.arange(1, len(self._values), device=self._device, dtype=torch.int32)
        where = (crossed & (first == own[:, None, None, None])).nonzero()  # (A, 4)
        rows, x, y, z = where.unbind(dim=1)
        corners = (16 * x + 4 * y + z)[:, None] + self._tables.window_corners
        values = window.flatten(1)[rows[:, None], corners]
        bricks = self._bricks[rows]
        shapes, cells = bricks[:, 0], (2 * bricks[:, 1:] + where[:, 1:] - 1).int()
        if len(self._map) > self._side**3:
            shapes, order = shapes.sort(stable=True)
            cells, values = cells[order], values[order]
        return shapes, cells, values

    def _evaluate(self, distance: DistanceOfSeveral, nodes: Tensor, shapes: Tensor) -> Tensor:
        values = distance(self._line[nodes], shapes).nan_to_num(nan=1.0)
        return close_at_cube(values, nodes, self._resolution)

    def _addresses(self, bricks: Tensor) -> Tensor:
        """Places (R,) of ``bricks`` (R, 4) in the map."""
        shape, x, y, z = bricks.unbind(dim=1)
        return ((shape * self._side + x + 1) * self._side + y + 1) * self._side + z + 1

    def _windows(self) -> Tensor:
        """Distances (R, 4, 4, 4) around each brick, NaN where not known."""
        return self._values[self._rows, self._tables.window_nodes].view(-1, 4, 4, 4)

    def _on_lattice(self) -> Tensor:
        """Whether each cell (R, 3, 3, 3) of the windows is one of the lattice."""
        lowest = 2 * self._bricks[:, 1:, None] + torch.arange(-1, 2, device=self._device)  # (R, 3, 3)
        x, y, z = ((lowest >= 0) & (lowest < self._resolution - 1)).unbind(dim=1)
        return x[:, :, None, None] & y[:, None, :, None] & z[:, None, None, :]


def _of_cells(nodes: Tensor) -> Tensor:
    """Whether any corner of each cell (R, 3, 3, 3) is among ``nodes`` (R, 4, 4, 4)."""
    for axis in range(1, 4):
        nodes = nodes.narrow(axis, 0, 3) | nodes.narrow(axis, 1, 3)
    return nodes
