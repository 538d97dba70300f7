"""Where the field is cut: an axis and a place on it."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QWidget

from npm_studio.views.widgets.basics import Section, Segments
from npm_studio.views.widgets.slider import BarSlider

_STEPS = 200


class SliceSection(Section):
    """Segments for the axis, a slider for the place."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Slice of the field", parent=parent)
        self.axes = Segments(("Side  X", "Top  Y", "Front  Z"))
        for index, across in enumerate(("from side to side", "up and down", "from back to front")):
            self.axes.button(index).setToolTip(f"A plane that moves {across}")
        self.axes.choose(2)
        self.slider = BarSlider(_STEPS // 2)
        self.slider.setRange(0, _STEPS)
        self.slider.setValue(_STEPS // 2)
        self.slider.setAccessibleName("Place of the slice")
        self.slider.setToolTip("Place of the slice; double-click for the middle")
        self._readout = QLabel()
        self._readout.setObjectName("muted")
        self._readout.setMinimumWidth(86)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self.slider, 1)
        row.addWidget(self._readout)
        self.body.addWidget(self.axes)
        self.body.addLayout(row)
        self.axes.chosen.connect(lambda _: self.changed.emit())
        self.slider.valueChanged.connect(lambda _: self.changed.emit())

    @property
    def axis(self) -> int:
        return self.axes.current

    @property
    def share(self) -> float:
        """Of the way along the mesh, 0 to 1."""
        return self.slider.value() / _STEPS

    def show_place(self, axis: int, share: float) -> None:
        """Put axis and place on show, without telling anybody."""
        self.axes.choose(axis)
        self.slider.blockSignals(True)
        self.slider.setValue(round(share * _STEPS))
        self.slider.blockSignals(False)
        self.slider.update()

    def show_position(self, metres: float) -> None:
        """Show where the plane is in the world."""
        self._readout.setText(f"{'xyz'[self.axis]} = {1e3 * metres:+.0f} mm".replace("-", "−"))
