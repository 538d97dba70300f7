"""What a run says of the measurements of its body."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.evaluate.body_measurements import measure_body
from engine.geometry.mesh import Mesh
from engine.geometry.ply import save_compact_ply
from engine.geometry.similarity import Similarity
from engine.methods import measured_body as module
from engine.methods.measured_body import NOISE_MM, OF_SPREAD, OF_VALUE, measured_body, noise_factor, spreads_of
from engine.methods.run import Run, RunInputs, frame_records, load_run, save_run
from engine.models.checkpoint import save_model
from engine.models.model import NeuralParametricModel
from engine.sequences.mesh_sequence import mesh_sequence, regular_times
from tests.support.plain_body import PlainBody
from tests.support.toy_model import toy_model

BODY = PlainBody()


@pytest.fixture(scope="module")
def surface() -> Mesh:
    return BODY.surface()


@pytest.fixture
def thick_or_thin(monkeypatch: pytest.MonkeyPatch) -> NeuralParametricModel:
    """A model the first number of whose code is the radius of a trunk in metres, beside one that does nothing."""

    def extract(model: NeuralParametricModel, code: torch.Tensor, resolution: int) -> Mesh:
        return replace(BODY, trunk_radius=float(code[0])).surface()

    monkeypatch.setattr(module, "extract_surface", extract)
    model = toy_model()
    return replace(model, info=replace(model.info, similarity=Similarity()))


def run_of(folder: Path, surface: Mesh | None, model: Path | None = None, **codes: np.ndarray) -> Run:
    shown = Mesh(np.zeros((3, 3), np.float32), np.array([[0, 1, 2]], np.int32)) if surface is None else surface
    meshes = mesh_sequence("run", shown.vertices[None], shown.faces, ("000000",), regular_times(1, 30.0))
    run = Run(folder, "npm", RunInputs(Path("walk"), model), meshes, frame_records(meshes), {"total": 1.0})
    folder.mkdir()
    if surface is not None:
        save_compact_ply(surface, folder / "canonical.ply", "metres")
    save_run(run, {"codes": codes} if codes else {})
    return load_run(folder)


def code_of(radius: float, size: int) -> np.ndarray:
    code = np.zeros(size, np.float32)
    code[0] = radius
    return code


def test_spreads_are_those_of_surfaces_made_anew(thick_or_thin: NeuralParametricModel) -> None:
    size = thick_or_thin.shape_decoder.code_size
    deviations = np.stack([code_of(0.003, size), code_of(0.004, size)])
    found = spreads_of(thick_or_thin, code_of(BODY.trunk_radius, size), deviations)
    assert found["waist_girth"] == pytest.approx(200 * np.pi * 0.005, rel=0.02)  # 3 and 4 make 5
    assert found["height"] < 0.05


def test_a_standard_error_has_a_part_of_the_spread_and_one_of_the_value(
    surface: Mesh, thick_or_thin: NeuralParametricModel, tmp_path: Path
) -> None:
    save_model(thick_or_thin, tmp_path / "toy.npm")
    size = thick_or_thin.shape_decoder.code_size
    codes = {"shape": code_of(0.14, size)[None, None], "shape_deviations": code_of(0.005, size)[None]}
    body = measured_body(run_of(tmp_path / "run", surface, tmp_path / "toy.npm", **codes))
    assert body.note == ""
    assert body.values == pytest.approx(measure_body(surface), rel=1e-3)
    expected = np.hypot(OF_SPREAD * 200 * np.pi * 0.005, OF_VALUE["waist_girth"] * body.values["waist_girth"])
    assert body.standard_errors["waist_girth"] == pytest.approx(expected, rel=0.02)
    assert body.as_dict()["waist_girth"]["unit"] == "cm"
    assert body.as_dict()["note"] is None


def test_standard_errors_grow_with_what_lies_off_the_surface(surface: Mesh, tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", surface)
    assert noise_factor(run) == 1  # nobody measured it
    noisy = replace(run, frames=tuple(replace(frame, mean_distance_mm=2 * NOISE_MM) for frame in run.frames))
    assert noise_factor(noisy) == pytest.approx(np.sqrt(5))


def test_without_its_model_a_run_has_measurements_but_no_standard_errors(surface: Mesh, tmp_path: Path) -> None:
    codes = {"shape": np.zeros((1, 1, 4), np.float32), "shape_deviations": np.zeros((1, 4), np.float32)}
    body = measured_body(run_of(tmp_path / "run", surface, tmp_path / "moved.npm", **codes))
    assert body.values and not body.standard_errors
    assert "no standard errors" in body.note and "moved.npm" in body.note
    assert body.as_dict()["height"]["standard_error"] is None


def test_codes_of_another_model_make_no_standard_errors(surface: Mesh, tmp_path: Path) -> None:
    save_model(toy_model(), tmp_path / "toy.npm")
    codes = {"shape": np.zeros((1, 1, 3), np.float32), "shape_deviations": np.zeros((1, 3), np.float32)}
    assert "holds no codes of" in measured_body(run_of(tmp_path / "run", surface, tmp_path / "toy.npm", **codes)).note


def test_an_older_run_says_that_it_does_not_know_how_sure_its_shape_is(surface: Mesh, tmp_path: Path) -> None:
    save_model(toy_model(), tmp_path / "toy.npm")
    run = run_of(tmp_path / "run", surface, tmp_path / "toy.npm", shape=np.zeros((1, 1, 4), np.float32))
    assert "does not say how sure its shape is" in measured_body(run).note


def test_a_run_without_a_canonical_surface_has_no_measurements(tmp_path: Path) -> None:
    body = measured_body(run_of(tmp_path / "run", None))
    assert not body.values
    assert body.note == "the method npm has no surface in the canonical pose"
    assert body.as_dict()["height"] == {"value": None, "standard_error": None, "unit": "cm"}


def test_what_is_no_body_says_so(tmp_path: Path) -> None:
    ball = Mesh(*_octahedron())
    assert "legs" in measured_body(run_of(tmp_path / "run", ball)).note


def test_a_failed_fit_has_no_measurements(surface: Mesh, tmp_path: Path) -> None:
    body = measured_body(replace(run_of(tmp_path / "run", surface), verdict="failed"))
    assert not body.values
    assert body.note == "the fit has failed"


def _octahedron() -> tuple[np.ndarray, np.ndarray]:
    vertices = np.concatenate((np.eye(3), -np.eye(3))).astype(np.float32)
    faces = [[0, 1, 2], [1, 3, 2], [3, 4, 2], [4, 0, 2], [1, 0, 5], [3, 1, 5], [4, 3, 5], [0, 4, 5]]
    return vertices, np.array(faces, np.int32)
