"""`npm-studio fit --method npm-reference`."""

import json
from pathlib import Path

import numpy as np
import pytest

from engine.methods.run import load_run
from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
from npm_studio.cli.main import main
from npm_studio.resources import demo_sequence

LITTLE = ("--points", "500", "--pool", "5000", "--grid", "64", "--resolution", "64")


@pytest.mark.slow
def test_three_frames_of_the_demo_are_fitted_as_published_into_a_run_with_a_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, demo = tmp_path / "short", load_depth_sequence(demo_sequence())
    save_depth_sequence(folder, [demo.depth_m(frame) for frame in range(3)], demo.camera, demo.camera_at(0), 10.0)
    out = tmp_path / "run"
    stated = ("--preset", "test-script", "--iterations", "4", "--keep_last", "true", *LITTLE)
    arguments = ("--method", "npm-reference", "--out", str(out), *stated, "--device", "cpu", "--json")
    assert main(["fit", str(folder), *arguments]) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (printed["method"], printed["frames"], printed["interrupted"]) == ("npm-reference", 3, False)
    assert printed["verdict"] in ("good", "poor")
    run = load_run(out)
    config = run.inputs.config
    assert (config["preset"], config["iterations"], config["rate_parts"], config["keep_last"]) == (
        "test-script", 4, 2, True,
    )  # fmt: skip
    assert run.details["steps"] == 4
    vertices = run.meshes.vertices()
    assert vertices.shape[0] == 3
    assert 1.2 < float(np.ptp(vertices[0, :, 1])) < 2.2
