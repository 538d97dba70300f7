"""The live thread in the real window: what is asked of it, and what of it is shown."""

import gc
import random
import shutil
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from engine.models.checkpoint import load_model
from engine.models.model import NeuralParametricModel
from engine.surface.folded import SignedDistance
from npm_studio.session.document.explorer import Codes, Explorer, codes_of
from npm_studio.session.live.mesher import Mesher
from npm_studio.session.live.request import MeshReply, MeshRequest, Quality
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.toy_model import toy_model

Fine = Callable[..., None]
SECONDS = 20_000


@pytest.fixture
def other_folder(toy_folder: Path, tmp_path: Path) -> Path:
    """The toy model again, somewhere else."""
    return Path(shutil.copytree(toy_folder, tmp_path / "other.npm"))


@pytest.fixture
def asked(studio_window: StudioWindow, monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[Codes, ...], ...]]:
    """Codes and what comes after them, of every request from now on."""
    asked: list[tuple[tuple[Codes, ...], ...]] = []
    request = studio_window.session.request

    def note(codes: tuple[Codes, ...], settled: bool = False, ahead: tuple[Codes, ...] = ()) -> None:
        asked.append((codes, ahead))
        request(codes, settled, ahead)

    monkeypatch.setattr(studio_window.session, "request", note)
    return asked


def row_of(codes: Codes) -> int:
    """Which training frame it is."""
    poses = toy_model().pose_codes
    assert poses is not None and codes.pose is not None
    return int((poses == codes.pose).all(dim=1).nonzero()[0])


def test_playing_a_transfer_tells_what_comes_next_for_both_figures(
    qtbot: QtBot, studio_window: StudioWindow, asked: list[tuple[tuple[Codes, ...], ...]]
) -> None:
    studio_window.show_transfer()
    studio_window.library.frame_chosen.emit(6)  # second doll, bend, frame 0
    assert asked[-1][1] == ()
    qtbot.keyClick(studio_window, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(asked[-1][1]) > 0, timeout=SECONDS)
    codes, ahead = asked[-1]
    start = row_of(codes[0])
    assert [row_of(one) for one in ahead[::2]] == [6 + (start - 5) % 3, 6 + (start - 4) % 3]
    for left, right in zip(ahead[::2], ahead[1::2], strict=True):
        assert torch.equal(left.shape, codes[0].shape)
        assert torch.equal(right.shape, codes[1].shape)
        assert row_of(left) == row_of(right)


def test_playing_an_interpolation_tells_what_comes_next_there_and_back(
    qtbot: QtBot, studio_window: StudioWindow, asked: list[tuple[tuple[Codes, ...], ...]]
) -> None:
    studio_window.show_interpolate()
    studio_window.interpolate.spaces.button(1).click()  # the pose alone
    timeline = studio_window.session.document.timeline
    timeline.seek(10)
    assert asked[-1][1] == ()
    timeline.play()
    timeline.seek(54)  # before any time passes
    codes, ahead = asked[-1]
    timeline.pause()
    start, end = (codes_of(key.body).pose for key in studio_window.session.document.state.interpolate.keys)
    assert start is not None and end is not None
    way = end - start
    shares = [float((one.pose - start) @ way / (way @ way)) for one in (*codes, *ahead)]  # type: ignore[operator]
    steps = np.rint(60 * np.array(shares)).astype(int)
    assert list(np.unique(np.abs(np.diff(steps)))) == [1]
    assert len(ahead) == 12
    assert steps.max() == 60
    assert steps[-1] < 60


class Held:
    """Meshes of ``model`` wait until they are let go."""

    def __init__(self, model: NeuralParametricModel | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.made, self._go = threading.Event(), threading.Event(), threading.Event()
        make = Mesher.make

        def hold(mesher: Mesher, request: MeshRequest, quality: Quality, cancelled: Callable[[], bool]) -> MeshReply:
            if mesher._model is not model:
                return make(mesher, request, quality, cancelled)
            self.begun.set()
            self._go.wait(20)
            reply = make(mesher, request, quality, lambda: False)
            self.made.set()
            return replace(reply, generation=10**6)

        monkeypatch.setattr(Mesher, "make", hold)

    def let_go(self) -> None:
        self._go.set()


@pytest.fixture
def held(studio_window: StudioWindow, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held(studio_window.session.document.model, monkeypatch)
    yield held
    held.let_go()


def test_a_mesh_of_the_last_model_is_not_waited_for_and_never_shown(
    qtbot: QtBot, studio_window: StudioWindow, held: Held, other_folder: Path
) -> None:
    session, old = studio_window.session, studio_window.session.document.model
    studio_window.explore.randomise_shape()
    assert held.begun.wait(20)
    studio_window.files.open_path(other_folder)
    qtbot.waitUntil(lambda: session.document.model not in (None, old), timeout=SECONDS)  # while the thread is held
    shown: list[int] = []
    session.meshes_ready.connect(lambda reply: shown.append(reply.generation))
    held.let_go()
    assert held.made.wait(20)
    studio_window.explore.randomise_shape()
    qtbot.waitUntil(lambda: shown[-1:] == [session.latest_generation], timeout=SECONDS)
    qtbot.wait(50)
    assert 10**6 not in shown


def test_closing_the_window_waits_for_the_threads_of_earlier_models(
    qtbot: QtBot, studio_window: StudioWindow, held: Held, other_folder: Path
) -> None:
    old = studio_window.session.document.model
    studio_window.explore.randomise_shape()
    assert held.begun.wait(20)
    studio_window.files.open_path(other_folder)
    qtbot.waitUntil(lambda: studio_window.session.document.model not in (None, old), timeout=SECONDS)
    threading.Timer(0.1, held.let_go).start()
    studio_window.close_unasked()
    assert studio_window.clean_exit
    assert [thread for thread in threading.enumerate() if thread.name == "live meshes"] == []


def test_a_model_that_is_opened_anew_is_not_held_any_more(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine, toy_folder: Path, tmp_path: Path
) -> None:
    window, own = studio_window, Path(shutil.copytree(toy_folder, tmp_path / "own.npm"))  # which no other test holds
    first = weakref.ref(window.session.document.model)
    window.files.open_model(own)
    qtbot.waitUntil(lambda: window.session.document.model is not first(), timeout=SECONDS)
    before = weakref.ref(window.session.document.model)
    for show in (window.show_interpolate, window.show_transfer, window.show_explore):
        fine(window, show)
    window.files.open_model(own, lambda: Explorer(load_model(own)))  # as if it had been written again
    qtbot.waitUntil(lambda: window.session.document.model is not before(), timeout=SECONDS)
    fine(window, window.explore.randomise_shape)
    qtbot.waitUntil(lambda: gc.collect() >= 0 and before() is None, timeout=SECONDS)


def test_an_error_of_the_live_thread_is_shown_once_and_the_sliders_go_on(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    studio_window.session.failed.connect(lambda error, _: told.append(str(error)))
    tried = threading.Semaphore(0)

    def fail(*_: object) -> MeshReply:
        tried.release()
        raise RuntimeError("the driver went away")

    with monkeypatch.context() as patch:
        patch.setattr(Mesher, "make", fail)
        for _ in range(3):
            studio_window.explore.randomise_shape()
            assert tried.acquire(timeout=20)
            assert tried.acquire(timeout=20)
    qtbot.waitUntil(lambda: studio_window.error is not None, timeout=SECONDS)
    assert studio_window.error is not None
    studio_window.error.close()
    fine(studio_window, studio_window.explore.randomise_shape)
    assert told == ["the driver went away"]
    qtbot.waitUntil(lambda: studio_window.error is None, timeout=SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_whatever_one_does_only_meshes_of_the_model_and_codes_asked_for_are_shown(
    qtbot: QtBot, studio_window: StudioWindow, toy_folder: Path, other_folder: Path, seed: int
) -> None:
    chance, window, session = random.Random(seed), studio_window, studio_window.session
    posted: dict[tuple[NeuralParametricModel | None, int], tuple[Codes, ...]] = {}
    request = session.request

    def note(codes: tuple[Codes, ...], settled: bool = False, ahead: tuple[Codes, ...] = ()) -> None:
        request(codes, settled, ahead)
        posted[session.document.model, session.latest_generation] = codes

    def check(reply: MeshReply) -> None:
        codes = posted.get((session.document.model, reply.generation))
        if codes is None:  # asked for before the first note
            return
        for asked, mesh in zip(codes, reply.meshes, strict=True):
            if not len(mesh.faces):  # of the random shapes of the toy model one in thirty has no surface
                continue
            with torch.no_grad():
                distance = SignedDistance(toy_model(), asked.shape)(torch.from_numpy(mesh.canonical)).abs()
            off.append(float(distance.quantile(0.9)) * reply.resolution)
        last[:] = [(reply.generation, reply.quality)]

    def slide() -> None:
        if window.workspace is window.interpolate:
            window.session.document.timeline.seek(chance.randint(0, 60))
        else:
            lists = (window.explore.shape, window.explore.pose)
            chance.choice(chance.choice(lists).sliders).slider.setValue(chance.randint(-150, 150))

    def visit() -> None:
        chance.choice((window.show_explore, window.show_interpolate, window.show_transfer))()

    off: list[float] = []
    last: list[tuple[int, Quality]] = []
    session.request = note  # type: ignore[method-assign]
    session.meshes_ready.connect(check)
    actions = [slide] * 12 + [
        visit,
        session.settle,
        session.document.timeline.toggle,
        lambda: window.library.identity_chosen.emit(chance.randrange(4)),
        lambda: window.library.frame_chosen.emit(chance.randrange(24)),
        lambda: window.files.open_path(chance.choice((toy_folder, other_folder))),
    ]
    for _ in range(80):
        chance.choice(actions)()
        qtbot.wait(chance.choice((0, 5, 20, 60)))
    session.document.timeline.pause()
    qtbot.waitUntil(lambda: not session.jobs.is_busy("load"), timeout=SECONDS)
    window.show_explore()
    window.explore.randomise_shape()
    qtbot.waitUntil(lambda: last == [(session.latest_generation, Quality.FINE)], timeout=SECONDS)
    assert len(off) > 5
    assert max(off) < 0.5  # cells
