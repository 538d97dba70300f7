"""Fits that are stopped by somebody who waits for that: what is kept, what it means, and how it is completed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.methods.completing import complete_run
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.method import METHOD
from engine.methods.npm_reference.config import ReferenceConfig
from engine.methods.npm_reference.method import METHOD as REFERENCE
from engine.methods.refitting import Refit
from engine.methods.request import FitRequest
from engine.methods.run import FILL_LOST, NOT_COMPLETE, Run, canonical_surface, load_run
from engine.models.checkpoint import load_model
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence
from tests.support.around import poses_around, record
from tests.support.progress import Hurried

QUICK = FitConfig(steps=8, surface_points=256, free_space_points=64, resolution=32)


@pytest.fixture(scope="module")
def loaded(toy_folder: Path) -> LoadedModel:
    return LoadedModel(toy_folder, load_model(toy_folder, torch.device("cpu")))


@pytest.fixture(scope="module")
def sequence(tmp_path_factory: pytest.TempPathFactory) -> DepthSequence:
    pose = poses_around(1)[0]
    return load_depth_sequence(record(tmp_path_factory.mktemp("kept") / "doll", pose, pose))


@pytest.fixture(scope="module")
def request_(sequence: DepthSequence, loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> FitRequest:
    return FitRequest(METHOD, QUICK, sequence, tmp_path_factory.mktemp("runs") / "run", loaded)


@pytest.fixture(scope="module")
def whole(request_: FitRequest) -> Run:
    """That nobody stopped."""
    return run_fit(request_)


def stopped(request: FitRequest, out: Path, stage: str, steps: int = 0) -> Run:
    return run_fit(replace(request, out=out), Hurried(stage, steps))


def codes(run: Run) -> dict[str, np.ndarray]:
    with np.load(run.folder / "codes.npz") as stored:
        return {name: stored[name] for name in stored.files}


@pytest.mark.parametrize("stage", ["mesh", "measure"])
def test_a_stopped_fit_keeps_codes_alone_which_mean_the_same_and_is_completed_to_the_same_run(
    request_: FitRequest, whole: Run, sequence: DepthSequence, loaded: LoadedModel, tmp_path: Path, stage: str
) -> None:
    kept = stopped(request_, tmp_path / "run", stage, 1)
    assert not kept.is_complete
    assert not (kept.folder / "meshes").exists()
    assert (kept.verdict, kept.reason) == (None, NOT_COMPLETE)
    assert [frame.confidence for frame in kept.frames] == [None] * 3
    for row in range(3):
        assert np.allclose(kept.meshes.read(row).vertices, whole.meshes.read(row).vertices, atol=1e-5)
    surface, true = canonical_surface(kept), canonical_surface(whole)
    assert surface is not None and true is not None
    assert np.allclose(surface.vertices, true.vertices, atol=1e-6)
    done = complete_run(kept, sequence, loaded, Progress())
    assert done.is_complete
    assert (done.verdict, done.reason) == (whole.verdict, whole.reason)
    assert [frame.lost for frame in done.frames] == [frame.lost for frame in whole.frames]
    assert done.details == whole.details
    assert FILL_LOST not in done.details
    before, after = codes(whole), codes(done)
    assert before.keys() == after.keys()
    assert all(np.allclose(before[name], after[name], atol=1e-6) for name in before)
    assert done.seconds > kept.seconds
    assert "step" in (done.folder / "log.jsonl").read_text()


def test_what_was_fitted_by_the_published_recipe_is_kept_as_codes_and_completed_to_the_same_run(
    sequence: DepthSequence, loaded: LoadedModel, tmp_path: Path
) -> None:
    config = ReferenceConfig(iterations=4, points=200, pool=1000, grid=32, resolution=32, keep_last=True)
    request = FitRequest(REFERENCE, config, sequence, tmp_path / "whole", loaded)
    whole, kept = run_fit(request), stopped(request, tmp_path / "run", "mesh")
    assert not (kept.folder / "meshes").exists()
    done = complete_run(kept, sequence, loaded, Progress())
    assert (done.verdict, done.reason, done.details) == (whole.verdict, whole.reason, whole.details)
    for row in range(3):
        assert np.allclose(kept.meshes.read(row).vertices, whole.meshes.read(row).vertices, atol=1e-5)
        assert np.allclose(done.meshes.read(row).vertices, whole.meshes.read(row).vertices, atol=1e-5)


def test_a_step_is_left_where_it_is_and_those_before_it_are_kept(request_: FitRequest, tmp_path: Path) -> None:
    kept = stopped(request_, tmp_path / "run", "fit", 3)
    assert kept.interrupted
    assert kept.details["steps"] == 3
    assert len(kept.meshes.read(0).vertices) > 100


def test_a_fit_that_is_stopped_in_its_first_step_ends_it_to_have_something(
    request_: FitRequest, tmp_path: Path
) -> None:
    kept = stopped(request_, tmp_path / "run", "fit")
    assert kept.interrupted
    assert kept.details["steps"] == 1


def test_completing_can_be_stopped_and_leaves_the_run_as_it_was(
    request_: FitRequest, sequence: DepthSequence, loaded: LoadedModel, tmp_path: Path
) -> None:
    kept = stopped(request_, tmp_path / "run", "fit", 3)
    with pytest.raises(Cancelled):
        complete_run(kept, sequence, loaded, Hurried("measure"))
    assert load_run(kept.folder).details == kept.details
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_frames_that_were_fitted_again_are_kept_and_completed_alike(
    request_: FitRequest, whole: Run, sequence: DepthSequence, loaded: LoadedModel, tmp_path: Path
) -> None:
    again = replace(request_, refit=Refit(whole, range(1, 2)))
    true = run_fit(replace(again, out=tmp_path / "true"))
    kept = stopped(again, tmp_path / "kept", "mesh", 1)
    assert kept.frames[0].confidence == whole.frames[0].confidence
    assert np.allclose(kept.meshes.read(1).vertices, true.meshes.read(1).vertices, atol=1e-5)
    done = complete_run(kept, sequence, loaded, Progress())
    assert np.allclose(done.meshes.read(1).vertices, true.meshes.read(1).vertices, atol=1e-5)
    assert (done.folder / "meshes" / "000000.ply").read_bytes() == (whole.folder / "meshes" / "000000.ply").read_bytes()
    assert done.details == true.details


def test_a_run_without_meshes_and_without_its_model_is_refused_in_a_line(request_: FitRequest, tmp_path: Path) -> None:
    kept = stopped(request_, tmp_path / "run", "fit", 3)
    text = (kept.folder / "run.json").read_text()
    (kept.folder / "run.json").write_text(text.replace(str(request_.model.folder.resolve()), "/gone/toy.npm"))  # type: ignore[union-attr]
    run = load_run(kept.folder)
    with pytest.raises(InputError, match=r"/gone/toy\.npm: no such model"):
        run.meshes.read(0)
    (kept.folder / "run.json").write_text(text.replace('"resolution": 32', '"grid": 32'))
    with pytest.raises(InputError, match="has neither meshes nor what they are made of"):
        load_run(kept.folder)
