"""Compact PLY files are read by the programs that people use."""

from pathlib import Path

import numpy as np
import pytest
import pyvista
import trimesh

from engine.core.errors import InputError
from engine.geometry.mesh import Mesh, load_mesh
from engine.geometry.ply import compact_layout, load_compact_ply, save_compact_ply


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
    save_compact_ply(mesh, path, "canonical units")
    assert b"\ncomment unit: canonical units\n" in path.read_bytes()[:100]
    payload = 12 * len(mesh.vertices) + (1 + 3 * bytes_per_index) * len(mesh.faces)
    assert payload < path.stat().st_size < payload + 250
    by_trimesh = trimesh.load(path, process=False)
    np.testing.assert_array_equal(by_trimesh.vertices, mesh.vertices)
    np.testing.assert_array_equal(by_trimesh.faces, mesh.faces)
    by_vtk = pyvista.read(path)
    np.testing.assert_array_equal(by_vtk.points, mesh.vertices)
    np.testing.assert_array_equal(by_vtk.faces.reshape(-1, 4)[:, 1:], mesh.faces)
    np.testing.assert_array_equal(load_mesh(path).faces, mesh.faces)
    np.testing.assert_array_equal(load_compact_ply(path).vertices, mesh.vertices)
    np.testing.assert_array_equal(load_compact_ply(path).faces, mesh.faces)


def test_files_of_other_programs_are_read_alike(tmp_path: Path) -> None:
    mesh = grid(9)
    for name, options in (("binary.ply", {}), ("text.ply", {"encoding": "ascii"})):
        trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).export(tmp_path / name, **options)
        read = load_compact_ply(tmp_path / name)
        np.testing.assert_allclose(read.vertices, mesh.vertices, atol=1e-7)
        np.testing.assert_array_equal(read.faces, mesh.faces)
    assert compact_layout(tmp_path / "binary.ply") is not None
    assert compact_layout(tmp_path / "text.ply") is None


def test_a_file_that_is_cut_off_is_refused_by_its_header_alone(tmp_path: Path) -> None:
    save_compact_ply(grid(9), tmp_path / "sheet.ply")
    data = (tmp_path / "sheet.ply").read_bytes()
    for broken in (data[:-1], data[:300], data + b"?"):
        (tmp_path / "sheet.ply").write_bytes(broken)
        with pytest.raises(InputError, match="its header says"):
            compact_layout(tmp_path / "sheet.ply")


def test_faces_of_vertices_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    mesh = grid(9)
    save_compact_ply(Mesh(mesh.vertices, mesh.faces + 70), tmp_path / "sheet.ply")
    with pytest.raises(InputError, match="not triangles of its vertices"):
        load_compact_ply(tmp_path / "sheet.ply")
