"""Commands in processes of their own. Most tests have a few lines of Python in place of `npm-studio`."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.core.errors import Cancelled, InputError
from engine.training.state import read_state, state_file
from npm_studio.session.jobs import own_process
from npm_studio.session.jobs.events import (
    Advanced,
    EventQueue,
    JobEvent,
    Message,
    Previewed,
    ProcessBegan,
    StageStarted,
)
from npm_studio.session.jobs.own_process import run_command
from npm_studio.session.jobs.runner import QueueProgress
from npm_studio.session.jobs.training import (
    TrainingChoice,
    TrainingEnd,
    can_go_on,
    has_earlier,
    suggested_out,
    train,
)
from tests.support.progress import Impatient, Listener
from tests.support.training import prepared_ellipsoids

COUNTING = """
    import time
    from npm_studio.cli.console import ConsoleProgress

    with ConsoleProgress() as progress:
        progress.stage("count", 100000)
        for step in range(100000):
            progress.advance(step + 1, {"error": 0.5})
            if progress.cancelled():
                break
            time.sleep(0.01)
"""
Command = Callable[[str], None]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Have these lines of Python run in place of `npm-studio`."""

    def run_instead(lines: str) -> None:
        monkeypatch.setattr(own_process, "NPM_STUDIO", (sys.executable, "-c", textwrap.dedent(lines)))

    return run_instead


class Heard:
    """A job whose events are kept."""

    def __init__(self) -> None:
        self._queue = EventQueue()
        self.progress = QueueProgress(1, self._queue)
        self.events: list[JobEvent] = []
        self.outcome: object = None

    def start(self, work: Callable[[QueueProgress], object]) -> None:
        def run() -> None:
            try:
                self.outcome = work(self.progress) or "done"
            except Exception as error:
                self.outcome = error

        threading.Thread(target=run, daemon=True).start()

    def wait_for(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 240
        while not holds():
            assert time.monotonic() < deadline, (self.events, self.outcome)
            self.events += self._queue.drain()
            time.sleep(0.005)

    @property
    def done(self) -> int:
        return max((event.done for event in self.events if isinstance(event, Advanced)), default=0)

    @property
    def process(self) -> int:
        return next(event.process for event in self.events if isinstance(event, ProcessBegan))


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_what_a_command_says_of_its_progress_are_the_events_of_any_job(command: Command) -> None:
    command("""
        from engine.core.errors import Notice, Setting, remedy
        from npm_studio.cli.console import ConsoleProgress

        with ConsoleProgress() as progress:
            progress.stage("sum", 2)
            progress.advance(2, {"error": 0.25})
            progress.notice(Notice("one frame is lost", remedy("tick {}", Setting.FILL_LOST)))
            progress.preview("a picture")
            print("a library says something")
    """)
    heard = Heard()
    heard.start(lambda progress: run_command([], "sum", progress))
    heard.wait_for(lambda: heard.outcome is not None)
    heard.wait_for(lambda: any(isinstance(event, Previewed) for event in heard.events))
    assert heard.outcome == "done"
    assert StageStarted(1, "sum", 2) in heard.events
    assert Advanced(1, 2, {"error": 0.25}) in heard.events
    (said,) = (event.text for event in heard.events if isinstance(event, Message))
    assert said == "one frame is lost; tick “Fill lost frames”"  # as the window calls it


def test_a_command_is_held_goes_on_and_is_ended(command: Command) -> None:
    command(COUNTING)
    heard = Heard()
    heard.start(lambda progress: run_command([], "count", progress))
    heard.wait_for(lambda: heard.done > 3)
    heard.progress.pause()
    time.sleep(0.5)
    heard.wait_for(lambda: True)
    held = heard.done
    time.sleep(0.3)
    heard.wait_for(lambda: True)
    assert heard.done == held
    heard.progress.go_on()
    heard.wait_for(lambda: heard.done > held + 3)
    heard.progress.cancel()
    heard.wait_for(lambda: heard.outcome is not None)
    assert isinstance(heard.outcome, Cancelled)
    assert is_gone(heard.process)


def test_a_command_that_is_asked_to_stop_before_it_has_begun_ends_wherever_it_is(command: Command) -> None:
    """Even where Ctrl-C is ignored, as in one that was started from the background of a shell."""
    command("""
        import signal, time
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        from npm_studio.cli.starter import starter

        starter()
        time.sleep(3600)
    """)
    with pytest.raises(Cancelled):
        run_command([], "count", Impatient())


def test_what_may_be_left_is_left_as_soon_as_the_window_asks_to_stop(command: Command, tmp_path: Path) -> None:
    command(f"""
        import time
        from pathlib import Path
        from engine.core.errors import Cancelled
        from npm_studio.cli.console import ConsoleProgress

        with ConsoleProgress() as progress:
            try:
                with progress.may_be_left():
                    progress.advance(1, {{"begun": 1.0}})
                    while True:
                        time.sleep(0.01)
            except Cancelled:
                Path({str(tmp_path / "left")!r}).write_text(str(progress.is_hurried()))
    """)
    heard = Heard()
    heard.start(lambda progress: run_command([], "look", progress))
    heard.wait_for(lambda: heard.done == 1)
    heard.progress.cancel()
    heard.wait_for(lambda: heard.outcome is not None)
    assert isinstance(heard.outcome, Cancelled)
    assert (tmp_path / "left").read_text() == "True"


def test_a_command_that_is_killed_and_one_that_breaks_say_so(command: Command) -> None:
    command("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(InputError, match=r"model: cannot be made: its process was ended from outside \(SIGKILL\)"):
        run_command([], "model", Listener())
    command("raise ValueError('broken')")
    with pytest.raises(InputError, match="model: cannot be made: ValueError: broken"):
        run_command([], "model", Listener())


@pytest.mark.skipif(os.name != "posix", reason="there are no signals that end a process at once")
def test_a_command_whose_window_is_killed_stops_by_itself() -> None:
    window = textwrap.dedent("""
        import sys
        from npm_studio.session.jobs import own_process
        from npm_studio.session.jobs.events import EventQueue

        class Told(own_process.QueueProgress):
            def runs_in(self, process):
                print(process, flush=True)

        own_process.NPM_STUDIO = (sys.executable, "-c", sys.argv[1])
        own_process.run_command([], "count", Told(1, EventQueue()))
    """)
    command = [sys.executable, "-c", window, textwrap.dedent(COUNTING)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        process = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 120
    while not is_gone(process):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_a_training_in_a_process_keeps_its_state_when_it_is_stopped(tmp_path: Path, preset: Path) -> None:
    data = prepared_ellipsoids(tmp_path / "ellipsoids", 2).root
    long = tmp_path / "long.yaml"
    two_stages = preset.read_text().partition("shape_encoder:")[0]
    long.write_text(two_stages.replace("steps: 12", "steps: 100000"))
    choice = TrainingChoice(data, str(long), suggested_out(data, "tiny"), "cpu")
    assert not has_earlier(choice.out)

    heard = Heard()
    heard.start(lambda progress: train(choice, "anew", progress))
    heard.wait_for(lambda: heard.done >= 100)
    heard.progress.cancel()
    heard.wait_for(lambda: heard.outcome is not None)
    assert heard.outcome == TrainingEnd(choice, is_finished=False)
    assert can_go_on(choice.out)
    assert 100 <= read_state(state_file(choice.out, "shape", "last"))["step"] < 100000
    assert not [path for path in tmp_path.rglob(".*") if path.is_dir()]


def test_a_new_training_goes_beside_its_dataset_where_nothing_is_lost(tmp_path: Path) -> None:
    data = tmp_path / "bodies"
    assert suggested_out(data, "anny/tiny") == tmp_path / "bodies-tiny.npm"
    (tmp_path / "bodies-tiny.npm").mkdir()
    assert suggested_out(data, "anny/tiny") == tmp_path / "bodies-tiny-2.npm"
