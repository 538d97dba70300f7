from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.core.errors import InputError
from engine.geometry.mesh import Mesh
from engine.geometry.similarity import Similarity
from npm_studio.reports.export import save_glb

SIMILARITY = Similarity(0.4, (0.5, 1.0, -2.0))


def box(size: float) -> Mesh:
    mesh = trimesh.creation.box((size, 2 * size, size))
    return Mesh(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int32))


def test_a_glb_holds_every_mesh_under_its_name_in_metres(tmp_path: Path) -> None:
    small, large = box(0.1), box(0.2)
    save_glb({"small": small, "large": large}, SIMILARITY, tmp_path / "boxes.glb")
    scene = trimesh.load(tmp_path / "boxes.glb", process=False)
    assert set(scene.geometry) == {"small", "large"}
    for name, mesh in (("small", small), ("large", large)):
        loaded = scene.geometry[name]
        np.testing.assert_array_equal(loaded.faces, mesh.faces)
        np.testing.assert_allclose(loaded.vertices, mesh.vertices / 0.4 + SIMILARITY.centre, atol=1e-6)
    np.testing.assert_allclose(scene.geometry["large"].extents, (0.5, 1.0, 0.5), atol=1e-6)


def test_normals_in_a_glb_point_outwards(tmp_path: Path) -> None:
    save_glb({"box": box(0.3)}, Similarity(), tmp_path / "box.glb")
    loaded = trimesh.load(tmp_path / "box.glb", process=False).geometry["box"]
    assert loaded.is_watertight
    assert loaded.volume > 0
    assert (np.sum(loaded.vertex_normals * loaded.vertices, axis=1) > 0).all()


def test_a_glb_of_nothing_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "box.glb"
    path.write_bytes(b"old")
    with pytest.raises(InputError, match="nothing to export"):
        save_glb({}, Similarity(), path)
    with pytest.raises(InputError, match=r"void: has no triangles"):
        save_glb({"void": Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32))}, Similarity(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
