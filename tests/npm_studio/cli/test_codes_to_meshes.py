"""`reconstruct`, `sample`, `interpolate` and `transfer` on a toy model."""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from numpy.typing import NDArray

from engine.geometry.mesh import Mesh, load_mesh
from engine.models.checkpoint import load_model
from engine.models.drawing import DrawnCodes
from engine.sequences.mirroring import mirrored_mesh
from engine.surface.extract import extract_surface, extract_surfaces, pose_vertices
from npm_studio.cli.main import main
from tests.support.present import present
from tests.support.runs import save_npm_run
from tests.support.toy_model import CODE_SIZE, DOLLS, toy_model


@pytest.fixture(scope="module")
def model(toy_folder: Path) -> str:
    return str(toy_folder)


def ask(command: str, model: str, *arguments: object) -> list[str]:
    return [command, "--model", model, "--resolution", "32", "--device", "cpu", "--json", *map(str, arguments)]


def results(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> dict[str, Any]:
    assert main(arguments) == 0
    parsed: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return parsed


def refusal(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def expected_mesh(identity: int, frame: int | None = None) -> Mesh:
    model = toy_model()
    shape = model.shape_codes[identity]
    canonical = extract_surface(model, shape, 32)
    if frame is None:
        return canonical
    return Mesh(pose_vertices(model, shape, present(model.pose_codes)[frame], canonical.vertices), canonical.faces)


def assert_equal(path: Path, mesh: Mesh) -> None:
    loaded = load_mesh(path)
    np.testing.assert_array_equal(loaded.faces, mesh.faces)
    np.testing.assert_allclose(loaded.vertices, mesh.vertices, atol=1e-6)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))


# reconstruct


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


def write_codes(path: Path) -> None:
    toy = toy_model()
    old = np.ones((1, 1, CODE_SIZE), np.float32)
    shape = np.concatenate((old, toy.shape_codes[2].numpy()[None, None]), axis=1)  # (1, 2, C)
    pose = np.stack((np.ones((3, CODE_SIZE), np.float32), present(toy.pose_codes)[12:15].numpy()), axis=1)  # (3, 2, C)
    np.savez(path, shape=shape, pose=pose)


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


def code_without_surface(model: str) -> NDArray[np.float32]:
    loaded = load_model(Path(model), torch.device("cpu"))
    for scale in (10, -10, 30, -30, 100, -100):
        code = np.full(CODE_SIZE, scale, np.float32)
        if extract_surface(loaded, torch.from_numpy(code), 24).is_empty:
            return code
    raise AssertionError("every code has a surface")


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


# sample


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


# interpolate


def test_interpolating_shapes_starts_and_ends_at_the_identities(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--from", "tall", "--to", "3", "--space", "shape", "--steps", "4", "--out", tmp_path / "out"]
    summary = results(capsys, ask("interpolate", model, *arguments))
    assert [Path(entry["path"]).name for entry in summary["meshes"]] == [f"{i:06d}.ply" for i in range(4)]
    assert_equal(tmp_path / "out" / "000000.ply", expected_mesh(0))
    assert_equal(tmp_path / "out" / "000003.ply", expected_mesh(3))


def test_interpolating_poses_keeps_the_shape_and_the_triangles(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--from", "1:bend/000000", "--to", "2:raise/000002", "--space", "pose", "--steps", "3"]
    results(capsys, ask("interpolate", model, *arguments, "--out", tmp_path / "out"))
    assert_equal(tmp_path / "out" / "000000.ply", expected_mesh(1, 6))
    assert_equal(tmp_path / "out" / "000002.ply", expected_mesh(1, 17))
    middle = load_mesh(tmp_path / "out" / "000001.ply")
    np.testing.assert_array_equal(middle.faces, expected_mesh(1).faces)


def test_interpolating_both_ends_at_the_other_subject(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--from", "1:0", "--to", "stout:bend/000002", "--space", "both", "--steps", "2"]
    results(capsys, ask("interpolate", model, *arguments, "--out", tmp_path / "out"))
    assert_equal(tmp_path / "out" / "000000.ply", expected_mesh(1, 6))
    assert_equal(tmp_path / "out" / "000001.ply", expected_mesh(2, 14))


def test_interpolating_shapes_in_a_pose_keeps_the_pose_code(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--from", "1:raise/000002", "--to", "0", "--space", "shape", "--steps", "2"]
    results(capsys, ask("interpolate", model, *arguments, "--out", tmp_path / "out"))
    assert_equal(tmp_path / "out" / "000000.ply", expected_mesh(1, 11))
    assert_equal(tmp_path / "out" / "000001.ply", expected_mesh(0, 11))


def test_interpolating_through_several_codes_meets_each_at_its_time(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--from", "1:0", "--through", "stout:bend/000002", "0:1", "--to", "1:0", "--space", "both"]
    for flags, times in (((), (0, 2, 4, 6)), (("--smooth", "--times", "0", "1", "5", "6"), (0, 1, 5, 6))):
        results(capsys, ask("interpolate", model, *arguments, "--steps", "7", *flags, "--out", tmp_path / "out"))
        for time, (identity, row) in zip(times, ((1, 6), (2, 14), (0, 1), (1, 6)), strict=True):
            assert_equal(tmp_path / "out" / f"{time:06d}.ply", expected_mesh(identity, row))


def test_interpolating_between_the_codes_of_a_file(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_codes(tmp_path / "codes.npz")
    arguments = ["--keyframes", tmp_path / "codes.npz", "--steps", "5", "--out", tmp_path / "out"]
    results(capsys, ask("interpolate", model, *arguments, "--space", "pose"))
    for step, row in ((0, 12), (2, 13), (4, 14)):
        assert_equal(tmp_path / "out" / f"{step:06d}.ply", expected_mesh(2, row))
    assert "holds one keyframe" in refusal(capsys, ask("interpolate", model, *arguments, "--space", "shape"))
    np.savez(tmp_path / "codes.npz", shape=toy_model().shape_codes[:3][:, None])
    assert "holds no pose codes" in refusal(capsys, ask("interpolate", model, *arguments, "--space", "both"))
    results(capsys, ask("interpolate", model, *arguments, "--space", "shape"))
    assert_equal(tmp_path / "out" / "000002.ply", expected_mesh(1))


def test_interpolating_at_constant_speed_says_how_far_the_surface_moves_and_keeps_the_ends(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--from", "1:bend/000000", "--to", "1:raise/000002", "--space", "pose", "--steps", "6"]
    summary = results(capsys, ask("interpolate", model, *arguments, "--constant-speed", "--out", tmp_path / "out"))
    meshes = [load_mesh(tmp_path / "out" / f"{step:06d}.ply").vertices for step in range(6)]
    moved = [np.sqrt(np.square(b - a).sum(axis=1).mean()) for a, b in pairwise(meshes)]
    assert max(moved) < 1.05 * min(moved)
    # metres are 0.4 canonical units, and the points are those of another lattice
    assert 0.4 * summary["movement_mm"]["largest"] / 1000 == pytest.approx(max(moved), rel=0.1)
    assert_equal(tmp_path / "out" / "000000.ply", expected_mesh(1, 6))
    assert_equal(tmp_path / "out" / "000005.ply", expected_mesh(1, 11))


def test_interpolating_into_a_video_hands_every_mesh_to_the_renderer(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[Mesh] = []

    def render(meshes: Iterable[Mesh], path: Path, fps: float) -> None:
        assert fps > 0
        rendered.extend(meshes)
        path.write_bytes(b"video")

    monkeypatch.setattr("npm_studio.reports.pictures.render_mesh_video", render)
    out = tmp_path / "out.mp4"
    arguments = ["--from", "0", "--to", "1", "--space", "shape", "--steps", "3", "--out", out]
    assert results(capsys, ask("interpolate", model, *arguments))["video"] == str(out)
    assert len(rendered) == 3
    np.testing.assert_allclose(rendered[2].vertices, expected_mesh(1).vertices, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--from", "0", "--to", "1", "--space", "pose"], "--from 0: needs a frame"),
        (["--from", "0:1", "--to", "1", "--space", "both"], "--to 1: needs a frame"),
        (["--from", "0", "--to", "1:2", "--space", "shape"], "--to 1:2: names a frame"),
        (["--from", "0:77", "--to", "1:2", "--space", "pose"], "frame 77: does not exist"),
        (["--from", "0", "--to", "eve", "--space", "shape"], "identity eve: does not exist"),
        (["--from", "0", "--to", "1", "--space", "shape", "--steps", "1"], "--steps 1: is out of range"),
        (["--from", "0", "--to", "1", "--space", "shape", "--out", "x.avi"], "x.avi: unknown ending"),
        (["--from", "0", "--space", "shape"], "the path: has no ends; give --from and --to"),
        (["--keyframes", "missing.npz", "--space", "shape"], "missing.npz: is missing"),
        (["--keyframes", "k.npz", "--to", "1", "--space", "shape"], "--keyframes k.npz: has its own ends"),
        (["--from", "0", "--to", "1", "--through", "2:1", "--space", "shape"], "--through 2:1: names a frame"),
        (["--from", "0:1", "--to", "1:1", "--through", "2", "--space", "pose"], "--through 2: needs a frame"),
        (["--from", "0", "--to", "1", "--space", "shape", "--times", "0"], "--times 0: has 1 times for 2 keyframes"),
        (["--from", "0", "--to", "1", "--space", "shape", "--times", "1", "1"], "--times 1 1: does not increase"),
        (["--from", "0", "--to", "1", "--space", "shape", "--times", "0", "nan"], "--times 0 nan: does not increase"),
        (
            ["--from", "0", "--to", "1", "--space", "shape", "--times", "0", "1", "--constant-speed"],
            "--times 0 1: contradicts --constant-speed",
        ),
    ],
)
def test_interpolate_refuses_bad_input_in_one_line(
    model: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert problem in refusal(capsys, ask("interpolate", model, "--out", "out", *arguments))
    assert list(tmp_path.iterdir()) == []


# transfer


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
