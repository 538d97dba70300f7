"""What the live lane does when memory is short."""

import pytest
import torch

from engine.core.errors import Cancelled
from engine.core.streams import is_out_of_memory
from engine.geometry.mesh import Mesh
from engine.surface.extract import extract_surface, pose_vertices
from engine.surface.folded import not_cancelled
from npm_studio.session.document.explorer import Codes
from npm_studio.session.live import mesher as mesher_module
from npm_studio.session.live.mesher import Mesher
from npm_studio.session.live.request import MeshRequest, Quality
from tests.support.toy_codes import codes
from tests.support.toy_model import toy_model

NO_ROOM = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for surfaces of 64^3 nodes and no more."""

    def extract(model: object, code: torch.Tensor, resolution: int, **rest: object) -> Mesh:
        if resolution > 64:
            raise NO_ROOM
        return extract_surface(toy_model(), code, resolution)

    monkeypatch.setattr(mesher_module, "extract_surface", extract)


def test_where_memory_is_short_fine_meshes_have_less_detail_and_that_is_said_once(small_memory: None) -> None:
    mesher = Mesher(toy_model(), 256)
    first = mesher.make(MeshRequest(1, (codes(0, 0),), True), Quality.FINE, not_cancelled)
    second = mesher.make(MeshRequest(2, (codes(0, 1),), True), Quality.FINE, not_cancelled)
    assert (first.resolution, second.resolution) == (64, 64)
    assert first.quality is Quality.FINE
    assert "64³" in first.notice
    assert second.notice == ""


def test_where_there_is_room_but_for_what_was_kept_nothing_has_less_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    mesher = Mesher(toy_model(), 96)
    mesher.make(MeshRequest(1, (codes(0, 0),), True), Quality.FINE, not_cancelled)

    def extract(model: object, code: torch.Tensor, resolution: int, **rest: object) -> Mesh:
        if mesher._surfaces:
            raise NO_ROOM
        return extract_surface(toy_model(), code, resolution)

    monkeypatch.setattr(mesher_module, "extract_surface", extract)
    reply = mesher.make(MeshRequest(2, (Codes(toy_model().shape_codes[1]),), True), Quality.FINE, not_cancelled)
    assert (reply.resolution, reply.notice) == (96, "")


def test_another_model_begins_with_full_detail_and_may_say_it_again(small_memory: None) -> None:
    for _ in range(2):
        reply = Mesher(toy_model(), 128).make(MeshRequest(1, (codes(0, 0),), True), Quality.FINE, not_cancelled)
        assert "64³" in reply.notice


def test_it_is_said_with_the_next_mesh_when_the_one_that_ran_out_of_memory_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moved: list[str] = []

    def extract(model: object, code: torch.Tensor, resolution: int, **rest: object) -> Mesh:
        if resolution > 64:
            raise NO_ROOM
        if moved:
            raise Cancelled
        return extract_surface(toy_model(), code, resolution)

    monkeypatch.setattr(mesher_module, "extract_surface", extract)
    mesher = Mesher(toy_model(), 128)
    mesher.make(MeshRequest(1, (codes(0, 0),), False), Quality.PREVIEW, not_cancelled)
    moved.append("the slider")
    with pytest.raises(Cancelled):
        mesher.make(MeshRequest(1, (codes(0, 0),), True), Quality.FINE, not_cancelled)
    moved.clear()
    assert "64³" in mesher.make(MeshRequest(2, (codes(0, 1),), False), Quality.PREVIEW, not_cancelled).notice
    assert mesher.make(MeshRequest(3, (codes(0, 2),), False), Quality.PREVIEW, not_cancelled).notice == ""


def test_looking_ahead_without_memory_is_given_up_silently(monkeypatch: pytest.MonkeyPatch) -> None:
    def pose(*_: object, **__: object) -> None:
        raise NO_ROOM

    mesher = Mesher(toy_model(), 48)
    mesher.make(MeshRequest(1, (codes(0, 0),), True), Quality.FINE, not_cancelled)
    monkeypatch.setattr(mesher_module, "pose_vertices", pose)
    mesher.prefetch(MeshRequest(1, (codes(0, 0),), False, ahead=(codes(0, 1),)), not_cancelled)
    monkeypatch.setattr(mesher_module, "pose_vertices", pose_vertices)
    assert mesher.make(MeshRequest(2, (codes(0, 1),), False), Quality.FINE, not_cancelled).notice == ""


def test_libraries_say_in_their_own_words_that_memory_is_short() -> None:
    for error in (
        NO_ROOM,
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("Failed to allocate 123 bytes on device 'cuda:0'"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA error: out of memory"),
    ):
        assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("shapes differ"))


def test_other_errors_and_the_last_out_of_memory_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (RuntimeError("shapes differ"), torch.OutOfMemoryError("no room"), RuntimeError("can't allocate")):

        def extract(*_: object, error: Exception = error, **__: object) -> Mesh:
            raise error

        monkeypatch.setattr(mesher_module, "extract_surface", extract)
        with pytest.raises(type(error), match=str(error)):
            Mesher(toy_model(), 128).make(MeshRequest(1, (codes(0, 0),), True), Quality.FINE, not_cancelled)


def test_what_is_loaded_once_does_not_count_as_slowness(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def extract(model: object, code: torch.Tensor, resolution: int, **rest: object) -> Mesh:
        now[0] += 3.0 if not made else 0.02
        made.append(resolution)
        return extract_surface(toy_model(), code, resolution)

    made: list[int] = []
    monkeypatch.setattr(mesher_module, "extract_surface", extract)
    monkeypatch.setattr("npm_studio.session.live.mesher.time.perf_counter", lambda: now[0])
    mesher = Mesher(toy_model(), 256)
    mesher.make(MeshRequest(1, (codes(0, 0),), False), Quality.PREVIEW, not_cancelled)
    assert mesher._grid_detail.expected_ms(made[-1]) == pytest.approx(20)
