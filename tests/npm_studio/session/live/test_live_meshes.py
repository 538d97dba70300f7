import gc
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from engine.core.errors import Cancelled
from engine.surface.extract import extract_surface, pose_vertices
from engine.surface.folded import not_cancelled
from npm_studio.session.document.explorer import Codes
from npm_studio.session.live import mesher as mesher_module
from npm_studio.session.live.anchors import choose_anchors
from npm_studio.session.live.level_of_detail import LevelOfDetail
from npm_studio.session.live.mesher import Mesher
from npm_studio.session.live.request import MeshReply, MeshRequest, PosedMesh, Quality
from npm_studio.session.live.worker import LiveWorker, Newest
from tests.support.toy_codes import codes
from tests.support.toy_model import toy_model


def request(*wanted: Codes) -> MeshRequest:
    return MeshRequest(1, wanted, settled=False)


def test_the_fine_mesh_is_the_posed_surface_of_the_engine() -> None:
    model = toy_model()
    reply = Mesher(model, 48).make(request(codes(1, 7)), Quality.FINE, not_cancelled)
    surface = extract_surface(model, model.shape_codes[1], 48)
    assert model.pose_codes is not None
    truth = pose_vertices(model, model.shape_codes[1], model.pose_codes[7], surface.vertices)
    np.testing.assert_allclose(reply.meshes[0].vertices, truth, atol=1e-6)
    assert reply.quality is Quality.FINE
    np.testing.assert_allclose(np.linalg.norm(reply.meshes[0].normals, axis=1), 1, atol=1e-3)


def test_a_change_of_pose_keeps_the_very_same_faces() -> None:
    mesher = Mesher(toy_model(), 48)
    first = mesher.make(request(codes(1, 7)), Quality.FINE, not_cancelled).meshes[0]
    preview = mesher.make(request(codes(1, 8)), Quality.PREVIEW, not_cancelled).meshes[0]
    fine = mesher.make(request(codes(1, 8)), Quality.FINE, not_cancelled).meshes[0]
    assert preview.faces is first.faces
    assert fine.faces is first.faces
    assert np.abs(fine.vertices - first.vertices).max() > 0.01


def test_a_new_shape_is_previewed_on_a_coarser_grid() -> None:
    mesher = Mesher(toy_model(), 96)
    preview = mesher.make(request(codes(2, 7)), Quality.PREVIEW, not_cancelled)
    fine = mesher.make(request(codes(2, 7)), Quality.FINE, not_cancelled)
    assert preview.quality is Quality.PREVIEW
    assert preview.resolution < fine.resolution == 96
    assert len(preview.meshes[0].vertices) < len(fine.meshes[0].vertices)


def test_several_figures_come_in_one_reply() -> None:
    reply = Mesher(toy_model(), 32).make(request(codes(0, 3), codes(1, 3)), Quality.FINE, not_cancelled)
    assert len(reply.meshes) == 2
    assert len(reply.meshes[0].vertices) != len(reply.meshes[1].vertices)


def test_a_fine_mesh_that_nobody_waits_for_is_given_up() -> None:
    with pytest.raises(Cancelled):
        Mesher(toy_model(), 64).make(request(codes(0, 0)), Quality.FINE, lambda: True)


def test_a_pose_preview_by_anchors_is_close_to_the_exact_pose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesher_module, "_ANCHOR_COUNTS", (400,))
    mesher = Mesher(toy_model(), 64)
    mesher.make(request(codes(1, 6)), Quality.FINE, not_cancelled)
    preview = mesher.make(request(codes(1, 8)), Quality.PREVIEW, not_cancelled)
    exact = mesher.make(request(codes(1, 8)), Quality.FINE, not_cancelled)
    error = np.linalg.norm(preview.meshes[0].vertices - exact.meshes[0].vertices, axis=1)
    moved = np.abs(exact.meshes[0].vertices - extract_surface(toy_model(), codes(1, None).shape, 64).vertices).max()
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


def test_levels_that_were_too_slow_under_load_are_tried_again_when_it_is_over() -> None:
    detail = LevelOfDetail((32, 64, 128), budget_ms=50, power=2)
    for level, milliseconds in ((32, 10), (64, 40)):
        detail.learn(level, milliseconds)
    assert detail.choose() == 64
    for _ in range(20):  # something else takes the machine
        detail.learn(detail.choose(), 40 * (detail.choose() / 32) ** 2)
    assert detail.choose() == 32
    for _ in range(20):
        detail.learn(detail.choose(), 10 * (detail.choose() / 32) ** 2)
    assert detail.choose() == 64


def test_durations_of_ever_new_levels_are_forgotten_in_the_end() -> None:
    detail = LevelOfDetail((32, 64), budget_ms=50, power=1)
    detail.learn(64, 10)
    for level in range(1000, 2000):  # surfaces with another number of vertices every time
        detail.learn(level, 20)
        detail.learn(64, 10)
    assert len(detail._average_ms) < 100
    assert detail.expected_ms(64) == pytest.approx(10)
    assert detail.expected_ms(2000) == pytest.approx(20, rel=0.1)


def test_a_shape_without_a_surface_is_nothing_and_says_nothing_of_how_long_others_take() -> None:
    mesher, nothing = Mesher(toy_model(), 96), Codes(torch.full_like(codes(0, 0).shape, torch.nan))
    for quality in (Quality.PREVIEW, Quality.FINE, Quality.PREVIEW):
        (mesh,) = mesher.make(request(nothing), quality, not_cancelled).meshes
        assert len(mesh.vertices) == len(mesh.faces) == 0
    assert mesher.make(request(codes(0, 0)), Quality.PREVIEW, not_cancelled).resolution == 64


def test_a_pose_preview_before_the_fine_mesh_moves_the_coarse_one_of_the_shape() -> None:
    mesher = Mesher(toy_model(), 96)
    for _ in range(3):  # until the resolution has settled
        mesher._grid_detail.learn(64, 80.0)
        first = mesher.make(request(codes(2, 6)), Quality.PREVIEW, not_cancelled)
    mesher._grid_detail.learn(64, 80.0)
    second = mesher.make(request(codes(2, 7)), Quality.PREVIEW, not_cancelled)
    assert second.meshes[0].faces is first.meshes[0].faces
    truth = pose_vertices(toy_model(), codes(2, 7).shape, codes(2, 7).pose, first.meshes[0].canonical)  # type: ignore[arg-type]
    np.testing.assert_allclose(second.meshes[0].vertices, truth, atol=1e-6)


@pytest.mark.parametrize(("off", "half"), [(1e-3, True), (1e-2, False)])
def test_previews_are_made_in_half_precision_only_where_that_is_a_fraction_of_a_cell_off(
    off: float, half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mesher_module, "SHAPE_BUDGET_MS", 0.0)
    monkeypatch.setattr(mesher_module, "half_is_fast", lambda device: True)
    for measure in ("measure_half_error", "measure_half_pose_error"):
        monkeypatch.setattr(mesher_module, measure, lambda model: off)
    asked: list[bool | None] = []
    for work in (extract_surface, pose_vertices):

        def note(*given: Any, work: Any = work, **more: Any) -> Any:
            asked.append(more.get("half", given[-1]))
            return work(*given, **more)

        monkeypatch.setattr(mesher_module, work.__name__, note)
    mesher = Mesher(toy_model(), 96)
    mesher.make(request(codes(1, 3)), Quality.FINE, not_cancelled)
    mesher.prefetch(request(codes(1, 3)), not_cancelled)
    assert True not in asked
    mesher.make(request(codes(2, 3)), Quality.PREVIEW, not_cancelled)
    assert asked[-2:] == [half, half or None]


def test_a_body_that_was_chosen_is_previewed_in_more_detail_than_one_that_a_slider_passes() -> None:
    def resolution(settled: bool) -> int:
        mesher = Mesher(toy_model(), 256)
        mesher._grid_detail.learn(64, 70.0)
        wanted = MeshRequest(1, (codes(1, 3),), settled=settled)
        return mesher.make(wanted, Quality.PREVIEW, not_cancelled).resolution

    assert resolution(settled=False) == 64 and resolution(settled=True) == 80


def test_two_figures_that_move_at_once_follow_their_own_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesher_module, "POSE_BUDGET_MS", 0.0)
    monkeypatch.setattr(mesher_module, "SHAPE_BUDGET_MS", 0.0)
    monkeypatch.setattr(mesher_module, "_MAX_CONTOURING_FRACTION", 1e-9)
    mesher, shapes = Mesher(toy_model(), 96), toy_model().shape_codes

    def both(fraction: float) -> MeshReply:
        ends = ((0, 2), (1, 3))
        wanted = [Codes(torch.lerp(shapes[start], shapes[end], fraction)) for start, end in ends]
        return mesher.make(request(*wanted), Quality.PREVIEW, not_cancelled)

    first, second = both(0.0), both(0.02)
    for before, after in zip(first.meshes, second.meshes, strict=True):
        assert after.faces is before.faces


class SlowMesher:
    """Makes nothing, slowly; notes what it was asked for."""

    def __init__(self) -> None:
        self.made: list[tuple[float, Quality]] = []
        self.given_up = 0
        self.go = threading.Event()

    def make(self, request: MeshRequest, quality: Quality, cancelled: Callable[[], bool]) -> MeshReply:
        value = float(request.codes[0].shape[0])
        if quality is Quality.FINE:
            while not self.go.wait(0.002):
                if cancelled():
                    self.given_up += 1
                    raise Cancelled
        self.made.append((value, quality))
        empty = np.zeros((0, 3), np.float32)
        mesh = PosedMesh(empty, empty, np.zeros((0, 3), np.int32), empty)
        return MeshReply(request.generation, quality, 32, (mesh,), 1.0)

    def prefetch(self, request: MeshRequest, cancelled: Callable[[], bool]) -> None:
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


def test_equal_errors_of_the_mesher_are_reported_once_and_the_worker_goes_on() -> None:
    class Broken(SlowMesher):
        def make(self, request: MeshRequest, quality: Quality, cancelled: Callable[[], bool]) -> MeshReply:
            value = int(request.codes[0].shape[0])
            if value < 3:
                raise RuntimeError(f"no room for {1000 + value} bytes")
            if value < 4:
                raise ValueError("no")
            return super().make(request, quality, cancelled)

    errors: list[str] = []
    done = threading.Event()
    tried = threading.Semaphore(0)

    class Noting(Broken):
        def make(self, request: MeshRequest, quality: Quality, cancelled: Callable[[], bool]) -> MeshReply:
            try:
                return super().make(request, quality, cancelled)
            finally:
                tried.release()

    worker = LiveWorker(Noting(), lambda _: done.set(), lambda error: errors.append(str(error)))
    for value in (1, 2, 3):
        worker.post((Codes(torch.tensor([float(value)])),), settled=True)
        for _ in range(2):  # preview and fine mesh
            assert tried.acquire(timeout=5)
    worker.post((Codes(torch.tensor([4.0])),))
    assert done.wait(5)
    assert worker.close()
    assert errors == ["no room for 1001 bytes", "no"]


def test_a_worker_that_has_ended_holds_no_model() -> None:
    mesher, made = SlowMesher(), threading.Event()
    mesher.go.set()
    worker = LiveWorker(mesher, lambda _: made.set(), lambda error: pytest.fail(str(error)))
    worker.post((Codes(torch.tensor([1.0])),))
    assert made.wait(5)
    assert worker.close()
    model = weakref.ref(mesher)
    del mesher
    gc.collect()
    assert model() is None


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
