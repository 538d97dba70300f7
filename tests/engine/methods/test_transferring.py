"""A fitted sequence on other shapes: its own comes out as it was, others stand on the same floor."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from engine.core.errors import InputError
from engine.geometry.camera import transform_points
from engine.geometry.similarity import Similarity
from engine.methods.method import LoadedModel
from engine.methods.run import Run, RunInputs, frame_records, load_run, save_run
from engine.methods.transferring import motion_of, transfer_motion
from engine.sequences.mesh_sequence import mesh_sequence, regular_times
from engine.surface.extract import extract_surface, pose_vertices
from tests.support.present import present
from tests.support.toy_model import DOLLS, toy_model_in

TALL, SMALL = (list(DOLLS).index(name) for name in ("tall", "small"))
NAMES = ("000000", "000001", "000002")
RESOLUTION = 32


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return LoadedModel(Path("toy.npm"), toy_model_in(Similarity(0.4, (0.1, 0.9, -0.2))))


def places_of(tilt: float = 0.0) -> np.ndarray:
    """A walk of three steps that turns and hops in the last; ``tilt`` in degrees from the vertical."""
    places = np.tile(np.eye(4), (3, 1, 1))
    places[:, :3, :3] = Rotation.from_euler("yz", [[angle, tilt] for angle in (0, 20, 40)], degrees=True).as_matrix()
    places[:, :3, 3] = np.array([[0, 0, 3], [0.3, 0, 3], [0.6, 0.25, 3.1]])
    return places


def run_of(loaded: LoadedModel, folder: Path, places: np.ndarray, lost: tuple[int, ...] = ()) -> Run:
    """A run of the tall doll in three poses at ``places`` (3, 4, 4)."""
    model = loaded.model
    shape, poses = model.shape_codes[TALL], present(model.pose_codes)[:3]
    surface = extract_surface(model, shape, RESOLUTION)
    vertices = [
        transform_points(place, model.info.similarity.to_world(pose_vertices(model, shape, pose, surface.vertices)))
        for place, pose in zip(places, poses, strict=True)
    ]
    meshes = mesh_sequence("run", np.stack(vertices), surface.faces, NAMES, regular_times(3, 10.0))
    frames = tuple(
        dataclasses.replace(frame, subject_to_world=place, lost=row in lost)
        for row, (frame, place) in enumerate(zip(frame_records(meshes), places, strict=True))
    )
    inputs = RunInputs(folder, loaded.folder, model.info.similarity)
    run = Run(folder, "npm", inputs, meshes, frames, {"total": 1.0})
    save_run(run, {"codes": {"shape": shape.numpy()[None, None], "pose": poses.numpy()[:, None]}})
    return load_run(folder)


def test_a_run_on_its_own_shape_is_the_run(loaded: LoadedModel, tmp_path: Path) -> None:
    run = run_of(loaded, tmp_path, places_of())
    motion = motion_of(run, loaded)
    made = transfer_motion(motion, loaded.model, loaded.model.shape_codes[TALL], "tall", RESOLUTION)
    assert made.raised_m == pytest.approx(0, abs=1e-5)
    assert made.meshes.frame_names == NAMES
    np.testing.assert_array_equal(made.meshes.times_s, run.meshes.times_s)
    for before, after in zip(run.meshes, made.meshes, strict=True):
        np.testing.assert_allclose(after.vertices, before.vertices, atol=1e-5)
        np.testing.assert_array_equal(after.faces, before.faces)


def test_another_shape_stands_where_the_subject_stood_and_hops_as_high(loaded: LoadedModel, tmp_path: Path) -> None:
    places = places_of()
    run = run_of(loaded, tmp_path, places)
    made = transfer_motion(motion_of(run, loaded), loaded.model, loaded.model.shape_codes[SMALL], "small", RESOLUTION)
    lowest = [min(mesh.vertices[:, 1].min() for mesh in meshes) for meshes in (run.meshes, made.meshes)]
    assert lowest[0] == pytest.approx(lowest[1], abs=1e-5)
    assert made.raised_m < -0.05  # the shorter doll would float
    similarity, shape = loaded.model.info.similarity, loaded.model.shape_codes[SMALL]
    surface = extract_surface(loaded.model, shape, RESOLUTION)
    for row, mesh in enumerate(made.meshes):  # the same for all frames: nothing of the motion is lost
        posed = pose_vertices(loaded.model, shape, present(loaded.model.pose_codes)[row], surface.vertices)
        expected = transform_points(places[row], similarity.to_world(posed)) + np.array([0, made.raised_m, 0])
        np.testing.assert_allclose(mesh.vertices, expected, atol=1e-5)


def test_lost_frames_do_not_decide_where_the_floor_is(loaded: LoadedModel, tmp_path: Path) -> None:
    places = places_of()
    places[1, 1, 3] = -5.0
    run = run_of(loaded, tmp_path, places, lost=(1,))
    made = transfer_motion(motion_of(run, loaded), loaded.model, loaded.model.shape_codes[SMALL], "small", RESOLUTION)
    lowest = [min(meshes.read(row).vertices[:, 1].min() for row in (0, 2)) for meshes in (run.meshes, made.meshes)]
    assert lowest[0] == pytest.approx(lowest[1], abs=1e-5)


def test_some_frames_alone_are_transferred_with_their_times(loaded: LoadedModel, tmp_path: Path) -> None:
    motion = motion_of(run_of(loaded, tmp_path, places_of()), loaded, [2, 0])
    made = transfer_motion(motion, loaded.model, loaded.model.shape_codes[TALL], "tall", RESOLUTION)
    assert made.meshes.frame_names == ("000000", "000002")
    np.testing.assert_allclose(made.meshes.times_s, [0.0, 0.2])


def test_a_subject_that_is_not_upright_keeps_its_places(loaded: LoadedModel, tmp_path: Path) -> None:
    motion = motion_of(run_of(loaded, tmp_path, places_of(tilt=90)), loaded)
    assert motion.lowest_m is None
    made = transfer_motion(motion, loaded.model, loaded.model.shape_codes[SMALL], "small", RESOLUTION)
    assert made.raised_m == 0


def test_a_run_of_another_model_is_refused_with_the_name_of_its_own(loaded: LoadedModel, tmp_path: Path) -> None:
    run = run_of(loaded, tmp_path, places_of())
    with pytest.raises(InputError, match=r"is a run of model toy\.npm, and its codes mean nothing to other\.npm"):
        motion_of(run, LoadedModel(Path("other.npm"), loaded.model))
