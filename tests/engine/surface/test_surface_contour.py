"""Triangles of sparse cells."""

import os
import threading
import time

import numpy as np
import pytest
import torch
import trimesh
import warp
from warp.geometry import sparse_marching_cubes_from_cells

from engine.core import warp_runtime
from engine.geometry.mesh import Mesh
from engine.surface.contour import contour_cells
from engine.surface.lipschitz import LipschitzBounds
from engine.surface.octree import CORNERS, surface_cells


def sphere_mesh(resolution: int) -> Mesh:
    def distance(points: torch.Tensor) -> torch.Tensor:
        return points.norm(dim=1) - 0.3

    cells, values = surface_cells(distance, distance, LipschitzBounds(1.0, 1.0), resolution, torch.device("cpu"))
    return contour_cells(cells, values, resolution)


def test_a_cell_cut_at_one_corner_is_one_triangle_that_faces_outwards() -> None:
    values = torch.tensor([[-0.25 if corner == (0, 0, 0) else 0.75 for corner in CORNERS]])
    mesh = contour_cells(torch.tensor([[2, 3, 4]], dtype=torch.int32), values, 11)
    corner = np.array([-0.3, -0.2, -0.1])
    expected = corner + 0.1 * 0.25 * np.eye(3)
    assert mesh.faces.shape == (1, 3)
    order = np.lexsort(mesh.vertices.T)
    np.testing.assert_allclose(mesh.vertices[order], expected[np.lexsort(expected.T)], atol=1e-6)
    a, b, c = mesh.vertices[mesh.faces[0]]
    assert np.cross(b - a, c - a) @ np.ones(3) > 0


def test_triangles_of_every_case_are_those_of_warp() -> None:
    """Every set of corners, with as many cells between others as apart, in a part of the lattice that is not its
    beginning."""
    generator = torch.Generator().manual_seed(0)
    field = torch.randn((12, 12, 12), generator=generator)
    line = torch.arange(11)
    places = torch.cartesian_prod(line, line, line)
    places = places[torch.randperm(len(places), generator=generator)[:1000]]
    corners = (places[:, None] + torch.tensor(CORNERS)).unbind(-1)
    values = field[corners]
    assert len(((values >= 0) * 2 ** torch.arange(8)).sum(1).unique()) > 250
    cells = (places + torch.tensor([3, 40, 20])).to(torch.int32)
    mesh = contour_cells(cells, values, 64)
    warp_runtime.start_warp()
    vertices, indices = sparse_marching_cubes_from_cells(
        cells.numpy(), values.numpy(), origin=(-0.5, -0.5, -0.5), cell_width=1 / 63, device="cpu"
    )
    np.testing.assert_array_equal(mesh.faces, indices.numpy().reshape(-1, 3))
    np.testing.assert_allclose(mesh.vertices, vertices.numpy(), atol=3e-7)


def test_cells_that_nothing_passes_through_give_an_empty_mesh() -> None:
    mesh = contour_cells(torch.tensor([[2, 3, 4]], dtype=torch.int32), torch.ones(1, 8), 64)
    assert mesh.is_empty
    assert mesh.vertices.shape == (0, 3)


def test_a_sphere_is_closed_faces_outwards_and_lies_on_lattice_edges() -> None:
    mesh = sphere_mesh(65)
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert solid.is_watertight
    assert solid.is_winding_consistent
    assert solid.volume == pytest.approx(4 / 3 * np.pi * 0.3**3, rel=5e-3)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices, axis=1), 0.3, atol=1e-3)
    steps = (mesh.vertices + 0.5) * 64
    assert ((np.abs(steps - steps.round()) < 1e-3).sum(axis=1) >= 2).all()
    assert mesh.vertices.dtype == np.float32
    assert mesh.faces.dtype == np.int32


def test_no_cells_give_an_empty_mesh() -> None:
    mesh = contour_cells(torch.zeros(0, 3, dtype=torch.int32), torch.zeros(0, 8), 64)
    assert mesh.is_empty
    assert mesh.vertices.shape == (0, 3)


def test_threads_that_start_warp_together_start_it_once_and_leave_standard_error_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[int] = []

    def init() -> None:
        started.append(1)
        time.sleep(0.05)

    monkeypatch.setattr(warp, "init", init)
    warp_runtime._start_once.cache_clear()
    before = os.fstat(2)
    threads = [threading.Thread(target=warp_runtime.start_warp) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert os.path.samestat(before, os.fstat(2))
    assert len(started) == 1
    warp_runtime._start_once.cache_clear()


@pytest.mark.parametrize("has_gpu", [True, False])
def test_threads_take_turns_with_warp_where_there_is_a_gpu(has_gpu: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    warp_runtime.start_warp()
    monkeypatch.setattr(warp, "is_cuda_available", lambda: has_gpu)
    both, met = threading.Barrier(2), []

    def use() -> None:
        with warp_runtime.warp_on("cpu") as device:
            assert device.is_cpu
            try:
                both.wait(0.2)
                met.append(True)
            except threading.BrokenBarrierError:
                met.append(False)

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert met == [not has_gpu] * 2


def test_contouring_writes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    sphere_mesh(33)
    assert capfd.readouterr() == ("", "")
