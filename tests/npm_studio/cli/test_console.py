import os
import signal
import time

import pytest

from npm_studio.cli import console
from npm_studio.cli.console import ConsoleProgress


@pytest.fixture(autouse=True)
def not_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "_interrupted", False)


def test_signals_that_come_together_are_one_request_to_stop() -> None:
    with ConsoleProgress() as progress:
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):  # as `timeout` does: process, then group
            os.kill(os.getpid(), number)
        assert progress.cancelled()
    assert console.interrupted()


def test_a_later_signal_stops_at_once() -> None:
    with ConsoleProgress() as progress:
        os.kill(os.getpid(), signal.SIGINT)
        assert progress.cancelled()
        time.sleep(1.1)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_only_the_first_of_several_processes_speaks(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for rank, lines in (("0", 3), ("1", 0)):
        monkeypatch.setenv("RANK", rank)
        progress = ConsoleProgress(seconds_between_lines=0.0)
        progress.stage("work", 2)
        progress.advance(2)
        progress.message("done")
        assert len(capfd.readouterr().err.splitlines()) == lines
