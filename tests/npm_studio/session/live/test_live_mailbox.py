import threading

import torch

from npm_studio.session.document.explorer import Codes
from npm_studio.session.live.mailbox import QUIET_SECONDS, Mailbox
from npm_studio.session.live.request import Quality


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def codes(value: float) -> tuple[Codes, ...]:
    return (Codes(torch.tensor([value])),)


def taken(mailbox: Mailbox) -> tuple[float, Quality] | None:
    job = mailbox.take()
    return None if job is None else (float(job[0].codes[0].shape[0]), job[1])


def test_only_the_latest_request_is_made() -> None:
    mailbox = Mailbox(Clock())
    for value in (1, 2, 3):
        mailbox.post(codes(value))
    assert taken(mailbox) == (3.0, Quality.PREVIEW)
    assert taken(mailbox) is None


def test_the_fine_mesh_waits_for_quiet() -> None:
    clock = Clock()
    mailbox = Mailbox(clock)
    mailbox.post(codes(1))
    assert taken(mailbox) == (1.0, Quality.PREVIEW)
    clock.now += QUIET_SECONDS / 2
    assert taken(mailbox) is None
    clock.now += QUIET_SECONDS
    assert taken(mailbox) == (1.0, Quality.FINE)
    assert taken(mailbox) is None


def test_letting_the_slider_go_asks_for_the_fine_mesh_at_once() -> None:
    mailbox = Mailbox(Clock())
    mailbox.post(codes(1))
    assert taken(mailbox) == (1.0, Quality.PREVIEW)
    mailbox.settle()
    assert taken(mailbox) == (1.0, Quality.FINE)


def test_a_newer_request_supersedes_the_fine_mesh_of_an_older_one() -> None:
    mailbox = Mailbox(Clock())
    first = mailbox.post(codes(1), settled=True)
    assert taken(mailbox) == (1.0, Quality.PREVIEW)
    assert taken(mailbox) == (1.0, Quality.FINE)
    assert not mailbox.is_superseded(first)
    second = mailbox.post(codes(2))
    assert mailbox.is_superseded(first)
    assert not mailbox.is_superseded(second)
    assert taken(mailbox) == (2.0, Quality.PREVIEW)


def test_a_preview_that_is_fine_already_is_not_made_again() -> None:
    mailbox = Mailbox(Clock())
    generation = mailbox.post(codes(1), settled=True)
    assert taken(mailbox) == (1.0, Quality.PREVIEW)
    mailbox.already_fine(generation)
    assert taken(mailbox) is None


def test_every_preview_of_a_drag_is_shown_when_there_is_time_for_it() -> None:
    clock = Clock()
    mailbox = Mailbox(clock)
    shown = []
    for step in range(30):
        mailbox.post(codes(step))
        clock.now += 0.016
        if step % 3 == 2:  # the thread makes one in three
            shown.append(taken(mailbox))
    assert shown == [(float(step), Quality.PREVIEW) for step in range(2, 30, 3)]


def test_closing_ends_a_waiting_thread() -> None:
    mailbox = Mailbox()
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(mailbox.wait()))
    thread.start()
    mailbox.close()
    thread.join(5)
    assert results == [None]
    assert mailbox.is_superseded(0)


def test_a_waiting_thread_is_given_the_request_and_later_the_fine_one() -> None:
    mailbox = Mailbox()
    mailbox.post(codes(4))
    first, second = mailbox.wait(), mailbox.wait()
    assert first is not None
    assert second is not None
    assert (first[1], second[1]) == (Quality.PREVIEW, Quality.FINE)
