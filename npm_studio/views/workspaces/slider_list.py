"""The sliders of one space: as many of its leading directions as somebody wants."""

from PyQt6.QtCore import QEvent, QObject, Qt, pyqtSignal
from PyQt6.QtGui import QFocusEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QSpinBox, QVBoxLayout, QWidget

from npm_studio.session.document.explorer import Explorer, Space
from npm_studio.views.portraits import Portraits
from npm_studio.views.widgets.basics import BY_TAB, Section, note, scrolls_panel, tab_before
from npm_studio.views.widgets.direction_slider import END, DirectionSlider
from npm_studio.views.workspaces.base import Actions


class SliderList(Section):
    """As many sliders as fit are seen, the others are scrolled to; below them their number."""

    moved = pyqtSignal(int, float)
    """A direction, by the user, to this many standard deviations."""
    released = pyqtSignal()
    said = pyqtSignal(str)
    """About a value that was typed."""
    lock_toggled = pyqtSignal(int, bool)
    count_chosen = pyqtSignal(int)

    def __init__(self, title: str, space: Space, portraits: Portraits, actions: Actions) -> None:
        super().__init__(title, [actions[f"edit.random_{space}"], actions[f"edit.reset_{space}"]])
        self.space, self._portraits = space, portraits
        self.sliders: list[DirectionSlider] = []
        self._explorer: Explorer | None = None
        self._empty = note("")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setMinimumHeight(100)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(2)
        self._of_all = QLabel()
        self._of_all.setObjectName("muted")
        self.count = QSpinBox()
        self.count.setAccessibleName(f"Directions of {space} that are shown")
        self.count.setToolTip("How many directions are shown; later ones change less and less")
        self.count.setKeyboardTracking(False)
        scrolls_panel(self.count)
        self.count.valueChanged.connect(self.count_chosen)
        foot = QHBoxLayout()
        foot.setContentsMargins(6, 4, 0, 2)
        foot.addWidget(self.count)
        foot.addWidget(self._of_all)
        foot.addStretch(1)
        self._column.addLayout(foot)
        self._column.addStretch(1)
        self._area.setWidget(inside)
        self.body.addWidget(self._empty)
        self.body.addWidget(self._area, 1)
        portraits.names_changed.connect(self._show_names)

    def fill(self, explorer: Explorer | None, count: int) -> None:
        """Sliders for the first ``count`` directions of ``explorer``'s space."""
        if explorer is not self._explorer:
            self._explorer = explorer
            self._take_away(0)
        all_of_them = 0 if explorer is None else explorer.directions(self.space)
        self._take_away(count)
        for direction in range(len(self.sliders), min(count, all_of_them)):
            assert explorer is not None
            self._add(explorer, direction, all_of_them)
        self._show_names()
        self.count.blockSignals(True)
        self.count.setRange(min(1, all_of_them), max(all_of_them, 1))
        self.count.setValue(len(self.sliders))
        self.count.blockSignals(False)
        self._of_all.setText(f"of {all_of_them} directions")
        self._area.setVisible(all_of_them > 0)
        self._empty.setVisible(all_of_them == 0)
        nothing = "a single training identity" if self.space == "shape" else "no pose part"
        self._empty.setText("" if explorer is None else f"This model has {nothing}, so there is nothing to move.")

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Somebody who comes to a value by Tab sees all of its slider."""
        if isinstance(event, QFocusEvent) and event.gotFocus() and event.reason() in BY_TAB:
            for slider in self.sliders:
                if isinstance(watched, QWidget) and slider.isAncestorOf(watched):
                    self._area.ensureWidgetVisible(slider, 0, 0)
        return super().eventFilter(watched, event)

    def show_values(self, values: list[float]) -> None:
        """Standard deviations of the directions, but for one that is being dragged."""
        for slider, value in zip(self.sliders, values, strict=False):
            if not slider.slider.isSliderDown():
                slider.set_value(value)

    def show_locks(self, locked: tuple[int, ...]) -> None:
        for direction, slider in enumerate(self.sliders):
            slider.set_locked(direction in locked)

    def _add(self, explorer: Explorer, direction: int, count: int) -> None:
        share = float(explorer.share_of_variance(self.space)[direction])
        of = "identities" if self.space == "shape" else "frames"
        tooltip = (
            f"Direction {direction + 1} of {count}: {share:.1%} of the variance of the training {of}, "
            "in standard deviations. Double-click to go back to the mean."
        )
        ends = explorer.end(self.space, direction, -END), explorer.end(self.space, direction, END)
        slider = DirectionSlider(f"{self.space.capitalize()} {direction + 1}", tooltip, self._portraits, ends)
        slider.set_share(share)
        slider.moved.connect(lambda value: self.moved.emit(direction, value))
        slider.released.connect(self.released)
        slider.field.said.connect(self.said)
        slider.lock_toggled.connect(lambda locked: self.lock_toggled.emit(direction, locked))
        self.sliders.append(slider)
        self._column.insertWidget(direction, slider)
        tab_before(self.count, slider)
        for part in slider.findChildren(QWidget):
            part.installEventFilter(self)

    def _take_away(self, count: int) -> None:
        """All but the first ``count`` sliders."""
        for slider in self.sliders[count:]:
            self._column.removeWidget(slider)
            slider.hide()
            slider.deleteLater()
        del self.sliders[count:]

    def _show_names(self) -> None:
        for direction, slider in enumerate(self.sliders):
            name = self._portraits.name(self.space, direction)
            slider.set_name("" if name is None else name.short, "" if name is None else name.explanation)
