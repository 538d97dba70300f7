import pytest
from PyQt6.QtCore import QRect
from pytestqt.qtbot import QtBot

from npm_studio.views.widgets.basics import note
from npm_studio.views.window_place import place_within
from tests.npm_studio.views.studio_window import StudioWindow

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
