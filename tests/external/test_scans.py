"""Files of scans: which are complete, and which one camera saw."""

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from engine.core.errors import InputError
from engine.geometry.depth import point_image
from engine.geometry.mesh import Mesh, save_mesh
from engine.geometry.ray_casting import render_depth
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.method import METHOD
from engine.methods.request import FitRequest
from engine.models.checkpoint import load_model
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.scan import surface_samples
from engine.sequences.scan_views import open_scan
from external.opening import open_to_fit
from external.scans import is_one_view, recording_of, scan_of
from tests.support.around import CAMERA, doll_meshes, poses_around
from tests.support.present import present
from tests.support.progress import Listener


def cloud(count: int = 4000) -> np.ndarray:
    return surface_samples(doll_meshes()[0], count)


@pytest.mark.parametrize("ending", [".ply", ".obj", ".stl", ".glb"])
def test_a_mesh_of_any_format_is_a_scan(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"doll{ending}"
    save_mesh(doll_meshes()[0], path)
    scan = scan_of(path)
    assert scan is not None and scan.faces is not None and not scan.is_cloud
    assert len(scan.faces) == len(doll_meshes()[0].faces)


def test_a_closed_mesh_is_a_scan_even_where_it_lies_flat_before_the_origin(tmp_path: Path) -> None:
    flat = trimesh.creation.icosphere(4)
    flat.vertices = flat.vertices * [75.0, 75.0, 2.0] + [310.0, -80.0, 20.0]
    assert is_one_view(flat.vertices)
    flat.export(tmp_path / "flat.obj")
    assert scan_of(tmp_path / "flat.obj") is not None


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


def test_what_a_run_of_a_scan_was_fitted_to_is_opened_again_where_the_fit_had_it(
    toy_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "doll.ply"
    doll = doll_meshes()[0]
    save_mesh(Mesh(100 * doll.vertices[:, [1, 2, 0]], doll.faces), path)
    loaded = LoadedModel(toy_folder, load_model(toy_folder, torch.device("cpu")))
    sequence = open_scan(present(scan_of(path)), loaded.model)
    config = FitConfig(steps=1, surface_points=64, free_space_points=16, resolution=24)
    run = run_fit(FitRequest(METHOD, config, sequence, tmp_path / "run", loaded))
    scene, subject = recording_of(run)
    assert subject.frame_names == run.frame_names
    np.testing.assert_allclose(scene.depth_m(0), sequence.depth_m(0), atol=1e-4)
    np.testing.assert_allclose(subject.camera_at(0), present(run.frames[0].camera_to_world), atol=1e-6)
    path.unlink()
    with pytest.raises(InputError, match=r"doll\.ply: is gone, or no scan any more"):
        recording_of(run)


def test_a_scan_that_is_read_as_a_recording_because_something_is_stated_of_it_is_said_to_be(
    toy_folder: Path, tmp_path: Path
) -> None:
    path, said = tmp_path / "doll.obj", Listener()
    save_mesh(doll_meshes()[0], path)
    model = load_model(toy_folder, torch.device("cpu"))
    open_to_fit(path, model, CaptureOptions(depth_scale=1.0), progress=said)
    assert any("is read as what one camera saw, because" in message for message in said.messages)
