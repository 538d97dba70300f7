"""Frames that other threads decode while earlier ones are worked on."""

import threading

import pytest

from engine.sequences.reading_ahead import reading_ahead


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("count", [0, 1, 20])
def test_frames_come_in_order_whichever_is_ready_first(threads: int, count: int) -> None:
    last_first = threading.Event()

    def read(index: int) -> int:
        if threads > 1 and count > 1:  # the first frame is ready after the second
            if index == 0:
                assert last_first.wait(30)
            elif index == 1:
                last_first.set()
        return index * index

    assert list(reading_ahead(read, count, threads)) == [index * index for index in range(count)]


def test_an_error_is_raised_where_its_turn_comes() -> None:
    def read(index: int) -> int:
        if index == 3:
            raise ValueError("damaged")
        return index

    frames = reading_ahead(read, 10, 4)
    assert [next(frames) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="damaged"):
        next(frames)
    with pytest.raises(StopIteration):
        next(frames)


def test_no_more_is_read_than_a_few_frames_ahead() -> None:
    started: list[int] = []

    def read(index: int) -> int:
        started.append(index)
        return index

    frames = reading_ahead(read, 100, 2)
    assert next(frames) == 0
    frames.close()
    assert len(started) <= 4


def test_who_stops_early_waits_for_no_more_than_what_is_in_work() -> None:
    started: list[int] = []
    go_on = threading.Event()

    def read(index: int) -> int:
        started.append(index)
        if index > 0:
            assert go_on.wait(30)
        return index

    frames = reading_ahead(read, 100, 1)
    assert next(frames) == 0
    go_on.set()
    frames.close()
    assert set(started) <= {0, 1}
