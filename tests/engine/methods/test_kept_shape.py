"""A fit that keeps a shape: of a run, or of an identity."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import InputError
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import fit_codes
from engine.methods.npm.kept_shape import kept_shape, shape_of_run
from engine.methods.npm.method import METHOD
from engine.methods.npm.observing import observe
from engine.methods.request import FitRequest
from engine.methods.run import KEPT_SHAPE, Run, load_run
from engine.methods.run_summary import shape_text
from engine.models.checkpoint import load_model
from engine.sequences.depth_sequence import load_depth_sequence
from tests.support.toy_model import DOLLS, toy_model

QUICK = FitConfig(steps=4, surface_points=256, free_space_points=64, resolution=32)
STOUT = list(DOLLS).index("stout")


@pytest.fixture(scope="module")
def loaded(toy_folder: Path) -> LoadedModel:
    return LoadedModel(toy_folder, load_model(toy_folder, torch.device("cpu")))


def fit(depth_capture: Path, loaded: LoadedModel, out: Path, shape: str = "") -> Run:
    config = QUICK.model_copy(update={"shape": shape})
    return run_fit(FitRequest(METHOD, config, load_depth_sequence(depth_capture), out, loaded))


def shape_code(run: Run) -> np.ndarray:
    with np.load(run.folder / "codes.npz") as codes:
        return np.asarray(codes["shape"][0, -1])


def test_the_shape_of_an_identity_is_kept_to_the_last_digit(
    depth_capture: Path, loaded: LoadedModel, tmp_path: Path
) -> None:
    run = fit(depth_capture, loaded, tmp_path / "run", "stout")
    assert np.array_equal(shape_code(run), loaded.model.shape_codes[STOUT].numpy())
    assert load_run(run.folder).inputs.config["shape"] == "stout"
    assert shape_text(run) == "shape: kept, of identity stout"


def test_the_shape_of_a_run_is_kept_and_its_poses_are_found_anew(
    depth_capture: Path, loaded: LoadedModel, tmp_path: Path
) -> None:
    first = fit(depth_capture, loaded, tmp_path / "first")
    assert shape_text(first) == ""
    again = fit(depth_capture, loaded, tmp_path / "again", str(first.folder))
    assert np.array_equal(shape_code(again), shape_code(first))
    assert again.details[KEPT_SHAPE] == f"of run {first.folder.resolve()}"


def test_a_kept_shape_outside_the_directions_that_are_fitted_is_kept_all_the_same(depth_capture: Path) -> None:
    model = toy_model()
    known = model.shape_codes[0] + 0.3 * torch.randn(model.shape_codes.shape[1], generator=torch.manual_seed(0))
    observations = observe(load_depth_sequence(depth_capture), model)
    assert torch.equal(fit_codes(model, observations, QUICK, shape=known).shape_code, known)


def test_an_identity_is_known_by_its_name_or_number_and_nothing_is_kept_unless_it_is_wanted(
    loaded: LoadedModel,
) -> None:
    assert kept_shape("", loaded) is None
    for wanted in ("stout", str(STOUT)):
        found = kept_shape(wanted, loaded)
        assert found is not None and torch.equal(found.code, loaded.model.shape_codes[STOUT])
    assert FitConfig.model_validate_json('{"shape": 2}', strict=True).shape == "2"
    with pytest.raises(InputError, match="identity giant: does not exist; use 0 to 3 or one of tall"):
        kept_shape("giant", loaded)


def test_a_folder_that_is_no_run_and_the_run_of_another_model_are_refused(
    depth_capture: Path, loaded: LoadedModel, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"is not a run: it has no run\.json"):
        kept_shape(str(tmp_path), loaded)
    run = fit(depth_capture, loaded, tmp_path / "run")
    other = Path(shutil.copytree(loaded.folder, tmp_path / "other.npm"))
    same = dataclasses.replace(loaded, folder=other)
    assert kept_shape(str(run.folder), same) is not None  # the same model at another place
    description = other / "model.json"
    description.write_text(description.read_text() + "\n")
    with pytest.raises(InputError, match=r"run: is a run of model .*, and its codes mean nothing to other\.npm"):
        kept_shape(str(run.folder), same)


def test_a_run_without_codes_has_no_shape_to_keep(fitted_run: Path, loaded: LoadedModel, tmp_path: Path) -> None:
    imported = Path(shutil.copytree(fitted_run, tmp_path / "imported"))
    run = dataclasses.replace(load_run(imported), artefacts=())
    with pytest.raises(InputError, match="has no codes: its method fits none"):
        shape_of_run(run, loaded)
