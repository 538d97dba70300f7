from dataclasses import replace

import numpy as np
import pytest
import torch

from npm_studio.session.document.keyframes import (
    FRAME_RATE,
    LONGEST_S,
    backwards,
    codes_at,
    duration,
    frame_count,
    frame_names,
    frame_there,
    frames_there,
    path_time,
    place_in_words,
    with_body,
    with_key,
    with_time,
    without_key,
)
from npm_studio.session.document.state import Exploration, Interpolation, Keyframe


def body(value: float, name: str = "", canonical: bool = False) -> Exploration:
    return Exploration((value, 0.0), None if canonical else (10 * value,), name or f"Body {value:g}", "Bend")


WAY = Interpolation((Keyframe(0.0, body(0.0, "Tall")), Keyframe(2.0, body(1.0, "Lean"))))


def times(now: Interpolation) -> list[float]:
    return [round(key.time_s, 3) for key in now.keys]


def test_the_timeline_goes_there_and_back_without_showing_an_end_twice() -> None:
    assert (frames_there(WAY), frame_count(WAY)) == (61, 120)
    assert [frame_there(WAY, frame) for frame in (0, 60, 61, 119)] == [0, 60, 59, 1]
    assert frame_names(WAY)[:2] == ("0.00 s", "0.03 s")
    assert frame_names(WAY)[61] == "1.97 s, back"
    assert frame_count(replace(WAY, there_and_back=False)) == 61
    assert place_in_words(WAY, 12) == ("Tall  →  Lean", "20% of the way · 0.40 s of 2.00 s")


def test_at_constant_speed_a_frame_is_where_the_surface_is_and_not_where_its_time_would_be() -> None:
    now, even = with_key(WAY, body(5.0, "Wide"), 0.5), np.linspace(0.0, 2.0, 61) ** 2 / 2
    assert path_time(now, 29, even) == pytest.approx(0.467, abs=0.001)
    assert place_in_words(now, 29, even) == ("Tall  →  Wide", "93% of the way · 0.97 s of 2.00 s")


def test_codes_go_through_every_keyframe_at_its_time() -> None:
    now = with_key(WAY, body(5.0), 0.5)
    shapes = [float(codes.shape[0]) for codes in codes_at(now, [0, 15, 60, 105])]
    np.testing.assert_allclose(shapes, [0.0, 5.0, 1.0, 5.0], atol=1e-5)
    smooth = [float(codes.shape[0]) for codes in codes_at(replace(now, smooth=True), [0, 15, 60])]
    np.testing.assert_allclose(smooth, [0.0, 5.0, 1.0], atol=1e-5)


@pytest.mark.parametrize(("space", "shape", "pose"), [("both", 0.5, 5.0), ("shape", 0.5, 0.0), ("pose", 0.0, 5.0)])
def test_only_what_is_asked_for_changes(space: str, shape: float, pose: float) -> None:
    (codes,) = codes_at(replace(WAY, space=space), [30])  # type: ignore[arg-type]
    assert codes.pose is not None
    torch.testing.assert_close(torch.tensor([codes.shape[0], codes.pose[0]]), torch.tensor([shape, pose]))


def test_a_canonical_keyframe_keeps_the_pose_before_it_and_a_canonical_first_one_makes_all_canonical() -> None:
    last = codes_at(with_body(WAY, 1, body(1.0, canonical=True)), [60])[0]
    assert last.pose is not None
    assert float(last.pose[0]) == 0.0
    assert codes_at(with_body(WAY, 0, body(0.0, canonical=True)), [60])[0].pose is None


def test_given_times_are_those_of_the_frames() -> None:
    even = np.linspace(0, 1, 61) ** 2 * 2.0
    (codes,) = codes_at(WAY, [30], even)
    assert float(codes.shape[0]) == pytest.approx(0.25)


def test_a_keyframe_comes_where_the_timeline_is_or_behind_the_last_one() -> None:
    between = with_key(WAY, body(7.0), 0.51)
    assert times(between) == [0.0, 0.5, 2.0]
    assert between.card == 1
    behind = with_key(WAY, body(7.0), 2.0)
    assert times(behind) == [0.0, 2.0, 3.0]
    assert behind.card == 2


def test_a_keyframe_never_takes_the_place_of_another_one() -> None:
    for taken, key in zip((0.0, 2.0), WAY.keys, strict=True):
        after = with_key(WAY, key.body, taken)
        assert times(after) == [0.0, 2.0, 3.0]
        assert after.keys[:2] == WAY.keys
        assert after.card == 2
    full = with_time(WAY, 1, LONGEST_S)
    assert with_key(full, body(7.0), 0.0) is full
    assert times(with_key(full, body(7.0), 1.0)) == [0.0, 1.0, LONGEST_S]


def test_a_keyframe_stays_between_its_neighbours_and_the_first_at_zero() -> None:
    now = with_key(WAY, body(7.0), 0.5)
    assert times(with_time(now, 1, 5.0)) == [0.0, round(2.0 - 1 / FRAME_RATE, 3), 2.0]
    assert times(with_time(now, 1, -5.0)) == [0.0, round(1 / FRAME_RATE, 3), 2.0]
    assert times(with_time(now, 2, 9.99)) == [0.0, 0.5, 10.0]
    assert with_time(now, 0, 1.0) is now


def test_two_keyframes_always_stay_and_playback_within_the_way() -> None:
    now = replace(with_key(WAY, body(7.0), 0.5), frame=100)
    assert without_key(WAY, 0) is WAY
    first_gone = without_key(now, 0)
    assert times(first_gone) == [0.0, 1.5]
    assert duration(first_gone) == 1.5
    assert first_gone.frame == frame_count(first_gone) - 1
    assert without_key(now, 2).card == 1


def test_backwards_is_the_same_way_from_its_end() -> None:
    now = with_key(WAY, body(7.0), 0.5)
    turned = backwards(now)
    assert times(turned) == [0.0, 1.5, 2.0]
    assert turned.keys[turned.card].body == now.keys[now.card].body
    assert backwards(turned) == now
