import pytest

from npm_studio.session.jobs.events import Advanced, StageStarted
from npm_studio.session.jobs.status import JobStatus
from npm_studio.session.jobs.whole_fit import whole_fraction, whole_seconds_left
from tests.support.present import present


def test_a_fit_is_never_less_far_in_a_later_stage() -> None:
    status, reached = JobStatus(), 0.0
    for name in ("read depth", "search", "fit", "mesh", "measure"):
        status.update(StageStarted(1, name, 4))
        for done in range(5):
            status.update(Advanced(1, done, {}))
            assert present(whole_fraction(status)) >= reached
            reached = present(whole_fraction(status))
    assert reached == 1


def test_the_time_left_is_that_of_the_whole_fit_and_is_not_told_before_the_long_stage() -> None:
    now = [0.0]
    status = JobStatus(clock=lambda: now[0])
    status.update(StageStarted(1, "read depth", 20))
    now[0] = 1.0
    status.update(Advanced(1, 10, {}))
    assert whole_seconds_left(status) is None
    status.update(StageStarted(1, "fit", 100))
    now[0] = 11.0
    status.update(Advanced(1, 50, {}))
    assert present(status.seconds_left) == pytest.approx(10)
    assert 10 < present(whole_seconds_left(status)) < 20
