import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch

from engine.core.errors import Cancelled
from engine.geometry.mesh import Mesh
from engine.surface.folded import not_cancelled
from npm_studio.session.live import mesher as mesher_module
from npm_studio.session.live.mailbox import Mailbox
from npm_studio.session.live.mesher import Mesher
from npm_studio.session.live.prefetch import IncrementalPosing, PrefetchedPoses
from npm_studio.session.live.request import MeshReply, MeshRequest, Quality
from npm_studio.session.live.worker import LiveWorker
from tests.support.toy_codes import codes
from tests.support.toy_model import toy_model


def surface(vertices: int = 10) -> Mesh:
    return Mesh(np.random.default_rng(0).normal(size=(vertices, 3)).astype(np.float32), np.array([[0, 1, 2]], np.int32))


def test_frames_posed_ahead_are_shown_as_fine_meshes_at_once() -> None:
    mesher = Mesher(toy_model(), 48)
    mesher.make(MeshRequest(1, (codes(0, 0),), settled=True), Quality.FINE, not_cancelled)
    mesher.prefetch(MeshRequest(1, (codes(0, 0),), False, ahead=(codes(0, 1), codes(0, 2))), not_cancelled)
    expected = Mesher(toy_model(), 48).make(MeshRequest(1, (codes(0, 2),), True), Quality.FINE, not_cancelled)
    reply = mesher.make(MeshRequest(2, (codes(0, 2),), settled=False), Quality.PREVIEW, not_cancelled)
    assert reply.quality is Quality.FINE
    np.testing.assert_allclose(reply.meshes[0].vertices, expected.meshes[0].vertices, atol=1e-6)
    np.testing.assert_allclose(reply.meshes[0].normals, expected.meshes[0].normals, atol=1e-4)


def test_nothing_is_posed_ahead_of_a_surface_that_is_not_known_yet() -> None:
    mesher = Mesher(toy_model(), 96)
    mesher.prefetch(MeshRequest(1, (codes(0, 0),), False, ahead=(codes(0, 1),)), not_cancelled)
    assert mesher.make(MeshRequest(2, (codes(0, 1),), False), Quality.PREVIEW, not_cancelled).quality is Quality.PREVIEW


def test_posing_that_was_given_up_goes_on_where_it_stopped() -> None:
    ahead, mesh, asked = PrefetchedPoses(), surface(), []

    def pose(vertices: np.ndarray) -> np.ndarray:
        asked.append(len(vertices))
        return vertices + 1

    chances = iter([False, False, True])
    assert not ahead.posing(b"a", mesh).resume(pose, 3, lambda: next(chances))
    assert ahead.get(b"a") is None
    assert ahead.posing(b"a", mesh).resume(pose, 3, not_cancelled)
    assert asked == [3, 3, 3, 1]
    posed = ahead.get(b"a")
    assert posed is not None
    np.testing.assert_array_equal(posed.vertices, mesh.vertices + 1)
    assert posed.canonical is mesh.vertices


def test_the_oldest_posed_surfaces_are_forgotten_when_they_take_too_much_memory() -> None:
    ahead = PrefetchedPoses(max_bytes=3 * IncrementalPosing(surface()).bytes)
    for name in (b"a", b"b", b"c", b"a", b"d"):
        ahead.posing(name, surface()).resume(lambda vertices: vertices, 100, not_cancelled)
    assert [ahead.get(name) is not None for name in (b"a", b"b", b"c", b"d")] == [True, False, True, True]


def test_one_posed_surface_is_kept_however_large() -> None:
    ahead = PrefetchedPoses(max_bytes=0)
    ahead.posing(b"a", surface()).resume(lambda vertices: vertices, 100, not_cancelled)
    assert ahead.get(b"a") is not None


def test_a_fine_mesh_is_given_up_between_the_chunks_of_its_pose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mesher_module._CHUNK, "cpu", 50)
    mesher = Mesher(toy_model(), 48)
    mesher.make(MeshRequest(1, (codes(0, 0),), True), Quality.FINE, not_cancelled)
    polled: list[bool] = []

    def at_the_third_look() -> bool:
        polled.append(True)
        return len(polled) == 3

    with pytest.raises(Cancelled):
        mesher.make(MeshRequest(2, (codes(0, 1),), True), Quality.FINE, at_the_third_look)
    assert len(polled) == 3


def test_the_mailbox_tells_of_news_without_taking_it() -> None:
    now = [0.0]
    mailbox = Mailbox(lambda: now[0])
    assert not mailbox.has_news()
    mailbox.post((codes(0, 0),), ahead=(codes(0, 1),))
    assert mailbox.has_news()
    job = mailbox.take()
    assert job is not None
    assert [one.pose is codes(0, 1).pose for one in job[0].ahead] == [False]
    assert torch.equal(job[0].ahead[0].pose, codes(0, 1).pose)  # type: ignore[arg-type]
    assert not mailbox.has_news()  # the fine mesh waits for quiet
    now[0] += 1.0
    assert mailbox.has_news()
    assert mailbox.take() is not None
    assert not mailbox.has_news()
    mailbox.close()
    assert mailbox.has_news()


def test_the_worker_looks_ahead_after_its_reply_and_stops_for_a_newer_request() -> None:
    steps: list[str] = []
    looking, stopped = threading.Event(), threading.Event()

    class Looking:
        def make(self, request: MeshRequest, quality: Quality, cancelled: Callable[[], bool]) -> MeshReply:
            steps.append(f"make {request.generation}")
            return MeshReply(request.generation, Quality.FINE, 32, (), 1.0)

        def prefetch(self, request: MeshRequest, cancelled: Callable[[], bool]) -> None:
            steps.append(f"look {request.generation}")
            looking.set()
            while request.generation == 1 and not cancelled():
                stopped.wait(0.001)
            if request.generation == 2:
                stopped.set()

    worker = LiveWorker(Looking(), on_reply=lambda _: None, on_error=lambda error: pytest.fail(str(error)))
    worker.post((codes(0, 0),))
    assert looking.wait(5)
    worker.post((codes(0, 1),))
    assert stopped.wait(5)
    assert worker.close()
    assert steps == ["make 1", "look 1", "make 2", "look 2"]
