"""Which way is up, and a recording stood upright with its subject where it is."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from engine.models.model import NeuralParametricModel
from engine.sequences.camera_path import World
from engine.sequences.capture_options import AS_RECORDED
from engine.sequences.opening import subject_of
from engine.sequences.subject_finder import SubjectFinder
from engine.sequences.vertical import find_vertical, stand_upright
from tests.support.depth_room import room_sequence
from tests.support.moving_camera import walk, walked_room
from tests.support.plate_room import PlateNetwork, plate_sequence, standing
from tests.support.toy_model import toy_model

PLATES = [(-0.3, -0.2, -3.0), (0.0, -0.2, -3.0), (0.3, -0.2, -3.0)]


@cache
def plate_model() -> NeuralParametricModel:
    return replace(toy_model(), coordinate_network=PlateNetwork(before=0.0))


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


@pytest.mark.parametrize("world", [World.UPRIGHT, World.PLACED])
def test_an_upright_recording_stays_as_recorded(world: World) -> None:
    sequence, _ = walked_room(walk(), world)
    vertical = find_vertical(sequence, sequence, plate_model())
    np.testing.assert_array_equal(vertical.up, [0, 1, 0])
    assert vertical.how == "as recorded"
    assert vertical.floor is not None and abs(vertical.floor[1]) < 0.02  # where `walk` has it


def test_a_plane_that_leans_from_the_recorded_vertical_is_no_floor() -> None:
    leaning = np.eye(4)
    leaning[:3, :3] = Rotation.from_euler("x", 12, degrees=True).as_matrix()
    scene, _ = walked_room(walk(), World.UPRIGHT, recorded=leaning @ walk())
    assert find_vertical(scene, scene, plate_model()).floor is None


@pytest.mark.parametrize("tilt", [0.0, 12.0, 35.0])
def test_the_floor_gives_the_vertical(tilt: float) -> None:
    scene, _, pose = room_sequence(tilt)
    vertical = find_vertical(scene, scene, plate_model())
    assert "by the floor" in vertical.how
    assert angle_between(vertical.up, pose[1, :3]) < 0.5  # the world is that of the camera


def test_the_floor_gives_the_vertical_of_a_world_that_lies_askew() -> None:
    poses = walk()
    askew = np.eye(4)
    askew[:3, :3] = Rotation.from_euler("xyz", [40, 20, 70], degrees=True).as_matrix()
    scene, _ = walked_room(poses, World.ARBITRARY, recorded=askew @ poses)
    vertical = find_vertical(scene, scene, plate_model())
    assert angle_between(vertical.up, askew[:3, 1]) < 1.0


@pytest.mark.parametrize("tilt", [12.0, 24.0, 36.0])
def test_without_a_floor_the_tilt_is_that_at_which_the_subject_looks_most_familiar(tilt: float) -> None:
    sequence = plate_sequence([(x, -np.tan(np.radians(tilt)) * 3, z) for x, _, z in PLATES], tilt, wall=False)
    vertical = find_vertical(sequence, sequence, plate_model())
    assert angle_between(vertical.up, standing(tilt)[1, :3]) < 0.1
    assert f"tilted by {tilt:.0f} degrees" in vertical.how and "no floor is seen" in vertical.how


def test_without_a_floor_a_camera_is_level_unless_another_tilt_is_clearly_better() -> None:
    sequence = plate_sequence(PLATES, wall=False)
    vertical = find_vertical(sequence, sequence, plate_model())
    np.testing.assert_allclose(vertical.up, [0, -1, 0], atol=1e-12)
    assert "taken to be level" in vertical.how


def test_standing_upright_keeps_the_subject_where_the_camera_saw_it() -> None:
    scene, _, pose = room_sequence(20.0)
    upright = stand_upright(scene, scene, plate_model())
    assert upright.world is World.UPRIGHT
    camera = upright.camera_at(0)
    np.testing.assert_allclose(camera[:3, 3], 0, atol=1e-12)
    assert angle_between(camera[1, :3], pose[1, :3]) < 0.5
    np.testing.assert_allclose(camera[0, 2], 0, atol=1e-6)  # it looks along -z
    assert camera[2, 2] < 0
    for index in range(len(scene)):
        np.testing.assert_allclose(upright.points_world(index), scene.points_world(index) @ camera[:3, :3].T, atol=1e-4)
    assert "; up: by the floor" in upright.origin and upright.warnings == scene.warnings
    assert upright.floor_m == pytest.approx(-pose[1, 3], abs=0.02)


def test_an_upright_recording_is_warned_of_only_where_its_vertical_was_guessed() -> None:
    recorded, _ = walked_room(walk(), World.UPRIGHT)
    upright = stand_upright(recorded, recorded, plate_model())
    assert "; up: as recorded" in upright.origin and upright.warnings == recorded.warnings
    assert upright.origin.endswith(f"a floor is seen {walk()[0, 1, 3]:.2f} m below the first camera")
    level = plate_sequence(PLATES, wall=False)
    guessed = stand_upright(level, level, plate_model())
    assert str(guessed.warnings[0]).startswith("up: no floor is seen")
    assert len(guessed.warnings) == 1 and guessed.floor_m is None


@pytest.mark.parametrize("world", [World.UPRIGHT, World.ARBITRARY])
def test_standing_upright_keeps_the_path_of_a_moving_camera(world: World) -> None:
    poses = walk()
    askew = np.eye(4)
    if world is World.ARBITRARY:
        askew[:3, :3] = Rotation.from_euler("xyz", [40, 20, 70], degrees=True).as_matrix()
        askew[:3, 3] = [1, -2, 3]
    scene, _ = walked_room(poses, world, recorded=askew @ poses)
    upright = stand_upright(scene, scene, plate_model())
    for index in range(len(scene)):
        relative = np.linalg.inv(upright.camera_at(0)) @ upright.camera_at(index)
        np.testing.assert_allclose(relative, np.linalg.inv(poses[0]) @ poses[index], atol=1e-9)
        assert angle_between(upright.camera_at(index)[1, :3], poses[index][1, :3]) < 1.0


def test_a_recording_is_opened_upright_for_a_model_that_finds_its_subject_and_placed_for_others() -> None:
    scene, _, _ = room_sequence(20.0)
    found, placed = (subject_of(scene, AS_RECORDED, model) for model in (plate_model(), toy_model()))
    assert found.world is World.UPRIGHT and placed.world is World.PLACED
    np.testing.assert_allclose(found.camera_at(0)[:3, 3], 0, atol=1e-12)


def test_a_room_around_the_subject_is_no_fault_where_a_model_finds_its_subject() -> None:
    scene, _, pose = room_sequence(12.0)
    stated = replace(scene, cameras_to_world=np.tile(pose, (len(scene), 1, 1)))
    assert subject_of(stated, AS_RECORDED, plate_model()).warnings == ()
    assert "more than the subjects" in str(subject_of(stated, AS_RECORDED, toy_model()).warnings[0])


def test_subjects_without_a_vertical_need_none_to_be_known_and_none_is_tried() -> None:
    network = PlateNetwork(before=0.0)
    network.config = replace(network.config, upright=False)
    sequence = plate_sequence([(x, -np.tan(np.radians(24.0)) * 3, z) for x, _, z in PLATES], 24.0, wall=False)
    vertical = find_vertical(sequence, sequence, replace(plate_model(), coordinate_network=network))
    np.testing.assert_array_equal(vertical.up, [0, -1, 0])
    assert not vertical.is_guessed and "may be turned anyhow" in vertical.how
    finder = SubjectFinder(network, 0.4, sequence.camera, torch.device("cpu"))
    axes = finder.crop_axes(torch.tensor([[0.3, -0.8, -0.5], [1.0, 0.0, 0.0]]))
    torch.testing.assert_close(axes, torch.diag(torch.tensor([1.0, -1.0, -1.0])).expand(2, 3, 3))
