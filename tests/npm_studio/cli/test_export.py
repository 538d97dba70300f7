import csv
import json
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
import trimesh
from PIL import Image

from engine.methods.run import load_run
from engine.models.checkpoint import save_model
from engine.models.named_codes import load_codes
from npm_studio.cli.console import ConsoleProgress
from npm_studio.cli.main import main
from npm_studio.reports.export_formats import EXPORT_FORMATS, export_format
from npm_studio.reports.pictures import exported
from tests.support.exported import PlainGlb
from tests.support.toy_model import toy_model

NAMES = ["000000", "000001", "000002"]


def export(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["export", *map(str, arguments), "--json"]) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return printed


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["export", *map(str, arguments)]) == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize("name", EXPORT_FORMATS)
def test_every_format_has_its_name(name: str) -> None:
    assert export_format(name).name == name


def test_a_run_becomes_a_folder_of_ply_files_in_metres(
    fitted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "meshes"
    told = export(capsys, fitted_run, "--format", "ply", "--out", out)
    assert told["names"] == NAMES and told["unit"] == "m" and told["frame_rate"] == 10
    run = load_run(fitted_run)
    for name, mesh in zip(NAMES, run.meshes, strict=True):
        loaded = trimesh.load(out / f"{name}.ply", process=False)
        np.testing.assert_array_equal(loaded.vertices, mesh.vertices)
        np.testing.assert_array_equal(loaded.faces, mesh.faces)


def test_the_ending_says_the_format(fitted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run.glb"
    assert export(capsys, fitted_run, "--out", out, "--colours", "correspondence")["format"] == "glb"
    glb, run = PlainGlb(out), load_run(fitted_run)
    assert "COLOR_0" in glb.primitive["attributes"]
    np.testing.assert_allclose(glb.shown(float(np.float32(0.2))), run.meshes.read(2).vertices, atol=1e-6)
    assert export(capsys, fitted_run, "--out", tmp_path / "folder")["format"] == "ply"


def test_some_frames_are_exported_by_name_or_step(
    fitted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(capsys, fitted_run, "--out", tmp_path / "one.obj", "--only", "000001")["names"] == ["000001"]
    np.testing.assert_array_equal(
        np.asarray(trimesh.load(tmp_path / "one.obj", process=False).vertices, np.float32),
        load_run(fitted_run).meshes.read(1).vertices,
    )
    assert export(capsys, fitted_run, "--out", tmp_path / "few", "--every", "2")["names"] == ["000000", "000002"]


def test_codes_and_table_are_read_by_others_and_by_the_program(
    fitted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(capsys, fitted_run, "--out", tmp_path / "codes.npz")
    _, poses = load_codes(tmp_path / "codes.npz", toy_model())
    assert poses is not None and len(poses) == 3
    export(capsys, fitted_run, "--out", tmp_path / "run.csv")
    with (tmp_path / "run.csv").open(encoding="utf-8", newline="") as file:
        assert [(row["frame"], row["time_s"]) for row in csv.DictReader(file)] == [
            ("000000", "0.0"),
            ("000001", "0.1"),
            ("000002", "0.2"),
        ]


def test_colours_by_the_distance_to_the_truth_change_from_frame_to_frame(
    fitted_run: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = depth_capture / "truth"
    export(capsys, fitted_run, "--out", tmp_path / "meshes", "--colours", "error", "--truth", truth)
    loaded = trimesh.load(tmp_path / "meshes" / "000001.ply", process=False)
    assert len(np.unique(loaded.visual.vertex_colors[:, :3], axis=0)) > 20
    line = refusal(capsys, fitted_run, "--out", tmp_path / "run.glb", "--colours", "error", "--truth", truth)
    assert "one colour of a vertex for all frames, and these change; use --format ply" in line
    assert "needs true meshes" in refusal(capsys, fitted_run, "--out", tmp_path / "x", "--colours", "error")


def test_pictures_have_a_transparent_background(
    fitted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(capsys, fitted_run, "--out", tmp_path / "frames", "--format", "png", "--every", "2")
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == ["000000.png", "000002.png"]
    with Image.open(tmp_path / "frames" / "000002.png") as picture:
        assert picture.mode == "RGBA"
        alpha = np.asarray(picture)[..., 3]
        assert "time: 0.2 s" in picture.info["Software"]
    assert alpha[0, 0] == 0 and alpha.max() == 255 and 0.05 < (alpha == 255).mean() < 0.9


def test_a_video_has_all_frames_at_their_rate_and_a_turntable_goes_round_once(
    fitted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    export(capsys, fitted_run, "--out", tmp_path / "run.mp4")
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "run.mp4"))
    assert next(reader)["fps"] == 10
    assert sum(1 for _ in reader) == 3
    monkeypatch.setattr(exported, "_ROUND_S", 0.2)
    export(capsys, fitted_run, "--out", tmp_path / "round.mp4", "--format", "turntable")
    assert sum(1 for _ in imageio_ffmpeg.read_frames(str(tmp_path / "round.mp4"))) == 1 + 5


def test_a_model_is_exported_by_identity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_model(toy_model(), tmp_path / "toy.npm")
    who = toy_model().info.identities[1]
    out = tmp_path / "one.stl"
    told = export(capsys, tmp_path / "toy.npm", "--out", out, "--only", who, "--resolution", 24)
    assert told["names"] == [who] and told["frame_rate"] is None
    assert trimesh.load(out).is_watertight
    export(capsys, tmp_path / "toy.npm", "--out", tmp_path / "codes.npz")
    with np.load(tmp_path / "codes.npz") as file:
        assert file["identities"].tolist() == list(toy_model().info.identities)
    assert "is not for models" in refusal(capsys, tmp_path / "toy.npm", "--out", tmp_path / "x", "--frame", "camera")
    assert "has other triangles in each frame" in refusal(
        capsys, tmp_path / "toy.npm", "--out", tmp_path / "x.glb", "--resolution", 24
    )


def test_what_cannot_be_is_refused_in_one_line(
    fitted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "unknown ending; state --format, one of ply" in refusal(capsys, fitted_run, "--out", tmp_path / "run.fbx")
    assert "one that ends with .glb" in refusal(capsys, fitted_run, "--format", "glb", "--out", tmp_path / "run")
    assert "--up z: is not for GLB files" in refusal(capsys, fitted_run, "--out", tmp_path / "a.glb", "--up", "z")
    assert "is not a run" in refusal(capsys, tmp_path, "--out", tmp_path / "a.glb")
    assert "leave out --colours" in refusal(
        capsys, fitted_run, "--format", "stl", "--out", tmp_path / "a", "--colours", "correspondence"
    )
    assert "use --frame world" in refusal(capsys, fitted_run, "--out", tmp_path / "a", "--frame", "camera")


def test_an_interrupted_export_leaves_what_was_there(
    fitted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "meshes"
    export(capsys, fitted_run, "--out", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    monkeypatch.setattr(ConsoleProgress, "cancelled", lambda self: True)
    assert main(["export", str(fitted_run), "--out", str(out), "--up", "z"]) == 130
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert list(tmp_path.iterdir()) == [out]
