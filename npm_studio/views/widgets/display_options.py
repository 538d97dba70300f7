"""What is drawn of an observation and of the mesh fitted to it."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QWidget

from npm_studio.session.document.view_state import FrameDrawing
from npm_studio.views.widgets.basics import Section, Segments
from npm_studio.views.widgets.slider import BarSlider


class DisplayOptions(Section):
    """Points with their size and colours, the mesh with its opacity."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Show", parent=parent)
        self.points, self.mesh = QCheckBox("Observed points"), QCheckBox("Fitted mesh")
        self._size, self._opacity = BarSlider(1), BarSlider(10)
        self._size.setRange(1, 10)
        self._size.setAccessibleName("Size of the points")
        self._opacity.setAccessibleName("Opacity of the mesh")
        self._size.setToolTip("Size of the points, pixels")
        self._opacity.setRange(10, 100)
        self._opacity.setToolTip("Opacity of the mesh, percent")
        self.colours = Segments(("By depth", "By distance"))
        self.colours.button(0).setToolTip("Colour the points by how far they are from the camera")
        self.colours.button(1).setToolTip("Colour the points by how far they are from the fitted mesh")
        self.colours.chosen.connect(lambda _: self.changed.emit())
        rows = ((self.points, "size", self._size), (self.mesh, "opacity", self._opacity))
        for box, what, slider in rows:
            label = QLabel(what)
            label.setObjectName("muted")
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
        self.show_drawing(FrameDrawing())

    @property
    def drawing(self) -> FrameDrawing:
        """What the boxes say."""
        return FrameDrawing(
            self.points.isChecked(),
            self._size.value(),
            self.colours.current == 1,
            self.mesh.isChecked(),
            self._opacity.value(),
        )

    def show_drawing(self, drawing: FrameDrawing) -> None:
        """Put ``drawing`` on show, without telling anybody."""
        for box, checked in ((self.points, drawing.points), (self.mesh, drawing.mesh)):
            box.blockSignals(True)
            box.setChecked(checked)
            box.blockSignals(False)
        for slider, value in ((self._size, drawing.point_size), (self._opacity, drawing.opacity_percent)):
            slider.blockSignals(True)
            slider.setValue(value)
            slider.blockSignals(False)
            slider.update()
        self.colours.choose(int(drawing.errors))
        for widget, enabled in ((self._size, drawing.points), (self._opacity, drawing.mesh)):
            widget.setEnabled(enabled)
        self.colours.setEnabled(drawing.points)
