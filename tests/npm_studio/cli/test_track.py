"""`npm-studio track`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.methods.run import load_run
from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
from npm_studio.cli.main import main
from npm_studio.resources import demo_sequence


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two frames of the demonstration."""
    folder, demo = tmp_path_factory.mktemp("track") / "short", load_depth_sequence(demo_sequence())
    save_depth_sequence(folder, [demo.depth_m(0), demo.depth_m(1)], demo.camera, demo.camera_at(0), 10.0)
    return folder


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["track", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.strip().splitlines()[-1]


@pytest.mark.slow
def test_a_recording_is_tracked_frame_by_frame_into_a_run(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(["track", str(recording), "--every-frame", "--out", str(out), "--device", "cpu", "--json"]) == 0
    captured = capsys.readouterr()
    printed = json.loads(captured.out.splitlines()[-1])
    assert (printed["frames"], printed["dropped_frames"], printed["lost_frames"]) == (2, 0, 0)
    assert printed["latency_median_ms"] > 0
    assert "ms from a frame to codes and place" in captured.err
    run = load_run(out)
    assert (run.method, run.verdict, printed["verdict"]) == ("npm-tracker", "good", "good")
    assert [frame.name for frame in run.frames] == ["000000", "000001"]
    assert all(frame.subject_to_world is not None and frame.camera_to_world is not None for frame in run.frames)


@pytest.mark.slow
def test_poses_go_to_standard_output_as_lines_of_json(recording: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "npm_studio.cli.main",
        "track",
        str(recording),
        "--every-frame",
        "--send",
        "stdout",
    ]
    done = subprocess.run([*command, "--send-meshes", "--device", "cpu"], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in lines[:3]] == ["start", "shape", "frame"]
    assert lines[-1]["type"] == "end"
    frames = [line for line in lines if line["type"] == "frame"]
    assert [frame["name"] for frame in frames] == ["000000", "000001"]
    assert len(frames[0]["vertices"]) > max(max(face) for face in lines[1]["faces"])


def test_what_is_no_source_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing" in refusal(capsys, tmp_path / "nothing")


def test_a_port_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "70000 is not a port" in refusal(capsys, "room", "--send", "70000")


def test_what_is_no_run_is_not_replaced(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    assert "is not a run" in refusal(capsys, recording, "--out", tmp_path)
