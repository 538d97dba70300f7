"""Time stamps as cameras write them down."""

import numpy as np
import pytest

from engine.sequences.mesh_sequence import frame_rate_of, regular_times
from engine.sequences.timing import Timing, numbered_times, settle_times

DAY_S = 1305031102.160407
"""Time stamps of the day have no more than six digits after the point."""


def settled(times_s: list[float] | np.ndarray) -> tuple[Timing, np.ndarray, str]:
    timing = settle_times(np.asarray(times_s, np.float64))
    assert timing.times_s is not None and len(timing.times_s) == len(timing.kept)
    assert (np.diff(timing.times_s) > 0).all()
    return timing, timing.times_s, "; ".join(map(str, timing.warnings))


@pytest.mark.parametrize("start", [0.0, DAY_S])
@pytest.mark.parametrize("rounding", [3, 6])
def test_regular_time_stamps_stay_as_they_are_and_nothing_is_said(start: float, rounding: int) -> None:
    times = np.round(start + np.arange(90) / 30, rounding)
    timing, kept, text = settled(times)
    np.testing.assert_array_equal(kept, times)
    assert text == "" and len(timing.kept) == 90
    assert frame_rate_of(kept) == pytest.approx(30, abs=0.02)


def test_a_gap_stays_and_is_said() -> None:
    times = np.arange(20) / 25
    times[12:] += 0.4
    _, kept, text = settled(times)
    np.testing.assert_array_equal(kept, times)
    assert text == "1 of 19 intervals between frames differ from the usual 0.04 s, the longest is 0.44 s"
    assert frame_rate_of(kept) == 25


def test_of_frames_of_one_time_stamp_the_first_is_kept() -> None:
    timing, kept, text = settled([0.0, 0.1, 0.1, 0.2, 0.3, 0.3, 0.4])
    assert timing.kept.tolist() == [0, 1, 3, 4, 6]
    np.testing.assert_allclose(kept, [0, 0.1, 0.2, 0.3, 0.4])
    assert "2 of 7 frames left out: they have the time stamp of the frame before" in text


def test_missing_time_stamps_are_filled_in_by_their_neighbours() -> None:
    nan = np.nan
    _, kept, text = settled([nan, 10.1, nan, 10.3, 10.4, 10.5, nan])
    np.testing.assert_allclose(kept, 10 + np.arange(7) / 10)
    assert "3 of 7 time stamps are missing" in text


def test_where_time_runs_backwards_the_order_of_the_file_counts_at_the_usual_rate() -> None:
    _, kept, text = settled([5.0, 5.1, 5.2, 0.0, 0.1, 0.2])
    np.testing.assert_allclose(kept, regular_times(6, 10.0))
    assert "run backwards 1 times" in text and "10 per second" in text


@pytest.mark.parametrize("times", [[7.0] * 5, [np.nan] * 5, [np.nan, np.nan, np.nan, 0.0, 1.0]])
def test_time_stamps_that_tell_nothing_are_replaced_and_no_frame_is_lost(times: list[float]) -> None:
    timing, kept, text = settled(times)
    np.testing.assert_allclose(kept, regular_times(5, 30.0))
    assert "30 per second" in text and timing.kept.tolist() == list(range(5))


def test_time_stamps_in_whole_seconds_give_the_mean_rate_and_no_frame_is_lost() -> None:
    _, kept, text = settled(np.floor(np.arange(61) / 10))
    np.testing.assert_allclose(kept, regular_times(61, 10.0))
    assert "54 of 61 time stamps are that of the frame before" in text and "at 10 per second" in text


def test_two_intervals_that_differ_give_the_rate_of_the_shorter_one() -> None:
    assert frame_rate_of(np.array([0.0, 0.04, 0.48])) == 25


def test_a_single_frame_needs_no_rate() -> None:
    assert settled([DAY_S])[1].tolist() == [DAY_S]


@pytest.mark.parametrize("step", [3600.0, 1e10, 1e300])
def test_intervals_of_hours_and_ages_are_intervals(step: float) -> None:
    times = step * np.arange(4, dtype=np.float64)
    assert frame_rate_of(times) == pytest.approx(1 / step, abs=5e-4)
    times[3] += 0.9 * step
    _, kept, text = settled(times)
    np.testing.assert_array_equal(kept, times)
    assert "differ from the usual" in text


@pytest.mark.parametrize(
    ("names", "seconds", "steps"),
    [
        (["000000", "000010", "000020"], [0, 1 / 3, 2 / 3], "steps of 10"),
        (["depth_7_new", "depth_8_new", "depth_12_new"], [0, 1 / 30, 5 / 30], "steps of 1 to 4"),
    ],
)
def test_frames_without_time_stamps_have_the_time_of_their_numbers(
    names: list[str], seconds: list[float], steps: str
) -> None:
    times_s, said = numbered_times(names, 30.0)
    np.testing.assert_allclose(times_s, seconds)
    assert steps in str(said[0]) and "1/30 s" in str(said[0])


@pytest.mark.parametrize(
    "names",
    [
        ["3", "4", "5"],
        ["0"],
        ["a", "b", "c"],
        ["a1", "b1", "c1"],
        ["7649411_depth", "7682744_depth", "7716077_depth"],  # microseconds
        ["1305031102.160407", "1305031102.194330", "1305031102.226738"],
        ["9", "7", "8"],
    ],
)
def test_frames_whose_names_do_not_count_follow_each_other_regularly(names: list[str]) -> None:
    times_s, said = numbered_times(names, 30.0)
    np.testing.assert_allclose(times_s, regular_times(len(names), 30.0))
    assert said == ()
