"""Compact PLY files are read by the programs that people use."""

from pathlib import Path

import numpy as np
import pytest
import pyvista
import trimesh

from engine.geometry.mesh import Mesh, load_mesh
from engine.geometry.ply import save_compact_ply


def grid(side: int) -> Mesh:
    """A bumpy sheet of side x side vertices."""
    x, y = np.meshgrid(np.linspace(-0.4, 0.4, side), np.linspace(-0.4, 0.4, side))
    vertices = np.stack([x, y, 0.1 * np.sin(20 * x * y)], axis=-1).reshape(-1, 3)
    pixel = np.arange(side * side).reshape(side, side)
    faces = np.stack([pixel[:-1, :-1], pixel[1:, :-1], pixel[:-1, 1:]], axis=-1).reshape(-1, 3)
    return Mesh(vertices.astype(np.float32), faces.astype(np.int32))


@pytest.mark.parametrize(("side", "bytes_per_index"), [(12, 2), (256, 2), (257, 4)])
def test_trimesh_and_vtk_read_back_what_was_written(tmp_path: Path, side: int, bytes_per_index: int) -> None:
    mesh, path = grid(side), tmp_path / "sheet.ply"
    save_compact_ply(mesh, path)
    payload = 12 * len(mesh.vertices) + (1 + 3 * bytes_per_index) * len(mesh.faces)
    assert payload < path.stat().st_size < payload + 250
    by_trimesh = trimesh.load(path, process=False)
    np.testing.assert_array_equal(by_trimesh.vertices, mesh.vertices)
    np.testing.assert_array_equal(by_trimesh.faces, mesh.faces)
    by_vtk = pyvista.read(path)
    np.testing.assert_array_equal(by_vtk.points, mesh.vertices)
    np.testing.assert_array_equal(by_vtk.faces.reshape(-1, 4)[:, 1:], mesh.faces)
    np.testing.assert_array_equal(load_mesh(path).faces, mesh.faces)
