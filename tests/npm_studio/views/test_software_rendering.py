"""What changes in a window that no GPU draws, as in these tests."""

from time import perf_counter

import numpy as np
import pytest
from PyQt6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QPointF, Qt, QTimer
from PyQt6.QtGui import QMouseEvent, QPaintEvent
from PyQt6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from npm_studio.views.software_rendering import Motion, Pace, is_software, pace_of, renderer_name
from tests.npm_studio.views.studio_window import StudioWindow


@pytest.mark.parametrize("name", ["llvmpipe (LLVM 15.0.6, 256 bits)", "SwiftShader Device", "GDI Generic"])
def test_renderers_without_a_gpu_are_known_by_name(name: str) -> None:
    report = f"OpenGL vendor string:  Mesa\nOpenGL renderer string:  {name}\nOpenGL version string:  4.5"
    assert is_software(renderer_name(report))


@pytest.mark.parametrize("name", ["NVIDIA H200/PCIe/SSE2", "Mesa Intel(R) Xe Graphics (TGL GT2)", "Apple M2"])
def test_gpus_are_no_software(name: str) -> None:
    assert not is_software(name)


def test_a_view_is_quick_from_the_first_change_until_nothing_has_changed_for_a_while(qtbot: QtBot) -> None:
    told: list[bool] = []
    parent = QObject()
    motion = Motion(told.append, parent)
    for _ in range(3):
        motion.move()
    assert told == [True]
    qtbot.waitUntil(lambda: told == [True, False], timeout=5000)
    motion.rest()
    assert told == [True, False]


def test_a_view_may_be_asked_to_rest_at_once(qtbot: QtBot) -> None:
    told: list[bool] = []
    parent = QObject()
    motion = Motion(told.append, parent)
    motion.move()
    motion.rest()
    assert told == [True, False]


class _Counting(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.paints = 0

    def paintEvent(self, event: QPaintEvent | None) -> None:
        self.paints += 1


@pytest.fixture
def paced(qtbot: QtBot) -> _Counting:
    widget = _Counting()
    qtbot.addWidget(widget)
    widget.resize(80, 60)
    widget.show()
    qtbot.waitExposed(widget)
    qtbot.wait(50)
    pace_of(widget)
    return widget


def test_a_view_is_drawn_although_what_changes_it_takes_longer_than_its_interval(
    qtbot: QtBot, paced: _Counting
) -> None:
    def change() -> None:
        until = perf_counter() + 0.02
        while perf_counter() < until:
            pass
        pace_of(paced).hurry()
        paced.update()

    before, playing = paced.paints, QTimer()
    playing.setInterval(5)
    playing.timeout.connect(change)
    playing.start()
    qtbot.waitUntil(lambda: paced.paints >= before + 3, timeout=5000)
    playing.stop()


def test_changes_that_come_close_to_each_other_are_drawn_together_and_none_is_forgotten(
    qtbot: QtBot, paced: _Counting
) -> None:
    paced.update()
    qtbot.waitUntil(lambda: paced.paints > 0, timeout=5000)
    before = paced.paints
    for _ in range(50):
        paced.update()
        QCoreApplication.processEvents()
    qtbot.wait(200)
    assert before < paced.paints <= before + 3
    paced.update()
    before = paced.paints
    qtbot.waitUntil(lambda: paced.paints == before + 1, timeout=5000)


def test_a_view_that_changed_does_not_wait_as_long_as_other_widgets(paced: _Counting) -> None:
    pace = pace_of(paced)
    pace._soon, pace._later = 0.0, perf_counter() + 100
    QCoreApplication.sendEvent(paced, QEvent(QEvent.Type.UpdateRequest))
    assert pace._timer.remainingTime() > 1000
    pace.hurry()
    assert pace._timer.remainingTime() <= 0


def test_a_window_has_one_pace(paced: _Counting) -> None:
    assert pace_of(paced) is pace_of(paced)
    assert len(paced.findChildren(Pace)) == 1


def test_a_moving_view_is_drawn_without_smooth_edges_and_comes_back(studio_window: StudioWindow, qtbot: QtBot) -> None:
    view = studio_window.viewports.left
    renderer = view.view.renderer
    qtbot.waitUntil(lambda: bool(renderer.GetUseFXAA()), timeout=5000)
    assert view.view.is_software
    at_rest = studio_window.viewports.picture().toImage()
    view.redraw()
    assert not renderer.GetUseFXAA()
    assert studio_window.viewports.picture().toImage() == at_rest
    assert renderer.GetUseFXAA()


def test_turning_the_camera_by_hand_counts_as_motion(studio_window: StudioWindow, qtbot: QtBot) -> None:
    view = studio_window.viewports.left
    qtbot.waitUntil(lambda: bool(view.view.renderer.GetUseFXAA()), timeout=5000)
    before = view.camera_state()
    centre = view.view.rect().center()
    qtbot.mousePress(view.view, Qt.MouseButton.LeftButton, pos=centre)
    qtbot.mouseMove(view.view, centre + QPoint(40, 10))
    qtbot.mouseRelease(view.view, Qt.MouseButton.LeftButton, pos=centre + QPoint(40, 10))
    assert not np.allclose(before.position, view.camera_state().position)
    assert not view.view.renderer.GetUseFXAA()
    qtbot.waitUntil(lambda: bool(view.view.renderer.GetUseFXAA()), timeout=5000)


def test_events_of_the_mouse_that_come_together_are_drawn_once(studio_window: StudioWindow, qtbot: QtBot) -> None:
    view = studio_window.viewports.left.view
    qtbot.waitUntil(lambda: bool(view.renderer.GetUseFXAA()), timeout=5000)
    qtbot.wait(100)
    drawn: list[int] = []
    observer = view.ren_win.AddObserver("StartEvent", lambda *_: drawn.append(1))
    centre = view.rect().center()
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=centre)
    for step in range(20):
        position = QPointF(centre + QPoint(step, 0))
        everywhere = QPointF(view.mapToGlobal(centre))
        no, left, none = Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QCoreApplication.sendEvent(view, QMouseEvent(QEvent.Type.MouseMove, position, everywhere, no, left, none))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=centre)
    assert len(drawn) <= 2
    qtbot.waitUntil(lambda: len(drawn) > 0, timeout=5000)
    view.ren_win.RemoveObserver(observer)


def test_only_see_through_figures_pay_for_blending_in_any_order(studio_window: StudioWindow) -> None:
    view = studio_window.viewports.left
    assert not view.view.renderer.GetUseOIT()
    view.mesh.set_opacity(0.5)
    assert view.view.renderer.GetUseOIT()
    view.mesh.set_opacity(1.0)
    assert not view.view.renderer.GetUseOIT()
