"""Several processes that share every batch learn what one process learns."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.models.checkpoint import load_model
from tests.support.training import prepared_ellipsoids
from tests.support.training_process import figures_and_codes

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def torchrun(processes: int, *command: str) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in several processes that talk by way of 127.0.0.1."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, *launcher, "--local-addr", "127.0.0.1", *command],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared_ellipsoids(tmp_path_factory.mktemp("data") / "ellipsoids").root


@pytest.fixture(scope="module")
def seen(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes, and one alone, have seen of the same training."""
    folder = tmp_path_factory.mktemp("seen")
    done = torchrun(2, "tests/support/training_process.py", str(data), str(folder))
    assert done.returncode == 0, done.stderr
    figures_and_codes(data, folder)
    return folder


def test_two_processes_have_the_losses_and_the_codes_of_one(seen: Path) -> None:
    one, two = (torch.load(seen / f"{processes}.pt", weights_only=True) for processes in (1, 2))
    for stage, names in (("shape", ("sdf", "eikonal")), ("pose", ("flow",))):
        assert len(one[stage]["figures"]) == 20
        for name in names:
            losses = [[step[name] for step in run[stage]["figures"]] for run in (one, two)]
            assert losses[0] == pytest.approx(losses[1], abs=1e-5)
            assert len(set(losses[0])) == 20
        assert torch.allclose(one[stage]["codes"], two[stage]["codes"], rtol=0, atol=1e-5)
        for key, value in one[stage]["network"].items():
            assert torch.allclose(value, two[stage]["network"][key], rtol=0, atol=1e-4), key


def test_all_processes_stop_when_one_is_asked_to(seen: Path) -> None:
    first, last = (json.loads((seen / f"stopped-{rank}.json").read_text()) for rank in (0, 1))
    assert first == last
    assert first[1]
    assert 0 < first[0] < 100
    assert load_model(seen / "together.npm").info.training["shape"]["steps"] == first[0]


def test_the_command_under_torchrun_writes_one_model_and_tells_it_once(
    data: Path, preset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "e.npm"
    command = ["-m", "npm_studio", "train", "shape", "--device", "cpu", "--json", "--config"]
    done = torchrun(2, *command, str(preset), "--data", str(data), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["steps"] for line in done.stdout.splitlines() if line.startswith("{")] == [12]
    assert done.stderr.count("train shape: 12 steps") == 1
    assert load_model(out).info.training["shape"]["devices"] == 2
    lines = [json.loads(line) for line in (tmp_path / "e.training" / "log.jsonl").read_text().splitlines()]
    assert [(line["kind"], line["step"]) for line in lines] == [("train", 12)]
    assert len(list((tmp_path / "e.training" / "tensorboard").glob("events.*"))) == 1
    assert not list(tmp_path.rglob(".*"))  # nothing half-written
