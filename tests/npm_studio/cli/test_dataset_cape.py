import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.dataset.registered import load_registered_dataset
from engine.models.checkpoint import load_model
from npm_studio.cli.main import main
from tests.support.smpl_files import anny_arrays, body_arrays, write_body_pickle, write_cape_release

pytestmark = pytest.mark.usefixtures("no_pictures")

FEW = ["--near", "4000", "--uniform", "2000", "--surface", "1000"]
"""Samples that suffice to learn something."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with SMPL_MALE.pkl and a small cape_release."""
    root = tmp_path_factory.mktemp("cape")
    body = body_arrays(subdivisions=2)
    write_body_pickle(root / "SMPL_MALE.pkl", body)
    genders = {"00032": "male", "00096": "male"}
    motions = {"00032": ("shortlong_hips",), "00096": ("jerseyshort_hips", "jerseyshort_run")}
    write_cape_release(root / "cape_release", {"male": body}, genders, motions, frames=2)
    return root


@pytest.mark.slow
def test_the_raw_release_goes_all_the_way_to_a_trained_model(
    source: Path, preset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, model = tmp_path / "cape", tmp_path / "cape.npm"
    command = ["dataset", "cape", str(source / "cape_release"), str(out), "--model", str(source / "SMPL_MALE.pkl")]
    assert main([*command, "--json"]) == 0
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (results["identities"], results["sequences"], results["frames"]) == (2, 3, 6)
    assert (results["scans"], results["skipped_scans"], results["skipped_frames"]) == (2, 0, 0)
    assert len(list(out.rglob("scans/*/*.ply"))) == 2

    assert main([*command, "--json"]) == 0  # everything is there already
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["kept"] == 3

    dataset = load_registered_dataset(out)
    assert dataset.identities == ("00032_shortlong", "00096_jerseyshort")
    assert np.allclose(dataset.similarity.centre, (0.00753164, -0.18464905, 0.05970865))
    assert trimesh.Trimesh(dataset.canonical(0), dataset.faces(0), process=False).is_watertight

    assert main(["prepare", str(out), *FEW]) == 0
    words = ["--config", str(preset), "--data", str(out), "--out", str(model), "--device", "cpu"]
    assert main(["train", "shape", *words, "--shape.schedule.steps", "5"]) == 0
    assert main(["train", "pose", *words, "--pose.schedule.steps", "5"]) == 0
    assert load_model(model).has_pose
    assert load_model(model).info.identities == dataset.identities


@pytest.mark.slow
def test_clothed_bodies_made_from_anny_go_the_same_way(
    preset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = {"age": 0.6, "muscle": 0.5, "weight": 0.4, "height": 0.5, "proportions": 0.5}
    bodies = {"female": anny_arrays({**common, "gender": 0.0}), "male": anny_arrays({**common, "gender": 1.0})}
    for gender, arrays in bodies.items():
        write_body_pickle(tmp_path / "models" / f"SMPL_{gender.upper()}.pkl", arrays)
    genders = {"00032": "male", "00096": "female"}
    motions = {"00032": ("shortlong_hips",), "00096": ("jerseyshort_hips",)}
    release = write_cape_release(tmp_path / "cape_release", bodies, genders, motions, frames=2)

    out, model = str(tmp_path / "cape"), str(tmp_path / "cape.npm")
    assert main(["dataset", "cape", str(release), out, "--model", str(tmp_path / "models"), "--json"]) == 0
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (results["frames"], results["scans"], results["skipped_scans"]) == (4, 2, 0)
    assert results["largest_coordinate"] < 0.5
    assert main(["dataset", "verify", out]) == 0
    assert main(["prepare", out, *FEW]) == 0
    words = ["--config", str(preset), "--data", out, "--out", model, "--device", "cpu"]
    assert main(["train", "shape", *words, "--shape.schedule.steps", "3"]) == 0
    assert main(["train", "pose", *words, "--pose.schedule.steps", "3"]) == 0
    assert load_model(Path(model)).info.identities == ("00032_shortlong", "00096_jerseyshort")


def test_without_a_model_file_the_command_says_what_it_does_instead(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", "cape", str(source / "cape_release"), str(tmp_path / "out"), "--no-scans"]) == 0
    assert "v_posed without translation" in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("*.ply"))


def test_bad_frames_are_named_and_counted(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release = shutil.copytree(source / "cape_release", tmp_path / "cape_release")
    (release / "sequences" / "00096" / "jerseyshort_run" / "jerseyshort_run.000001.npz").write_bytes(b"PK\3\4")
    assert main(["dataset", "cape", str(release), str(tmp_path / "out"), "--json"]) == 0
    printed = capsys.readouterr()
    assert "jerseyshort_run.000001.npz" in printed.err and "1 frames could not be read" in printed.err
    assert json.loads(printed.out.splitlines()[-1])["frames"] == 5


def test_a_folder_that_is_no_release_and_a_missing_model_are_refused_in_one_line(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", "cape", str(tmp_path), str(tmp_path / "out")]) == 2
    assert "cape_release" in capsys.readouterr().err
    release, absent = str(source / "cape_release"), str(tmp_path / "absent.pkl")
    assert main(["dataset", "cape", release, str(tmp_path / "out"), "--model", absent]) == 2
    assert "smpl.is.tue.mpg.de" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
