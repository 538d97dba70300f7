"""The board of jobs and the list of those that a user is told of, without a window."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from npm_studio.session.jobs.board import MOST_AGAIN, MOST_OVER, JobBoard
from npm_studio.session.jobs.events import Advanced, Message, Resumed, StageStarted, Started
from npm_studio.session.jobs.job import MOST_LINES, Job, JobInfo, after, in_words, paused, stopping
from tests.support.present import present


@pytest.fixture
def board() -> Iterator[JobBoard]:
    board = JobBoard()
    yield board
    assert board.shut_down(5)


def wait_until(board: JobBoard, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        board.hand_out()
        time.sleep(0.001)


def until_stopped(progress: Progress) -> str:
    progress.stage("count", 1000)
    progress.advance(250)
    while not progress.cancelled():
        time.sleep(0.001)
    return "the best so far"


class Ends:
    """What is called at the end of jobs."""

    def __init__(self) -> None:
        self.results: list[object] = []
        self.errors: list[Exception] = []
        self.stops = 0

    def stopped(self) -> None:
        self.stops += 1

    def submit(self, board: JobBoard, work: Callable[[Progress], object], title: str, lane: str = "fit") -> int:
        return board.submit(
            lane,
            work,
            self.results.append,
            lambda error, _: self.errors.append(error),
            self.stopped,
            info=JobInfo(title, keeps="the best so far", can_pause=True),
        )


def state(board: JobBoard, number: int) -> str:
    return present(board.job(number)).state


def test_jobs_of_a_lane_wait_for_each_other_and_one_that_waits_is_dropped_alone(board: JobBoard) -> None:
    ends = Ends()
    first, second, third = (ends.submit(board, until_stopped, f"Fit {name}") for name in "abc")
    wait_until(board, lambda: state(board, first) == "running")
    assert [state(board, one) for one in (second, third)] == ["waiting", "waiting"]
    board.stop(second)
    wait_until(board, lambda: state(board, second) == "stopped")
    assert (ends.stops, state(board, first), state(board, third)) == (1, "running", "waiting")
    board.stop(first)
    wait_until(board, lambda: state(board, third) == "running")
    assert ends.results == ["the best so far"]
    assert state(board, first) == "stopped"  # with what it had
    board.cancel("fit")
    wait_until(board, lambda: not board.unfinished)
    assert [job.info.title for job in board.jobs] == ["Fit a", "Fit b", "Fit c"]  # they stay listed


def test_a_job_that_shall_keep_nothing_ends_where_it_reports_or_asks(board: JobBoard) -> None:
    ends = Ends()
    number = ends.submit(board, until_stopped, "Fit a")
    wait_until(board, lambda: state(board, number) == "running")
    board.stop(number, discard=True)
    wait_until(board, lambda: not board.is_busy("fit"))
    assert (ends.results, ends.stops, state(board, number)) == ([], 1, "stopped")


def test_a_job_is_held_goes_on_and_says_how_it_ended(board: JobBoard) -> None:
    ends, heard = Ends(), threading.Event()

    def work(progress: Progress) -> str:
        progress.stage("count", 2)
        progress.message("half of it is done")
        progress.advance(1, {"distance_mm": 4.5})
        heard.set()
        while not progress.cancelled():
            time.sleep(0.001)
        raise ValueError("damaged file")

    number = ends.submit(board, work, "Fit a")
    assert heard.wait(5)
    board.pause("fit", True)
    board.hand_out()
    assert state(board, number) == "paused"
    board.pause("fit", False)
    assert state(board, number) == "running"
    board.stop(number)
    wait_until(board, lambda: not board.is_busy("fit"))
    job = present(board.job(number))
    assert (job.state, job.metrics) == ("failed", {"distance_mm": 4.5})
    assert job.log == ("count: 2 steps", "half of it is done", "damaged file")


def test_a_job_without_a_title_is_not_listed_and_one_that_is_over_can_be_taken_off(board: JobBoard) -> None:
    ends = Ends()
    board.submit("load", lambda _: "model", ends.results.append, lambda *_: None)
    listed = ends.submit(board, lambda _: "run", "Fit a")
    board.forget(listed)
    assert [job.number for job in board.jobs] == [listed]  # it is not over
    wait_until(board, lambda: len(ends.results) == 2)
    board.forget(listed)
    assert board.jobs == ()


def test_a_long_session_lists_its_latest_jobs(board: JobBoard) -> None:
    ends = Ends()
    for number in range(MOST_OVER + 3):
        ends.submit(board, lambda _: None, f"Fit {number}")
        wait_until(board, lambda: not board.unfinished)
    ends.submit(board, lambda _: None, "last")
    assert len(board.jobs) == MOST_OVER + 1


def test_only_the_latest_jobs_hold_what_it_takes_to_do_them_again(board: JobBoard) -> None:
    for number in range(MOST_AGAIN + 2):
        board.submit("fit", lambda _: None, lambda _: None, lambda *_: None, info=JobInfo(f"Fit {number}", again=list))
        wait_until(board, lambda: not board.unfinished)
    board.submit("fit", lambda _: None, lambda _: None, lambda *_: None, info=JobInfo("last"))
    assert [job.info.again is not None for job in board.jobs] == [False] * 2 + [True] * MOST_AGAIN + [False]


def test_while_a_job_waits_for_its_user_its_expected_end_does_not_move() -> None:
    job = after(Job(1, "fit", JobInfo("Fit a"), 0.0), Started(1), 1.0)
    job = after(after(job, StageStarted(1, "fit", 100), 10.0), Advanced(1, 25), 20.0)
    assert job.fraction == 0.25
    assert job.seconds_left(20.0) == pytest.approx(30.0)
    held = paused(job, True, 20.0)
    assert held.seconds_left(500.0) == pytest.approx(30.0)
    assert paused(held, False, 500.0).seconds_left(500.0) == pytest.approx(30.0)
    assert in_words(held) == "fitting, 25 of 100"
    assert held.seconds(500.0) == 19.0
    assert paused(held, False, 500.0).seconds(501.0) == stopping(held, 500.0).seconds(501.0) == 20.0  # of work


def test_a_stage_that_goes_on_is_expected_to_end_at_the_speed_of_its_new_steps() -> None:
    job = after(Job(1, "train", JobInfo("Train a"), 0.0), Started(1), 1.0)
    job = after(after(job, StageStarted(1, "train shape", 1000), 10.0), Resumed(1, 900), 10.0)
    assert job.fraction == 0.9 and job.seconds_left(12.0) is None
    assert after(job, Advanced(1, 910), 20.0).seconds_left(20.0) == pytest.approx(90.0)


def test_the_log_of_a_job_keeps_its_last_lines() -> None:
    job = Job(1, "fit", JobInfo("Fit a"), 0.0)
    for number in range(MOST_LINES + 5):
        job = after(job, Message(1, f"line {number}"), 0.0)
    assert (len(job.log), job.log[-1]) == (MOST_LINES, f"line {MOST_LINES + 4}")


def test_work_that_is_cancelled_before_it_has_anything_tells_so(board: JobBoard) -> None:
    def work(progress: Progress) -> None:
        while not progress.cancelled():
            time.sleep(0.001)
        raise Cancelled

    ends = Ends()
    number = ends.submit(board, work, "Fit a")
    wait_until(board, lambda: state(board, number) == "running")
    board.cancel("fit")
    wait_until(board, lambda: ends.stops == 1)
    assert state(board, number) == "stopped"
