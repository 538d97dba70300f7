"""What the keyboard reaches, and what a screen reader says of it."""

from collections.abc import Iterator

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenuBar,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot

from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

INTERACTIVE = (QAbstractButton, QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit)
WHOLE = (QAbstractSpinBox, QComboBox, QLineEdit, QMenuBar)
"""Whose parts have no names."""


def interactive(window: QWidget) -> Iterator[QWidget]:
    """What a user can operate, but for parts of it."""
    for widget in window.findChildren(QWidget):
        is_own = isinstance(widget, INTERACTIVE) and not isinstance(widget, QScrollBar | QHeaderView)
        if is_own and type(widget) is not QAbstractButton and not any(isinstance(one, WHOLE) for one in above(widget)):
            yield widget


def above(widget: QWidget) -> Iterator[QWidget]:
    """What ``widget`` is in, the innermost first."""
    while (within := widget.parentWidget()) is not None:
        yield within
        widget = within


def name_of(widget: QWidget) -> str:
    """As Qt tells it to a screen reader."""
    labels = [label.text() for label in present(widget.window()).findChildren(QLabel) if label.buddy() is widget]
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text or " ".join(labels)


def test_everything_that_can_be_operated_has_a_name(studio_window: StudioWindow) -> None:
    nameless = [
        f"{type(widget).__name__} in {type(widget.parentWidget()).__name__}: {widget.toolTip()}"
        for widget in interactive(studio_window)
        if not name_of(widget).strip()
    ]
    assert nameless == []


@pytest.mark.parametrize("dark", [True, False])
def test_the_focus_is_seen_on_buttons_lists_and_tabs(studio_window: StudioWindow, dark: bool) -> None:
    window = studio_window
    window.set_dark(dark)
    window.activateWindow()
    widgets = [
        window.page.segments.button(1),
        window.library.identities,
        window.library.poses,
        window.explore.shape.sliders[0].slider,
        next(
            one
            for one in window.page.findChildren(QAbstractButton)
            if one.toolTip().startswith("Save the 3-D views as a PNG")
        ),
    ]
    for widget in widgets:
        window.setFocus()
        QApplication.processEvents()
        before = widget.grab().toImage()
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        QApplication.processEvents()
        assert widget.hasFocus(), name_of(widget)
        assert widget.grab().toImage() != before, name_of(widget)
    window.set_dark(True)


def test_tab_goes_down_the_panel_from_one_direction_to_the_next(studio_window: StudioWindow, qtbot: QtBot) -> None:
    window = studio_window
    window.activateWindow()
    sliders = [one.slider for one in window.explore.shape.sliders]
    sliders[0].setFocus()
    reached: list[int] = []
    for _ in range(12):
        qtbot.keyClick(window, Qt.Key.Key_Tab)
        focused = QApplication.focusWidget()
        if focused in sliders:
            reached.append(sliders.index(focused))
    assert reached[:2] == [1, 2]


@pytest.mark.parametrize("workspace", ["explore", "interpolate", "transfer"])
def test_tab_goes_through_views_playback_and_panel_and_comes_to_the_status_line_last(
    studio_window: StudioWindow, qtbot: QtBot, workspace: str
) -> None:
    window = studio_window
    window.session.document.show_workspace(workspace)
    qtbot.wait(50)
    order = taking_tab(window)
    parts = [window.viewports, window.timeline, window.page.panel, window.jobs_sheet.button]
    places = [index for one in order for index, part in enumerate(parts) if part is one or part.isAncestorOf(one)]
    assert places == sorted(places)
    assert set(places) == set(range(len(parts)))


def test_tab_goes_through_a_body_before_the_next_one(studio_window: StudioWindow, qtbot: QtBot) -> None:
    window = studio_window
    window.session.document.show_workspace("interpolate")
    qtbot.wait(50)
    window.interpolate.add_shown()
    cards = window.interpolate.cards.cards
    assert len(cards) == 3
    qtbot.waitUntil(cards[2].isVisible)
    order = taking_tab(window)
    places = [index for one in order for index, card in enumerate(cards) if card is one or card.isAncestorOf(one)]
    assert places == sorted(places)
    assert order.index(cards[2]) < order.index(window.interpolate.add)


def taking_tab(window: QWidget) -> list[QWidget]:
    """What the tabulator comes to, one after the other."""
    found, widget = list[QWidget](), window.nextInFocusChain()
    while widget is not None and widget is not window:
        if widget.focusPolicy().value & Qt.FocusPolicy.TabFocus.value and widget.isVisible() and widget.isEnabled():
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found


def test_the_focus_of_a_view_is_seen_when_it_came_by_tab_and_not_by_the_mouse(window: StudioWindow) -> None:
    window.activateWindow()
    left = window.viewports.left
    for reason, seen in (
        (Qt.FocusReason.TabFocusReason, True),
        (Qt.FocusReason.MouseFocusReason, False),
        (Qt.FocusReason.BacktabFocusReason, True),
        (Qt.FocusReason.OtherFocusReason, False),
    ):
        window.setFocus()
        left.view.setFocus(reason)
        assert left.view.hasFocus()
        assert left.focus_frame.isVisible() is seen, reason
    left.view.setFocus(Qt.FocusReason.TabFocusReason)
    left.view.clearFocus()
    assert not left.focus_frame.isVisible()


@pytest.mark.parametrize("place", ["panel", "library"])
def test_no_view_is_framed_when_what_had_the_focus_goes_away(studio_window: StudioWindow, place: str) -> None:
    window = studio_window
    window.activateWindow()
    focused = {"panel": window.explore.shape.sliders[0].slider, "library": window.library.identities}[place]
    focused.setFocus()
    assert focused.hasFocus()
    window.page.segments.button(3).click()
    assert window.workspace is window.fit
    assert window.viewports.left.view.hasFocus()
    assert not window.viewports.left.focus_frame.isVisible()


def test_the_focus_of_a_card_is_seen(studio_window: StudioWindow) -> None:
    window = studio_window
    window.session.document.show_workspace("interpolate")
    window.activateWindow()
    card = window.interpolate.cards.cards[1]
    window.setFocus()
    before = card.grab().toImage()
    card.setFocus(Qt.FocusReason.TabFocusReason)
    QApplication.processEvents()
    assert card.hasFocus()
    assert card.grab().toImage() != before


def test_tab_goes_from_the_method_of_a_fit_to_what_stands_below_it(window: StudioWindow, qtbot: QtBot) -> None:
    window.show_fit()
    window.activateWindow()
    form = window.fit.form
    qtbot.waitUntil(form.fields["steps"].isVisible)
    form.choice.setFocus()
    for field in [form.choice, *form.fields.values(), window.fit.fill_lost]:
        if field.isVisible():
            assert QApplication.focusWidget() is field
            qtbot.keyClick(window, Qt.Key.Key_Tab)


def test_return_in_the_number_of_a_slider_gives_the_focus_to_the_view_and_undo_takes_the_value_back(
    studio_window: StudioWindow, qtbot: QtBot
) -> None:
    window, field = studio_window, studio_window.explore.shape.sliders[0].field
    before = field.text()
    window.activateWindow()
    qtbot.mouseClick(field, Qt.MouseButton.LeftButton)
    qtbot.keyClicks(field, "1")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.text() == "+1.00 σ"
    assert QApplication.focusWidget() is window.viewports.left.view
    qtbot.keyClick(window.viewports.left.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert field.text() == before


def test_shortcuts_of_the_window_work_from_number_fields_whose_own_undo_is_for_what_is_being_typed(
    studio_window: StudioWindow, qtbot: QtBot
) -> None:
    window, explore = studio_window, studio_window.explore
    window.activateWindow()
    control = Qt.KeyboardModifier.ControlModifier
    for field in (explore.shape.sliders[0].field, explore.shape.count):
        explore.shape.sliders[1].field.typed.emit(0.5)
        assert window.session.document.undo_name is not None
        field.setFocus()
        qtbot.keyClick(field, Qt.Key.Key_Z, control)
        assert window.session.document.undo_name is None
        was = window.theme.name
        qtbot.keyClick(field, Qt.Key.Key_T, control)
        assert window.theme.name != was
    explore.shape.sliders[1].field.typed.emit(0.5)
    field = explore.shape.sliders[0].field
    before = field.text()
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "2")
    qtbot.keyClick(field, Qt.Key.Key_Z, control)
    assert field.text() == before
    assert window.session.document.undo_name is not None


def test_space_presses_a_button_that_was_reached_by_tab_and_else_plays(
    studio_window: StudioWindow, qtbot: QtBot
) -> None:
    window, timeline = studio_window, studio_window.session.document.timeline
    window.activateWindow()
    button = window.explore.pages.button(1)
    pressed: list[bool] = []
    button.clicked.connect(pressed.append)
    button.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert pressed and not timeline.playing
    button.setFocus(Qt.FocusReason.OtherFocusReason)
    window.viewports.left.view.setFocus(Qt.FocusReason.MouseFocusReason)
    qtbot.keyClick(window.viewports.left.view, Qt.Key.Key_Space)
    assert timeline.playing


def test_delete_takes_the_chosen_keyframe_or_body_away_but_for_the_last_ones(
    studio_window: StudioWindow, qtbot: QtBot
) -> None:
    window, state = studio_window, lambda: studio_window.session.document.state
    window.activateWindow()
    window.show_interpolate()
    window.interpolate.add_explore()
    for left in (2, 2):
        qtbot.keyClick(window.viewports.left.view, Qt.Key.Key_Delete)
        assert len(state().interpolate.keys) == left
    assert present(window.statusBar()).currentMessage() == "Two keyframes always stay."
    window.show_transfer()
    for left in (1, 1):
        qtbot.keyClick(window.viewports.left.view, Qt.Key.Key_Delete)
        assert len(state().transfer.bodies) == left


def test_on_the_welcome_page_nothing_plays_and_what_a_key_does_is_shown(
    studio_window: StudioWindow, qtbot: QtBot
) -> None:
    window = studio_window
    window.activateWindow()
    window.actions_by_id["help.welcome"].trigger()
    qtbot.keyClick(window.welcome, Qt.Key.Key_Space)
    assert not window.session.document.timeline.playing
    qtbot.keyClick(window.welcome, Qt.Key.Key_S)
    assert window.session.document.undo_name == "Random Shape" and not window.welcoming.is_shown


def test_no_field_has_the_focus_by_itself_when_a_workspace_is_entered(
    studio_window: StudioWindow, qtbot: QtBot
) -> None:
    window = studio_window
    window.activateWindow()
    window.actions_by_id["help.welcome"].trigger()
    assert window.welcoming.is_shown
    qtbot.mouseClick(window.welcome.explore, Qt.MouseButton.LeftButton)
    QApplication.processEvents()
    assert not isinstance(QApplication.focusWidget(), QLineEdit | QAbstractSpinBox)
    for show in (window.show_fit, window.show_train, window.show_explore):
        show()
        QApplication.processEvents()
        assert not isinstance(QApplication.focusWidget(), QLineEdit | QAbstractSpinBox)
        fields = present(window.page.panel.currentWidget()).findChildren(QAbstractSpinBox)
        if fields:
            fields[0].setFocus()
