from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.dataset import truth_origin
from engine.geometry.camera import transform_points
from engine.methods.run import frame_records, load_run
from engine.sequences.camera_path import World
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.isolation import Isolation, isolate
from engine.sequences.mesh_sequence import FrameOfReference, MeshSequence, mesh_sequence, regular_times
from engine.sequences.placement import move_world
from engine.sequences.truth import Truth
from npm_studio.session.document.comparison import Comparison, round_scale
from npm_studio.session.document.observation import Observation
from npm_studio.session.document.results import (
    mesh_sequence_of_identity,
    mesh_sequence_of_run,
    mesh_sequence_of_truth,
)
from tests.support.moving_camera import walk, walked_room
from tests.support.progress import Listener
from tests.support.toy_model import toy_model


def spheres(title: str, radii: list[float], names: list[str], start_s: float = 0.0) -> MeshSequence:
    sphere = trimesh.creation.icosphere(3, 1.0)
    vertices = np.stack([np.asarray(sphere.vertices, np.float32) * radius for radius in radii])
    times_s = start_s + regular_times(len(names), 10.0)
    return mesh_sequence(title, vertices, np.asarray(sphere.faces, np.int32), names, times_s)


def test_the_distance_between_two_spheres_is_the_difference_of_their_radii_in_millimetres() -> None:
    comparison = Comparison(spheres("a", [1.0, 1.1], ["0", "1"]), spheres("b", [1.05, 1.05], ["0", "1"]))
    comparison.measure(Progress())
    for frame in (0, 1):
        summary = comparison.summary(frame)
        assert summary is not None
        assert summary.mean == pytest.approx(50, abs=5)
        assert summary.largest >= summary.percentile_95 >= summary.median


def test_nothing_is_known_before_it_is_measured() -> None:
    comparison = Comparison(spheres("a", [1.0], ["0"]), spheres("b", [2.0], ["0"]))
    assert comparison.distances_mm(0) is None
    assert comparison.summary(0) is None


def test_frames_are_paired_by_name() -> None:
    comparison = Comparison(spheres("a", [1, 2, 3], ["0", "1", "2"]), spheres("b", [1, 3], ["0", "2"]))
    assert comparison.pairs == ((0, 0), (2, 1))
    assert comparison.frame_names == ("0", "2")


def test_a_single_mesh_is_compared_with_every_frame() -> None:
    comparison = Comparison(spheres("a", [1], ["canonical"]), spheres("b", [1, 2, 3], ["x", "y", "z"]))
    assert comparison.pairs == ((0, 0), (0, 1), (0, 2))
    assert comparison.frame_names == ("x", "y", "z")


def test_results_of_different_sequences_are_refused() -> None:
    with pytest.raises(InputError, match="no frame names in common"):
        Comparison(spheres("a", [1, 1], ["0", "1"]), spheres("b", [1, 1, 1], ["x", "y", "z"], start_s=100))


def test_frames_of_other_names_are_paired_by_time_and_never_by_position() -> None:
    left, right = spheres("a", [1, 2], ["0", "1"], start_s=0.1), spheres("b", [3, 1, 2], ["x", "y", "z"])
    assert Comparison(left, right).pairs == ((0, 1), (1, 2))


def test_a_cancelled_measurement_keeps_the_frame_that_was_asked_for_first() -> None:
    comparison = Comparison(spheres("a", [1, 1, 1], list("012")), spheres("b", [2, 2, 2], list("012")))
    with pytest.raises(Cancelled):
        comparison.measure(Listener(stop_after=1), first=2)
    assert comparison.summary(2) is not None
    assert comparison.summary(0) is None


def test_runs_truth_and_identities_come_in_one_form(depth_capture: Path, fitted_run: Path) -> None:
    run = load_run(fitted_run)
    fitted = mesh_sequence_of_run(run)
    similarity = run.inputs.similarity
    assert similarity is not None
    truth = mesh_sequence_of_truth(load_depth_sequence(depth_capture))
    identity = mesh_sequence_of_identity(toy_model(), 0)
    comparison = Comparison(fitted, truth)
    comparison.measure(Progress())
    summary = comparison.summary(0)
    assert summary is not None
    assert summary.largest < 1000 * 0.011 / similarity.scale  # the run is the truth moved by 0.01 canonical units
    assert len(identity) == 1
    assert len(Comparison(identity, truth)) == len(truth)


@pytest.mark.parametrize("frame", ["camera", "world"])
def test_the_truth_goes_where_the_recording_is_shown(
    frame: FrameOfReference, depth_capture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = load_depth_sequence(depth_capture)
    in_world = mesh_sequence_of_truth(recorded)
    camera = recorded.camera_at(0)
    if frame == "camera":
        in_camera = in_world.map(lambda _, vertices: transform_points(np.linalg.inv(camera), vertices))
        stored = replace(in_camera, frame=frame)
        monkeypatch.setattr(truth_origin, "open_truth", lambda *_: (Truth(stored, None), ""))
    turned = np.eye(4)
    turned[:3, :3] = Rotation.from_euler("xyz", [20, 30, 40], degrees=True).as_matrix()
    turned[:3, 3] = [1, 2, 3]
    shown = move_world(recorded, turned).subset([1, 2])
    moved = mesh_sequence_of_truth(shown, recorded)
    row = moved.index_of(shown.frame_names[0])
    assert row is not None and moved.frame == "world"
    expected = transform_points(turned, in_world.read(1).vertices)
    np.testing.assert_allclose(moved.read(row).vertices, expected, atol=1e-4)


def test_an_observation_gives_points_with_depths_between_its_ends(depth_capture: Path) -> None:
    observation = Observation(load_depth_sequence(depth_capture))
    frame = observation.frame(1)
    near, far = observation.depth_range
    assert len(frame.points_world) == len(frame.depth_m) > 100
    assert 0 < near < float(np.median(frame.depth_m)) < far
    camera = observation.sequence.camera_at(0)
    distance = (frame.points_world - camera[:3, 3]) @ camera[:3, 2]
    np.testing.assert_allclose(frame.depth_m, distance, atol=1e-5)


def test_every_frame_of_a_moving_camera_is_shown_from_its_own_pose() -> None:
    scene, masks = walked_room(walk(), World.PLACED)
    isolation = Isolation(remove_planes=True, largest_component=True)
    observation = Observation(isolate(scene, isolation), scene, CaptureOptions(isolation=isolation))
    for index, mask in enumerate(masks):
        shown, depth = observation.frame(index), scene.depth_m(index)
        seen = np.concatenate([shown.points_world, shown.removed_world])
        assert len(seen) == (depth > 0).sum()
        assert shown.depth_m.min() == pytest.approx(depth[mask].min(), abs=0.02)
        floor_and_walls = np.abs(shown.removed_world - [-1.6, 0.0, -1.5]).min(axis=1)  # of one room for all frames
        assert np.quantile(floor_and_walls, 0.95) < 0.01


def test_an_observation_holds_as_many_frames_as_fit_into_memory(
    depth_capture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("npm_studio.session.document.observation._BYTES_IN_MEMORY", 1)
    observation = Observation(load_depth_sequence(depth_capture))
    first = observation.frame(0)
    assert observation.frame(0) is first
    observation.frame(1)
    assert observation.frame(0) is not first


def test_fitted_meshes_go_with_a_camera_that_was_placed_elsewhere(fitted_run: Path, depth_capture: Path) -> None:
    run = load_run(fitted_run)
    assert run.cameras_to_world is None
    run = replace(run, frames=frame_records(run.meshes, np.tile(np.eye(4), (3, 1, 1))))
    shown = replace(load_depth_sequence(depth_capture), cameras_to_world=None)
    moved = np.array([[0, 0, 1, 1], [0, 1, 0, 2], [-1, 0, 0, 3], [0, 0, 0, 1]], float)
    there, here = mesh_sequence_of_run(run, move_world(shown, moved)).vertices(), mesh_sequence_of_run(run).vertices()
    np.testing.assert_allclose(there, here @ moved[:3, :3].T + moved[:3, 3], atol=1e-5)
    np.testing.assert_array_equal(mesh_sequence_of_run(run, move_world(shown, np.eye(4))).vertices(), here)


@pytest.mark.parametrize(("value", "end"), [(0.0, 1.0), (0.9, 1.0), (1.0, 1.0), (1.1, 2.0), (3.0, 5.0), (8.8, 10.0)])
def test_a_scale_ends_at_the_next_round_number(value: float, end: float) -> None:
    assert round_scale(value) == pytest.approx(end)
