import gc
import os
import sys
import threading
import time
import weakref
from datetime import datetime
from pathlib import Path

import pytest

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from npm_studio.session.jobs import fitting
from npm_studio.session.jobs.events import (
    Advanced,
    EventQueue,
    Failed,
    Finished,
    JobEvent,
    Message,
    Previewed,
    StageStarted,
    Started,
    Stopped,
)
from npm_studio.session.jobs.runner import JobRunner, QueueProgress, Work
from npm_studio.session.jobs.status import JobStatus, clock_text
from tests.support.present import present


def run_all(*works: Work) -> list[JobEvent]:
    """Events of jobs that ran one after the other."""
    events, done = EventQueue(), threading.Event()
    runner = JobRunner("test", events)
    for work in works:
        runner.submit(work)
    runner.submit(lambda _: done.set())
    assert done.wait(5)
    assert runner.close()
    return events.drain()


def test_a_job_tells_its_start_its_progress_and_its_result() -> None:
    def work(progress: Progress) -> str:
        progress.stage("sum", 2)
        progress.advance(2, {"energy": 0.5})
        return "result"

    kinds = run_all(work)
    first = [event for event in kinds if event.job == kinds[0].job]
    assert [type(event) for event in first] == [Started, StageStarted, Advanced, Finished]
    assert isinstance(first[-1], Finished)
    assert first[-1].result == "result"


def test_a_failing_job_hands_over_its_error_and_the_next_one_still_runs() -> None:
    def fail(progress: Progress) -> None:
        raise ValueError("broken file")

    events = run_all(fail, lambda _: "next")
    failure = next(event for event in events if isinstance(event, Failed))
    assert str(failure.error) == "broken file"
    assert "ValueError" in failure.traceback
    assert any(isinstance(event, Finished) and event.result == "next" for event in events)


def test_a_thread_that_waits_for_the_next_job_holds_neither_the_last_one_nor_what_it_made() -> None:
    class Large:
        def __call__(self, progress: Progress) -> "Large":
            return Large()

    events, ended = EventQueue(), threading.Event()
    runner, work = JobRunner("test", events), Large()
    runner.submit(work)
    while runner.is_busy:
        ended.wait(0.001)
    held: list[weakref.ref[object]] = [weakref.ref(work)]
    held += [weakref.ref(event.result) for event in events.drain() if isinstance(event, Finished)]
    del work
    gc.collect()
    assert [one() for one in held] == [None, None]
    assert runner.close()


def test_a_paused_job_is_held_when_it_asks_whether_to_stop_and_goes_on() -> None:
    progress = QueueProgress(1, EventQueue())
    progress.pause()
    work = threading.Thread(target=progress.cancelled, daemon=True)
    work.start()
    work.join(0.05)
    assert work.is_alive()
    progress.go_on()
    work.join(5)
    assert not work.is_alive()
    assert not progress.cancelled()


def test_a_held_job_is_cancelled_all_the_same() -> None:
    events, running = EventQueue(), threading.Event()
    runner = JobRunner("test", events)

    def until_cancelled(progress: Progress) -> str:
        running.set()
        while not progress.cancelled():
            threading.Event().wait(0.001)
        return "the best so far"

    runner.submit(until_cancelled)
    assert running.wait(5)
    runner.pause(True)
    assert runner.close()
    assert [event.result for event in events.drain() if isinstance(event, Finished)] == ["the best so far"]


def test_cancelling_stops_the_running_job_and_drops_the_waiting_ones() -> None:
    events, running = EventQueue(), threading.Event()
    runner = JobRunner("test", events)

    def until_cancelled(progress: Progress) -> None:
        running.set()
        while not progress.cancelled():
            threading.Event().wait(0.002)
        raise Cancelled

    numbers = [runner.submit(until_cancelled), runner.submit(until_cancelled)]
    assert running.wait(5)
    runner.cancel()
    assert runner.close()
    stopped = {event.job for event in events.drain() if isinstance(event, Stopped)}
    assert stopped == set(numbers)
    assert not runner.is_busy


def test_of_waiting_progress_and_previews_only_the_last_is_kept() -> None:
    queue = EventQueue()
    queue.post(StageStarted(1, "fit", 100))
    for done in (1, 2, 3):
        queue.post(Advanced(1, done))
        queue.post(Previewed(1, f"mesh {done}"))
        queue.post(Message(1, f"line {done}"))
        queue.post(Advanced(2, 10 * done))
    kept = queue.drain()
    assert [event.done for event in kept if isinstance(event, Advanced)] == [3, 30]
    assert [event.payload for event in kept if isinstance(event, Previewed)] == ["mesh 3"]
    assert [event.text for event in kept if isinstance(event, Message)] == ["line 1", "line 2", "line 3"]
    assert queue.drain() == []


def test_progress_of_an_earlier_stage_is_not_lost_to_a_later_one() -> None:
    queue = EventQueue()
    for event in (StageStarted(1, "a", 2), Advanced(1, 2), StageStarted(1, "b", 5), Advanced(1, 1)):
        queue.post(event)
    assert [type(event) for event in queue.drain()] == [StageStarted, Advanced, StageStarted, Advanced]


def test_a_preview_is_wanted_only_when_the_last_one_was_shown_some_time_ago() -> None:
    now = [0.0]
    queue = EventQueue()
    progress = QueueProgress(1, queue, clock=lambda: now[0])
    assert progress.wants_preview()
    progress.preview("first")
    now[0] = 10.0
    assert not progress.wants_preview()
    queue.drain()
    assert progress.wants_preview()
    progress.preview("second")
    queue.drain()
    assert not progress.wants_preview()


def test_the_expected_end_follows_from_the_speed_so_far() -> None:
    now = [0.0]
    status = JobStatus(clock=lambda: now[0])
    assert status.seconds_left is None
    status.update(StageStarted(1, "fit", 100))
    now[0] = 10.0
    status.update(Advanced(1, 25, {"energy": 0.25}))
    assert status.fraction == pytest.approx(0.25)
    assert status.seconds_left == pytest.approx(30.0)
    assert status.metrics == {"energy": 0.25}
    assert clock_text(present(status.seconds_left)) == "0:30"


def test_a_run_goes_into_the_project_or_to_the_users_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    sequence = tmp_path / "my walk"
    sequence.mkdir()
    out = fitting.new_run_folder(sequence, now=datetime(2026, 1, 2, 3, 4, 5))
    assert out == tmp_path / "data" / "npm-studio" / "runs" / "my-walk-20260102-030405"
    inside = fitting.new_run_folder(sequence, tmp_path / "study", datetime(2026, 1, 2, 3, 4, 5))
    assert inside == tmp_path / "study" / "runs" / "my-walk-20260102-030405"
    for _ in range(120):  # as many as end within a second, each in a folder of its own
        inside.mkdir(parents=True)
        inside = fitting.new_run_folder(sequence, tmp_path / "study", datetime(2026, 1, 2, 3, 4, 5))
    assert inside.name.endswith("-030405-121")


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux only")
@pytest.mark.parametrize("yields", [False, True])
def test_work_that_yields_runs_below_the_priority_of_the_window(yields: bool) -> None:
    events, priorities = EventQueue(), []
    runner = JobRunner("test", events, yields=yields)
    runner.submit(lambda _: priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id())))
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    deadline = time.monotonic() + 5
    while runner.is_busy and time.monotonic() < deadline:
        time.sleep(0.001)
    assert runner.close()
    assert (priorities[0] > own) is (yields and own < 10)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
