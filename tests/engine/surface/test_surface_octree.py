"""Crossed lattice cells against a search through the whole lattice."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.surface.lipschitz import LipschitzBounds
from engine.surface.octree import CORNERS, close_at_cube, lattice_line, surface_cells, surface_cells_of_several

CPU = torch.device("cpu")
EXACT = LipschitzBounds(coarse=1.0, fine=1.0)


def sphere(points: Tensor) -> Tensor:
    return (points - torch.tensor([0.05, -0.02, 0.01])).norm(dim=1) - 0.31


def torus(points: Tensor) -> Tensor:
    return ((points[:, :2].norm(dim=1) - 0.3).square() + points[:, 2].square()).sqrt() - 0.06


def two_spheres(points: Tensor) -> Tensor:
    return torch.minimum(sphere(points * 2), (points + 0.4).norm(dim=1) - 0.05)


def leaving_the_cube(points: Tensor) -> Tensor:
    return (points - torch.tensor([0.4, 0.0, 0.0])).norm(dim=1) - 0.25


def outside(points: Tensor) -> Tensor:
    return torch.ones(len(points))


SHAPES = {f.__name__: f for f in (sphere, torus, two_spheres, leaving_the_cube)}


def slow_cells(distance: Callable[[Tensor], Tensor], resolution: int) -> dict[tuple[int, ...], np.ndarray]:
    """Every cell of the lattice whose corners lie on both sides, with its corner values."""
    line = torch.arange(resolution)
    nodes = torch.cartesian_prod(line, line, line)
    values = close_at_cube(distance(lattice_line(resolution, CPU)[nodes]), nodes, resolution)
    volume = values.reshape(resolution, resolution, resolution).numpy()
    count = resolution - 1
    corners = np.stack([volume[i : i + count, j : j + count, k : k + count] for i, j, k in CORNERS], axis=-1)
    inside = corners < 0
    crossed = np.argwhere(inside.any(-1) & ~inside.all(-1))
    return {tuple(int(c) for c in cell): corners[tuple(cell)] for cell in crossed}


def found_cells(
    distance: Callable[[Tensor], Tensor], resolution: int, bounds: LipschitzBounds = EXACT
) -> dict[tuple[int, ...], np.ndarray]:
    cells, values = surface_cells(distance, distance, bounds, resolution, CPU)
    assert cells.dtype == torch.int32
    found = {tuple(cell): value for cell, value in zip(cells.tolist(), values.numpy(), strict=True)}
    assert len(found) == len(cells), "a cell was found twice"
    return found


@pytest.mark.parametrize("resolution", [8, 24, 25, 31, 50, 51, 64, 97])
@pytest.mark.parametrize("name", SHAPES)
def test_the_cells_of_the_whole_lattice_are_found_with_their_values(name: str, resolution: int) -> None:
    expected, found = slow_cells(SHAPES[name], resolution), found_cells(SHAPES[name], resolution)
    assert found.keys() == expected.keys()
    for cell, values in found.items():
        np.testing.assert_allclose(values, expected[cell], atol=1e-6)


def test_a_bound_that_is_too_small_still_finds_the_whole_of_each_surface_that_it_touches() -> None:
    low = LipschitzBounds(coarse=0.3, fine=0.1)
    assert found_cells(torus, 97, low).keys() == slow_cells(torus, 97).keys()


def test_steep_fields_are_found_with_their_bound() -> None:
    def steep(points: Tensor) -> Tensor:
        return 2.5 * two_spheres(points)

    assert found_cells(steep, 97, LipschitzBounds(2.5, 2.5)).keys() == slow_cells(steep, 97).keys()


def test_a_surface_that_leaves_the_cube_is_closed_there() -> None:
    cells = np.array(list(found_cells(leaving_the_cube, 64)))
    assert cells[:, 0].max() == 62
    assert (cells[:, 0] == 62).sum() > 600  # a disk of radius 0.23 on the face, not only its rim


def test_a_field_without_a_surface_has_no_cells() -> None:
    cells, values = surface_cells(outside, outside, EXACT, 64, CPU)
    assert cells.shape == (0, 3)
    assert values.shape == (0, 8)


def test_a_field_that_is_inside_everywhere_is_the_cube_itself() -> None:
    assert found_cells(lambda points: -outside(points), 33).keys() == {
        (i, j, k) for i in range(32) for j in range(32) for k in range(32) if {0, 31} & {i, j, k}
    }


@pytest.mark.parametrize("resolution", [24, 51, 64, 97])
@pytest.mark.parametrize("name", SHAPES)
def test_a_rough_distance_changes_nothing(name: str, resolution: int) -> None:
    """The rough one has the wrong sign at many nodes near the surface."""
    exact, noise = SHAPES[name], torch.Generator().manual_seed(0)
    asked: list[int] = []

    def counted(points: Tensor) -> Tensor:
        asked.append(len(points))
        return exact(points)

    def rough(points: Tensor) -> Tensor:
        return exact(points) + 0.003 * (2 * torch.rand(len(points), generator=noise) - 1)

    cells, values = surface_cells(counted, rough, EXACT, resolution, CPU, 0.003)
    expected = slow_cells(exact, resolution)
    assert {tuple(cell) for cell in cells.tolist()} == expected.keys()
    for cell, found in zip(cells.tolist(), values.numpy(), strict=True):
        ends = on_crossed_edges(expected[tuple(cell)])
        np.testing.assert_allclose(found[ends], expected[tuple(cell)][ends], atol=1e-6)
    assert len(asked) == 1


def on_crossed_edges(values: np.ndarray) -> np.ndarray:
    """Which of the corners (8,) with ``values`` have a neighbour on the other side."""
    corners = np.array(CORNERS)
    beside = np.abs(corners[:, None] - corners).sum(axis=-1) == 1
    return (beside & ((values[:, None] < 0) != (values < 0))).any(axis=1)


def test_a_rough_distance_that_is_worse_than_promised_is_not_used() -> None:
    def rough(points: Tensor) -> Tensor:
        return torus(points) + 0.005

    cells, _ = surface_cells(torus, rough, EXACT, 97, CPU, 0.001)
    assert {tuple(cell) for cell in cells.tolist()} == slow_cells(torus, 97).keys()


def test_several_shapes_at_once_have_the_cells_of_each() -> None:
    shapes = (sphere, outside, two_spheres, leaving_the_cube)

    def distance(points: Tensor, rows: Tensor) -> Tensor:
        return torch.stack([shape(points) for shape in shapes])[rows, torch.arange(len(points))]

    found, cells, values = surface_cells_of_several(distance, distance, EXACT, 51, CPU, len(shapes))
    assert (found.diff() >= 0).all()
    for row, shape in enumerate(shapes):
        alone, of_alone = surface_cells(shape, shape, EXACT, 51, CPU)
        assert torch.equal(cells[found == row], alone)
        torch.testing.assert_close(values[found == row], of_alone)


def test_a_small_part_of_the_lattice_is_evaluated_and_no_node_twice() -> None:
    seen: list[Tensor] = []

    def recording(points: Tensor) -> Tensor:
        seen.append(points)
        return sphere(points)

    surface_cells(recording, sphere, EXACT, 128, CPU)
    nodes = torch.cat(seen)
    assert len(nodes) < 0.06 * 128**3
    assert len(nodes.unique(dim=0)) == len(nodes)
