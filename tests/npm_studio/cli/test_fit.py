import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.methods.method import method_names
from engine.methods.run import load_run
from npm_studio.cli.main import main


@pytest.fixture
def meshes(fitted_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted_run / "meshes", tmp_path / "meshes"))


def fit(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["fit", *map(str, arguments), "--device", "cpu", "--json"]) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return printed


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["fit", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    return line


def test_help_explains_every_field_of_every_installed_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for name in method_names():
        assert f"--method {name}: " in text
    assert "--iterations N Optimiser steps. (1 to 100000; default: 240)" in text
    assert "--stuck_ratio X A frame whose energy is this many times the median" in text
    assert "--unit m|cm|mm Unit of their coordinates. (default: m)" in text
    assert "in the world of the recording. (must be given)" in text


def test_fields_of_the_method_are_flags_in_any_place(
    toy_folder: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = ("--iterations", "3", "--pose_prior", "1e-3"), ("--resolution=24", "--smoothness_weight", "0")
    out = tmp_path / "run"
    printed = fit(capsys, *before, depth_capture, "--model", toy_folder, "--out", out, *after)
    assert (printed["run"], printed["frames"], printed["interrupted"]) == (str(out), 3, False)
    assert printed["seconds"] > 0
    run = load_run(out)
    config = run.inputs.config
    stated = {"iterations": 3, "pose_prior": 1e-3, "resolution": 24, "smoothness_weight": 0.0, "surface_points": 1024}
    assert {name: config[name] for name in stated} == stated
    assert run.inputs.model == toy_folder.resolve()


def test_what_a_method_cannot_know_is_null_in_what_is_printed(
    meshes: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--method", "imported", "--meshes", meshes)
    printed = fit(capsys, depth_capture, "--out", tmp_path / "run", *arguments)
    assert (printed["method"], printed["verdict"], printed["reason"]) == ("imported", None, None)
    unknown = dict.fromkeys(("mean_distance_mm", "confidence", "lost"))
    assert printed["per_frame"][1] == {"name": "000001", **unknown}
    assert load_run(tmp_path / "run").inputs.model is None


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--method", "magic"], "method 'magic': is not installed; use one of npm, "),
        (["--iterations", "0"], "--iterations: input should be greater than or equal to 1, is 0"),
        (["--iterations", "many"], "--iterations: input should be a valid integer, is 'many'"),
        (["--resolution", "2000"], "--resolution: input should be less than or equal to 1024, is 2000"),
        (["--gate", ".nan"], "--gate: input should be a finite number"),
        (["--unit", "mm"], "--unit: is not among the fields; which are iterations, resolution, "),
        (["--method", "imported"], "--meshes: must be given"),
        (["--method", "imported", "--meshes", "x", "--iterations", "3"], "--iterations: is not among the fields"),
        (["--method", "imported", "--meshes", "nowhere"], "nowhere: no such folder or file"),
        (["--bogus", "3"], "unrecognised arguments: --bogus"),
    ],
)
def test_bad_methods_and_fields_are_refused_in_one_line(
    depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    assert problem in refusal(capsys, depth_capture, "--out", tmp_path / "run", *arguments)
    assert list(tmp_path.iterdir()) == []
