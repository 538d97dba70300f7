import threading
from collections.abc import Callable

import numpy as np
import pytest
import torch

from engine.errors import Cancelled
from engine.surface.extract import extract_surface, pose_vertices
from npm_studio.document.explorer import Codes
from npm_studio.live import mesher as mesher_module
from npm_studio.live.anchors import choose_anchors
from npm_studio.live.level_of_detail import LevelOfDetail
from npm_studio.live.mesher import Mesher
from npm_studio.live.request import Figure, MeshReply, MeshRequest, Quality
from npm_studio.live.worker import LiveWorker, Newest
from tests.toy import toy_model


def never() -> bool:
    return False


def request(*figures: Codes) -> MeshRequest:
    return MeshRequest(1, figures, settled=False)


def codes(identity: int, row: int | None) -> Codes:
    model = toy_model()
    assert model.pose_codes is not None
    return Codes(model.shape_codes[identity], None if row is None else model.pose_codes[row])


def test_the_fine_mesh_is_the_posed_surface_of_the_engine() -> None:
    model = toy_model()
    reply = Mesher(model, 48).make(request(codes(1, 7)), Quality.FINE, never)
    surface = extract_surface(model, model.shape_codes[1], 48)
    assert model.pose_codes is not None
    truth = pose_vertices(model, model.shape_codes[1], model.pose_codes[7], surface.vertices)
    np.testing.assert_allclose(reply.figures[0].vertices, truth, atol=1e-6)
    assert reply.quality is Quality.FINE
    np.testing.assert_allclose(np.linalg.norm(reply.figures[0].normals, axis=1), 1, atol=1e-3)


def test_a_change_of_pose_keeps_the_very_same_faces() -> None:
    mesher = Mesher(toy_model(), 48)
    first = mesher.make(request(codes(1, 7)), Quality.FINE, never).figures[0]
    preview = mesher.make(request(codes(1, 8)), Quality.PREVIEW, never).figures[0]
    fine = mesher.make(request(codes(1, 8)), Quality.FINE, never).figures[0]
    assert preview.faces is first.faces
    assert fine.faces is first.faces
    assert np.abs(fine.vertices - first.vertices).max() > 0.01


def test_a_new_shape_is_previewed_on_a_coarser_grid() -> None:
    mesher = Mesher(toy_model(), 96)
    preview = mesher.make(request(codes(2, 7)), Quality.PREVIEW, never)
    fine = mesher.make(request(codes(2, 7)), Quality.FINE, never)
    assert preview.quality is Quality.PREVIEW
    assert preview.resolution < fine.resolution == 96
    assert len(preview.figures[0].vertices) < len(fine.figures[0].vertices)


def test_several_figures_come_in_one_reply() -> None:
    reply = Mesher(toy_model(), 32).make(request(codes(0, 3), codes(1, 3)), Quality.FINE, never)
    assert len(reply.figures) == 2
    assert len(reply.figures[0].vertices) != len(reply.figures[1].vertices)


def test_a_fine_mesh_that_nobody_waits_for_is_given_up() -> None:
    with pytest.raises(Cancelled):
        Mesher(toy_model(), 64).make(request(codes(0, 0)), Quality.FINE, lambda: True)


def test_a_pose_preview_by_anchors_is_close_to_the_exact_pose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesher_module, "_ANCHOR_COUNTS", (400,))
    mesher = Mesher(toy_model(), 64)
    mesher.make(request(codes(1, 6)), Quality.FINE, never)
    preview = mesher.make(request(codes(1, 8)), Quality.PREVIEW, never)
    exact = mesher.make(request(codes(1, 8)), Quality.FINE, never)
    error = np.linalg.norm(preview.figures[0].vertices - exact.figures[0].vertices, axis=1)
    moved = np.abs(exact.figures[0].vertices - extract_surface(toy_model(), codes(1, None).shape, 64).vertices).max()
    assert preview.quality is Quality.PREVIEW
    assert error.mean() < 0.002
    assert error.max() < 0.25 * moved


def test_anchors_reproduce_an_affine_motion_of_a_solid() -> None:
    generator = np.random.default_rng(0)
    points = generator.uniform(-0.5, 0.5, (800, 3)).astype(np.float32)
    anchors = choose_anchors(points, 200)
    matrix, shift = generator.normal(size=(3, 3)) * 0.3, np.array([0.1, -0.2, 0.3])
    displacements = (points @ matrix + shift).astype(np.float32)
    spread = anchors.spread(displacements[anchors.rows])
    errors = np.linalg.norm(spread - displacements, axis=1)
    assert np.median(errors) < 0.002
    assert errors.max() < 0.1 * np.linalg.norm(displacements, axis=1).max()
    np.testing.assert_allclose(anchors.weights.sum(axis=1), 1, atol=1e-4)


def test_anchors_follow_the_written_out_minimisation() -> None:
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (60, 3)).astype(np.float32)
    anchors = choose_anchors(points, 30)
    vertex = 11
    known = points[anchors.rows].astype(np.float64)
    distances = np.linalg.norm(known - points[vertex], axis=1)
    nearest = np.argsort(distances)[:8]
    reach = distances[nearest].max()
    phi = np.exp(-4 * (distances[nearest] / reach) ** 2) + 1e-6
    basis = np.column_stack([np.ones(8), (known[nearest] - points[vertex]) / reach])
    moments = sum(phi[i] * np.outer(basis[i], basis[i]) for i in range(8)) + np.diag([0, 1e-3, 1e-3, 1e-3])
    weights = phi * (basis @ np.linalg.solve(moments, [1.0, 0, 0, 0]))
    order = np.argsort(anchors.neighbours[vertex])
    np.testing.assert_array_equal(anchors.neighbours[vertex][order], np.sort(nearest))
    np.testing.assert_allclose(anchors.weights[vertex][order], weights[np.argsort(nearest)], atol=1e-4)


def test_detail_grows_with_the_time_there_is() -> None:
    detail = LevelOfDetail((32, 64, 128), budget_ms=50, power=2)
    assert detail.choose() == 32
    detail.learn(32, 5)
    assert detail.choose() == 64
    detail.learn(64, 200)
    assert detail.choose() == 32
    for _ in range(20):
        detail.learn(64, 10)
    assert detail.choose() == 128


def test_a_slow_machine_gets_the_lowest_level() -> None:
    detail = LevelOfDetail((32, 64), budget_ms=10, power=2)
    detail.learn(32, 500)
    assert detail.choose() == 32


class SlowMesher:
    """Makes nothing, slowly; notes what it was asked for."""

    def __init__(self) -> None:
        self.made: list[tuple[float, Quality]] = []
        self.given_up = 0
        self.go = threading.Event()

    def make(self, request: MeshRequest, quality: Quality, cancelled: Callable[[], bool]) -> MeshReply:
        value = float(request.figures[0].shape[0])
        if quality is Quality.FINE:
            while not self.go.wait(0.002):
                if cancelled():
                    self.given_up += 1
                    raise Cancelled
        self.made.append((value, quality))
        empty = np.zeros((0, 3), np.float32)
        figure = Figure(empty, empty, np.zeros((0, 3), np.int32), empty)
        return MeshReply(request.generation, quality, 32, (figure,), 1.0)

    def look_ahead(self, request: MeshRequest, cancelled: Callable[[], bool]) -> None:
        pass


def test_the_worker_gives_up_a_fine_mesh_for_a_newer_request_and_ends_when_closed() -> None:
    mesher, replies, arrived = SlowMesher(), [], threading.Condition()

    def on_reply(reply: MeshReply) -> None:
        with arrived:
            replies.append((reply.generation, reply.quality))
            arrived.notify()

    def wait_for(count: int) -> None:
        with arrived:
            assert arrived.wait_for(lambda: len(replies) >= count, 5)

    worker = LiveWorker(mesher, on_reply, on_error=lambda error: pytest.fail(str(error)))
    worker.post((Codes(torch.tensor([1.0])),), settled=True)
    wait_for(1)
    worker.post((Codes(torch.tensor([2.0])),), settled=True)
    wait_for(2)
    mesher.go.set()
    wait_for(3)
    assert worker.close()
    assert replies == [(1, Quality.PREVIEW), (2, Quality.PREVIEW), (2, Quality.FINE)]
    assert mesher.given_up <= 1


def test_an_error_in_the_mesher_is_reported_and_the_worker_goes_on() -> None:
    class Broken:
        def make(self, request: MeshRequest, quality: Quality, cancelled: Callable[[], bool]) -> MeshReply:
            raise RuntimeError("no")

        def look_ahead(self, request: MeshRequest, cancelled: Callable[[], bool]) -> None:
            pass

    errors: list[Exception] = []
    arrived = threading.Semaphore(0)

    def on_error(error: Exception) -> None:
        errors.append(error)
        arrived.release()

    worker = LiveWorker(Broken(), on_reply=lambda _: None, on_error=on_error)
    for value in (1.0, 2.0):
        worker.post((Codes(torch.tensor([value])),), settled=True)
        assert arrived.acquire(timeout=5)
    assert worker.close()
    assert {str(error) for error in errors} == {"no"}


def test_a_reply_is_shown_when_it_is_newer_or_finer_than_the_last() -> None:
    def reply(generation: int, quality: Quality) -> MeshReply:
        return MeshReply(generation, quality, 32, (), 1.0)

    newest = Newest()
    assert newest.accepts(reply(1, Quality.PREVIEW))
    assert newest.accepts(reply(3, Quality.PREVIEW))
    assert not newest.accepts(reply(2, Quality.FINE))
    assert newest.accepts(reply(3, Quality.FINE))
    assert not newest.accepts(reply(3, Quality.PREVIEW))
    newest.forget_before(5)
    assert not newest.accepts(reply(4, Quality.FINE))
    assert newest.accepts(reply(5, Quality.PREVIEW))
