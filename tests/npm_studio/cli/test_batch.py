import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

from engine.methods.run import load_run
from npm_studio.cli.main import main

OPTIONS = "options: {steps: 2, resolution: 16, preview_interval: 100}"


ROOT = Path(__file__).parents[3]


@contextmanager
def one_worker() -> Iterator[str]:
    """The address of a scheduler whose worker is in this process."""
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def manifest(tmp_path: Path, depth_capture: Path, toy_folder: Path) -> Path:
    """Two fits of one recording, one of which is evaluated, one of a recording that is gone and one that is broken."""
    shutil.copytree(depth_capture, tmp_path / "doll")
    broken = Path(shutil.copytree(depth_capture, tmp_path / "broken"))
    (broken / "intrinsics.json").write_text("{")
    path = tmp_path / "fits.yaml"
    rows = (
        "sequence: doll",
        "sequence: doll\n  name: again\n  truth: doll/truth",
        "sequence: gone",
        "sequence: broken",
    )
    path.write_text("".join(f"- {row}\n  model: {toy_folder}\n  {OPTIONS}\n" for row in rows))
    return path


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "batch.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def meshes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "meshes").iterdir())}


def test_failures_stop_no_other_fit_are_listed_at_the_end_and_are_exit_code_2(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], in_little: None
) -> None:
    out = tmp_path / "out"
    with one_worker() as scheduler:
        command = ["batch", str(manifest), "--out", str(out), "--scheduler", scheduler, "--json"]
        assert main(command) == 2
        captured = capsys.readouterr()
        printed: dict[str, Any] = json.loads(captured.out.splitlines()[-1])
        assert [fit["state"] for fit in printed["fits"]] == ["done", "done", "failed", "failed"]
        first, again, gone, broken = printed["fits"]
        assert first["verdict"] == again["verdict"] == load_run(out / "doll").verdict
        assert first["accuracy_mm"] is None
        assert again["accuracy_mm"] > 0
        assert (out / "again" / "metrics.json").is_file()
        assert gone["reason"] == f"{tmp_path / 'gone'}: no such file or folder"
        assert broken["reason"].startswith(f"{tmp_path / 'broken' / 'intrinsics.json'}: is not valid JSON (line 1")
        *_, listed, last = captured.err.rsplit("not done:\n", 1)[1].rsplit("npm-studio: ", 1)
        assert f"  gone    {gone['reason']}\n  broken  {broken['reason']}\n" in listed
        assert last.startswith(f"{manifest}: 2 of 4 fits are not done, as said above; correct what is wrong")
        rows = table(out)
        assert [row["name"] for row in rows] == ["doll", "again", "gone", "broken"]
        assert [row["reason"] for row in rows] == [fit["reason"] or "" for fit in printed["fits"]]
        assert meshes(out / "doll") == meshes(out / "again")

        written = (out / "doll" / "run.json").stat().st_mtime_ns
        assert main(command) == 2
        assert (out / "doll" / "run.json").stat().st_mtime_ns == written
        assert "2 of 4 are done already" in capsys.readouterr().err


def test_a_second_start_of_what_is_done_starts_no_worker(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(lines[:3]))
    command = ["batch", str(manifest), "--out", str(tmp_path / "out")]
    with one_worker() as scheduler:
        assert main([*command, "--scheduler", scheduler]) == 0
    before = table(tmp_path / "out")
    capsys.readouterr()
    assert main([*command, "--scheduler", "tcp://127.0.0.1:1"]) == 0
    assert "1 of 1 are done already" in capsys.readouterr().err
    assert table(tmp_path / "out") == before


def test_bad_rows_are_all_named_before_anything_starts(
    manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest.write_text(manifest.read_text() + "- sequence: doll\n- {sequence: x, model: gone.npm}\n")
    assert main(["batch", str(manifest), "--out", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"{manifest}, line 15: doll is the name of the row in line 1")
    assert lines[1].startswith(f"{manifest}, line 16: {tmp_path / 'gone.npm'} is not a model")
    assert lines[2] == (
        f"npm-studio: {manifest}: 2 rows cannot be begun, as said above, and nothing was; correct or remove them"
    )
    assert not (tmp_path / "out").exists()
    assert main(["batch", str(manifest), "--out", "out", "--scheduler", "tcp://a:1", "--workers", "2"]) == 2


def test_results_do_not_go_into_a_file(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for command in (["batch", str(manifest)], ["benchmark", "canonical"]):
        assert main([*command, "--out", str(tmp_path / "notes.txt")]) == 2
        assert capsys.readouterr().err.strip().endswith("notes.txt: is a file, a folder is needed; choose another name")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_in_a_recording_is_refused(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", str(manifest), "--out", str(tmp_path / "doll" / "runs")]) == 2
    assert f"lies in {tmp_path / 'doll'}, which is read" in capsys.readouterr().err


@pytest.mark.slow
def test_an_interrupted_batch_keeps_what_is_done_and_goes_on(manifest: Path, tmp_path: Path) -> None:
    row = "".join(manifest.read_text().splitlines(keepends=True)[:3])
    manifest.write_text("".join(row.replace("doll", f"doll\n  name: {name}", 1) for name in "abcd"))
    out = tmp_path / "out"
    words = ["batch", str(manifest), "--out", str(out)]
    command = [sys.executable, "-m", "npm_studio", *words, "--workers", "2"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        while not list(out.glob(".tasks/*.json")):
            assert process.poll() is None
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        errors = process.communicate(timeout=120)[1]
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    states = [row["state"] for row in table(out)]
    assert set(states) == {"done", "open"}
    with one_worker() as scheduler:
        assert main([*words, "--scheduler", scheduler]) == 0
    assert [row["state"] for row in table(out)] == ["done"] * 4
    begun = [json.loads(line)["task"] for line in (out / "log.jsonl").read_text().splitlines() if "begun" in line]
    assert all(begun.count(name) == 1 for name, state in zip("abcd", states, strict=True) if state == "done")
