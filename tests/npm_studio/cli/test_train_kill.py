"""The short form of `benchmarks/resume_after_kill.py`, which kills at twenty random moments."""

import time
from pathlib import Path

import pytest
from resume_after_kill import TrainingRun, differences, look_at, write_data

from engine.training.state import state_file
from npm_studio.cli.main import main


@pytest.mark.slow
def test_a_training_killed_three_times_leaves_whole_states_and_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    data, config = write_data(tmp_path)
    undisturbed, killed = (TrainingRun(data, config, tmp_path / f"{name}.npm", 240, 10) for name in ("a", "b"))
    assert main(undisturbed.words()) == 0

    soon = time.monotonic() + 1.0  # while it is still reading
    assert killed.kill_when(lambda: time.monotonic() > soon)
    assert not look_at(killed)["damage"]
    for step in (60, 150):
        assert killed.kill_when(state_file(killed.out, "shape", str(step)).exists)
        left = look_at(killed)
        assert not left["damage"]
        assert step <= left["newest_step"] < 240
    killed.finish()
    assert differences(killed.out, undisturbed.out) == []
