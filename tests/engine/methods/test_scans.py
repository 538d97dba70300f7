"""Fits of scans of all sides: distances both ways, a verdict, and the way back into the file's axes."""

from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import cKDTree

from engine.geometry.mesh import Mesh, load_mesh
from engine.methods.distances import FrameMeasure, Measures
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.method import METHOD
from engine.methods.request import FitRequest
from engine.methods.run import IN_SCAN, SCAN, load_run
from engine.methods.run_summary import scan_text
from engine.methods.scan_distances import measure_scan
from engine.methods.verdict import Evidence, verdict_of
from engine.models.checkpoint import load_model
from engine.sequences.scan import Scan, ScanFile, surface_samples
from engine.sequences.scan_views import open_scan
from tests.support.around import doll_meshes

QUICK = FitConfig(steps=12, surface_points=128, free_space_points=32, resolution=48)
TURN = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@pytest.fixture(scope="module")
def loaded(toy_folder: Path) -> LoadedModel:
    return LoadedModel(toy_folder, load_model(toy_folder, torch.device("cpu")))


def fit(file: ScanFile, loaded: LoadedModel, out: Path) -> FitRequest:
    return FitRequest(METHOD, QUICK, open_scan(file, loaded.model), out, loaded)


def test_a_doll_in_centimetres_and_on_its_side_is_fitted_and_given_back_as_the_file_has_it(
    loaded: LoadedModel, tmp_path: Path
) -> None:
    mesh = doll_meshes()[0]
    vertices = 100 * (mesh.vertices.astype(np.float64) @ TURN.T + [3.0, 0.0, -1.0])
    run = run_fit(fit(ScanFile(Path("doll.ply"), vertices, mesh.faces.astype(np.int64)), loaded, tmp_path / "run"))
    told = load_run(run.folder).details[SCAN]
    assert (run.verdict, told["unit"], told["points"]) == ("good", "centimetres", False)
    assert max(told["scan_to_fit_mm"], told["fit_to_scan_mm"]) < 8
    assert run.frames[0].mean_distance_mm == pytest.approx(
        (told["scan_to_fit_mm"] + told["fit_to_scan_mm"]) / 2, abs=0.01
    )
    there = load_mesh(run.folder / IN_SCAN)
    off = cKDTree(surface_samples(there, 60_000)).query(vertices)[0]
    assert off.mean() < 1.0  # centimetres
    assert scan_text(run).endswith("in_scan.ply is in centimetres")
    assert run.inputs.views == ()


def test_a_thing_of_another_class_has_failed(loaded: LoadedModel, tmp_path: Path) -> None:
    box = trimesh.creation.box((1.4, 0.5, 1.0))
    file = ScanFile(Path("box.ply"), np.asarray(box.vertices), np.asarray(box.faces))
    run = run_fit(fit(file, loaded, tmp_path / "run"))
    assert run.verdict == "failed"
    assert run.reason is not None and "scan" in run.reason


def sphere(radius: float) -> Mesh:
    made = trimesh.creation.icosphere(4, radius)
    return Mesh(made.vertices.astype(np.float32), made.faces.astype(np.int32))


def test_distances_are_of_both_directions() -> None:
    """Of a sphere in a larger one all are alike; what only one of them has counts in its own direction."""
    scan = Scan(sphere(0.5), np.eye(4), "metres")
    measures, found = measure_scan(sphere(0.51), scan)
    assert found is not None
    assert found.to_fit_m == pytest.approx(0.01, rel=0.05) and found.to_scan_m == pytest.approx(0.01, rel=0.05)
    (frame,) = measures.frames
    assert (frame.beyond, frame.unseen) == (0, 0) and frame.seen_m == pytest.approx(1.0)
    ball, away = sphere(0.5), sphere(0.5).vertices + np.array([1.5, 0, 0], np.float32)
    two = Mesh(np.concatenate((ball.vertices, away)), np.concatenate((ball.faces, ball.faces + len(ball.vertices))))
    (frame,) = measure_scan(two, scan)[0].frames
    assert frame.beyond == 0 and frame.unseen == pytest.approx(0.5, abs=0.02)
    nothing, found = measure_scan(Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)), scan)
    assert found is None and nothing.frames[0].mean_m is None


@pytest.mark.parametrize(("mean_m", "word"), [(0.005, "good"), (0.02, "poor"), (0.06, "failed")])
def test_of_a_scan_no_side_is_unknown_so_that_less_is_forgiven(mean_m: float, word: str) -> None:
    measures = Measures(1.7, (FrameMeasure(10_000, 1.7, mean_m, 0.0, 0.0),))
    verdict = verdict_of(Evidence(measures, (False,), is_scan=True))
    assert verdict.word == word
    assert verdict.reason.startswith("scan and fit lie")
