"""What is drawn of an observation and of the mesh fitted to it."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QWidget

from npm_studio.views.widgets.basics import Section, Segments
from npm_studio.views.widgets.slider import BarSlider

_SIZE_OVER_MESH = 0.5


class DisplayOptions(Section):
    """Points with their size and colours, the mesh with its opacity."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Show", parent=parent)
        self.points, self.mesh = QCheckBox("Observed points"), QCheckBox("Fitted mesh")
        self._size, self._opacity = BarSlider(1), BarSlider(10)
        self._size.setRange(1, 10)
        self._size.setValue(4)
        self._size.setToolTip("Size of the points, pixels")
        self._opacity.setRange(10, 100)
        self._opacity.setValue(100)
        self._opacity.setToolTip("Opacity of the mesh, percent")
        self.colours = Segments(("By depth", "By distance to the mesh"))
        self.colours.button(0).setToolTip("Colour the points by how far they are from the camera")
        self.colours.button(1).setToolTip("Colour the points by how far they are from the fitted mesh")
        self.colours.chosen.connect(lambda _: self.changed.emit())
        self.points.toggled.connect(self.colours.setEnabled)
        rows = ((self.points, "size", self._size), (self.mesh, "opacity", self._opacity))
        for box, what, slider in rows:
            label = QLabel(what)
            label.setObjectName("muted")
            box.setChecked(True)
            box.toggled.connect(slider.setEnabled)
            box.toggled.connect(self.changed)
            slider.setFixedWidth(90)
            slider.valueChanged.connect(self.changed)
            row = QHBoxLayout()
            row.addWidget(box)
            row.addStretch(1)
            row.addWidget(label)
            row.addWidget(slider)
            self.body.addLayout(row)
            if box is self.points:
                self.body.addWidget(self.colours)

    @property
    def shows_errors(self) -> bool:
        """Whether points are coloured by their distance to the mesh."""
        return self.colours.current == 1

    def point_size(self, over_mesh: bool) -> float:
        """Pixels; over a mesh small enough for the mesh to show between the points."""
        return self._size.value() * (_SIZE_OVER_MESH if over_mesh else 1.0)

    @property
    def opacity(self) -> float:
        """Of the mesh, 0 to 1."""
        return self._opacity.value() / 100
