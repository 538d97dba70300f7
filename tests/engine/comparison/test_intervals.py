"""Paired differences of frames, and what is beyond chance."""

import math

import numpy as np
import pytest

from engine.comparison.intervals import UNKNOWN, Interval, block_length, bootstrap_mean, paired_difference


def alike(count: int, keep: float, seed: int = 0) -> np.ndarray:
    """Numbers (F,) of variance one, each of which keeps a part of the one before it."""
    generator = np.random.default_rng(seed)
    values = [generator.normal()]
    for _ in range(count - 1):
        values.append(keep * values[-1] + math.sqrt(1 - keep**2) * generator.normal())
    return np.array(values)


def test_the_bootstrap_encloses_the_mean_and_narrows_with_more_groups() -> None:
    generator = np.random.default_rng(0)
    groups = [generator.normal(0.3, 1.0) + generator.normal(0, 0.1, 30) for _ in range(64)]
    few, many = bootstrap_mean(groups[:8]), bootstrap_mean(groups)
    assert few.low < few.mean < few.high
    assert many.high - many.low < 0.6 * (few.high - few.low)
    assert bootstrap_mean(groups) == many


def test_the_interval_of_the_bootstrap_is_that_of_a_slow_twin() -> None:
    groups = [alike(count, keep, count) for count, keep in ((30, 0.9), (12, 0.0), (21, 0.6))]
    lengths = [block_length(group) for group in groups]
    generator = np.random.default_rng(1)
    twin = []
    for _ in range(2000):
        means = []
        for index in generator.integers(3, size=3):
            group = groups[index]
            drawn: list[float] = []
            while len(drawn) < len(group):
                first = generator.integers(len(group))
                drawn += [group[(first + step) % len(group)] for step in range(lengths[index])]
            means.append(np.mean(drawn[: len(group)]))
        twin.append(np.mean(means))
    found = bootstrap_mean(groups)
    np.testing.assert_allclose([found.low, found.high], np.percentile(twin, (2.5, 97.5)), atol=0.05)
    assert found.mean == pytest.approx(np.mean([group.mean() for group in groups]))


def test_blocks_are_long_where_neighbours_are_alike_and_one_where_they_are_not() -> None:
    assert np.median([block_length(alike(200, 0.0, seed)) for seed in range(10)]) <= 3
    assert np.median([block_length(alike(200, 0.95, seed)) for seed in range(10)]) >= 10
    assert block_length(np.full(50, 0.1)) == 1
    assert [block_length(np.arange(float(count))) for count in (1, 3)] == [1, 1]


def test_the_length_of_blocks_is_that_of_a_slow_twin() -> None:
    values = alike(120, 0.8)
    count, apart = len(values), values - values.mean()

    def covariance(lag: int) -> float:
        return sum(apart[index] * apart[index + abs(lag)] for index in range(count - abs(lag))) / count

    bound = 2 * math.sqrt(math.log10(count) / count)
    lag = 0
    while any(abs(covariance(lag + step) / covariance(0)) >= bound for step in range(1, 6)):
        lag += 1
    reach = 2 * max(lag, 1)

    def window(lag: int) -> float:
        return min(1.0, 2 * (1 - abs(lag) / reach))

    lags = range(-reach, reach + 1)
    spectrum = sum(window(lag) * covariance(lag) for lag in lags)
    slope = sum(window(lag) * abs(lag) * covariance(lag) for lag in lags)
    expected = (2 * slope**2 / (4 / 3 * spectrum**2) * count) ** (1 / 3)
    assert block_length(values) == math.ceil(expected) > 3


def test_the_interval_holds_the_truth_as_often_as_it_says_although_neighbours_are_alike() -> None:
    held = 0
    for seed in range(100):
        found = bootstrap_mean([alike(150, 0.7, seed)], draws=500)
        held += found.low <= 0 <= found.high
    assert held >= 84  # single frames, drawn alone, hold it in about 60 of 100


def test_what_is_common_to_both_does_not_widen_a_paired_difference() -> None:
    hard = 50 * np.abs(alike(60, 0.9))
    found = paired_difference([hard + 1.0 + 0.1 * alike(60, 0.0, 1)], [hard])
    assert found.mean == pytest.approx(1.0, abs=0.05)
    assert found.is_beyond_chance and found.high - found.low < 0.2


def test_frames_that_one_of_two_lacks_tell_nothing() -> None:
    first, second = np.array([1.0, np.nan, 3.0, 9.0]), np.array([0.0, 5.0, 2.0, np.nan])
    assert paired_difference([first], [second]).mean == 1.0


def test_groups_without_members_leave_the_difference_unknown() -> None:
    for unknown in (bootstrap_mean([np.ones(3), np.ones(0)]), bootstrap_mean([])):
        assert math.isnan(unknown.mean) and not unknown.is_beyond_chance
    assert not UNKNOWN.is_beyond_chance


def test_a_single_frame_tells_nothing_of_chance() -> None:
    found = bootstrap_mean([np.array([3.0])])
    assert found.mean == 3.0 and math.isnan(found.low) and not found.is_beyond_chance


def test_only_a_whole_interval_is_beyond_chance() -> None:
    assert Interval(-0.02, -0.03, -0.01).is_beyond_chance and Interval(0.02, 0.01, 0.03).is_beyond_chance
    assert not Interval(-0.01, -0.03, 0.01).is_beyond_chance
