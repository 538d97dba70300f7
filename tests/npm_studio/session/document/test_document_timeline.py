import pytest

from npm_studio.session.document.timeline import Playable, Timeline, upcoming


@pytest.fixture
def timeline() -> Timeline:
    timeline = Timeline()
    timeline.load(Playable(tuple("abcdefghij"), frame_rate=10.0))
    return timeline


def test_playing_advances_with_the_time_that_passes(timeline: Timeline) -> None:
    timeline.play()
    for _ in range(10):
        timeline.advance(0.025)
    assert timeline.frame == 2


def test_a_slow_display_skips_frames_instead_of_falling_behind(timeline: Timeline) -> None:
    timeline.play()
    timeline.advance(0.55)
    assert timeline.frame == 5


def test_a_loop_begins_again_and_without_it_the_last_frame_stops(timeline: Timeline) -> None:
    timeline.seek(9)
    timeline.play()
    timeline.advance(0.1)
    assert (timeline.frame, timeline.playing) == (0, True)
    timeline.set_loop(False)
    timeline.seek(9)
    timeline.advance(0.1)
    assert (timeline.frame, timeline.playing) == (9, False)


def test_playing_from_the_last_frame_without_loop_starts_over(timeline: Timeline) -> None:
    timeline.set_loop(False)
    timeline.seek(9)
    timeline.play()
    assert timeline.frame == 0


def test_a_step_pauses_and_goes_around_the_ends_when_looping(timeline: Timeline) -> None:
    timeline.play()
    timeline.step(-1)
    assert (timeline.frame, timeline.playing) == (9, False)
    timeline.set_loop(False)
    timeline.step(1)
    assert timeline.frame == 9


def test_from_what_is_no_frame_of_the_clip_playback_goes_on_and_a_click_goes_back(timeline: Timeline) -> None:
    shown: list[int] = []
    timeline.frame_changed.connect(shown.append)
    timeline.place(3, is_on_show=False)
    assert (timeline.frame, timeline.is_on_show, shown) == (3, False, [])
    timeline.seek(3)
    timeline.place(3, is_on_show=False)
    timeline.step(1)
    assert (timeline.is_on_show, shown) == (True, [3, 4])


def test_nothing_plays_without_a_clip() -> None:
    timeline = Timeline()
    timeline.toggle()
    timeline.step(1)
    timeline.advance(1.0)
    assert (timeline.frame, timeline.playing) == (0, False)


def test_a_new_clip_stops_playback_and_clamps_the_frame(timeline: Timeline) -> None:
    timeline.play()
    timeline.load(Playable(("x", "y"), 30.0, frame=7))
    assert (timeline.frame, timeline.playing, timeline.frame_rate) == (1, False, 30.0)


def test_listeners_hear_of_each_new_frame_once(timeline: Timeline) -> None:
    heard: list[int] = []
    timeline.frame_changed.connect(heard.append)
    timeline.seek(3)
    timeline.seek(3)
    timeline.seek(99)
    assert heard == [3, 9]


def test_what_comes_next_goes_around_the_end_only_when_looping() -> None:
    assert upcoming(3, 5, 3, loop=True) == [4, 0, 1]
    assert upcoming(3, 5, 3, loop=False) == [4]
    assert upcoming(0, 3, 12, loop=True) == [1, 2]  # not the frame on show
    assert upcoming(0, 1, 12, loop=True) == []
