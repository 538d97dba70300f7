"""`transfer` on a toy model."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.geometry.mesh import Mesh
from engine.sequences.mirroring import mirrored_mesh
from npm_studio.cli.main import main
from tests.support.codes_to_meshes import ask, assert_equal, expected_mesh, names, refusal, results
from tests.support.present import present
from tests.support.runs import save_npm_run
from tests.support.toy_model import toy_model


@pytest.fixture(scope="module")
def model(toy_folder: Path) -> str:
    return str(toy_folder)


def test_transfer_puts_the_poses_of_one_identity_on_others(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--pose-from", "tall", "--to", "stout", "3", "--frames", "bend", "raise/000001"]
    summary = results(capsys, ask("transfer", model, *arguments, "--out", tmp_path / "out"))
    assert summary["identities"] == ["stout", "lean"]
    files = ["bend_000000.ply", "bend_000001.ply", "bend_000002.ply", "raise_000001.ply"]
    assert names(tmp_path / "out") == sorted(f"{name}/{file}" for name in ("stout", "lean") for file in files)
    assert_equal(tmp_path / "out" / "stout" / "bend_000002.ply", expected_mesh(2, 2))
    assert_equal(tmp_path / "out" / "lean" / "raise_000001.ply", expected_mesh(3, 4))


def test_transfer_takes_all_frames_unless_told_otherwise(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results(capsys, ask("transfer", model, "--pose-from", "0", "--to", "1", "--out", tmp_path / "out"))
    assert len(names(tmp_path / "out" / "small")) == 6


def test_transfer_takes_the_poses_of_a_run_by_its_model_and_mirrors_those_of_a_mirrored_one(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy, canonical = toy_model(), expected_mesh(0)
    assert toy.pose_codes is not None
    codes, inputs = (toy.shape_codes[0].numpy(), toy.pose_codes[4:6].numpy()), (tmp_path, Path(model))
    vertices = np.stack([canonical.vertices] * 2)
    frames = ("000010", "000011")
    run = save_npm_run(tmp_path / "run", vertices, canonical.faces, toy.info.similarity, inputs, codes, frames)
    posed = expected_mesh(2, 5)
    metres = Mesh(toy.info.similarity.to_world(posed.vertices), posed.faces)
    common = ["transfer", "--run", str(run.folder), "--resolution", "32", "--device", "cpu", "--json"]
    assert main([*common, "--to", "stout", "tall", "--out", str(tmp_path / "out")]) == 0
    captured = capsys.readouterr()
    summary = json.loads(captured.out.splitlines()[-1])
    assert (summary["identities"], summary["unit"], summary["frame"]) == (["stout", "tall"], "m", "world")
    assert "does not say where its subject was" in captured.err
    files = [f"{name}/0000{frame}.ply" for name in ("stout", "tall") for frame in (10, 11)]
    assert names(tmp_path / "out") == files
    assert_equal(tmp_path / "out" / "stout" / "000011.ply", metres)
    assert b"metres" in (tmp_path / "out" / "stout" / "000011.ply").read_bytes()[:300]
    results(capsys, [*common, "--to", "stout", "--out", str(tmp_path / "one"), "--frames", "000011"])
    assert names(tmp_path / "one") == ["stout/000011.ply"]
    description = json.loads((run.folder / "run.json").read_text())
    description["details"] = {"side": {"word": "left", "fitted": "left", "how": "as stated", "mirrored": True}}
    (run.folder / "run.json").write_text(json.dumps(description))
    results(capsys, [*common, "--to", "stout", "--out", str(tmp_path / "left")])
    assert_equal(tmp_path / "left" / "stout" / "000011.ply", mirrored_mesh(metres, 0.0))


def test_the_subject_of_a_run_takes_poses_as_an_identity_does(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy, canonical = toy_model(), expected_mesh(2)
    codes = toy.shape_codes[2].numpy(), present(toy.pose_codes)[:1].numpy()
    inputs, frames = (tmp_path, Path(model)), ("000000",)
    for name in ("somebody", "tall"):
        one = canonical.vertices[None]
        save_npm_run(tmp_path / name, one, canonical.faces, toy.info.similarity, inputs, codes, frames)
    arguments = ["--pose-from", "tall", "--frames", "bend/000002", "--out", tmp_path / "out"]
    results(capsys, ask("transfer", model, *arguments, "--to", tmp_path / "somebody"))
    assert_equal(tmp_path / "out" / "somebody" / "bend_000002.ply", expected_mesh(2, 2))
    line = refusal(capsys, ask("transfer", model, *arguments, "--to", tmp_path / "tall"))
    assert "would share" in line and "rename the run" in line


def test_transfer_refuses_runs_that_have_no_codes_or_lost_their_model(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy, canonical = toy_model(), expected_mesh(0)
    codes = toy.shape_codes[0].numpy(), present(toy.pose_codes)[:1].numpy()
    inputs, one = (tmp_path, tmp_path / "gone.npm"), canonical.vertices[None]
    run = save_npm_run(tmp_path / "run", one, canonical.faces, toy.info.similarity, inputs, codes, ("000000",))
    arguments = ["transfer", "--run", str(run.folder), "--to", "0", "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert "gone.npm, which is gone; say where it is with --model" in refusal(capsys, arguments)
    line = refusal(capsys, [*arguments, "--model", model])
    assert "is a run of model gone.npm, and its codes mean nothing to" in line
    description = json.loads((run.folder / "run.json").read_text())
    description["inputs"]["model"], description["artefacts"] = None, []
    (run.folder / "run.json").write_text(json.dumps(description))
    assert "has no codes: its method fits none; give a run of the method npm" in refusal(capsys, arguments)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--pose-from", "eve", "--to", "1"], "identity eve: does not exist"),
        (["--pose-from", "0", "--to", "1", "eve"], "identity eve: does not exist"),
        (["--pose-from", "0", "--to", "1", "--frames", "hop"], "frame hop: does not exist"),
        (["--run", "nowhere", "--to", "1"], "nowhere: is not a run"),
    ],
)
def test_transfer_refuses_bad_input_in_one_line(
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert problem in refusal(capsys, ask("transfer", model, "--out", "out", *arguments))
    assert list(tmp_path.iterdir()) == []


def test_transfer_needs_poses_from_somewhere(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(ask("transfer", model, "--to", "1", "--out", "out")) == 2
    assert "--pose-from" in capsys.readouterr().err
