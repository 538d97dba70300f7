"""`sample` on a toy model."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.geometry.mesh import load_mesh
from engine.models.drawing import DrawnCodes
from npm_studio.cli.main import main
from tests.support.codes_to_meshes import (
    ask,
    assert_equal,
    code_without_surface,
    expected_mesh,
    names,
    refusal,
    results,
)
from tests.support.toy_model import CODE_SIZE, toy_model


@pytest.fixture(scope="module")
def model(toy_folder: Path) -> str:
    return str(toy_folder)


def test_samples_are_meshes_of_codes_that_reconstruct_makes_again(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = results(capsys, ask("sample", model, "--count", "3", "--spread", "0.5", "--out", tmp_path / "out"))
    assert names(tmp_path / "out") == ["000000.ply", "000001.ply", "000002.ply", "codes.npz"]
    assert [Path(one["path"]).name for one in summary["meshes"]] == ["000000.ply", "000001.ply", "000002.ply"]
    assert all(0 < one["shape_nearer"] < 1 and 0 < one["pose_nearer"] < 1 for one in summary["meshes"])
    codes = ask("reconstruct", model, "--codes", tmp_path / "out" / "codes.npz", "--out", tmp_path / "again")
    results(capsys, codes)
    for name in ("000000.ply", "000001.ply", "000002.ply"):
        assert_equal(tmp_path / "again" / name, load_mesh(tmp_path / "out" / name))


def test_a_draw_without_a_surface_is_named_with_what_helps(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = torch.from_numpy(code_without_surface(model))
    drawn = DrawnCodes(torch.stack((nothing, toy_model().shape_codes[0])), None, None, None)
    monkeypatch.setattr("engine.models.drawing.draw_codes", lambda *_: drawn)
    assert main(ask("sample", model, "--count", "2", "--of", "shape", "--out", tmp_path / "out")) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.endswith("1 of 2 meshes are missing: no surface inside the cube; use a smaller --spread")
    assert names(tmp_path / "out") == ["000001.ply", "codes.npz"]


def test_samples_of_poses_are_those_of_one_shape_and_its_triangles(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--count", "2", "--of", "pose", "--identity", "stout", "--out", tmp_path / "out"]
    summary = results(capsys, ask("sample", model, *arguments))
    assert "shape_nearer" not in summary["meshes"][0]
    first, second = (load_mesh(tmp_path / "out" / f"00000{draw}.ply") for draw in range(2))
    np.testing.assert_array_equal(first.faces, expected_mesh(2).faces)
    np.testing.assert_array_equal(first.faces, second.faces)
    assert np.abs(first.vertices - second.vertices).max() > 0.01


def test_samples_of_shapes_are_canonical_and_the_same_for_the_same_seed(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = []
    for seed, unit in (("4", "canonical"), ("4", "m"), ("5", "canonical")):
        flags = ["--count", "1", "--of", "shape", "--seed", seed, "--unit", unit, "--out", tmp_path / "out"]
        results(capsys, ask("sample", model, *flags))
        drawn.append(load_mesh(tmp_path / "out" / "000000.ply").vertices)
    np.testing.assert_allclose(drawn[1], toy_model().info.similarity.to_world(drawn[0]), atol=1e-6)
    assert drawn[2].shape != drawn[0].shape or np.abs(drawn[2] - drawn[0]).max() > 1e-3
    with np.load(tmp_path / "out" / "codes.npz") as codes:
        assert codes["shape"].shape == (1, 1, CODE_SIZE) and "pose" not in codes


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--count", "0"], "--count 0: is out of range; use 1 to 100000"),
        (["--count", "2", "--spread", "0"], "--spread 0: is not above 0"),
        (["--count", "2", "--spread", "nan"], "--spread nan: is not above 0"),
        (["--count", "2", "--spread", "9"], "--spread 9: is not above 0 and at most 3"),
        (["--count", "2", "--identity", "1"], "--identity 1: has a shape, but shapes are drawn; use --of pose"),
        (["--count", "2", "--of", "pose", "--identity", "eve"], "identity eve: does not exist"),
    ],
)
def test_sample_refuses_bad_input_in_one_line(
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert problem in refusal(capsys, ask("sample", model, "--out", "out", *arguments))
    assert list(tmp_path.iterdir()) == []
