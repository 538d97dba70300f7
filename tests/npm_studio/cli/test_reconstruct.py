"""`reconstruct` on a toy model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from engine.geometry.mesh import Mesh, load_mesh
from engine.models.checkpoint import load_model
from engine.surface.extract import extract_surfaces
from npm_studio.cli.main import main
from tests.support.codes_to_meshes import (
    ask,
    assert_equal,
    code_without_surface,
    expected_mesh,
    names,
    refusal,
    results,
    write_codes,
)
from tests.support.present import present
from tests.support.toy_model import CODE_SIZE, DOLLS, toy_model


@pytest.fixture(scope="module")
def model(toy_folder: Path) -> str:
    return str(toy_folder)


def test_reconstruct_writes_the_canonical_mesh_of_an_identity(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "stout.ply"
    summary = results(capsys, ask("reconstruct", model, "--identity", "stout", "--out", out))
    mesh = load_mesh(out)
    assert_equal(out, expected_mesh(2))
    assert trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).is_watertight
    (entry,) = summary["meshes"]
    assert entry == {"path": str(out), "vertices": len(mesh.vertices), "triangles": len(mesh.faces)}


@pytest.mark.parametrize("frame", ["raise/000001", "4"])
def test_reconstruct_poses_a_frame_by_name_or_index(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], frame: str
) -> None:
    out = tmp_path / "posed.obj"
    results(capsys, ask("reconstruct", model, "--identity", "1", "--frame", frame, "--out", out))
    assert_equal(out, expected_mesh(1, 10))


def test_reconstruct_without_an_identity_writes_all_into_a_folder(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results(capsys, ask("reconstruct", model, "--out", tmp_path / "all"))
    assert names(tmp_path / "all") == sorted(f"{name}.ply" for name in DOLLS)


def test_reconstruct_takes_the_last_snapshot_of_a_codes_file(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_codes(tmp_path / "codes.npz")
    arguments = ask("reconstruct", model, "--codes", tmp_path / "codes.npz")
    results(capsys, [*arguments, "--out", str(tmp_path / "canonical.ply")])
    assert_equal(tmp_path / "canonical.ply", expected_mesh(2))
    results(capsys, [*arguments, "--frame", "1", "--out", str(tmp_path / "posed.ply")])
    assert_equal(tmp_path / "posed.ply", expected_mesh(2, 13))
    results(capsys, [*arguments, "--out", str(tmp_path / "all")])
    assert names(tmp_path / "all") == ["000000.ply", "000001.ply", "000002.ply", "canonical.ply"]
    assert_equal(tmp_path / "all" / "000002.ply", expected_mesh(2, 14))


def test_reconstruct_contours_each_shape_of_a_codes_file_once(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    toy, order = toy_model(), [1, 0, 2, 1, 0, 2]
    np.savez(tmp_path / "codes.npz", shape=toy.shape_codes[order][:, None], pose=present(toy.pose_codes)[:6])
    contoured: list[bytes] = []

    def counting(*arguments: Any, **named: Any) -> list[Mesh]:
        contoured.extend(code.numpy().tobytes() for code in arguments[1])
        return extract_surfaces(*arguments, **named)

    monkeypatch.setattr("engine.surface.many_surfaces.extract_surfaces", counting)
    summary = results(capsys, ask("reconstruct", model, "--codes", tmp_path / "codes.npz", "--out", tmp_path / "all"))
    assert names(tmp_path / "all") == [f"{frame:06d}.ply" for frame in range(6)]
    assert len(summary["meshes"]) == 6
    assert len(contoured) == len(set(contoured)) == 3
    for frame, identity in enumerate(order):
        assert_equal(tmp_path / "all" / f"{frame:06d}.ply", expected_mesh(identity, frame))


def test_reconstruct_writes_the_canonical_meshes_of_many_shapes(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "codes.npz", shape=toy_model().shape_codes[:, None])
    arguments = ask("reconstruct", model, "--codes", tmp_path / "codes.npz")
    results(capsys, [*arguments, "--out", str(tmp_path / "all")])
    assert names(tmp_path / "all") == [f"{index:06d}.ply" for index in range(4)]
    assert_equal(tmp_path / "all" / "000003.ply", expected_mesh(3))
    assert "is one file for 4 meshes; add --frame" in refusal(capsys, [*arguments, "--out", str(tmp_path / "x.ply")])
    results(capsys, [*arguments, "--frame", "1", "--out", str(tmp_path / "x.ply")])
    assert_equal(tmp_path / "x.ply", expected_mesh(1))


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"pose": np.zeros((1, 1, CODE_SIZE))}, "holds no array 'shape'"),
        ({"shape": np.zeros((1, 1, 5))}, "'shape' has codes of 5, the model has 8"),
        ({"shape": np.full((1, 1, CODE_SIZE), np.nan)}, "not finite"),
        ({"shape": np.zeros((2, 1, CODE_SIZE)), "pose": np.zeros((3, 1, CODE_SIZE))}, "holds 2 shapes for 3 poses"),
        (None, "not a readable npz file"),
    ],
)
def test_reconstruct_refuses_bad_codes_in_one_line_and_writes_nothing(
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arrays: dict[str, Any] | None,
    problem: str,
) -> None:
    codes = tmp_path / "codes.npz"
    codes.write_text("no codes") if arrays is None else np.savez(codes, **arrays)
    line = refusal(capsys, ask("reconstruct", model, "--codes", codes, "--out", tmp_path / "all"))
    assert problem in line and str(codes) in line
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--identity", "nobody", "--out", "x.ply"], "identity nobody: does not exist"),
        (["--identity", "9", "--out", "x.ply"], "identity 9: does not exist; use 0 to 3"),
        (["--identity", "1", "--frame", "bend/000007", "--out", "x.ply"], "frame bend/000007: does not exist"),
        (["--frame", "3", "--out", "x.ply"], "--frame 3: does not say whose"),
        (["--out", "x.ply"], "x.ply: is one file for 4 meshes"),
        (["--identity", "1", "--out", "x.jpeg"], "x.jpeg: unknown ending"),
        (["--identity", "1", "--out", "x.ply", "--resolution", "4"], "--resolution 4: is out of range"),
        (["--identity", "1", "--out", "x.ply", "--device", "tpu"], "--device tpu"),
        (["--codes", "missing.npz", "--out", "x.ply"], "missing.npz: is missing"),
        (["--model", "missing.npm", "--out", "x"], "missing.npm: no such model"),
    ],
)
def test_reconstruct_refuses_bad_input_in_one_line(
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert problem in refusal(capsys, ask("reconstruct", model, *arguments))
    assert list(tmp_path.iterdir()) == []


def test_reconstruct_refuses_a_file_where_a_folder_is_needed(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("keep me")
    assert "is a file, a folder is needed" in refusal(capsys, ask("reconstruct", model, "--out", tmp_path / "taken"))
    assert (tmp_path / "taken").read_text() == "keep me"


def test_reconstruct_refuses_codes_without_a_surface(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "codes.npz", shape=code_without_surface(model)[None, None])
    arguments = ask("reconstruct", model, "--codes", tmp_path / "codes.npz", "--out", tmp_path / "x.ply")
    assert main(arguments) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.endswith("x.ply: has no surface inside the cube; use the codes of a trained shape")
    assert not (tmp_path / "x.ply").exists()


def test_reconstruct_writes_all_meshes_but_those_without_a_surface_and_names_these(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, good = code_without_surface(model), load_model(Path(model), torch.device("cpu")).shape_codes[:2].numpy()
    np.savez(tmp_path / "codes.npz", shape=np.stack([good[0], bad, 2 * bad, good[1]])[:, None])
    arguments = ask("reconstruct", model, "--codes", tmp_path / "codes.npz", "--out", tmp_path / "out")
    assert main(arguments) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if line.endswith("000001.ply: has no surface inside the cube")]
    assert "2 of 4 meshes are missing: no surface inside the cube; use the codes of a trained shape" in said[-1]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["000000.ply", "000003.ply"]
