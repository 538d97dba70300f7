"""Files of scans: which are complete, and which one camera saw."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.core.errors import InputError
from engine.geometry.depth import point_image
from engine.geometry.mesh import save_mesh
from engine.geometry.ray_casting import render_depth
from engine.sequences.scan import surface_samples
from external.scans import is_one_view, scan_of
from tests.support.around import CAMERA, doll_meshes, poses_around


def cloud(count: int = 4000) -> np.ndarray:
    return surface_samples(doll_meshes()[0], count)


@pytest.mark.parametrize("ending", [".ply", ".obj", ".stl", ".glb"])
def test_a_mesh_of_any_format_is_a_scan(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"doll{ending}"
    save_mesh(doll_meshes()[0], path)
    scan = scan_of(path)
    assert scan is not None and scan.faces is not None and not scan.is_cloud
    assert len(scan.faces) == len(doll_meshes()[0].faces)


def test_points_of_all_sides_are_a_scan_wherever_they_lie(tmp_path: Path) -> None:
    path = tmp_path / "doll.ply"
    trimesh.PointCloud(cloud() + np.array([0.0, 0.0, 40.0])).export(path)
    scan = scan_of(path)
    assert scan is not None and scan.is_cloud and len(scan.vertices) == 4000


def test_what_one_camera_in_the_origin_saw_is_no_scan(tmp_path: Path) -> None:
    mesh = doll_meshes()[0]
    image = point_image(render_depth(mesh.vertices, mesh.faces, CAMERA, poses_around(1)[0]), CAMERA)
    seen = image[image[..., 2] > 0].astype(np.float64)
    assert is_one_view(seen) and is_one_view(seen * [1, -1, -1])
    assert not is_one_view(seen - [0, 0, seen[:, 2].mean()])
    assert not is_one_view(cloud() + np.array([0.0, 0.0, 3.0]))
    path = tmp_path / "view.ply"
    trimesh.PointCloud(seen).export(path)
    assert scan_of(path) is None


def test_folders_and_other_files_are_no_scans_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    assert scan_of(tmp_path) is None
    (tmp_path / "room.bag").write_bytes(b"#ROSBAG")
    assert scan_of(tmp_path / "room.bag") is None
    (tmp_path / "bad.ply").write_bytes(b"ply\nnothing")
    with pytest.raises(InputError, match=r"bad\.ply: cannot be read"):
        scan_of(tmp_path / "bad.ply")
    (tmp_path / "bad.stl").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"bad\.stl"):
        scan_of(tmp_path / "bad.stl")
