"""What a user may get wrong ends in one line that names it, and exit code 2."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from npm_studio.cli.main import main


@pytest.fixture
def sequence(depth_capture: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(depth_capture, tmp_path / "sequence"))


def refusal(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The last line on standard error of a command that must exit with 2 and say one line."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if line.startswith("npm-studio:")]
    assert len(lines) == 1
    assert "Traceback" not in captured.err
    return lines[0]


def test_a_truncated_png_is_refused_with_its_name(
    sequence: Path, toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = sequence / "depth" / "000001.png"
    image.write_bytes(image.read_bytes()[:-60])
    assert "000001.png" in refusal(capsys, "fit", sequence, "--model", toy_folder, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_8_bit_depth_image_is_refused_with_the_reason(
    sequence: Path, toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(np.full((120, 160), 90, np.uint8)).save(sequence / "depth" / "000000.png")
    line = refusal(capsys, "fit", sequence, "--model", toy_folder, "--out", tmp_path / "run")
    assert "000000.png" in line
    assert "16" in line


@pytest.mark.parametrize("command", ["fit", "prepare", "evaluate", "render"])
def test_an_empty_folder_is_refused_by_every_command(
    command: str, toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    more = {
        "fit": ["--model", toy_folder, "--out", tmp_path / "run"],
        "prepare": [],
        "evaluate": ["--truth", empty],
        "render": ["--out", tmp_path / "x.png"],
    }[command]
    assert "empty" in refusal(capsys, command, empty, *more)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a model", b"\x80\x02}q\x00."])
def test_a_file_that_is_no_model_is_refused(
    content: bytes, sequence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = tmp_path / "fake.npm"
    fake.write_bytes(content)
    assert "fake.npm" in refusal(capsys, "fit", sequence, "--model", fake, "--out", tmp_path / "run")
    assert "fake.npm" in refusal(capsys, "reconstruct", "--model", fake, "--out", tmp_path / "mesh.ply")


def test_an_unknown_preset_a_missing_dataset_and_an_unknown_device_are_refused(
    sequence: Path, toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m.npm"
    assert "none.yaml" in refusal(capsys, "train", "shape", "--config", "none.yaml", "--data", tmp_path, "--out", out)
    preset = Path(__file__).parents[3] / "configs" / "anny" / "tiny.yaml"
    assert "nowhere" in refusal(
        capsys, "train", "shape", "--config", preset, "--data", tmp_path / "nowhere", "--out", out
    )
    line = refusal(capsys, "fit", sequence, "--model", toy_folder, "--out", tmp_path / "run", "--device", "tpu")
    assert "tpu" in line
    line = refusal(capsys, "fit", sequence, "--model", toy_folder, "--out", tmp_path / "run", "--steps", "0")
    assert "--steps" in line


def test_a_folder_that_may_not_be_written_is_one_line_too(
    sequence: Path, toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    refusal(capsys, "fit", sequence, "--model", toy_folder, "--out", tmp_path / "file" / "run", "--steps", "1")


def test_the_application_without_a_display_names_the_headless_commands() -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    for words in ([], ["gui"]):
        done = subprocess.run(
            [sys.executable, "-m", "npm_studio", *words], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert "demo" in done.stderr


@pytest.mark.slow
def test_a_fit_prints_its_results_as_one_json_object(
    sequence: Path, toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "fit",
        sequence,
        "--model",
        toy_folder,
        "--out",
        tmp_path / "run",
        "--steps",
        "3",
        "--resolution",
        "32",
    ]
    assert main([str(word) for word in [*words, "--json"]]) == 0
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert results["frames"] == 3
    assert main(["evaluate", str(tmp_path / "run"), "--truth", str(sequence / "truth"), "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"iou", "chamfer_l2", "accuracy", "completeness", "normal_consistency", "epe"} <= metrics.keys()


def test_names_that_lead_out_of_a_folder_are_refused(
    toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = Path(shutil.copytree(toy_folder, tmp_path / "hostile.npm"))
    description = json.loads((hostile / "model.json").read_text())
    description["identities"][0] = "../../escaped"
    (hostile / "model.json").write_text(json.dumps(description))
    line = refusal(capsys, "reconstruct", "--model", hostile, "--resolution", "16", "--out", tmp_path / "meshes")
    assert "escaped" in line
    assert not (tmp_path.parent / "escaped.ply").exists()


def test_a_negative_seed_is_refused(sequence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "-1" in refusal(capsys, "fit", sequence, "--out", tmp_path / "run", "--seed", "-1")
