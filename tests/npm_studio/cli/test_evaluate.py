import functools
import json
import shutil
from pathlib import Path

import pytest

from engine.evaluate import metrics
from npm_studio.cli.main import main

NAMES = ("iou", "chamfer_l2", "accuracy", "completeness", "normal_consistency", "epe")


@pytest.fixture
def run(fitted_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted_run, tmp_path / "run"))


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["evaluate", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    return line


@pytest.mark.slow
def test_evaluate_prints_the_metrics_as_json_and_keeps_them_with_the_run(
    run: Path, depth_capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run), "--truth", str(depth_capture / "truth"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 0.8 < printed["iou"] < 1
    assert 0.002 < printed["accuracy"] < 0.01  # the run is the truth, moved by 0.01
    assert 0.002 < printed["epe"] < 0.01  # partners are neighbours in space, so sliding along the surface is free
    kept = json.loads((run / "metrics.json").read_text())
    for name in NAMES:
        assert kept[name] == printed[name]
        assert len(kept["per_frame"][name]) == 3
        assert kept["definitions"][name]["unit"]
    assert kept["samples"] == 100_000
    assert kept["frames"] == ["000000", "000001", "000002"]


def test_evaluate_names_every_metric_with_its_unit(
    run: Path, depth_capture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = functools.partial(metrics.evaluate_sequence, samples=1000, iou_points=1000)
    monkeypatch.setattr(metrics, "evaluate_sequence", quick)
    assert main(["evaluate", str(run), "--truth", str(depth_capture / "truth"), "--seed", "4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:20].strip() for line in lines] == [metric.title for metric in metrics.METRICS]
    assert lines[1].endswith("canonical units squared")
    assert json.loads((run / "metrics.json").read_text())["seed"] == 4


def test_evaluate_refuses_what_is_not_a_run(
    tmp_path: Path, depth_capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is not a run" in refusal(capsys, tmp_path, "--truth", depth_capture / "truth")


def test_evaluate_refuses_truth_that_is_missing_or_empty(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no such folder" in refusal(capsys, run, "--truth", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "has no PLY files" in refusal(capsys, run, "--truth", tmp_path / "empty")


def test_evaluate_refuses_truth_that_lacks_a_frame_and_names_it(
    run: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = Path(shutil.copytree(depth_capture / "truth", tmp_path / "truth"))
    (truth / "000001.ply").unlink()
    assert "lacks 1 of 3 frames, the first is 000001.ply" in refusal(capsys, run, "--truth", truth)
    assert not (run / "metrics.json").exists()
