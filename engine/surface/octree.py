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

What is no number counts as outside.

Bricks live in a table, and a small map from their coordinates to its rows stands in for the lattice. On a GPU nothing
here takes longer than starting it, and each count that the host waits for (`nonzero`) leaves the GPU idle: hence few
operations on large tensors, signs as bits of a byte, and places as numbers.
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
# 0.036, within COARSE_REACH. A GPU evaluates the few blocks more in less time than another level takes to start.
_START_FAR, _START = 16, 24
# What a distance computed in half precision may be off by, unless one knows better.
_HALF_ERROR = 1e-3
# Corners of crossed cells that are no ends of crossed edges themselves are wanted too, most of them within this many
# cells of the surface; the few others are found by following. On a GPU a second step of following takes longer than
# the points by which a wider margin spares it, nearly always.
_MARGIN = {"cpu": 1.3, "cuda": 1.5}
# Nodes on the faces of the cube count as outside, so that a surface that leaves the cube is closed there.
_LEAST_OUTSIDE = 1e-4
# Bits of what is known of a node. One that the error lets lie on either side is both inside and outside.
_IN, _OUT, _UNKNOWN, _BEYOND = 1, 2, 4, 8
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
        Shape (A,) int32 that each cell belongs to, ascending, and cells (A, 3) and distances (A, 8).
    """
    exact = rough_distance is distance
    error = 0.0 if exact else rough_error
    added, bricks = (
        _prune(rough_distance, bounds, resolution, device, count, error),
        _Bricks(resolution, count, device, error),
    )
    while len(added):
        bricks.add(added, rough_distance)
        added = bricks.missing()
    windows = bricks.windows()
    off = 0.0 if exact else bricks.settle(windows, distance)
    found = bricks.cells(windows)
    if not off <= error:  # asked last, as the host waits for the answer
        return surface_cells_of_several(distance, distance, bounds, resolution, device, count)
    return found


def lattice_line(resolution: int, device: torch.device) -> Tensor:
    """Coordinates (N,) of the lattice nodes along one axis."""
    return torch.linspace(-0.5, 0.5, resolution, device=device)


def close_at_cube(values: Tensor, nodes: Tensor, resolution: int) -> Tensor:
    """``values`` (P,) with those of ``nodes`` (P, 3) on the faces of the cube made positive."""
    on_face = ((nodes == 0) | (nodes == resolution - 1)).any(dim=-1)
    return torch.where(on_face, values.clamp_min(_LEAST_OUTSIDE), values)


def _prune(
    distance: DistanceOfSeveral,
    bounds: LipschitzBounds,
    resolution: int,
    device: torch.device,
    count: int,
    error: float,
) -> Tensor:
    """Bricks (R, 4) int32 that may hold an end of a crossed edge: shape, and coordinates in units of two nodes."""
    start = _START if bounds.far is None or device.type == "cuda" else _START_FAR
    level, blocks, centres, off_faces = _first_blocks(resolution, start, device)
    if count > 1:
        shapes = torch.arange(count, device=device, dtype=torch.int32).repeat_interleave(len(blocks))
        blocks = torch.cat((shapes[:, None], blocks[:, 1:].repeat(count, 1)), dim=1)
        centres, off_faces = centres.repeat(count, 1), off_faces.repeat(count)
    while True:
        reach = (sqrt(3) / 2 * (2**level - 1) + _MARGIN[device.type]) / (resolution - 1)
        slope = bounds.within(reach)
        if slope is not None:
            values = distance(centres, blocks[:, 0])
            excess = torch.where(off_faces, values.abs(), values)
            blocks = blocks[excess <= slope * reach + error]
        if level == 1:
            return blocks
        level -= 1
        blocks = _subdivide(blocks)
        if resolution % 2 ** (level + 1):
            blocks = blocks[(blocks[:, 1:] * 2**level < resolution).all(dim=1)]
        centres, off_faces = _centres(blocks, level, resolution)


@functools.cache
def _first_blocks(resolution: int, start: int, device: torch.device) -> tuple[int, Tensor, Tensor, Tensor]:
    """Where pruning one shape begins: level, at least ``start`` blocks per axis (B, 4), and their `_centres`."""
    level = 1
    while -(-resolution // 2 ** (level + 1)) >= start:
        level += 1
    line = torch.arange(-(-resolution // 2**level), device=device, dtype=torch.int32)
    blocks = torch.cartesian_prod(line[:1], line, line, line)
    centres, off_faces = _centres(blocks, level, resolution)
    _let_others_use(device)
    return level, blocks, centres, off_faces


def _centres(blocks: Tensor, level: int, resolution: int) -> tuple[Tensor, Tensor]:
    """Centres (B, 3) of the nodes of ``blocks`` (B, 4), and whether (B,) they are off the faces of the cube.

    The faces are crossed where they are inside the surface, however far.
    """
    low = blocks[:, 1:] * 2**level
    high = (low + (2**level - 1)).clamp_max(resolution - 1)
    off_faces = ((low > 1) & (high < resolution - 2)).all(dim=1)
    return (low + high) * (0.5 / (resolution - 1)) - 0.5, off_faces


def _let_others_use(device: torch.device) -> None:
    """Finish what has been made so far: other threads will use it, on streams of their own."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()


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
    window_bricks: Tensor
    """(3, 64) which brick, from the one in the middle, the nodes of a window belong to."""
    window_inner: Tensor
    """(64,) which of the eight nodes of that brick they are."""
    corners: Tensor
    """(8,) places of `CORNERS` among the 64 nodes of a window, from the place of a cell's lowest corner."""
    are_cells: Tensor
    """(43,) whether a place among the nodes of a window is that of the lowest corner of one of its cells."""
    are_own: Tensor
    """(22,) whether a place from `_FIRST_OWN` on is that of a node of the brick itself."""
    unknown_nodes: Tensor
    """(16, 4) nodes of a brick that stands for all that are not known, and of one for all beyond the lattice."""
    unknown_values: Tensor
    """(16,) their distances."""
    unknown_bits: Tensor
    """(16,) what is known of them."""


_FIRST_OWN = 21
"""Place of a brick's first node in its window, 16 + 4 + 1."""


@functools.cache
def _tables(device: torch.device) -> _Tables:
    line, places = torch.arange(2), torch.cartesian_prod(*3 * [torch.arange(4)])
    # nodes -1, 0, 1, 2 of a window: brick -1, 0, 0, 1 and node 1, 0, 1, 0 in it
    bricks, nodes = torch.tensor([-1, 0, 0, 1]), torch.tensor([1, 0, 1, 0])
    tables = {
        "doubled": torch.tensor([1, 2, 2, 2], dtype=torch.int32),
        "halves": functional.pad(torch.cartesian_prod(line, line, line), (1, 0)).int(),
        "window_bricks": bricks[places].T,
        "window_inner": (nodes[places] @ torch.tensor([4, 2, 1])).int(),
        "corners": torch.tensor(CORNERS) @ torch.tensor([16, 4, 1]),
        "are_cells": (places < 3).all(dim=1)[:43],
        "are_own": (bricks[places] == 0).all(dim=1)[_FIRST_OWN:43],
        "unknown_nodes": torch.zeros(16, 4, dtype=torch.int32),
        "unknown_values": torch.full((16,), torch.nan),
        "unknown_bits": torch.tensor(8 * [_UNKNOWN] + 8 * [_BEYOND], dtype=torch.uint8),
    }
    on_device = _Tables(**{name: table.to(device) for name, table in tables.items()})
    _let_others_use(device)
    return on_device


class _Bricks:
    """Distances at the nodes of some bricks, and the windows of 4 x 4 x 4 nodes around these.

    A window reaches one node beyond its brick, so that it holds all cells that touch the brick.
    """

    def __init__(self, resolution: int, count: int, device: torch.device, error: float) -> None:
        """
        Args:
            error: what the distances that are added may be off by.
        """
        self._resolution, self._error, self._tables = resolution, error, _tables(device)
        self._side, self._line, self._around = _surroundings(resolution, device)
        self._nodes = self._tables.unknown_nodes
        """(8 R, 4) shape and lattice coordinates."""
        self._values = self._tables.unknown_values
        """(8 R,)"""
        self._bits = self._tables.unknown_bits
        """(8 R,) what is known."""
        self._map = torch.full((count, *3 * [self._side]), 8, dtype=torch.int32, device=device)
        """First node of each brick."""
        self._map[:, 1:-1, 1:-1, 1:-1] = 0
        self._places = torch.zeros(0, dtype=torch.int64, device=device)
        """(R - 2,) of the bricks in the map."""
        self._latest = self._places
        """Those of the bricks that came last."""

    def add(self, bricks: Tensor, distance: DistanceOfSeveral) -> None:
        """Take up new ``bricks`` (R, 4)."""
        nodes = _subdivide(bricks)
        values = self._evaluate(distance, nodes.clamp_max(self._resolution - 1))
        bits = _sides(values, self._error)
        if self._resolution % 2:  # the last bricks have nodes beyond the lattice
            bits.masked_fill_((nodes[:, 1:] >= self._resolution).any(dim=1), _BEYOND)
        shape, x, y, z = bricks.long().unbind(dim=1)
        self._latest = _place(self._side, shape, x + 1, y + 1, z + 1)
        first = torch.arange(len(self._nodes), len(self._nodes) + len(nodes), 8, dtype=torch.int32, device=nodes.device)
        self._map.view(-1)[self._latest] = first
        self._places = torch.cat((self._places, self._latest))
        self._nodes = torch.cat((self._nodes, nodes))
        self._values = torch.cat((self._values, values))
        self._bits = torch.cat((self._bits, bits))

    def missing(self) -> Tensor:
        """Bricks (R, 4) not yet known that cells with known nodes on both sides reach into.

        Only cells that touch the latest bricks are looked at: nothing is new about the others.
        """
        bits = self._bits_in(self.windows(self._latest))
        mixed = ((_of_cells(bits) == _IN | _OUT | _UNKNOWN) & self._tables.are_cells).nonzero()
        if len(mixed) == 0:
            return self._nodes[:0]
        rows, lowest = mixed[:, :1], mixed[:, 1:]
        places = (self._latest[rows] + self._around[lowest + self._tables.corners]).flatten()
        places = places[self._map.view(-1)[places] == 0].unique()
        axes = []
        for _ in range(3):
            axes.append(places % self._side - 1)
            places = places.div(self._side, rounding_mode="floor")
        return torch.stack((places, *reversed(axes)), dim=1).int()

    def windows(self, places: Tensor | None = None) -> Tensor:
        """Nodes (R, 64) int32 of the windows around the bricks at ``places`` (R,), or around all."""
        around = (self._places if places is None else places)[:, None] + self._around
        first = self._map.view(-1).index_select(0, around.flatten())
        return first.view(-1, 64) + self._tables.window_inner

    def settle(self, windows: Tensor, distance: DistanceOfSeveral) -> Tensor:
        """Replace rough distances by exact ones wherever an edge may be crossed; by how much they differed at most."""
        bits, own = self._bits_in(windows), slice(_FIRST_OWN, _FIRST_OWN + len(self._tables.are_own))
        around = torch.zeros_like(bits[:, own])
        for step in (1, 4, 16):
            around |= bits[:, own.start - step : own.stop - step] | bits[:, own.start + step : own.stop + step]
        may_be_crossed = ((bits[:, own] | around & (_IN | _OUT)) == _IN | _OUT) & self._tables.are_own
        nodes = windows[:, own][may_be_crossed].long()
        if len(nodes) == 0:
            return self._values.new_zeros(())
        exact = self._evaluate(distance, self._nodes.index_select(0, nodes))
        off = (exact - self._values.index_select(0, nodes)).abs().amax()
        self._values.index_copy_(0, nodes, exact)
        self._bits.index_copy_(0, nodes, _sides(exact, 0.0))
        return off

    def cells(self, windows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Shapes (A,), lowest corners (A, 3) int32 of crossed cells and distances (A, 8), ordered by shape.

        All nodes of a crossed cell are known, so it belongs to the brick of its lowest corner.
        """
        bits = self._bits_in(windows)[:, _FIRST_OWN:]
        crossed = ((_of_cells(bits) == _IN | _OUT) & self._tables.are_own).nonzero()
        lowest = _FIRST_OWN + torch.add(crossed[:, 1], crossed[:, 0], alpha=64)
        nodes = windows.view(-1).index_select(0, (lowest[:, None] + self._tables.corners).flatten())
        values = self._values.index_select(0, nodes).view(-1, 8)
        shapes, cells = self._nodes.index_select(0, nodes[::8]).tensor_split((1,), dim=1)
        shapes = shapes[:, 0]
        if len(self._map) > 1:
            shapes, order = shapes.sort(stable=True)
            cells, values = cells[order], values[order]
        return shapes, cells, values

    def _evaluate(self, distance: DistanceOfSeveral, nodes: Tensor) -> Tensor:
        """Distances (P,) at ``nodes`` (P, 4) of the lattice."""
        points = self._line.index_select(0, nodes[:, 1:].flatten()).view(-1, 3)
        values = distance(points, nodes[:, 0]).nan_to_num(nan=1.0)
        return close_at_cube(values, nodes[:, 1:], self._resolution)

    def _bits_in(self, windows: Tensor) -> Tensor:
        """What is known (R, 64) of the nodes of ``windows`` (R, 64)."""
        return self._bits.index_select(0, windows.view(-1)).view(-1, 64)


@functools.cache
def _surroundings(resolution: int, device: torch.device) -> tuple[int, Tensor, Tensor]:
    """Bricks per axis of the map, coordinates (N,) of nodes, and the way (64,) in the map from the place of a brick to
    those that its window looks at.
    """
    side = -(-resolution // 2) + 2  # one more on each side: windows at the rim look there
    line, around = lattice_line(resolution, device), _place(side, 0, *_tables(device).window_bricks)
    _let_others_use(device)
    return side, line, around


def _place(side: int, shape: Tensor | int, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Of bricks in the map."""
    return ((shape * side + x) * side + y) * side + z


def _sides(values: Tensor, error: float) -> Tensor:
    """On which sides (P,) uint8 distances ``values`` (P,) may be that are off by at most ``error``."""
    inside, outside = (values < error).view(torch.uint8), (values >= -error).view(torch.uint8)
    return torch.add(inside, outside, alpha=_OUT)


def _of_cells(bits: Tensor) -> Tensor:
    """Bits of all corners (R, P - 21) of the cells whose lowest corners are at the places of ``bits`` (R, P)."""
    for step in (16, 4, 1):
        bits = bits[:, :-step] | bits[:, step:]
    return bits
