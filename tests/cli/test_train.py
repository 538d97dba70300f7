import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trimesh

from engine.checkpoint import load_model
from npm_studio.cli.main import main
from tests.registered import write_ellipsoids

TINY = Path(__file__).parents[2] / "configs" / "anny" / "tiny.yaml"


def words(stage: str, data: Path, out: Path, *more: str) -> list[str]:
    return ["train", stage, "--config", str(TINY), "--data", str(data), "--out", str(out), "--device", "cpu", *more]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids", identities=2)
    assert main(["prepare", str(root)]) == 0
    return root


def test_the_chain_from_dataset_to_mesh_runs_from_the_command_line(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, mesh = tmp_path / "e.npm", tmp_path / "e.ply"
    assert main(words("shape", dataset, out, "--shape.schedule.steps", "60", "--json")) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["steps"] == 60
    assert main(words("pose", dataset, out, "--pose.schedule.steps=5")) == 0
    assert load_model(out).has_pose
    assert main(["reconstruct", "--model", str(out), "--identity", "1", "--resolution", "32", "--out", str(mesh)]) == 0
    assert trimesh.load(mesh).is_watertight


def test_an_unknown_field_of_the_preset_is_refused_by_name(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words("shape", dataset, tmp_path / "e.npm", "--shape.schedule.stepps", "5")) == 2
    assert "shape.schedule.stepps" in capsys.readouterr().err


def test_ctrl_c_keeps_what_was_learned_and_resume_goes_on(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "e.npm"
    arguments = words("shape", dataset, out, "--shape.schedule.steps", "100000")
    child = subprocess.Popen(
        [sys.executable, "-m", "npm_studio", *arguments], stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert child.stderr is not None
    for line in child.stderr:
        if line.startswith("train shape:"):
            time.sleep(0.5)  # into the steps
            break
    child.send_signal(signal.SIGINT)
    _, rest = child.communicate(timeout=60)
    assert child.returncode == 130, rest
    assert "--resume" in rest
    reached = load_model(out).info.training["shape"]["steps"]
    assert 0 < reached < 100000
    assert main(words("shape", dataset, out, "--resume", "--shape.schedule.steps", str(reached + 3))) == 0
    assert load_model(out).info.training["shape"]["steps"] == reached + 3


def test_a_folder_that_is_no_model_is_never_replaced(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    assert main(words("shape", dataset, tmp_path)) == 2
    assert "not a model" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "["), ("shape.decoder.skip_layer", "99"), ("shape.schedule.steps", "-3"), ("shape.near_share", "1.5")],
)
def test_a_value_that_makes_no_sense_is_refused_before_training(
    field: str, value: str, dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words("shape", dataset, tmp_path / "e.npm", f"--{field}", value)) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("npm-studio:")]
    assert len(lines) == 1
    assert field.split(".")[-1] in lines[0]
    assert not (tmp_path / "e.npm").exists()
