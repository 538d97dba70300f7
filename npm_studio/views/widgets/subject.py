"""What of a depth recording belongs to the subject."""

import dataclasses

from PyQt6.QtCore import QTimer, pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QDoubleSpinBox, QHBoxLayout, QLabel, QWidget

from engine.dataset.isolation import Isolation
from npm_studio.views.widgets.basics import Section, note

_PAUSE_MS = 500
_FARTHEST_M = 20.0


class SubjectPanel(Section):
    """Range of depth and removal of the surroundings; tells a change once the user pauses."""

    isolation_changed = pyqtSignal(object)
    """A `engine.dataset.isolation.Isolation`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Subject", parent=parent)
        self._isolation = Isolation()
        self.near, self.far = _distance("none"), _distance("none")
        self.near.setToolTip("Leave out what is nearer to the camera, metres")
        self.far.setToolTip("Leave out what is farther from the camera, metres")
        self.surroundings = QCheckBox("Remove floor and walls")
        self.surroundings.setToolTip("Leave out planes such as the floor, and all but the largest connected surface")
        self.notes = note("")
        row = QHBoxLayout()
        for label, box in (("Nearest", self.near), ("Farthest", self.far)):
            row.addWidget(QLabel(label))
            row.addWidget(box)
            row.addStretch(1)
        self.body.addLayout(row)
        self.body.addWidget(self.surroundings)
        self.body.addWidget(self.notes)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._tell)
        self.near.valueChanged.connect(lambda _: self._pause.start())
        self.far.valueChanged.connect(lambda _: self._pause.start())
        self.surroundings.toggled.connect(lambda _: self._pause.start())
        self.setEnabled(False)

    @property
    def isolation(self) -> Isolation:
        """What the boxes say, with the masks that the recording was opened with."""
        remove = self.surroundings.isChecked()
        return dataclasses.replace(
            self._isolation,
            near_m=round(self.near.value(), 3) or None,
            far_m=round(self.far.value(), 3) or None,
            remove_planes=remove,
            largest_component=remove,
        )

    def show_isolation(self, isolation: Isolation, warnings: tuple[str, ...]) -> None:
        """Put the choice of the recording on show, and what there is to know about it, without telling anybody."""
        self._pause.stop()
        self._isolation = isolation
        for box, value in ((self.near, isolation.near_m), (self.far, isolation.far_m)):
            box.blockSignals(True)
            box.setValue(value or 0.0)
            box.blockSignals(False)
        self.surroundings.blockSignals(True)
        self.surroundings.setChecked(isolation.remove_planes)
        self.surroundings.blockSignals(False)
        self.notes.setText("\n".join(text[:1].upper() + text[1:] + "." for text in warnings))
        self.notes.setVisible(bool(warnings))

    def _tell(self) -> None:
        if self.isolation != self._isolation:
            self.isolation_changed.emit(self.isolation)


def _distance(nothing: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.0, _FARTHEST_M)
    box.setSingleStep(0.1)
    box.setDecimals(2)
    box.setSuffix(" m")
    box.setSpecialValueText(nothing)
    box.setKeyboardTracking(False)
    return box
