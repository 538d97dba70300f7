"""`npm-studio train` as a user calls it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.models.checkpoint import load_model
from engine.training.state import state_file
from npm_studio.cli.main import main
from tests.support.ellipsoids import write_ellipsoids
from tests.support.training import LONGER, prepared_ellipsoids, spoil_pool

LONGER_SHAPE = [word for field, value in LONGER.items() for word in (f"--{field}", value)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids", 2).root


@pytest.fixture
def words(dataset: Path, preset: Path, tmp_path: Path) -> list[str]:
    """The command line behind the stage, which writes ``e.npm``."""
    return ["--config", str(preset), "--data", str(dataset), "--out", str(tmp_path / "e.npm"), "--device", "cpu"]


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which a command refused."""
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("npm-studio")]
    return line


@pytest.mark.slow
def test_the_chain_from_dataset_to_mesh_runs_from_the_command_line(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out, mesh = write_ellipsoids(tmp_path / "d", 2), tmp_path / "e.npm", tmp_path / "e.ply"
    assert main(["prepare", str(data), "--near", "4000", "--uniform", "2000"]) == 0
    words[words.index("--data") + 1] = str(data)
    assert main(["train", "shape", *words, *LONGER_SHAPE, "--shape.schedule.steps", "60", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["steps"] == 60
    assert main(["train", "pose", *words, "--pose.schedule.steps=5"]) == 0
    assert load_model(out).has_pose
    assert main(["reconstruct", "--model", str(out), "--identity", "1", "--resolution", "32", "--out", str(mesh)]) == 0
    assert trimesh.load(mesh).is_watertight


def test_all_stages_with_held_out_data_in_one_command(
    words: list[str], dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "all", *words, "--validation", str(dataset), "--json"]) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(told) == ["shape", "pose", "shape-encoder", "pose-encoder", "coordinates"]
    for stage, figure in (
        ("shape", "sdf"),
        ("pose", "flow"),
        ("shape-encoder", "surface"),
        ("pose-encoder", "surface"),
    ):
        assert told[stage][f"validation_{figure}"] > 0
        assert told[stage]["interrupted"] is False
        drawn = any((tmp_path / "e.training" / "previews").glob(f"{stage}-0*.png"))
        assert drawn == ("encoder" not in stage)  # encoders change no surface
    assert main(["train", "all", *words, "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {}


def test_poses_on_the_shapes_of_another_model(words: list[str], tmp_path: Path) -> None:
    assert main(["train", "shape", *words]) == 0
    shape = tmp_path / "e.npm"
    words[words.index(str(shape))] = str(tmp_path / "with space" / "p.npm")
    assert main(["train", "pose", *words, "--shape-model", str(shape)]) == 0
    assert load_model(tmp_path / "with space" / "p.npm").has_pose


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_learned_and_resume_goes_on(words: list[str], tmp_path: Path) -> None:
    out, endless = tmp_path / "e.npm", ["--shape.schedule.steps", "100000", "--keep_every", "1000000"]
    child = subprocess.Popen(
        [sys.executable, "-m", "npm_studio", "train", "shape", *words, *endless], stderr=subprocess.PIPE, text=True
    )
    assert child.stderr is not None
    for line in child.stderr:
        if line.startswith("train shape: 1"):
            time.sleep(0.5)  # into the steps
            break
    child.send_signal(signal.SIGINT)
    _, rest = child.communicate(timeout=60)
    assert child.returncode == 130, rest
    assert "--resume" in rest
    reached = load_model(out).info.training["shape"]["steps"]
    assert 0 < reached < 100000
    assert not list(tmp_path.rglob(".*"))  # nothing half-written
    resume = ["--resume", "--shape.schedule.steps", str(reached + 3)]
    assert main(["train", "shape", *words, *resume]) == 0
    assert load_model(out).info.training["shape"]["steps"] == reached + 3


def test_a_kept_state_is_named_by_its_steps(words: list[str], tmp_path: Path) -> None:
    assert main(["train", "shape", *words, "--keep_every", "5"]) == 0
    assert state_file(tmp_path / "e.npm", "shape", "10").is_file()
    assert main(["train", "shape", *words, "--resume", "10"]) == 0
    assert main(["train", "shape", *words, "--resume", "best"]) == 0
    assert load_model(tmp_path / "e.npm").info.training["shape"]["steps"] == 12


@pytest.mark.parametrize(
    ("stage", "more", "mentioned"),
    [
        ("shape", ["--shape.schedule.stepps", "5"], "shape.schedule.stepps"),
        ("shape", ["--name", "["], "name"),
        ("shape", ["--shape.decoder.skip_layer", "99"], "skip_layer"),
        ("shape", ["--shape.schedule.steps", "-3"], "steps"),
        ("shape", ["--shape.near_share", "1.5"], "near_share"),
        ("shape", ["--shape_encoder.resolution", "20"], "shape_encoder"),
        ("shape", ["--shape_encoder", "null", "--shape.width"], "--shape.width"),
        ("shape-encoder", ["--shape_encoder", "null"], "no shape"),
        ("all", ["--resume", "best"], "name the stage"),
        ("all", ["--shape-model", "x.npm"], "--shape-model"),
        ("shape", ["--resume", "yesterday"], "neither last, best nor"),
        ("shape", ["--resume", "-3"], "--resume"),
        ("shape", ["--resume", "7"], "nothing to resume"),
        ("shape", ["--validation", "not-there"], "not-there"),
        ("pose", ["--shape-model", "not-there.npm"], "not-there.npm"),
        ("pose", [], "train shape"),
        ("pose-encoder", [], "train shape"),
        ("everything", [], "everything"),
    ],
)
def test_what_makes_no_sense_is_refused_before_training(
    stage: str,
    more: list[str],
    mentioned: str,
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", stage, *words, *more]) == 2
    assert mentioned in refusal(capsys)
    assert not list(tmp_path.iterdir())


def test_a_dataset_without_pools_is_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words[words.index("--data") + 1] = str(write_ellipsoids(tmp_path / "d", 1))
    assert main(["train", "shape", *words]) == 2
    assert "npm-studio prepare" in refusal(capsys)


def test_a_damaged_state_and_one_of_another_decoder_are_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "shape", *words]) == 0
    before = load_model(tmp_path / "e.npm").shape_codes
    assert main(["train", "shape", *words, "--resume", "--shape.code_size", "9"]) == 2
    assert "does not fit this configuration" in refusal(capsys)
    state = state_file(tmp_path / "e.npm", "shape", "last")
    state.write_bytes(b"half")
    for stage in ("shape", "all"):
        assert main(["train", stage, *words, "--resume"]) == 2
        assert "is damaged" in (line := refusal(capsys))
        assert "delete it" in line
    assert np.array_equal(load_model(tmp_path / "e.npm").shape_codes, before)
    state.unlink()
    assert main(["train", "shape", *words, "--resume"]) == 0


def test_a_pool_with_what_is_no_number_is_refused_by_its_identity(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiled = prepared_ellipsoids(tmp_path / "d", 2)
    spoil_pool(spoiled, 1)
    words[words.index("--data") + 1] = str(spoiled.root)
    assert main(["train", "shape", *words]) == 2
    assert "ellipsoid_001" in refusal(capsys)
    assert not (tmp_path / "e.npm").exists()


def test_a_folder_that_is_no_model_is_never_replaced(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    precious = tmp_path / "e.npm" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("precious")
    assert main(["train", "shape", *words]) == 2
    assert "not a model" in refusal(capsys)
    assert precious.read_text() == "precious"
    assert not (tmp_path / "e.training").exists()
