"""What stands beside the sliders of Explore: names, typed values, locks, their number, and raw codes."""

from collections.abc import Callable

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from engine.core.errors import InputError
from npm_studio.session.portraits.direction_names import DirectionName
from npm_studio.views.body_figures import in_words
from npm_studio.views.widgets.code_editor import code_in, text_of
from npm_studio.views.widgets.direction_slider import number_in
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

Fine = Callable[..., None]


def test_everything_beside_the_sliders_does_what_it_says(qtbot: QtBot, studio_window: StudioWindow, fine: Fine) -> None:
    window, explore, document = studio_window, studio_window.explore, studio_window.session.document
    first = explore.shape.sliders[0]

    # a value is typed, and is one step
    def type_value(text: str) -> None:
        first.field.clearFocus()
        qtbot.mouseClick(first.field, Qt.MouseButton.LeftButton)
        qtbot.keyClicks(first.field, text)
        qtbot.keyClick(first.field, Qt.Key.Key_Return)

    fine(window, lambda: type_value("0,25"))
    assert first.readout == "+0.25 σ"
    assert document.undo_name == "Shape 1"
    type_value("much")
    assert first.readout == "+0.25 σ"
    status = present(window.statusBar())
    assert status.currentMessage() == "Type a number from −9.99 to 9.99, in standard deviations"
    type_value("9")
    assert status.currentMessage().startswith("+9.00 σ is beyond ±3 σ")
    document.undo()

    # locked, it stays when a random shape is drawn
    qtbot.mouseClick(first.lock, Qt.MouseButton.LeftButton)
    assert document.undo_name == "Lock Shape 1"
    assert document.state.locks.shape == (0,)
    fine(window, explore.randomise_shape)
    assert first.readout == "+0.25 σ"
    assert document.state.explore.shape_name.startswith("Random shape ")
    document.undo()
    document.undo()
    assert not first.lock.isChecked()

    # as many as are wanted are shown
    explore.shape.count.setValue(1)
    assert len(explore.shape.sliders) == 1
    assert document.undo_name == "Shape 1"
    explore.shape.count.setValue(3)
    assert len(explore.shape.sliders) == 3

    # names come when they are known
    window.session.portraits._names = {"shape": (None, DirectionName("Height", 0.93, 5.8, "cm"))}
    window.session.portraits.names_changed.emit()
    assert [slider.name for slider in explore.shape.sliders] == ["Shape 1", "Height (r 0.93)", "Shape 3"]
    assert "5.8 cm from one σ" in explore.shape.sliders[1].slider.toolTip()

    # and steps are called as the sliders are
    explore.shape.sliders[1].field.typed.emit(0.5)
    assert document.undo_name == "Height"
    document.undo()

    # the codes are numbers that can be copied, changed and applied
    explore.pages.button(2).click()
    assert document.state.view.explore.page == "codes"
    explore.shape_code.copy.click()
    copied = present(QGuiApplication.clipboard()).text()
    assert code_in(copied, 8, "it") == document.state.explore.shape
    assert not explore.shape_code.apply.isEnabled()
    mean = window.session.document.explorer
    code = tuple(present(mean).mean("shape").tolist())
    explore.shape_code.text.selectAll()
    explore.shape_code.text.insertPlainText(text_of(code))
    fine(window, explore.shape_code.apply.click)
    assert document.state.explore.shape == code
    assert document.undo_name == "Shape Code"
    explore.shape_code.text.insertPlainText("3 ")
    explore.shape_code.apply.click()
    assert "9 numbers, this model needs 8" in present(window.error).details
    present(window.error).close()


def test_the_body_on_show_is_measured_after_its_fine_mesh(
    qtbot: QtBot, studio_window: StudioWindow, fine: Fine
) -> None:
    figures = studio_window.explore._figures
    qtbot.waitUntil(lambda: "cm" in figures.text, timeout=20_000)
    before = figures.text
    fine(studio_window, lambda: studio_window.library.identity_chosen.emit(1))
    qtbot.waitUntil(lambda: figures.text not in ("", before), timeout=20_000)
    assert "volume" in figures.text
    studio_window.show_fit()
    assert figures.text == ""


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.5", 1.5), ("−0.25 σ", -0.25), ("+2", 2.0), ("0,5", 0.5), ("", None), ("nan", None), ("inf", None)],
)
def test_a_value_is_read_as_people_write_it(text: str, value: float | None) -> None:
    assert number_in(text) == value


def test_a_code_is_written_and_read_without_loss_and_bad_ones_are_named() -> None:
    code = tuple(float(value) for value in np.random.default_rng(0).normal(size=8).astype(np.float32))
    assert code_in(text_of(code), 8, "it") == code
    assert code_in("[1, 2;\n3]", 3, "it") == (1.0, 2.0, 3.0)
    for text, words in (
        ("1 2", "has 2 numbers"),
        ("1 two 3", "value 2, 'two', is not a number"),
        ("1 2 inf", "not finite"),
    ):
        with pytest.raises(InputError, match=words):
            code_in(text, 3, "the code")


def test_figures_of_a_body_have_units_and_other_things_their_extents() -> None:
    body = {"height": 171.24, "chest_girth": 92.0, "waist_girth": 78.26, "hip_girth": 95.1, "volume": 63.14}
    assert in_words(body) == "Height 171.2 cm  ·  volume 63.1 l  ·  chest 92.0, waist 78.3, hip 95.1 cm"
    hand = {"width": 9.04, "tallness": 18.9, "depth": 4.2, "volume": 0.417}
    assert in_words(hand) == "Extent 9.0 × 18.9 × 4.2 cm  ·  volume 0.417 l"
    assert in_words({}) == ""
