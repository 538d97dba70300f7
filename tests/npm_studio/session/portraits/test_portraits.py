"""Pictures of bodies: how they are painted, kept and made."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.geometry.mesh import Mesh
from npm_studio.session.document.explorer import Codes, Explorer
from npm_studio.session.portraits import store
from npm_studio.session.portraits import worker as portrait_worker
from npm_studio.session.portraits.direction_names import Names
from npm_studio.session.portraits.painting import SIZE, Frame, Picture, paint
from npm_studio.session.portraits.store import PortraitStore, hash_of, key_of
from npm_studio.session.portraits.worker import SLIDERS, PortraitListener, PortraitWorker
from tests.support.toy_model import toy_model


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "user_cache_path", lambda *_, **__: tmp_path)
    monkeypatch.setattr(portrait_worker, "RESOLUTION", 24)


def box(width: float, height: float) -> Mesh:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
    faces = [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6]]
    return Mesh((corners - 0.5) * (width, height, 0.1), np.array([*faces, [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]))


def rows_of(picture: Picture) -> int:
    """Pixels from the highest to the lowest one that shows something."""
    return int((picture[..., 1].max(axis=1) > 127).sum())


def test_bodies_are_painted_to_one_scale_and_stand_on_the_lower_edge() -> None:
    frame = Frame.around(box(0.2, 0.6))
    tall, small = paint(box(0.2, 0.6), frame), paint(box(0.2, 0.3), frame)
    assert rows_of(tall) == pytest.approx(2 * rows_of(small), abs=1.5)
    for picture in (tall, small):
        assert picture.shape == (SIZE, SIZE, 2)
        assert np.flatnonzero(picture[..., 1].max(axis=1) > 127).max() >= SIZE - 3


def test_a_body_that_is_larger_than_the_frame_is_shown_whole() -> None:
    picture = paint(box(0.2, 1.0), Frame.around(box(0.2, 0.3)))
    assert picture[0, :, 1].max() == 0
    assert rows_of(picture) > 0.9 * SIZE


def test_what_has_no_surface_is_an_empty_picture() -> None:
    assert paint(Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)), Frame(1.0)).max() == 0


def test_pictures_are_found_again_and_damaged_ones_are_not() -> None:
    kept, codes = PortraitStore(toy_model()), Codes(torch.zeros(8))
    picture = paint(box(0.2, 0.6), Frame(1.0))
    assert kept.picture(key_of(codes)) is None
    kept.keep_picture(key_of(codes), picture)
    np.testing.assert_array_equal(PortraitStore(toy_model()).picture(key_of(codes)), picture)
    (kept.folder / f"{key_of(codes)}.png").write_bytes(b"PNG")
    assert kept.picture(key_of(codes)) is None


def test_each_model_and_each_code_has_pictures_of_its_own() -> None:
    assert hash_of(toy_model()) != hash_of(toy_model(seed=1))
    zero, one = torch.zeros(8), torch.ones(8)
    assert len({key_of(Codes(zero)), key_of(Codes(one)), key_of(Codes(zero, one)), key_of(Codes(one, zero))}) == 4


class Heard:
    """What a worker tells."""

    def __init__(self) -> None:
        self.pictures: dict[str, Picture] = {}
        self.names: list[dict[str, Names]] = []
        self.shapes: list[dict[str, float]] = []
        self.news = threading.Event()

    def listener(self) -> PortraitListener:
        return PortraitListener(self._picture, self._names, self._measured)

    def _picture(self, key: str, picture: Picture) -> None:
        self.pictures[key] = picture
        self.news.set()

    def _names(self, names: dict[str, Names]) -> None:
        self.names.append(names)
        self.news.set()

    def _measured(self, surface: Mesh, shape: dict[str, float]) -> None:
        self.shapes.append(shape)
        self.news.set()

    def wait(self) -> None:
        assert self.news.wait(20)
        self.news.clear()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def worker(heard: Heard) -> Iterator[PortraitWorker]:
    worker = PortraitWorker(Explorer(toy_model(), seed=0), heard.listener(), lambda: True)
    yield worker
    assert worker.close()


def test_the_bodies_at_the_ends_of_a_direction_are_painted_once_and_then_read(
    worker: PortraitWorker, heard: Heard
) -> None:
    codes = Explorer(toy_model(), seed=0).end("shape", 0, 0.5)
    worker.request(codes, SLIDERS)
    heard.wait()
    first = heard.pictures.pop(key_of(codes))
    assert rows_of(first) > 10
    again = Heard()
    other = PortraitWorker(Explorer(toy_model(), seed=0), again.listener(), lambda: False)  # no time to make one
    other.request(codes, SLIDERS)
    again.wait()
    np.testing.assert_array_equal(again.pictures[key_of(codes)], first)
    assert other.close()


def test_nothing_is_made_while_there_is_no_time(heard: Heard) -> None:
    may = threading.Event()
    worker = PortraitWorker(Explorer(toy_model(), seed=0), heard.listener(), may.is_set)
    worker.request(Codes(toy_model().shape_codes[0]))
    worker.measure(box(0.2, 0.6))
    assert not heard.news.wait(0.2)
    may.set()
    heard.wait()
    assert worker.close()


def test_directions_of_a_model_without_bodies_are_named_only_where_enough_was_measured(
    worker: PortraitWorker, heard: Heard
) -> None:
    worker.request_names()
    heard.wait()
    names = heard.names[0]
    assert set(names) == {"shape", "pose"}
    assert all(name is None for name in names["shape"])  # four dolls are too few


def test_the_surface_on_show_is_measured(worker: PortraitWorker, heard: Heard) -> None:
    worker.measure(box(0.2, 0.6))
    heard.wait()
    assert heard.shapes[0]["width"] == pytest.approx(20.0)
    assert heard.shapes[0]["volume"] == pytest.approx(12.0)
