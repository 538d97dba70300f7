"""`npm-studio dataset grids`."""

import json
from pathlib import Path

import numpy as np
import pytest

from npm_studio.cli.main import main


def test_grids_of_a_sequence_in_the_space_of_its_bounds(
    depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "grids"
    arguments = ["dataset", "grids", str(depth_capture), str(out), "--resolution", "128", "--normalise", "bounds"]
    assert main([*arguments, "--kind", "occupancy", "--json"]) == 0
    results = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (results["frames"], results["resolution"], results["kinds"]) == (3, 128, ["occupancy"])
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*.npz"))
    assert files == [f"00000{i}/partial_views/voxelized_view0_128res.npz" for i in range(3)]
    with np.load(out / files[0]) as arrays:
        assert np.abs(arrays["point_cloud"]).max() < 0.5
        assert np.unpackbits(arrays["compressed_occupancies"]).any()


def test_a_normalisation_far_away_is_refused_in_one_line(
    depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", "grids", str(depth_capture), str(tmp_path / "out"), "--normalise", "0.4,90,0,0"]) == 2
    assert "frame 000000: shows no surface inside the canonical cube" in capsys.readouterr().err.splitlines()[-1]


def test_an_unknown_resolution_is_refused(
    depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", "grids", str(depth_capture), str(tmp_path), "--resolution", "100"]) == 2
    assert "128" in capsys.readouterr().err
