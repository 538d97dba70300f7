import pytest
from PyQt6.QtCore import QPoint, QPointF, QRect, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from npm_studio.views.widgets.basics import note
from npm_studio.views.window_place import place_within
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

LAPTOP = QRect(0, 25, 1024, 615)
"""What a panel of 25 pixels leaves of 1024 x 640."""
BESIDE = QRect(1024, 0, 1920, 1080)


@pytest.mark.parametrize(
    ("window", "screens"),
    [
        (QRect(0, 0, 1440, 900), [LAPTOP]),
        (QRect(-300, -300, 800, 500), [LAPTOP]),
        (QRect(5000, 4000, 800, 500), [LAPTOP]),
        (QRect(1500, 900, 1440, 900), [LAPTOP, BESIDE]),
    ],
)
def test_a_window_is_brought_back_onto_the_screen_that_it_is_most_on(window: QRect, screens: list[QRect]) -> None:
    placed = place_within(window, screens)
    assert screens[-1].contains(placed)
    assert placed.size() == window.size().boundedTo(placed.size())


def test_a_window_that_is_seen_whole_stays_where_it_is() -> None:
    window = QRect(1100, 100, 1440, 900)
    assert place_within(window, [LAPTOP, BESIDE]) == window


def test_every_workspace_has_room_in_800_by_500_pixels(window: StudioWindow) -> None:
    for name in window.workspaces:
        window.session.document.show_workspace(name)
        least = window.minimumSizeHint()
        assert least.width() <= 784, name
        assert least.height() <= 456, name


def said(field: QWidget) -> str:
    """What a field shows."""
    if isinstance(field, QComboBox):
        return field.currentText()
    assert isinstance(field, QAbstractSpinBox)
    return field.text()


def test_the_wheel_scrolls_panels_and_changes_no_field_in_them(studio_window: StudioWindow) -> None:
    fields = [
        field
        for workspace in studio_window.workspaces.values()
        for area in workspace.findChildren(QScrollArea)
        for kind in (QComboBox, QAbstractSpinBox)
        for field in area.findChildren(kind)
        if field.isEnabled()
    ]
    assert len(fields) > 10
    for field in fields:
        before = said(field)
        for turn in (-120, 120):
            no, down = Qt.MouseButton.NoButton, QPoint(0, turn)
            modifiers, phase = Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
            QApplication.sendEvent(
                field, QWheelEvent(QPointF(5, 5), QPointF(5, 5), down, down, no, modifiers, phase, False)
            )
            assert said(field) == before, field.accessibleName()


def test_what_is_said_is_shortened_in_its_middle_where_there_is_no_room(window: StudioWindow) -> None:
    window.session.message.emit("Fit of somebody finished, good: /home/" + "far/" * 60 + "away")
    shown = present(window.statusBar()).currentMessage()
    assert shown.startswith("Fit of somebody finished") and shown.endswith("away") and "…" in shown


def test_resetting_the_layout_brings_panels_and_lists_back(window: StudioWindow) -> None:
    usual = window.page.splitter.sizes()
    window.page.splitter.setSizes([400, 300, 300])
    window.actions_by_id["view.library"].trigger()
    assert not window.library.isVisible()
    window.actions_by_id["view.reset_layout"].trigger()
    assert window.library.isVisible()
    assert window.page.splitter.sizes()[2] < usual[2] + 100


def test_the_workspace_that_was_on_show_is_there_at_the_next_start(window: StudioWindow, qtbot: QtBot) -> None:
    window.show_transfer()
    window.close()
    again = StudioWindow()
    assert again.workspace is again.transfer
    again.close()


def test_a_note_is_as_tall_as_its_words_need(qtbot: QtBot) -> None:
    label = note("")
    qtbot.addWidget(label)
    label.resize(120, 10)
    label.setText("From each vertex to the nearest point, as not all sides have the same triangles.")
    assert label.minimumHeight() == label.heightForWidth(120) > 40
