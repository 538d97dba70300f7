"""Cores and a GPU shared by the threads of the application."""

import threading
from collections.abc import Callable, Iterator

import pytest
import torch

from engine.core import cuda_graphs
from engine.core import streams as device
from engine.core.streams import a_core_to_draw, lane_stream
from npm_studio.session.document.explorer import Codes
from npm_studio.session.jobs.events import EventQueue
from npm_studio.session.jobs.runner import JobRunner
from npm_studio.session.live.field import SlicePlane, SliceRequest, SliceWorker
from npm_studio.session.live.request import MeshReply, MeshRequest, Quality
from npm_studio.session.live.worker import LiveWorker
from tests.support.toy_model import toy_model

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cores() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("cores", "place", "left"), [(2, "cpu", 1), (2, "cuda", 2), (1, "cpu", 1), (3, "cpu", 3)])
def test_previews_leave_one_of_two_cores_and_only_while_they_are_made(cores: int, place: str, left: int) -> None:
    torch.set_num_threads(cores)
    with a_core_to_draw(torch.device(place)):
        assert torch.get_num_threads() == left
    assert torch.get_num_threads() == cores


def test_each_lane_has_one_stream_on_a_gpu_which_waits_for_every_model(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        def __init__(self, device: torch.device, priority: int = 0) -> None:
            self.priority, self.waited_for, self.cuda_stream = priority, list[object](), id(self)

        def wait_stream(self, other: object) -> None:
            self.waited_for.append(other)

    monkeypatch.setattr(cuda_graphs, "_own", {})
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "default_stream", lambda _: "that of the model")
    gpu = torch.device("cuda:7")
    meshes, again = (lane_stream(gpu, "meshes", urgent=True) for _ in range(2))
    fits = lane_stream(gpu, "fits")
    device._stream.cache_clear()
    assert isinstance(meshes, Stream) and isinstance(fits, Stream) and meshes is again and meshes is not fits
    assert meshes.priority < fits.priority
    assert meshes.waited_for == ["that of the model"] * 2
    assert lane_stream(CPU, "meshes") is None


def in_a_job(note: Callable[[], None]) -> Callable[[], bool]:
    runner = JobRunner("test", EventQueue())
    runner.submit(lambda _: note())
    return runner.close


def in_the_live_lane(note: Callable[[], None]) -> Callable[[], bool]:
    class Noting:
        def make(self, request: MeshRequest, quality: Quality, cancelled: Callable[[], bool]) -> MeshReply:
            note()
            return MeshReply(request.generation, Quality.FINE, 32, (), 1.0)

        def prefetch(self, request: MeshRequest, cancelled: Callable[[], bool]) -> None:
            pass

    worker = LiveWorker(Noting(), lambda _: None, lambda error: pytest.fail(str(error)))
    worker.post((Codes(torch.zeros(1)),))
    return worker.close


def on_a_plane(note: Callable[[], None]) -> Callable[[], bool]:
    worker = SliceWorker(toy_model(), lambda _: note(), lambda error: pytest.fail(str(error)))
    plane = SlicePlane(0, 0.0, (-0.4, -0.4, -0.4), (0.4, 0.4, 0.4))
    worker.post(SliceRequest(toy_model().shape_codes[0], plane, 0.1, 0.01))
    return worker.close


@pytest.mark.parametrize("begin", [in_a_job, in_the_live_lane, on_a_plane])
def test_threads_that_begin_during_a_preview_have_all_cores(
    begin: Callable[[Callable[[], None]], Callable[[], bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "_CORES", 2)
    torch.set_num_threads(2)
    seen: list[int] = []
    noted = threading.Event()

    def note() -> None:
        seen.append(torch.get_num_threads())
        noted.set()

    with a_core_to_draw(CPU):
        close = begin(note)
        assert noted.wait(10)
    assert close()
    assert seen[0] == 2
