import functools
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from engine.dataset.registered import load_registered_dataset
from engine.dataset.rendering import render_sequence
from engine.evaluate import metrics
from engine.evaluate.definitions import CANONICAL_METRICS, METRICS
from engine.geometry.camera import PinholeCamera, transform_points
from engine.geometry.mesh import Mesh, save_mesh
from engine.geometry.similarity import Similarity
from engine.methods.run import Run, RunInputs, frame_records, load_run, save_run
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.mesh_sequence import MeshSequence
from engine.sequences.truth import load_truth, read_stored_truth
from npm_studio.cli.main import main
from tests.support.ellipsoids import write_ellipsoids
from tests.support.toy_model import toy_model

FRAMES = ("000000", "000001", "000002")
CAMERA = PinholeCamera(96, 72, 86.0, 87.0, 48.2, 35.9)

NAMES = ("iou", "chamfer_l2", "accuracy", "completeness", "normal_consistency", "epe")


@pytest.fixture
def run(fitted_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted_run, tmp_path / "run"))


@pytest.fixture(autouse=True)
def few_samples(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer than users get, where a test says nothing of their number."""
    if request.node.get_closest_marker("slow") is None:
        few = functools.partial(metrics.evaluate_sequence, samples=30_000, iou_points=10_000)
        monkeypatch.setattr(metrics, "evaluate_sequence", few)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["evaluate", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    return line


@pytest.mark.slow
def test_evaluate_prints_the_metrics_as_json_and_keeps_them_with_the_run(
    run: Path, depth_capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run), "--truth", str(depth_capture / "truth"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 0.8 < printed["iou"] < 1
    assert 0.002 < printed["accuracy"] < 0.01  # the run is the truth, moved by 0.01
    assert 0.002 < printed["epe"] < 0.01  # partners are neighbours in space, so sliding along the surface is free
    kept = json.loads((run / "metrics.json").read_text())
    for name in NAMES:
        assert kept[name] == printed[name]
        assert len(kept["per_frame"][name]) == 3
        assert kept["definitions"][name]["unit"]
    assert kept["samples"] == 100_000
    assert kept["frames"] == ["000000", "000001", "000002"]


def test_evaluate_names_every_metric_with_its_unit(
    run: Path, depth_capture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = functools.partial(metrics.evaluate_sequence, samples=1000, iou_points=1000)
    monkeypatch.setattr(metrics, "evaluate_sequence", quick)
    assert main(["evaluate", str(run), "--truth", str(depth_capture / "truth"), "--seed", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    titles = [line[:24].strip() for line in lines]
    assert titles[: len(METRICS)] == [metric.title for metric in METRICS]
    assert titles[len(METRICS) + 1 : -1] == [metric.title for metric in CANONICAL_METRICS]
    assert lines[-1] == "no body measurements: the method npm has no surface in the canonical pose"
    assert lines[1].endswith(" mm")
    assert lines[len(METRICS)].startswith("in canonical units, 0.4 per metre")
    assert lines[len(METRICS) + 1].endswith("canonical units squared")
    assert json.loads((run / "metrics.json").read_text())["seed"] == 4


def test_evaluate_refuses_what_is_not_a_run(
    tmp_path: Path, depth_capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is not a run" in refusal(capsys, tmp_path, "--truth", depth_capture / "truth")


def test_evaluate_refuses_truth_that_is_missing_or_empty(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no such folder" in refusal(capsys, run, "--truth", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "has no meshes" in refusal(capsys, run, "--truth", tmp_path / "empty")


def test_evaluate_leaves_out_a_frame_that_the_truth_lacks_and_names_it(
    run: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = older(depth_capture, tmp_path / "truth")
    (truth / "000001.ply").unlink()
    shutil.copy(depth_capture / "truth" / "truth.json", truth)
    change(truth / "truth.json", frames=["000000", "000002"], timestamps_s=[0.0, 0.2])
    assert main(["evaluate", str(run), "--truth", str(truth), "--json"]) == 0
    captured = capsys.readouterr()
    assert "1 frames of the run have no truth, the first is 000001" in captured.err
    printed = json.loads(captured.out.splitlines()[-1])
    assert (printed["frames"], printed["frames_without_truth"]) == (2, ["000001"])


def test_evaluate_refuses_truth_of_another_sequence(
    run: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = older(depth_capture, tmp_path / "truth")
    shutil.copy(depth_capture / "truth" / "truth.json", truth)
    for name in FRAMES:
        (truth / f"{name}.ply").rename(truth / f"other_{name}.ply")
    change(truth / "truth.json", frames=[f"other_{name}" for name in FRAMES], timestamps_s=[50.0, 50.1, 50.2])
    assert "have no frame names in common, nor times" in refusal(capsys, run, "--truth", truth)
    assert not (run / "metrics.json").exists()


# units


def older(capture: Path, folder: Path) -> Path:
    """The truth of ``capture`` as it was written before it said its unit."""
    stored = read_stored_truth(capture / "truth").meshes
    for name, mesh in zip(stored.frame_names, stored, strict=True):
        save_mesh(mesh, folder / f"{name}.ply")
    return folder


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["evaluate", *map(str, arguments), "--json"]) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return printed


def test_runs_of_models_of_different_similarity_have_the_same_millimetres(
    run: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same meshes in the world, once in a run of version 1 of a model of another similarity."""
    fitted, other = load_run(run), Similarity(0.55, (0.1, 0.3, -0.2))
    copy = tmp_path / "other"
    copy.mkdir()
    shutil.copy(run / "codes.npz", copy)
    for name, mesh in zip(fitted.frame_names, fitted.meshes, strict=True):
        save_mesh(Mesh(other.to_canonical(mesh.vertices), mesh.faces), copy / "meshes" / f"{name}.ply")
    description = {
        "format": "npm-studio run",
        "format_version": 1,
        "method": "npm",
        "model": "other.npm",
        "sequence": str(depth_capture),
        "frames": list(FRAMES),
        "frame_rate": 10.0,
        "similarity": other.as_dict(),
        "seconds": 1.0,
        "interrupted": False,
        "details": {},
    }
    (copy / "run.json").write_text(json.dumps(description))
    first, second = (evaluated(capsys, folder, "--truth", depth_capture / "truth") for folder in (run, copy))
    assert first["similarity"] == second["similarity"] == toy_model().info.similarity.as_dict()
    assert first["similarity_of"] == "truth"
    for name in (*NAMES, "accuracy_mm", "completeness_mm", "epe_mm", "accuracy_visible_mm", "failed_frames"):
        assert second[name] == pytest.approx(first[name], rel=2e-3)  # single precision draws a few other samples


def test_truth_in_metres_and_in_canonical_units_gives_the_same(
    run: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, metres = load_truth(depth_capture / "truth"), tmp_path / "metres"
    for name, mesh in zip(FRAMES, truth.meshes, strict=True):
        save_mesh(mesh, metres / f"{name}.ply")
    shutil.copy(depth_capture / "truth" / "truth.json", metres)
    change(metres / "truth.json", unit="m")
    stated, converted = (evaluated(capsys, run, "--truth", folder) for folder in (depth_capture / "truth", metres))
    assert converted["accuracy_mm"] == pytest.approx(stated["accuracy_mm"], rel=2e-3)
    assert converted["accuracy"] == pytest.approx(stated["accuracy"], rel=2e-3)


def test_older_truth_is_refused_in_one_line_that_says_what_is_missing(
    run: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(capsys, run, "--truth", older(depth_capture, tmp_path / "truth"))
    assert "has no truth.json, which says the unit and the similarity of its meshes" in line
    assert "by size and place they are in canonical units" in line
    assert "name --dataset that it was rendered from" in line


def test_older_truth_is_converted_through_the_dataset_that_is_named(
    depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path / "data"))
    render_sequence(dataset, 1, "bend_1", tmp_path / "s", CAMERA)
    truth = older(tmp_path / "s", tmp_path / "truth")
    meshes = load_truth(tmp_path / "s" / "truth").meshes
    fitted = save_imported(
        tmp_path / "run", meshes.map(lambda _, vertices: vertices * np.float32(1.01)), tmp_path / "s"
    )
    stated = evaluated(capsys, fitted, "--truth", tmp_path / "s" / "truth")
    assert main(["evaluate", str(fitted), "--truth", str(truth), "--dataset", str(tmp_path / "data"), "--json"]) == 0
    captured = capsys.readouterr()
    assert "its similarity is that of ellipsoid_001" in captured.err
    found = json.loads(captured.out.splitlines()[-1])
    for name in ("iou", "accuracy_mm", "chamfer_l2", "correspondence_mm", "epe_mm"):
        assert found[name] == pytest.approx(stated[name], rel=1e-9)
    assert 1 < found["correspondence_mm"] < 10
    assert "leave out --dataset" in refusal(
        capsys, fitted, "--truth", tmp_path / "s" / "truth", "--dataset", tmp_path / "data"
    )


def test_a_mirrored_body_is_near_the_truth_and_far_in_correspondence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path / "data"))
    render_sequence(dataset, 1, "bend_1", tmp_path / "s", CAMERA)
    meshes = load_truth(tmp_path / "s" / "truth").meshes
    canonical = dataset.similarity.to_world(dataset.canonical(1))
    nearest = cKDTree(canonical).query(canonical * (-1, 1, 1))[1]  # the vertex on the other side
    mirrored = replace(meshes, read=lambda frame: Mesh(meshes.read(frame).vertices[nearest], meshes.read(frame).faces))
    for name, fit, least, most in (("right", meshes, 0, 1), ("wrong", mirrored, 100, 1000)):
        found = evaluated(capsys, save_imported(tmp_path / name, fit, tmp_path / "s"), "--truth", tmp_path / "s/truth")
        assert found["accuracy_mm"] < 10
        assert least <= found["correspondence_mm"] < most


def test_a_fit_that_had_the_camera_elsewhere_is_moved_to_where_the_truth_has_it_and_this_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path / "data"))
    render_sequence(dataset, 1, "bend_1", tmp_path / "s", CAMERA)
    sequence, meshes = load_depth_sequence(tmp_path / "s"), load_truth(tmp_path / "s" / "truth").meshes
    assert sequence.cameras_to_world is not None
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_euler("xyz", (20, -70, 5), degrees=True).as_matrix()
    motion[:3, 3] = 0.5, -2.0, 3.0
    turned = meshes.map(lambda _, vertices: transform_points(motion, vertices))
    cameras = motion @ sequence.cameras_to_world
    folder = save_imported(tmp_path / "turned", turned, tmp_path / "s", cameras)
    assert main(["evaluate", str(folder), "--truth", str(tmp_path / "s" / "truth"), "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out.splitlines()[-1])
    assert "meshes were moved with the camera" in captured.err
    assert found["correspondence_mm"] < 0.01
    assert found["iou"] > 0.999
    placed = save_imported(tmp_path / "placed", meshes, tmp_path / "s", sequence.cameras_to_world)
    assert main(["evaluate", str(placed), "--truth", str(tmp_path / "s" / "truth"), "--json"]) == 0
    assert "moved" not in capsys.readouterr().err


def save_imported(folder: Path, meshes: MeshSequence, sequence: Path, cameras: np.ndarray | None = None) -> Path:
    """A run that was made elsewhere."""
    folder.mkdir()
    meshes = replace(meshes, exact=None)
    save_run(Run(folder, "imported", RunInputs(sequence), meshes, frame_records(meshes, cameras), {"total": 1.0}))
    return folder
