from pathlib import Path

import pytest

from engine.comparison.colour_scale import round_scale
from npm_studio.session.document.comparison import ComparisonState, SideSource

A, B, C, D, E, F, G = (SideSource("run", Path(f"/runs/{name}")) for name in "abcdefg")


def added(state: ComparisonState, *sources: SideSource) -> ComparisonState:
    for source in sources:
        state = state.added(source)
    return state


def test_a_side_that_is_added_gets_a_view() -> None:
    state = added(ComparisonState((A, B)), C)
    assert (state.sides, state.layout) == ((A, B, C), 3)
    assert added(state, D, E).layout == 6
    assert added(ComparisonState((A,)), B).layout == 2


def test_no_side_is_there_twice_and_no_more_than_six() -> None:
    state = added(ComparisonState(), A, B, C, D, E, F)
    assert added(state, A) == state
    assert added(state, G) == state


def test_a_side_that_is_taken_away_takes_an_empty_view_with_it() -> None:
    state = added(ComparisonState(), A, B, C, D).removed(1)
    assert (state.sides, state.layout) == ((A, C, D), 3)
    assert state.removed(0).removed(0).removed(0) == ComparisonState((), 1)


def test_a_smaller_layout_remembers_the_sides_that_it_does_not_show() -> None:
    state = ComparisonState((A, B, C, D), layout=2)
    assert state.on_show == (A, B)
    assert state.removed(0).on_show == (B, C)
    assert state.added(E).sides == (A, B, E)


def test_choosing_a_side_that_is_elsewhere_makes_the_two_change_places() -> None:
    state = ComparisonState((A, B, C), layout=3)
    assert state.with_side(0, C).sides == (C, B, A)
    assert state.with_side(1, D).sides == (A, D, C)
    assert state.with_side(5, D).sides == (A, B, C, D)
    assert state.with_side(3, A) == state


@pytest.mark.parametrize("mode", ["swipe", "blink"])
def test_two_sides_share_one_view_in_a_swipe_and_a_blink(mode: str) -> None:
    state = ComparisonState((A, B, C), layout=3, mode="swipe" if mode == "swipe" else "blink")
    assert (state.view_count, state.on_show) == (1, (A, B))


@pytest.mark.parametrize(("value", "end"), [(0.0, 1.0), (0.9, 1.0), (1.0, 1.0), (1.1, 2.0), (3.0, 5.0), (8.8, 10.0)])
def test_a_scale_ends_at_the_next_round_number(value: float, end: float) -> None:
    assert round_scale(value) == pytest.approx(end)
