"""Recordings of CUDA graphs, with stand-ins for the parts of PyTorch that need a GPU."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

from engine.core import cuda_graphs
from engine.surface.graphed import GraphedFunction

DEVICE = torch.device("cpu", 0)


class Stream:
    """Number ``next`` of those that PyTorch hands out."""

    next = 0
    device, priority = DEVICE, 0

    def __init__(self, device: torch.device = DEVICE, priority: int = 0) -> None:
        self.cuda_stream = Stream.next % 32
        Stream.next += 1

    def wait_stream(self, other: "Stream") -> None:
        pass

    def synchronize(self) -> None:
        pass


class Function:
    """The sum of the coordinates times the first bias plus the second; may fail when it is recorded."""

    def __init__(self) -> None:
        self.recorded: list[int] = []
        self.failures = 0
        self.capturing = False
        self.last: tuple[Tensor, list[Tensor], Tensor] | None = None

    def __call__(self, points: Tensor, biases: list[Tensor]) -> Tensor:
        values = points.sum(dim=1, keepdim=True) * biases[0] + biases[1]
        if self.capturing:
            if self.failures:
                self.failures -= 1
                raise torch.OutOfMemoryError("CUDA out of memory")
            self.recorded.append(len(points))
            self.last = points, biases, values
        return values


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Function:
    function = Function()

    class Graph:
        def capture_begin(self, pool: object, capture_error_mode: str) -> None:
            function.capturing = True

        def capture_end(self) -> None:
            function.capturing = False
            self.work = function.last

        def replay(self) -> None:
            assert self.work is not None
            points, biases, values = self.work
            values.copy_(function(points, biases))

    Stream.next = 0
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 0))
    monkeypatch.setattr(cuda_graphs, "_own", {})
    monkeypatch.setattr(cuda_graphs, "_capture_streams", [])
    return function


def graphed_on(stream: Stream, most: int = 128) -> GraphedFunction:
    return GraphedFunction(stream, most)  # type: ignore[arg-type]


def evaluate(graphed: GraphedFunction, function: Callable[..., Tensor], count: int, biases: list[Tensor]) -> None:
    """Compare what is replayed for ``count`` points with the function itself."""
    points, values = torch.rand(count, 3), torch.full((count, 1), torch.nan)
    length = -(-count // 64) * 64
    graphed.run(function, points, biases, length, values)
    torch.testing.assert_close(values, function(points, biases))


def test_replays_give_what_the_function_gives_for_biases_in_turn(function: Function) -> None:
    graphed, common = graphed_on(Stream()), torch.tensor([3.0])
    first, second = [torch.tensor([2.0]), common], [torch.tensor([-5.0]), common]
    for count in (1, 64, 100, 7):
        for biases in (first, second, first):
            evaluate(graphed, function, count, biases)


def test_each_length_is_recorded_once_and_the_largest_first(function: Function) -> None:
    graphed, biases = graphed_on(Stream(), most=256), [torch.ones(1), torch.ones(1)]
    for count in (10, 20, 100, 64, 250):
        evaluate(graphed, function, count, biases)
    assert function.recorded == [256, 64, 128]


def test_what_cannot_be_recorded_is_evaluated_and_recorded_another_time(function: Function) -> None:
    graphed, biases = graphed_on(Stream()), [torch.ones(1), torch.zeros(1)]
    function.failures = 1
    evaluate(graphed, function, 100, biases)
    assert function.recorded == []
    evaluate(graphed, function, 100, biases)
    assert function.recorded == [128]


def test_after_a_failure_nothing_recorded_before_is_used(function: Function) -> None:
    graphed, biases = graphed_on(Stream()), [torch.ones(1), torch.zeros(1)]
    evaluate(graphed, function, 128, biases)
    function.failures = 1
    evaluate(graphed, function, 10, biases)
    evaluate(graphed, function, 10, biases)
    assert function.recorded == [128, 128, 64]


def test_recording_is_given_up_after_three_failures(function: Function) -> None:
    graphed, biases = graphed_on(Stream()), [torch.ones(1), torch.zeros(1)]
    function.failures = 4
    for _ in range(5):
        evaluate(graphed, function, 10, biases)
    assert function.failures == 1
    assert function.recorded == []


def test_nobody_records_on_a_stream_that_another_one_uses(function: Function) -> None:
    lanes = [cuda_graphs.own_stream(DEVICE)]
    living = [GraphedFunction(lanes[0], 128) for _ in range(3)]
    for _ in range(40):  # of models that were opened and closed
        GraphedFunction(lanes[0], 128)
    lanes.append(cuda_graphs.own_stream(DEVICE))
    living += [GraphedFunction(lanes[1], 128) for _ in range(3)]
    streams = [*lanes, *(graphed._capture_stream for graphed in living)]
    assert len({stream.cuda_stream for stream in streams}) == len(streams)
