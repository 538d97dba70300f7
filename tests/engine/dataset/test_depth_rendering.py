"""Depth sequences rendered from a registered dataset: views, formats, noise and ground truth."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import igl
import numpy as np
import pytest
from PIL import Image

from engine.core.errors import Cancelled, InputError
from engine.dataset.registered import RegisteredDataset, load_registered_dataset
from engine.dataset.rendering import load_camera, render_sequence
from engine.geometry.camera import PinholeCamera, front_camera_to_world, orbit
from engine.geometry.mesh import Mesh, load_mesh
from engine.geometry.sensor_noise import KinectNoise
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.export_sequence import writing_sequence
from engine.sequences.mesh_sequence import frame_rate_of
from engine.sequences.truth import load_truth, read_stored_truth
from external.captures.tum import read_tum
from tests.support.ellipsoids import write_ellipsoids
from tests.support.present import present
from tests.support.progress import Listener

CAMERA = PinholeCamera(96, 72, 86.0, 87.0, 48.2, 35.9)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> RegisteredDataset:
    return load_registered_dataset(write_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids"))


def true_mesh(truth: Path, index: int) -> Mesh:
    """A true mesh in canonical units."""
    return read_stored_truth(truth).meshes.read(index)


def distances_to(mesh: Mesh, points: np.ndarray) -> np.ndarray:
    """Distances (P,) of ``points`` (P, 3) to the surface of ``mesh``."""
    vertices = mesh.vertices.astype(np.float64)
    return np.sqrt(igl.point_mesh_squared_distance(points.astype(np.float64), vertices, mesh.faces)[0])


def test_the_observed_points_lie_on_the_true_surface(dataset: RegisteredDataset, tmp_path: Path) -> None:
    assert render_sequence(dataset, 1, "bend_1", tmp_path / "s", CAMERA) == 4
    sequence = load_depth_sequence(tmp_path / "s")
    assert sequence.frame_rate == dataset.frame_rate
    assert sequence.frame_names == ("000000", "000001", "000002", "000003")
    for index in range(len(sequence)):
        truth = true_mesh(present(sequence.truth_folder), index)
        np.testing.assert_array_equal(truth.vertices, dataset.sequence(1, "bend_1")[index].astype(np.float32))
        np.testing.assert_array_equal(truth.faces, dataset.faces(1))
        points = dataset.similarity.to_canonical(sequence.points_world(index))
        assert len(points) > 300
        assert distances_to(truth, points).max() < 0.0005  # rounding to a millimetre; a canonical unit is two metres


def test_truth_says_its_similarity_its_times_and_where_its_vertices_are_in_the_canonical_pose(
    dataset: RegisteredDataset, tmp_path: Path
) -> None:
    render_sequence(dataset, 1, "bend_1", tmp_path / "s", CAMERA, file_format="tum")
    truth, sequence = load_truth(tmp_path / "s" / "truth"), load_depth_sequence(tmp_path / "s")
    assert truth.similarity == dataset.similarity
    assert truth.meshes.frame_names == sequence.frame_names
    np.testing.assert_allclose(truth.meshes.times_s, [0, 0.1, 0.2, 0.3])
    np.testing.assert_allclose(present(truth.canonical), dataset.similarity.to_world(dataset.canonical(1)), atol=1e-6)
    posed = dataset.sequence(1, "bend_1")[2].astype(np.float32)
    np.testing.assert_array_equal(truth.meshes.read(2).vertices, dataset.similarity.to_world(posed))


def test_npz_frames_hold_the_same_scene(dataset: RegisteredDataset, tmp_path: Path) -> None:
    for file_format in ("png", "npz"):
        render_sequence(dataset, 0, "bend_0", tmp_path / file_format, CAMERA, file_format=file_format)
    png, npz = load_depth_sequence(tmp_path / "png"), load_depth_sequence(tmp_path / "npz")
    np.testing.assert_allclose(png.depth_m(2), npz.depth_m(2), atol=0.00051)


def test_rendering_again_replaces_frames_and_truth(dataset: RegisteredDataset, tmp_path: Path) -> None:
    render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA)
    assert render_sequence(dataset, 0, "bend_1", tmp_path, CAMERA, progress=Listener(stop_after=2)) == 2
    assert len(load_depth_sequence(tmp_path)) == 2
    assert len(read_stored_truth(tmp_path / "truth").meshes) == 2


def test_stopping_before_the_first_frame_keeps_what_was_there(dataset: RegisteredDataset, tmp_path: Path) -> None:
    render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA)
    with pytest.raises(Cancelled):
        render_sequence(dataset, 0, "bend_1", tmp_path, CAMERA, progress=Listener(stop_after=0))
    assert len(load_depth_sequence(tmp_path)) == 4


def test_a_folder_with_other_things_is_not_written_into(dataset: RegisteredDataset, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not a rendered depth sequence; name a new folder"):
        render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_surface_out_of_view_is_an_error_that_names_the_frame(dataset: RegisteredDataset, tmp_path: Path) -> None:
    beside = PinholeCamera(8, 6, 80.0, 80.0, 500.0, 3.0)
    with pytest.raises(InputError, match="bend_0/000000: is outside the camera's view"):
        render_sequence(dataset, 0, "bend_0", tmp_path, beside)


def test_a_recording_is_not_written_over(dataset: RegisteredDataset, tmp_path: Path) -> None:
    render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA)
    shutil.rmtree(tmp_path / "truth")
    with pytest.raises(InputError, match="name a new folder"):
        render_sequence(dataset, 0, "bend_1", tmp_path, CAMERA)


# several views


def test_every_view_is_a_complete_sequence_with_its_own_pose(dataset: RegisteredDataset, tmp_path: Path) -> None:
    assert render_sequence(dataset, 1, "bend_0", tmp_path, CAMERA, views=3, correspondences=True) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["view_0", "view_1", "view_2", "views.json"]
    poses = orbit(front_camera_to_world(dataset.similarity), dataset.similarity, 3)
    truth = Mesh(dataset.sequence(1, "bend_0")[3].astype(np.float32), dataset.faces(1))
    for view, pose in enumerate(poses):
        sequence = load_depth_sequence(tmp_path / f"view_{view}")
        np.testing.assert_allclose(sequence.camera_at(0), pose)
        np.testing.assert_array_equal(true_mesh(present(sequence.truth_folder), 3).vertices, truth.vertices)
        assert distances_to(truth, dataset.similarity.to_canonical(sequence.points_world(3))).max() < 0.0005


def test_the_first_of_several_views_is_the_single_view(dataset: RegisteredDataset, tmp_path: Path) -> None:
    for views, name in ((1, "one"), (2, "two")):
        render_sequence(dataset, 0, "bend_0", tmp_path / name, CAMERA, views=views, noise=KinectNoise(), seed=3)
    one, two = load_depth_sequence(tmp_path / "one"), load_depth_sequence(tmp_path / "two" / "view_0")
    for frame in range(4):
        np.testing.assert_array_equal(one.depth_m(frame), two.depth_m(frame))


def test_a_link_that_cannot_be_made_becomes_a_copy(
    dataset: RegisteredDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Path) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA, views=2)
    first, second = (true_mesh(tmp_path / f"view_{view}" / "truth", 1) for view in (0, 1))
    np.testing.assert_array_equal(first.vertices, second.vertices)


def test_views_are_replaced_but_never_mixed_with_older_ones_or_with_a_single_view(
    dataset: RegisteredDataset, tmp_path: Path
) -> None:
    render_sequence(dataset, 0, "bend_0", tmp_path / "views", CAMERA, views=2)
    render_sequence(dataset, 0, "bend_1", tmp_path / "views", CAMERA, views=3)
    for views in (1, 2):
        with pytest.raises(InputError, match="name a new folder"):
            render_sequence(dataset, 0, "bend_0", tmp_path / "views", CAMERA, views=views)
    render_sequence(dataset, 0, "bend_0", tmp_path / "single", CAMERA)
    with pytest.raises(InputError, match="at most 2 rendered views"):
        render_sequence(dataset, 0, "bend_0", tmp_path / "single", CAMERA, views=2)


def test_views_that_were_stopped_before_the_first_frame_can_be_rendered_again(
    dataset: RegisteredDataset, tmp_path: Path
) -> None:
    with pytest.raises(Cancelled):
        render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA, views=2, progress=Listener(stop_after=0))
    assert render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA, views=2) == 4


def test_a_view_without_the_surface_is_named(dataset: RegisteredDataset, tmp_path: Path) -> None:
    away = front_camera_to_world(dataset.similarity)
    away[:3, 3] += [0, 9, 0]
    with pytest.raises(InputError, match="bend_0/000000: is outside the camera's view of view 0"):
        render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA, away, views=2)


# correspondences


def test_correspondences_lead_from_each_pixel_to_its_canonical_position(
    dataset: RegisteredDataset, tmp_path: Path
) -> None:
    render_sequence(dataset, 2, "bend_1", tmp_path, CAMERA, file_format="npz", correspondences=True)
    sequence = load_depth_sequence(tmp_path)
    canonical = load_mesh(tmp_path / "canonical.ply")
    np.testing.assert_array_equal(canonical.vertices, dataset.canonical(2))
    for frame, name in enumerate(sequence.frame_names):
        with np.load(tmp_path / "truth" / f"{name}.npz") as seen:
            face, barycentric = seen["face"], seen["barycentric"]
        assert (face.dtype, barycentric.dtype) == (np.int32, np.float16)
        assert barycentric.shape == (CAMERA.height, CAMERA.width, 2)
        hit = face >= 0
        np.testing.assert_array_equal(hit, sequence.depth_m(frame) > 0)
        weights = barycentric[hit].astype(np.float32)
        weights = np.column_stack((weights, 1 - weights.sum(axis=1)))
        corners = dataset.faces(2)[face[hit]]
        posed = (dataset.sequence(2, "bend_1")[frame].astype(np.float32)[corners] * weights[..., None]).sum(axis=1)
        observed = dataset.similarity.to_canonical(sequence.points_world(frame))
        np.testing.assert_allclose(posed, observed, atol=1e-4)
        at_rest = (canonical.vertices[corners] * weights[..., None]).sum(axis=1)
        bend = posed[:, 0] - at_rest[:, 0]  # the sequence moves along x, by the square of the height
        phase = np.linspace(0, np.pi, 4)[frame] + 1
        np.testing.assert_allclose(bend, 0.4 * np.sin(phase) * at_rest[:, 1] ** 2, atol=2e-3)


def test_rendering_again_without_correspondences_leaves_none(dataset: RegisteredDataset, tmp_path: Path) -> None:
    render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA, correspondences=True)
    render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["depth", "intrinsics.json", "truth"]
    assert {path.name for path in (tmp_path / "truth").iterdir()} == {"meshes.npz", "truth.json"}


# noise


def test_noise_changes_the_depth_and_not_the_truth(dataset: RegisteredDataset, tmp_path: Path) -> None:
    for name, noise, seed in (
        ("clean", None, 0),
        ("a", KinectNoise(), 7),
        ("b", KinectNoise(), 7),
        ("c", KinectNoise(), 8),
    ):
        render_sequence(dataset, 0, "bend_0", tmp_path / name, CAMERA, noise=noise, seed=seed, correspondences=True)
    clean, a, b, c = (load_depth_sequence(tmp_path / name) for name in ("clean", "a", "b", "c"))
    for frame in range(4):
        np.testing.assert_array_equal(a.depth_m(frame), b.depth_m(frame))
        assert (a.depth_m(frame) != c.depth_m(frame)).any()
        assert not a.depth_m(frame)[clean.depth_m(frame) == 0].any()
        both = (a.depth_m(frame) > 0) & (clean.depth_m(frame) > 0)
        assert 0.003 < np.std((a.depth_m(frame) - clean.depth_m(frame))[both]) < 0.05
        for file in ("meshes.npz", "truth.json", f"{frame:06d}.npz"):
            one, other = ((tmp_path / name / "truth" / file) for name in ("clean", "a"))
            assert one.read_bytes() == other.read_bytes()


# the TUM layout


def test_a_tum_sequence_can_be_read_as_its_layout_says(dataset: RegisteredDataset, tmp_path: Path) -> None:
    render_sequence(dataset, 1, "bend_1", tmp_path / "npz", CAMERA, file_format="npz", views=3)
    render_sequence(dataset, 1, "bend_1", tmp_path / "tum", CAMERA, file_format="tum", views=3)
    exact, folder = load_depth_sequence(tmp_path / "npz" / "view_1"), tmp_path / "tum" / "view_1"
    lines = [line.split() for line in (folder / "depth.txt").read_text().splitlines() if line[0] != "#"]
    assert [line[0] for line in lines] == ["0.000000", "0.100000", "0.200000", "0.300000"]
    for index, (stamp, path) in enumerate(lines):
        stored = np.asarray(Image.open(folder / path))
        assert stored.dtype == np.uint16
        np.testing.assert_allclose(stored / 5000.0, exact.depth_m(index), atol=0.00011)
        assert read_stored_truth(folder / "truth").meshes.frame_names[index] == stamp
    poses = [line.split() for line in (folder / "groundtruth.txt").read_text().splitlines() if line[0] != "#"]
    assert [pose[0] for pose in poses] == [line[0] for line in lines]
    x, y, z, qx, qy, qz, qw = (float(number) for number in poses[2][1:])
    rotation = [  # of a unit quaternion
        [1 - 2 * (qy**2 + qz**2), 2 * (qx * qy - qz * qw), 2 * (qx * qz + qy * qw)],
        [2 * (qx * qy + qz * qw), 1 - 2 * (qx**2 + qz**2), 2 * (qy * qz - qx * qw)],
        [2 * (qx * qz - qy * qw), 2 * (qy * qz + qx * qw), 1 - 2 * (qx**2 + qy**2)],
    ]
    np.testing.assert_allclose(rotation, exact.camera_at(0)[:3, :3], atol=1e-8)
    np.testing.assert_allclose([x, y, z], exact.camera_at(0)[:3, 3], atol=1e-8)


def test_a_tum_sequence_is_a_sequence_of_our_own_too(dataset: RegisteredDataset, tmp_path: Path) -> None:
    render_sequence(dataset, 1, "bend_1", tmp_path, CAMERA, file_format="tum")
    sequence = load_depth_sequence(tmp_path)
    assert sequence.frame_names == ("0.000000", "0.100000", "0.200000", "0.300000")
    truth = true_mesh(present(sequence.truth_folder), 1)
    assert distances_to(truth, dataset.similarity.to_canonical(sequence.points_world(1))).max() < 0.0001


def test_the_reader_of_tum_recordings_finds_the_same_camera_and_depths(
    dataset: RegisteredDataset, tmp_path: Path
) -> None:
    render_sequence(dataset, 1, "bend_1", tmp_path, CAMERA, file_format="tum")
    recording = read_tum(tmp_path, CaptureOptions())
    native = load_depth_sequence(tmp_path)
    assert recording.camera == CAMERA
    assert recording.frame_names == native.frame_names
    assert frame_rate_of(present(recording.times_s)) == pytest.approx(dataset.frame_rate)
    stored = recording.read_stored(2) / recording.units_per_metre
    np.testing.assert_allclose(stored, native.depth_m(2), rtol=1e-6)


def test_rendering_again_in_another_format_leaves_nothing_of_the_first(
    dataset: RegisteredDataset, tmp_path: Path
) -> None:
    render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA, file_format="tum")
    render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["depth", "intrinsics.json", "truth"]


def test_an_image_of_another_size_is_refused(tmp_path: Path) -> None:
    refused = pytest.raises(ValueError, match=r"is \(3, 4\), not \(72, 96\)")
    with refused, writing_sequence(tmp_path, CAMERA, np.eye(4), 30.0, "png") as write:
        write(np.ones((3, 4)))
    assert not any(tmp_path.iterdir())


# the camera


def write_camera(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps({**asdict(CAMERA), **changes}))
    return path


def test_a_camera_file_may_leave_the_pose_to_the_dataset(tmp_path: Path) -> None:
    camera, pose = load_camera(write_camera(tmp_path / "camera.json"))
    assert camera == CAMERA
    assert pose is None
    _, pose = load_camera(write_camera(tmp_path / "camera.json", camera_to_world=np.eye(4).tolist()))
    np.testing.assert_array_equal(pose, np.eye(4))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"width": 10**7, "height": 10**7}, "10000000x10000000 pixels; use at most 4096 on a side"),
        ({"width": -3}, "must be positive"),
        ({"fx": "wide"}, "does not describe a camera"),
        ({"camera_to_world": [[1, 0], [0, 1]]}, "must be 4x4"),
        ({"camera_to_world": (2 * np.eye(4)).tolist()}, "not a rigid transform"),
    ],
)
def test_a_camera_that_cannot_be_rendered_is_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InputError, match=f"camera.json: .*{problem}"):
        load_camera(write_camera(tmp_path / "camera.json", **changes))
