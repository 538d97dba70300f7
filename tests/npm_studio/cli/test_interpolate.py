"""`interpolate` on a toy model."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from engine.geometry.mesh import Mesh, load_mesh
from tests.support.codes_to_meshes import ask, assert_equal, expected_mesh, refusal, results, write_codes
from tests.support.toy_model import toy_model


@pytest.fixture(scope="module")
def model(toy_folder: Path) -> str:
    return str(toy_folder)


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
