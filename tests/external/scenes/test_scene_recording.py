"""Scenes on disk: what a camera saw, what was true, and what is said of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.ray_casting import render_depth
from engine.sequences.camera_path import World
from engine.sequences.truth import load_truth
from external.scenes.plan import checked_plan
from external.scenes.recording import record
from external.scenes.scene import Person, make_scene
from tests.support.captures import open_capture

FRAMES = 4


def recorded(out: Path, person: Person, **fields: object) -> dict:
    plan = checked_plan({"motion": "walk-towards", "seed": 3, "frames": FRAMES, "fps": 4.0} | fields)
    record(make_scene(plan, [person]), out)
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
    from PIL import Image

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


def test_folders_that_are_no_scenes_are_left_alone(tmp_path: Path, people: dict[str, Person]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="exists and is not a scene"):
        recorded(tmp_path / "mine", people["adult"])
