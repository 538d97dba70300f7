"""`npm-studio dataset render`."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from engine.geometry.camera import PinholeCamera
from engine.sequences.depth_sequence import load_depth_sequence
from engine.sequences.truth import load_truth
from npm_studio.cli.main import main
from tests.support.ellipsoids import write_ellipsoids

CAMERA = PinholeCamera(96, 72, 86.0, 87.0, 48.2, 35.9)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids")


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    path = tmp_path / "camera.json"
    path.write_text(json.dumps(asdict(CAMERA)))
    return path


def render(*arguments: object) -> int:
    return main(["dataset", "render", *map(str, arguments), "--device", "cpu"])


def test_names_and_indices_choose_the_sequence(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s"
    assert render(dataset, out, "--identity", "ellipsoid_002", "--sequence", "1", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "out": str(out),
        "identity": "ellipsoid_002",
        "sequence": "bend_1",
        "frames": 4,
        "views": 1,
        "format": "png",
        "noise": "none",
    }
    assert sorted(path.name for path in out.iterdir()) == ["depth", "intrinsics.json", "truth"]
    assert load_truth(out / "truth").meshes.frame_names[3] == "000003"
    sequence = load_depth_sequence(out)
    assert (sequence.camera.width, sequence.camera.height) == (640, 480)  # the reference camera
    assert (out / "depth" / "000000.png").stat().st_size < 100_000


def test_all_options_together_give_noisy_views_in_the_tum_layout(dataset: Path, camera: Path, tmp_path: Path) -> None:
    out = tmp_path / "s"
    options = ("--camera", camera, "--views", 2, "--format", "tum", "--noise", "kinect", "--seed", 5)
    assert render(dataset, out, *options, "--correspondences") == 0
    for view in ("view_0", "view_1"):
        names = sorted(path.name for path in (out / view).iterdir())
        assert names == ["canonical.ply", "depth", "depth.txt", "groundtruth.txt", "intrinsics.json", "truth"]
        sequence = load_depth_sequence(out / view)
        assert sequence.camera == CAMERA
        with np.load(out / view / "truth" / "0.100000.npz") as seen:
            assert (seen["face"] >= 0).sum() > (sequence.depth_m(1) > 0).sum() > 100  # dropout


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--identity", "nobody", "nobody: does not exist"),
        ("--sequence", "9", "9: does not exist"),
        ("--camera", "missing.json", "missing.json: no such file"),
    ],
)
def test_what_does_not_exist_is_named(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, problem: str
) -> None:
    assert render(dataset, tmp_path / "s", option, value) == 2
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("views", ["0", "-1", "two", "1000000"])
def test_a_number_of_views_that_makes_no_sense_is_refused(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], views: str
) -> None:
    assert render(dataset, tmp_path / "s", f"--views={views}") == 2
    assert "is not a whole number from 1 to 64" in capsys.readouterr().err
