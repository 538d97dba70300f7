"""Scenes on disk: what a camera saw, what was true, and what is said of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.core.errors import InputError
from engine.geometry.ray_casting import render_depth
from engine.sequences.camera_path import World
from engine.sequences.truth import load_truth
from external.scenes.plan import checked_plan
from external.scenes.recording import record
from external.scenes.scene import Person, make_scene
from tests.support.captures import open_capture

FRAMES = 4


def recorded(out: Path, *people: Person, **fields: object) -> dict:
    plan = checked_plan({"motion": "walk-towards", "seed": 3, "frames": FRAMES, "fps": 4.0} | fields)
    record(make_scene(plan, people), out)
    return json.loads((out / "scene.json").read_text())


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory, people: dict[str, Person]) -> Path:
    folder = tmp_path_factory.mktemp("scenes") / "clean"
    recorded(folder, people["adult"], noise=False)
    return folder


def test_a_still_camera_is_a_recording_like_any_other(clean: Path) -> None:
    sequence = open_capture(clean)
    assert len(sequence) == FRAMES
    assert sequence.cameras_to_world is None
    assert sequence.times_s.tolist() == [0.0, 0.25, 0.5, 0.75]


def test_truth_agrees_with_depth_without_noise(clean: Path) -> None:
    sequence, truth = open_capture(clean), load_truth(clean / "truth")
    assert truth.meshes.frame == "camera"
    for frame in range(FRAMES):
        mesh = truth.meshes.read(frame)
        labels = np.asarray(Image.open(clean / "truth" / "labels" / f"{frame:06d}.png"))
        alone = render_depth(mesh.vertices, mesh.faces, sequence.camera, np.eye(4))
        assert np.array_equal(labels == 1, alone > 0)  # nothing hides this subject
        assert np.abs(sequence.depth_m(frame) - alone)[labels == 1].max() < 0.002


def test_canonical_positions_are_those_of_the_body_in_the_canonical_pose(
    clean: Path, people: dict[str, Person]
) -> None:
    truth = load_truth(clean / "truth")
    assert truth.canonical is not None and truth.similarity is not None
    canonical = truth.similarity.to_canonical(truth.canonical)
    assert np.abs(canonical).max() < 0.5
    assert len(canonical) == len(people["adult"].body.vertices)
    assert np.ptp(canonical[:, 0]) > 0.5  # the arms are held out


def test_the_same_seed_gives_the_same_scene_and_another_one_another(tmp_path: Path, people: dict[str, Person]) -> None:
    for name, seed in (("a", 8), ("b", 8), ("c", 9)):
        recorded(tmp_path / name, people["child"], seed=seed, frames=2)
    for file in ("depth/000001.png", "intrinsics.json", "scene.json", "truth/truth.json"):
        first, again, other = ((tmp_path / name / file).read_bytes() for name in "abc")
        assert first == again
        assert file == "truth/truth.json" or first != other


@pytest.mark.parametrize(("camera", "moves"), [("gravity", False), ("moving", True), ("moving-noisy", True)])
def test_recorded_poses_know_the_vertical_and_the_way_of_the_camera(
    camera: str, moves: bool, tmp_path: Path, people: dict[str, Person]
) -> None:
    about = recorded(tmp_path / "scene", people["adult"], camera=camera)
    sequence = open_capture(tmp_path / "scene")
    assert sequence.world is World.UPRIGHT
    assert sequence.cameras_to_world is not None
    assert (np.ptp(sequence.cameras_to_world, axis=0).max() > 0.01) == moves
    true = np.broadcast_to(np.array(about["camera_to_room"]), (FRAMES, 4, 4))
    up = sequence.cameras_to_world[:, 1, :3]
    assert np.abs(up - true[:, 1, :3]).max() < (0.03 if camera == "moving-noisy" else 1e-9)
    steps = [np.linalg.inv(poses[0]) @ poses for poses in (sequence.cameras_to_world, true)]
    assert np.abs(steps[0] - steps[1]).max() < (0.05 if camera == "moving-noisy" else 1e-9)


def test_two_people_have_a_truth_each_and_labels_say_who_is_seen(tmp_path: Path, people: dict[str, Person]) -> None:
    out = tmp_path / "scene"
    about = recorded(out, people["child"], people["adult"], motion="two-cross", noise=False, frames=9)
    sequence, truths = open_capture(out), [load_truth(out / "truth" / f"subject_{index}") for index in (0, 1)]
    assert [subject["child"] for subject in about["subjects"]] == [True, False]
    for frame in (0, 4):
        labels = np.asarray(Image.open(out / "truth" / "labels" / f"{frame:06d}.png"))
        for index, truth in enumerate(truths):
            mesh = truth.meshes.read(frame)
            alone = render_depth(mesh.vertices, mesh.faces, sequence.camera, np.eye(4))
            own = labels == index + 1
            assert own.any() and (alone[own] > 0).all()
            assert np.abs(sequence.depth_m(frame) - alone)[own].max() < 0.002


def test_what_is_hidden_or_outside_of_the_picture_is_counted(tmp_path: Path, people: dict[str, Person]) -> None:
    table = recorded(tmp_path / "table", people["adult"], motion="behind-table", tilt=0.0, distance=3.5)["subjects"][0]
    assert np.mean(table["in_picture"]) > 0.95
    assert 0.3 < np.mean(table["visible"]) < 0.8
    near = recorded(tmp_path / "near", people["adult"], motion="standing", tilt=0.0, distance=1.5)["subjects"][0]
    assert 0.4 < np.mean(near["in_picture"]) < 0.9
    np.testing.assert_allclose(near["visible"], near["in_picture"], atol=1e-3)  # nothing is before them
    there = load_truth(tmp_path / "near" / "truth").meshes.read(0)
    camera = open_capture(tmp_path / "near").camera
    corners = there.vertices[there.faces].astype(np.float64)
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    pixels = camera.project(corners.mean(axis=1))
    inside = ((pixels >= 0) & (pixels < (camera.width, camera.height))).all(axis=1)
    assert near["in_picture"][0] == pytest.approx(areas[inside].sum() / areas.sum(), abs=1e-3)


def test_one_who_leaves_the_picture_is_gone_and_comes_back(tmp_path: Path, people: dict[str, Person]) -> None:
    about = recorded(tmp_path / "scene", people["adult"], motion="leave-and-return", frames=12, fps=1.8, distance=2.6)
    there = np.array(about["subjects"][0]["in_picture"])
    assert there[0] > 0.6 and there[-1] > 0.6 and there.min() < 0.1


@pytest.mark.parametrize("sensor", ["kinect", "azure", "realsense"])
def test_each_sensor_has_its_picture_and_its_noise(sensor: str, tmp_path: Path, people: dict[str, Person]) -> None:
    about = recorded(tmp_path / "noisy", people["adult"], sensor=sensor, frames=1)
    recorded(tmp_path / "clean", people["adult"], sensor=sensor, frames=1, noise=False)
    sequence, clean = open_capture(tmp_path / "noisy"), open_capture(tmp_path / "clean")
    assert (sequence.camera.width, sequence.camera.height) == (640, 576 if sensor == "azure" else 480)
    both = (sequence.depth_m(0) > 0) & (clean.depth_m(0) > 0)
    error = np.abs(sequence.depth_m(0)[both] / clean.depth_m(0)[both] - 1)
    assert 0.002 < np.median(error) < 0.03
    if sensor == "azure":
        assert 0.009 < abs(about["noise"]["scale"] - 1) < 0.021


def test_stated_focal_lengths_may_be_wrong_and_the_true_ones_are_told(
    tmp_path: Path, people: dict[str, Person]
) -> None:
    about = recorded(tmp_path / "scene", people["adult"], frames=1, intrinsics_error=0.02)
    assert open_capture(tmp_path / "scene").camera.fx == pytest.approx(1.02 * about["camera"]["fx"])


def test_the_floor_takes_the_part_of_the_picture_that_is_asked_for(tmp_path: Path, people: dict[str, Person]) -> None:
    recorded(tmp_path / "scene", people["adult"], motion="standing", frames=1, wall=0.4, noise=False, floor_strip=0.1)
    sequence = open_capture(tmp_path / "scene")
    column = sequence.depth_m(0)[:, 200:440]
    nearer = np.diff(np.median(column, axis=1))[200:] < -0.002  # below where the wall ends
    assert np.mean(nearer.sum() / 480) == pytest.approx(0.1, abs=0.04)


def test_folders_that_are_no_scenes_are_left_alone(tmp_path: Path, people: dict[str, Person]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="exists and is not a scene"):
        recorded(tmp_path / "mine", people["adult"])
