from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from npm_studio.session.jobs.own_process import _tell, run_command
from tests.support.progress import Listener


class _Counting(Progress):
    def __init__(self) -> None:
        self.heard: list[object] = []

    def stage(self, name: str, total: int) -> None:
        self.heard.append((name, total))

    def advance(self, done: int, metrics: Mapping[str, float] | None = None) -> None:
        self.heard.append(done)


def test_what_a_command_says_of_its_progress_is_passed_on() -> None:
    heard = _Counting()
    assert _tell("compare with the truth: 20 steps", heard)
    assert _tell("compare with the truth: 5/20  0:01 elapsed, 0:03 left", heard)
    assert not _tell("npm-studio: run: is not a run: it has no run.json", heard)
    assert heard.heard == [("compare with the truth", 20), 5]


@pytest.mark.slow
def test_a_command_that_fails_says_why_in_its_last_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"report: cannot be written: .*nowhere"):
        run_command(["export", str(tmp_path / "nowhere"), "--out", str(tmp_path / "x.glb")], Path("report"), Listener())


@pytest.mark.slow
def test_a_command_that_is_stopped_leaves_nothing(tmp_path: Path, fitted_run: Path) -> None:
    out = tmp_path / "meshes"
    with pytest.raises(Cancelled):
        run_command(["export", str(fitted_run), "--format", "ply", "--out", str(out)], out, Listener(stop_after=0))
    assert list(tmp_path.iterdir()) == []
