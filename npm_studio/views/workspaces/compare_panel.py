"""The panel beside a comparison: its sides, how they are shown, their colours and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PyQt6.QtCore import QSignalBlocker, Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from npm_studio.session.document.compared_sides import Offer
from npm_studio.session.document.comparison import ComparisonState, Mode, SideSource
from npm_studio.views.widgets.basics import Section, Segments, action_button, note, scrolls_panel
from npm_studio.views.widgets.error_table import ErrorTable
from npm_studio.views.widgets.side_list import SideList

MODES: tuple[tuple[Mode, str, str], ...] = (
    ("beside", "Side by side", "A view for each side, with cameras that move together"),
    ("swipe", "Swipe", "Sides A and B in one view, on the two sides of a divider that you drag"),
    ("blink", "Blink", "Sides A and B in one view, one after the other: what differs jumps to the eye"),
)


@dataclass(frozen=True)
class ColourChoice:
    """What errors are measured against, and what is said of it."""

    offered: Sequence[Offer]
    current: SideSource | None
    explanation: str
    scale_mm: float


class ComparePanel:
    """Widgets of the panel, put into ``column``; the workspace says what happens when they are used."""

    def __init__(self, column: QVBoxLayout, actions: Mapping[str, QAction]) -> None:
        self.sides = SideList(actions["compare.swap"])
        self.add = QPushButton("Add side…")
        self.mode = Segments([title for _, title, _ in MODES])
        for place, (_, title, tooltip) in enumerate(MODES):
            self.mode.button(place).setToolTip(tooltip)
            self.mode.button(place).setAccessibleName(title)
        self.linked = QCheckBox("Link the cameras")
        self.linked.setToolTip(actions["view.link_cameras"].toolTip())
        self.blinking = QCheckBox("Automatic")
        self.blinking.setToolTip("Change sides every 0.7 seconds")
        self.other = action_button("Other side", actions["compare.other"])
        self._blink_row = QHBoxLayout()
        self._blink_row.addWidget(self.other)
        self._blink_row.addStretch(1)
        self._blink_row.addWidget(self.blinking)

        self.coloured = QCheckBox("Colours up to")
        self.coloured.setToolTip("Colour every vertex by its error, in the same colours in all views")
        self.reference = QComboBox()
        self.reference.setAccessibleName("Errors are measured against")
        self.reference.setToolTip("What errors are measured against: the truth, what was seen, or one of the sides")
        self.reference.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.reference.setMinimumContentsLength(10)
        self.automatic = QCheckBox("Auto")
        self.automatic.setToolTip(
            "End the colours above 95 % of the errors of the usual side; one that is lost does not count"
        )
        self.scale = QDoubleSpinBox()
        self.scale.setRange(0.1, 10_000)
        self.scale.setDecimals(1)
        self.scale.setSuffix(" mm")
        self.scale.setKeyboardTracking(False)
        self.scale.setAccessibleName("Error at the end of the colours")
        self.scale.setToolTip("Error at the end of the colours, the same in all views")
        scrolls_panel(self.reference, self.scale)
        self.explanation = note("")

        self.table = ErrorTable()
        self.progress = note("")
        self.report = action_button("Export report…", actions["compare.report"])
        self.picture = action_button("Export picture…", actions["compare.picture"])
        self.export_run = action_button("Export run…", actions["file.export"])
        self._lay_out(column)

    def show_state(self, state: ComparisonState, titles: Sequence[tuple[str, str]], room: int) -> None:
        """
        Args:
            titles: title and tooltip of each side
            room: for so many more sides
        """
        rows = state.layout if state.mode == "beside" else 2
        self.sides.fill(titles, state.layout, rows)
        self.add.setEnabled(room > 0)
        self.mode.choose([mode for mode, _, _ in MODES].index(state.mode))
        self.linked.setVisible(state.mode == "beside")
        self.sides.layouts.setEnabled(state.mode == "beside")
        for widget in (self.other, self.blinking):
            widget.setVisible(state.mode == "blink")
        with QSignalBlocker(self.coloured):
            self.coloured.setChecked(state.coloured)
        with QSignalBlocker(self.automatic):
            self.automatic.setChecked(state.scale_mm is None)
        self.scale.setEnabled(state.coloured)
        self.automatic.setEnabled(state.coloured)

    def show_colours(self, choice: ColourChoice) -> None:
        with QSignalBlocker(self.reference):
            self.reference.clear()
            for offer in choice.offered:
                self.reference.addItem(offer.title, offer.source)
            self.reference.setCurrentIndex(
                next((at for at, offer in enumerate(choice.offered) if offer.source == choice.current), -1)
            )
        self.reference.setEnabled(len(choice.offered) > 0)
        self.explanation.setText(choice.explanation)
        self.explanation.setVisible(bool(choice.explanation))
        self.show_scale(choice.scale_mm)

    def show_scale(self, scale_mm: float) -> None:
        if not self.scale.hasFocus():
            with QSignalBlocker(self.scale):
                self.scale.setValue(scale_mm)

    def _lay_out(self, column: QVBoxLayout) -> None:
        self.add.setToolTip("Compare one more: a run, the truth, what was seen, or meshes from disk")
        self.add.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.sides.body.addWidget(self.add)
        shown = Section("Show")
        shown.body.addWidget(self.mode)
        shown.body.addWidget(self.linked)
        shown.body.addLayout(self._blink_row)
        errors = Section("Errors")
        against = QHBoxLayout()
        title = QLabel("Against")
        title.setObjectName("muted")
        against.addWidget(title)
        against.addWidget(self.reference, 1)
        errors.body.addLayout(against)
        errors.body.addWidget(self.explanation)
        row = QHBoxLayout()
        row.addWidget(self.coloured)
        row.addWidget(self.scale, 1)
        row.addWidget(self.automatic)
        errors.body.addLayout(row)
        sequence = Section("Over the sequence, mm")
        sequence.body.addWidget(self.table)
        exports = QHBoxLayout()
        exports.addWidget(self.report, 1)
        exports.addWidget(self.picture, 1)
        sequence.body.addLayout(exports)
        sequence.body.addWidget(self.export_run)
        sequence.body.addWidget(self.progress)  # below: its coming and going moves no button
        column.setSpacing(16)
        for section in (self.sides, shown, errors, sequence):
            column.addWidget(section)
        column.addStretch(1)
