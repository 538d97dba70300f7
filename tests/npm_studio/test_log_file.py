"""The log: written by the command line and the application, kept small, and never in the way."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from npm_studio import log_file

ROOT = Path(__file__).parents[2]
REFUSED = ("evaluate", "nowhere", "--truth", "nowhere")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of a log that has been started for this test alone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    log_file.start_log()
    yield log_file.log_path()
    for handler in root.handlers:
        handler.close()


def command(*words: str, state: Path, code: str = "") -> "subprocess.CompletedProcess[str]":
    """`npm-studio` with ``words`` in a process of its own, after ``code``."""
    source = f"import sys; {code}\nfrom npm_studio.cli.main import main\nsys.exit(main({list(words)!r}))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(state)}
    line = [sys.executable, "-c", source]
    return subprocess.run(line, capture_output=True, text=True, env=environment, check=False)


def test_lines_have_time_process_level_and_logger(log: Path) -> None:
    logging.getLogger("engine.geometry").info("a hole stays open")
    line = log.read_text().splitlines()[-1]
    assert line.endswith(f"{os.getpid()} INFO engine.geometry: a hole stays open")


def test_starting_twice_logs_once(log: Path) -> None:
    log_file.start_log()
    logging.getLogger("engine").warning("said once")
    assert log.read_text().count("said once") == 1


def test_other_libraries_are_logged_from_warnings_on(log: Path) -> None:
    logging.getLogger("somebody").info("chatter")
    logging.getLogger("somebody").warning("trouble")
    assert "trouble" in log.read_text() and "chatter" not in log.read_text()


def test_the_log_keeps_its_size(log: Path) -> None:
    for _ in range(45):
        logging.getLogger("engine").info("%s", "x" * 100_000)
    names = sorted(path.name for path in log.parent.iterdir())
    assert names == ["npm-studio.log", "npm-studio.log.1", "npm-studio.log.2"]
    assert sum(path.stat().st_size for path in log.parent.iterdir()) < 3.2e6


def test_a_file_that_another_process_moved_away_is_left(log: Path) -> None:
    logging.getLogger("engine").info("before")
    log.rename(log.with_suffix(".log.1"))
    logging.getLogger("engine").info("after")
    assert "after" in log.read_text() and "before" not in log.read_text()


def test_a_folder_that_cannot_be_made_stops_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state").write_text("a file where the folder would be")
    done = command(*REFUSED, state=tmp_path / "state")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "Traceback" not in done.stderr


def test_a_refusal_of_the_command_line_is_logged_with_the_versions(tmp_path: Path) -> None:
    done = command(*REFUSED, state=tmp_path)
    text = (tmp_path / "npm-studio" / "log" / "npm-studio.log").read_text()
    assert done.stderr.removeprefix("npm-studio: ").strip() in text
    assert "Python 3." in text and "PyTorch 2." in text


def test_an_unexpected_error_is_logged_with_its_traceback_and_names_the_log(tmp_path: Path) -> None:
    code = "import npm_studio.reports.machine as m; m.devices = lambda: 1 / 0"
    done = command("doctor", state=tmp_path, code=code)
    log = tmp_path / "npm-studio" / "log" / "npm-studio.log"
    assert done.returncode == 1
    assert str(log) in done.stderr.splitlines()[-1]
    assert "Traceback" in log.read_text() and "ZeroDivisionError" in log.read_text()


def test_help_writes_no_log(tmp_path: Path) -> None:
    assert command("fit", "--help", state=tmp_path).returncode == 0
    assert not list(tmp_path.rglob("*.log"))


def test_importing_the_engine_changes_nothing_of_the_process() -> None:
    code = (
        "import os, logging, sys; before = dict(os.environ)\n"
        "import engine.models.model, engine.methods.job, npm_studio\n"
        "assert dict(os.environ) == before and not logging.getLogger().handlers"
    )
    names = ("OMP_WAIT_POLICY", "LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")
    bare = {key: value for key, value in os.environ.items() if key not in names}
    subprocess.run([sys.executable, "-c", code], env={**bare, "PYTHONPATH": str(ROOT)}, check=True)


def test_commands_run_with_waiting_threads_asleep_set_before_pytorch_is_there(tmp_path: Path) -> None:
    code = (
        "import os, importlib.abc; names = ('OMP_WAIT_POLICY', 'LRU_CACHE_CAPACITY')\n"
        "for name in names: os.environ.pop(name, None)\n"
        "class Watch(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'torch': print([os.environ.get(each) for each in names], flush=True)\n"
        "sys.meta_path.insert(0, Watch())\n"
    )
    done = command(
        "reconstruct", "--model", str(tmp_path / "none"), "--out", str(tmp_path / "m"), state=tmp_path, code=code
    )
    assert done.stdout.strip() == "['PASSIVE', '32']"
