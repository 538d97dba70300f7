"""Some frames of a run fitted again."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from engine.core.errors import InputError
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.npm.config import FitConfig
from engine.methods.npm.method import METHOD
from engine.methods.refitting import Refit, as_fitted, refit_of
from engine.methods.request import FitRequest
from engine.methods.run import KEPT_SHAPE, REFITTED, Run, load_run
from engine.methods.run_summary import refit_text
from engine.models.checkpoint import load_model
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence
from engine.sequences.placement import move_world
from tests.support.around import doll_meshes, poses_around, record
from tests.support.methods import METHOD as OTHER_METHOD
from tests.support.methods import VisibleConfig

QUICK = FitConfig(steps=8, surface_points=256, free_space_points=64, resolution=32)


@pytest.fixture(scope="module")
def loaded(toy_folder: Path) -> LoadedModel:
    return LoadedModel(toy_folder, load_model(toy_folder, torch.device("cpu")))


@pytest.fixture(scope="module")
def sequence(tmp_path_factory: pytest.TempPathFactory) -> DepthSequence:
    pose = poses_around(1)[0]
    return load_depth_sequence(record(tmp_path_factory.mktemp("refit") / "doll", pose, pose))


@pytest.fixture(scope="module")
def run(sequence: DepthSequence, loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_fit(FitRequest(METHOD, QUICK, sequence, tmp_path_factory.mktemp("runs") / "run", loaded))


def again(sequence: DepthSequence, loaded: LoadedModel, out: Path, refit: Refit) -> Run:
    source = as_fitted(sequence, refit.run)
    return run_fit(FitRequest(METHOD, QUICK, source, out, loaded, refit=refit))


def codes(run: Run) -> dict[str, np.ndarray]:
    with np.load(run.folder / "codes.npz") as stored:
        return {name: stored[name] for name in stored.files}


def test_frames_that_are_not_fitted_again_stay_bit_for_bit_and_the_run_says_which_were(
    run: Run, sequence: DepthSequence, loaded: LoadedModel, tmp_path: Path
) -> None:
    new = again(sequence, loaded, tmp_path / "new", refit_of(run, "1"))
    for name in ("000000", "000002"):
        one, other = ((folder / "meshes" / f"{name}.ply").read_bytes() for folder in (run.folder, new.folder))
        assert one == other
    changed = [(folder / "meshes" / "000001.ply").read_bytes() for folder in (run.folder, new.folder)]
    assert changed[0] != changed[1]
    assert (new.folder / "canonical.ply").read_bytes() == (run.folder / "canonical.ply").read_bytes()
    before, after = codes(run), codes(new)
    assert before.keys() == after.keys()
    assert np.array_equal(before["shape"], after["shape"])
    assert np.array_equal(before["pose"][[0, 2]], after["pose"][[0, 2]])
    assert not np.array_equal(before["pose"][1], after["pose"][1])
    kept = [
        dataclasses.asdict(each.frames[0]) | {"subject_to_world": None, "camera_to_world": None} for each in (run, new)
    ]
    assert kept[0] == kept[1]
    assert load_run(new.folder).details[REFITTED] == {"of": str(run.folder.resolve()), "frames": ["000001"]}
    assert new.details[KEPT_SHAPE] == f"of run {run.folder.resolve()}"
    assert refit_text(new) == f"fitted again: 000001; all other frames are those of {run.folder.resolve()}"
    assert refit_text(run) == ""


def test_a_frame_that_went_wrong_is_led_to_where_it_belongs_by_its_neighbours(
    run: Run, sequence: DepthSequence, loaded: LoadedModel, tmp_path: Path
) -> None:
    """As if the second frame had been lost: its pose and place are of nothing that was seen."""
    wrong = tmp_path / "wrong"
    broken = again(sequence, loaded, wrong, refit_of(run, "1"))
    stored = codes(broken)
    stored["pose"][1] += 2.0
    np.savez(wrong / "codes.npz", **stored)  # type: ignore[arg-type]
    new = again(sequence, loaded, tmp_path / "new", refit_of(load_run(wrong), "000001:000001"))
    true = doll_meshes()[1].vertices
    assert cKDTree(new.meshes.read(1).vertices).query(true)[0].mean() < 0.06


def test_frames_are_named_or_numbered_and_both_ends_belong_to_them(run: Run) -> None:
    assert refit_of(run, "1:2").rows == range(1, 3)
    assert refit_of(run, "000000:000001").names == ("000000", "000001")
    assert refit_of(run, "2").rows == range(2, 3)
    with pytest.raises(InputError, match=r"frame '7': is none of .*; use 0 to 2, or 000000 to 000002"):
        refit_of(run, "1:7")
    with pytest.raises(InputError, match="frames 2:1: end before they begin"):
        refit_of(run, "2:1")
    with pytest.raises(InputError, match="has no frames but these, that could lead them"):
        refit_of(run, "0:2")


def test_the_cameras_stand_where_they_stood_then_and_other_recordings_are_refused(
    run: Run, sequence: DepthSequence
) -> None:
    away = np.eye(4)
    away[:3, 3] = 1.0, 2.0, 3.0
    np.testing.assert_allclose(
        as_fitted(move_world(sequence, away), run).camera_at(2), sequence.camera_at(2), atol=1e-9
    )
    with pytest.raises(InputError, match="has 2 frames, which are not the 3 of"):
        as_fitted(sequence.subset([0, 1]), run)


def test_methods_that_cannot_and_filling_are_refused(
    run: Run, sequence: DepthSequence, loaded: LoadedModel, tmp_path: Path
) -> None:
    refit = refit_of(run, "1")
    with pytest.raises(InputError, match="cannot fit some frames of a run again"):
        run_fit(FitRequest(OTHER_METHOD, VisibleConfig(), sequence, tmp_path / "out", device="cpu", refit=refit))
    with pytest.raises(InputError, match="would change frames that are to stay as they are"):
        run_fit(FitRequest(METHOD, QUICK, sequence, tmp_path / "out", loaded, fill_lost=True, refit=refit))
    assert not (tmp_path / "out").exists()
