from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engine.core.progress import Progress
from engine.dataset import truth_origin
from engine.geometry.camera import transform_points
from engine.methods.run import frame_records, load_run
from engine.sequences.camera_path import World
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.isolation import Isolation, isolate
from engine.sequences.mesh_sequence import FrameOfReference
from engine.sequences.placement import move_world
from engine.sequences.truth import Truth
from npm_studio.session.document.lineup import Lineup
from npm_studio.session.document.observation import Observation
from npm_studio.session.document.results import (
    mesh_sequence_of_identity,
    mesh_sequence_of_run,
    mesh_sequence_of_truth,
)
from npm_studio.session.document.side_errors import SideErrors
from tests.support.compared import side
from tests.support.moving_camera import walk, walked_room
from tests.support.toy_model import toy_model


def test_runs_truth_and_identities_come_in_one_form(depth_capture: Path, fitted_run: Path) -> None:
    run = load_run(fitted_run)
    fitted = mesh_sequence_of_run(run)
    similarity = run.inputs.similarity
    assert similarity is not None
    truth = mesh_sequence_of_truth(load_depth_sequence(depth_capture))
    identity = mesh_sequence_of_identity(toy_model(), 0)
    one, true = side(fitted), side(truth, "truth")
    errors = SideErrors(Lineup([one], true))
    errors.measure(Progress())
    moved_mm = 1000 * 0.01 / similarity.scale
    np.testing.assert_allclose(errors.curve_mm(one), moved_mm, rtol=1e-3)
    assert len(identity) == 1
    assert len(Lineup([side(identity, "identity"), true])) == len(truth)


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
