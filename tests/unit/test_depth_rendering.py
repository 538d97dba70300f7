"""Depth sequences rendered from a registered dataset, through the engine and through the command."""

import argparse

import igl
import numpy as np
import pytest

from engine.dataset.depth_sequence import load_depth_sequence
from engine.dataset.registered import load_registered_dataset
from engine.dataset.rendering import render_sequence
from engine.errors import Cancelled, InputError
from engine.geometry.camera import PinholeCamera
from engine.geometry.mesh import load_mesh
from engine.progress import Progress
from npm_studio.cli import dataset_render
from tests.registered import write_ellipsoids

CAMERA = PinholeCamera(96, 72, 86.0, 87.0, 48.2, 35.9)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return load_registered_dataset(write_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids"))


class StopAfter(Progress):
    def __init__(self, steps: int) -> None:
        self.left = steps

    def advance(self, done, metrics=None) -> None:
        self.left -= 1

    def cancelled(self) -> bool:
        return self.left <= 0


def test_the_observed_points_lie_on_the_true_surface(dataset, tmp_path):
    assert render_sequence(dataset, 1, "bend_1", tmp_path / "s", CAMERA) == 4
    sequence = load_depth_sequence(tmp_path / "s")
    assert sequence.frame_rate == dataset.frame_rate
    assert sequence.frame_names == ("000000", "000001", "000002", "000003")
    for index, name in enumerate(sequence.frame_names):
        truth = load_mesh(sequence.truth_folder / f"{name}.ply")
        np.testing.assert_array_equal(truth.vertices, dataset.sequence(1, "bend_1")[index].astype(np.float32))
        np.testing.assert_array_equal(truth.faces, dataset.faces(1))
        points = dataset.similarity.to_canonical(sequence.points_world(index))
        squared = igl.point_mesh_squared_distance(
            points.astype(np.float64), truth.vertices.astype(np.float64), truth.faces
        )[0]
        assert len(points) > 300
        assert np.sqrt(squared.max()) < 0.0005  # rounding to a millimetre; a canonical unit is two metres


def test_npz_frames_hold_the_same_scene(dataset, tmp_path):
    for file_format in ("png", "npz"):
        render_sequence(dataset, 0, "bend_0", tmp_path / file_format, CAMERA, file_format=file_format)
    png, npz = load_depth_sequence(tmp_path / "png"), load_depth_sequence(tmp_path / "npz")
    np.testing.assert_allclose(png.depth_m(2), npz.depth_m(2), atol=0.00051)


def test_rendering_again_replaces_frames_and_truth(dataset, tmp_path):
    render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA)
    assert render_sequence(dataset, 0, "bend_1", tmp_path, CAMERA, progress=StopAfter(2)) == 2
    assert len(load_depth_sequence(tmp_path)) == 2
    assert len(list((tmp_path / "truth").iterdir())) == 2


def test_stopping_before_the_first_frame_keeps_what_was_there(dataset, tmp_path):
    render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA)
    with pytest.raises(Cancelled):
        render_sequence(dataset, 0, "bend_1", tmp_path, CAMERA, progress=StopAfter(0))
    assert len(load_depth_sequence(tmp_path)) == 4


def test_a_folder_with_other_things_is_not_written_into(dataset, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not a depth sequence; name a new folder"):
        render_sequence(dataset, 0, "bend_0", tmp_path, CAMERA)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_surface_out_of_view_is_an_error_that_names_the_frame(dataset, tmp_path):
    beside = PinholeCamera(8, 6, 80.0, 80.0, 500.0, 3.0)
    with pytest.raises(InputError, match="bend_0/000000: is outside the camera's view"):
        render_sequence(dataset, 0, "bend_0", tmp_path, beside)


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    dataset_render.configure(parser)
    return parser.parse_args(arguments)


def test_the_command_takes_names_and_indices(dataset, tmp_path):
    out = tmp_path / "s"
    arguments = (str(dataset.root), str(out), "--identity", "ellipsoid_002", "--sequence", "1", "--device", "cpu")
    results = dataset_render.run(options(*arguments))
    assert results == {"out": str(out), "identity": "ellipsoid_002", "sequence": "bend_1", "frames": 4, "format": "png"}
    assert (out / "truth" / "000003.ply").is_file()
    sequence = load_depth_sequence(out)
    assert (sequence.camera.width, sequence.camera.height) == (640, 480)
    assert (out / "depth" / "000000.png").stat().st_size < 100_000


@pytest.mark.parametrize(("option", "value"), [("--identity", "nobody"), ("--sequence", "9")])
def test_the_command_names_an_identity_or_sequence_that_does_not_exist(dataset, tmp_path, option, value):
    with pytest.raises(InputError, match=f"{value}: does not exist"):
        dataset_render.run(options(str(dataset.root), str(tmp_path / "s"), option, value))
