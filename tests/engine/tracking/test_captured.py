"""Work that is captured as a CUDA graph."""

from collections.abc import Callable

import pytest
import torch

from engine.sequences.depth_sequence import DepthSequence
from engine.tracking.captured import Captured
from engine.tracking.npm_tracker import NpmTracker
from tests.engine.tracking.conftest import frame_of


def test_on_a_cpu_a_function_is_called_as_it_is() -> None:
    given = torch.zeros(3)
    doubled = Captured(lambda: 2 * given, given.device)
    for number in range(4):
        given.fill_(number)
        assert doubled().tolist() == [2.0 * number] * 3
    assert doubled.state == "not captured"


@pytest.mark.gpu
def test_a_graph_works_on_what_its_tensors_hold_now() -> None:
    given = torch.zeros(3, device="cuda")
    doubled = Captured(lambda: 2 * given, given.device)
    for number in range(5):
        given.fill_(number)
        assert doubled().tolist() == [2.0 * number] * 3
    assert doubled.state == "captured"


@pytest.mark.gpu
def test_what_waits_for_the_device_is_called_as_it_is() -> None:
    given = torch.zeros(3, device="cuda")
    summed = Captured(lambda: given + float(given.sum()), given.device)
    for number in range(5):
        given.fill_(number)
        assert summed().tolist() == [4.0 * number] * 3
    assert summed.state not in ("captured", "not captured")


@pytest.mark.gpu
def test_a_tracked_frame_is_one_graph(new_tracker: Callable[[], NpmTracker], demo: DepthSequence) -> None:
    tracker = new_tracker()
    tracker.start(demo.camera, demo.world)
    told = [tracker.push(frame_of(demo, index)) for index in range(6)]
    assert tracker.graph == "captured"
    assert not any(each.lost for each in told)
