"""The benchmark of scenes, on runs that are the truth seen from elsewhere, and on worse ones."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scene_measures import SceneTruth, frame_errors, load_scene, scene_folders
from scenes import against_bars, print_header, print_row, refused_row, row_of, totals_of, whose

from engine.core.errors import InputError
from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.geometry.ply import save_compact_ply
from engine.methods.evaluation import prediction_of
from engine.methods.run import Run, RunInputs, frame_records, load_run, save_run
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import mesh_sequence
from external.scenes.people import anny_casting
from external.scenes.plan import ScenePlan
from external.scenes.recording import record
from external.scenes.scene import make_scene
from tests.support.captures import open_capture
from tests.support.present import present

FRAMES = 6
CAMERA = np.array([[0.0, 0, -1, 2], [0, -1, 0, 1], [-1, 0, 0, 3], [0, 0, 0, 1]])
"""Where the fit takes the camera to be."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> SceneTruth:
    out = tmp_path_factory.mktemp("scenes") / "two"
    cast = anny_casting()
    plan = ScenePlan("two-cross", seed=3, frames=FRAMES, fps=5.0, distance=4.0)
    record(make_scene(plan, [cast(3, 0, True), cast(3, 1, False)]), out)
    return load_scene(out)


@pytest.fixture(scope="module")
def sequence(scene: SceneTruth) -> DepthSequence:
    return open_capture(scene.folder)


def run_of(scene: SceneTruth, folder: Path, subject: int = 0, moves: np.ndarray | None = None, scale: float = 1) -> Run:
    """The truth of a subject as a run in a world of its own, moved by ``moves`` (F, 3) metres of the room."""
    truth = scene.subjects[subject]
    camera, to_room = CAMERA, scene.camera_to_room
    moves = np.zeros((FRAMES, 3)) if moves is None else moves
    back = camera[:3, :3] @ np.linalg.inv(to_room[0])[:3, :3]
    vertices = np.stack(
        [
            transform_points(camera, truth.meshes.read(frame).vertices) + (back @ moves[frame]).astype(np.float32)
            for frame in range(FRAMES)
        ]
    )
    meshes = mesh_sequence("fit", vertices, truth.meshes.read(0).faces, truth.meshes.frame_names, truth.meshes.times_s)
    frames = frame_records(meshes, np.tile(camera, (FRAMES, 1, 1)))
    frames = tuple(dataclasses.replace(each, lost=index == 1) for index, each in enumerate(frames))
    folder.mkdir()
    canonical = (present(truth.canonical) * scale).astype(np.float32)
    save_compact_ply(Mesh(canonical, meshes.read(0).faces), folder / "canonical.ply")
    run = Run(folder, "npm", RunInputs(scene.folder), meshes, frames, {"total": 1.0}, verdict="good", reason="so")
    save_run(run)
    return load_run(folder)


def test_the_truth_seen_from_elsewhere_has_no_error(scene: SceneTruth, sequence: DepthSequence, tmp_path: Path) -> None:
    errors = frame_errors(run_of(scene, tmp_path / "run"), sequence, scene, 0, samples=300)
    assert errors.frames.tolist() == list(range(FRAMES))
    assert errors.surface_mm.max() < 0.1 and errors.correspondence_mm.max() < 0.1
    assert abs(errors.height_mm) < 0.1 and errors.penetration_mm.max() < 8
    assert np.nanmax(errors.slide_mm_per_s) < 30 and np.isnan(errors.slide_mm_per_s[0])
    assert not errors.lost.any()


def test_errors_are_millimetres_of_the_room(scene: SceneTruth, sequence: DepthSequence, tmp_path: Path) -> None:
    moves = np.array([[0, -0.05, 0]] * 3 + [[0.12, 0.0, 0.0]] * (FRAMES - 3), float)
    errors = frame_errors(run_of(scene, tmp_path / "run", moves=moves, scale=1.02), sequence, scene, 0, samples=300)
    np.testing.assert_allclose(errors.correspondence_mm, [50.0] * 3 + [120.0] * (FRAMES - 3), rtol=0.05)
    assert (errors.surface_mm < errors.correspondence_mm).all()
    assert errors.lost.tolist() == [False] * 3 + [True] * (FRAMES - 3)
    assert errors.penetration_mm[:3] == pytest.approx(50, abs=8) and errors.penetration_mm[3:].max() < 8
    true = present(scene.subjects[0].canonical)
    assert errors.height_mm == pytest.approx(20 * np.ptp(true[:, 1]), rel=0.01)
    assert errors.slide_mm_per_s[3] == pytest.approx(120 * 5, rel=0.1)  # at five frames a second
    assert errors.slide_mm_per_s[4] < 30


def test_the_scale_of_the_sensor_is_taken_out_about_the_camera(
    scene: SceneTruth, sequence: DepthSequence, tmp_path: Path
) -> None:
    short = dataclasses.replace(scene, about={**scene.about, "noise": {"scale": 0.98}})
    errors = frame_errors(run_of(scene, tmp_path / "run"), sequence, short, 0, samples=300)
    assert errors.correspondence_mm.max() < 0.1
    truth = scene.subjects[0].meshes
    away = [np.linalg.norm(truth.read(frame).vertices, axis=1).mean() for frame in range(FRAMES)]
    np.testing.assert_allclose(errors.rescaled_correspondence_mm, 1000 * np.array(away) * (1 / 0.98 - 1), rtol=0.02)
    assert (errors.rescaled_surface_mm > 20).all()


def test_a_run_is_compared_with_the_nearest_person_and_swaps_are_counted(
    scene: SceneTruth, sequence: DepthSequence, tmp_path: Path
) -> None:
    rooms = [
        transform_points(scene.camera_to_room[0], t.meshes.read(f).vertices).mean(axis=0)
        for t in scene.subjects
        for f in (0, 1)
    ]
    jump = np.zeros((FRAMES, 3))
    jump[0] = rooms[0] - rooms[2]  # in the first frame where the other one is
    run = run_of(scene, tmp_path / "run", subject=1, moves=jump)
    errors = [frame_errors(run, sequence, scene, subject, 300) for subject in (0, 1)]
    assert whose([errors]) == [(0, 1)]
    row = row_of(scene, run, errors, 1)
    assert row["subject"] == 1
    assert row["per_frame"]["swapped"].tolist() == [True] + [False] * (FRAMES - 1)
    assert row["per_frame"]["lost"].tolist() == [True] + [False] * (FRAMES - 1)
    assert (row["verdict"], row["obstructed"], row["missing"]) == ("good", True, 0)


def test_each_person_has_the_run_that_is_nearest_in_all(
    scene: SceneTruth, sequence: DepthSequence, tmp_path: Path
) -> None:
    runs = [run_of(scene, tmp_path / str(subject), subject=subject) for subject in (1, 0)]
    errors = [[frame_errors(run, sequence, scene, subject, 300) for subject in (0, 1)] for run in runs]
    assert whose(errors) == [(0, 1), (1, 0)]
    assert whose(errors[:1]) == [(0, 1)]


def test_only_frames_with_most_of_the_body_in_the_picture_count_and_what_is_said_is_judged(
    scene: SceneTruth, sequence: DepthSequence, tmp_path: Path
) -> None:
    moves = np.zeros((FRAMES, 3))
    moves[[1, 2, 3]] = 0.5, 0.0, 0.0
    run = run_of(scene, tmp_path / "run", moves=moves)
    about = {**scene.about, "subjects": [dict(subject) for subject in scene.about["subjects"]]}
    about["subjects"][0]["in_picture"] = [1.0, 1.0, 1.0, 0.5, 1.0, 1.0]
    partly = dataclasses.replace(scene, about=about)
    row = row_of(partly, run, [frame_errors(run, sequence, partly, 0, 300)], 0)
    assert (row["counted"], row["lost"], row["said_lost"]) == (5, 0.4, 0.2)
    assert (row["recall"], row["precision"]) == (0.5, 1.0)
    totals = totals_of([row])
    assert set(totals) == {"all", "obstructed"} and totals["all"]["lost"] == 0.4
    bars = {(bar["of"], bar["figure"]): bar["passed"] for bar in against_bars(totals, "anny-full")}
    assert bars == {
        ("all", "correspondence_mm"): False,
        ("all", "lost"): False,
        ("all", "height_mm"): True,
        ("obstructed", "surface_mm"): False,
    }
    assert against_bars(totals, "mine") == []


def test_a_scene_that_is_refused_is_lost(scene: SceneTruth, sequence: DepthSequence, tmp_path: Path) -> None:
    refused = refused_row(scene, InputError("scene", "shows nobody", "show somebody"))
    assert (refused["lost"], refused["verdict"], refused["missing"]) == (1.0, "refused", FRAMES)
    run = run_of(scene, tmp_path / "run")
    fitted = row_of(scene, run, [frame_errors(run, sequence, scene, 0, 300)], 0)
    total = totals_of([refused, fitted])["all"]
    assert total["lost"] == 0.5 and total["surface_mm"] < 0.1 and total["recall"] == 1.0


def test_a_row_has_as_many_columns_as_the_header(
    scene: SceneTruth, sequence: DepthSequence, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(scene, tmp_path / "run")
    print_header()
    print_row("two", row_of(scene, run, [frame_errors(run, sequence, scene, 0, 300)], 0) | {"seconds_fit": 1.0})
    header, row = (line.split() for line in capsys.readouterr().out.splitlines())
    assert len(header) == len(row)


def test_folders_without_scenes_are_refused(scene: SceneTruth, tmp_path: Path) -> None:
    assert scene_folders(scene.folder) == scene_folders(scene.folder.parent) == [scene.folder]
    with pytest.raises(InputError, match="holds no scenes"):
        scene_folders(tmp_path)


def test_evaluation_knows_the_camera_of_a_recording_that_does_not_say_where_it_was(
    scene: SceneTruth, tmp_path: Path
) -> None:
    prediction = prediction_of(run_of(scene, tmp_path / "run"), scene.folder / "truth" / "subject_0")
    assert present(prediction.camera).camera.width == 640
    np.testing.assert_allclose(present(prediction.camera).camera_to_world[0], CAMERA)
