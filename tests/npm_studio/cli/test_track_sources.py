"""`npm-studio track` of what may end at any moment: what was tracked until then is a run."""

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from engine.methods.run import load_run
from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
from npm_studio.cli.main import main
from npm_studio.resources import demo_sequence
from tests.support.software_camera import SERIAL, UNIT_M, software_camera


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_a_run_of_what_it_has_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, demo = tmp_path / "live", load_depth_sequence(demo_sequence())
    save_depth_sequence(folder, [demo.depth_m(index) for index in range(3)], demo.camera, None, 10.0)
    last = folder / "depth" / "000002.png"
    last.write_bytes(last.read_bytes()[:-100])
    arguments = [
        "--follow",
        "--wait",
        "0.2",
        "--every-frame",
        "--out",
        str(tmp_path / "run"),
        "--device",
        "cpu",
        "--json",
    ]
    assert main(["track", str(folder), *arguments]) == 0
    captured = capsys.readouterr()
    printed = json.loads(captured.out.splitlines()[-1])
    assert (printed["frames"], printed["dropped_frames"]) == (2, 0)
    assert "never became whole: 1, the first, 000002.png, is truncated" in captured.err
    assert [frame.name for frame in load_run(tmp_path / "run").frames] == ["000000", "000001"]


@pytest.mark.slow
def test_a_camera_that_is_unplugged_gives_one_line_and_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rs = pytest.importorskip("pyrealsense2", reason="pyrealsense2 cannot be loaded", exc_type=ImportError)
    demo = load_depth_sequence(demo_sequence())
    camera = software_camera(rs, camera=demo.camera)
    monkeypatch.setattr("external.sources.realsense.find_device", lambda *given: camera.device)

    def show_two_frames() -> None:
        while not camera.depth.get_active_streams():
            time.sleep(0.01)
        for number in range(2):
            image = np.rint(demo.depth_m(number) / UNIT_M).astype(np.uint16)
            camera.push(number, image=image)

    device = threading.Thread(target=show_two_frames)
    device.start()
    arguments = ["--wait", "2", "--every-frame", "--out", str(tmp_path / "run"), "--device", "cpu"]
    assert main(["track", "realsense", *arguments]) == 2
    device.join()
    captured = capsys.readouterr()
    last = captured.err.strip().splitlines()[-1]
    assert f"Software RealSense {SERIAL}: has given no frame for 2 s; check its cable" in last
    assert "4000 units per metre" in captured.err
    assert len(load_run(tmp_path / "run").frames) == 2
