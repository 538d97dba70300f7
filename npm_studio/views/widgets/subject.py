"""How a depth recording is read, and what of it belongs to the subject."""

import dataclasses
from collections.abc import Sequence

from PyQt6.QtCore import QTimer, pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QSpinBox, QWidget

from engine.core.errors import Notice, Setting, remedy
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from npm_studio.views.widgets.basics import Section, note, scrolls_panel
from npm_studio.views.words import words

_PAUSE_MS = 500
_FARTHEST_M = 20.0


class SubjectPanel(Section):
    """Stream and unit of depth, its range, and removal of the surroundings; tells a change once the user pauses."""

    changed = pyqtSignal(object)
    """A `engine.sequences.capture_options.CaptureOptions`."""

    def __init__(self, explains: bool = False, parent: QWidget | None = None) -> None:
        """
        Args:
            explains: whether there is room for an example of the unit
        """
        super().__init__("Subject", parent=parent)
        self._options = CaptureOptions()
        self.near, self.far = _distance("none"), _distance("none")
        for box, name in ((self.near, "Nearest"), (self.far, "Farthest")):
            box.setAccessibleName(f"{name}, metres")
        self.near.setToolTip("Leave out what is nearer to the camera, metres")
        self.far.setToolTip("Leave out what is farther from the camera, metres")
        self.surroundings = QCheckBox("Remove floor and walls")
        self.surroundings.setToolTip("Leave out planes such as the floor, and all but the largest connected surface")
        self.scale = QDoubleSpinBox()
        self.scale.setRange(0.0, 1e6)
        self.scale.setDecimals(1)
        self.scale.setSingleStep(100)
        self.scale.setSpecialValueText("as recorded")
        self.scale.setKeyboardTracking(False)
        self.scale.setToolTip("Stored depth units per metre. 1000 means millimetres: 1234 in the file is 1.234 m")
        self.scale.setAccessibleName("Depth units per metre")
        self.example = note("")
        self.example.setVisible(explains)
        self.scale.valueChanged.connect(lambda _: self._show_example())
        self.which = QSpinBox()
        self.which.setAccessibleName("Which subject")
        self.which.setSpecialValueText("largest")
        self.which_row = QWidget()
        self.stream = _streams()
        self.stream_row = QWidget()
        self.notes = note("")
        row = QHBoxLayout(self.stream_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Depth stream"))
        row.addWidget(self.stream, 1)
        self.body.addWidget(self.stream_row)
        row = QHBoxLayout(self.which_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Which subject"))
        row.addStretch(1)
        row.addWidget(self.which)
        self.body.addWidget(self.which_row)
        row = QHBoxLayout()
        row.addWidget(QLabel("Nearest"))
        row.addWidget(self.near)
        row.addStretch(1)
        row.addWidget(QLabel("Farthest"))
        row.addWidget(self.far)
        self.body.addLayout(row)
        row = QHBoxLayout()
        row.addWidget(QLabel("Depth units per metre"))
        row.addStretch(1)
        row.addWidget(self.scale)
        self.body.addLayout(row)
        self.body.addWidget(self.example)
        self.body.addWidget(self.surroundings)
        self.body.addWidget(self.notes)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._emit_change)
        self.near.valueChanged.connect(lambda _: self._pause.start())
        self.far.valueChanged.connect(lambda _: self._pause.start())
        self.scale.valueChanged.connect(lambda _: self._pause.start())
        self.stream.activated.connect(lambda _: self._pause.start())
        line = self.stream.lineEdit()
        assert line is not None
        line.editingFinished.connect(self._pause.start)
        self.which.valueChanged.connect(lambda _: self._pause.start())
        self.surroundings.toggled.connect(lambda _: self._pause.start())
        scrolls_panel(self.near, self.far, self.scale, self.which, self.stream)
        self.show_choice(AS_RECORDED, ())
        self.setEnabled(False)

    @property
    def options(self) -> CaptureOptions:
        """What the boxes say, with the intrinsics and masks that the recording was opened with."""
        remove = self.surroundings.isChecked()
        isolation = dataclasses.replace(
            self._options.isolation,
            near_m=round(self.near.value(), 3) or None,
            far_m=round(self.far.value(), 3) or None,
            remove_planes=remove,
            largest_component=remove,
        )
        stream = self.stream.currentText().strip() or None
        return dataclasses.replace(
            self._options,
            depth_scale=self.scale.value() or None,
            stream=stream,
            isolation=isolation,
            subject=self.which.value() or None,
        )

    @property
    def is_changing(self) -> bool:
        """Whether there is a change that nobody has been told of yet."""
        return self._pause.isActive()

    def show_choice(
        self,
        options: CaptureOptions,
        warnings: tuple[Notice, ...],
        streams: Sequence[str] = (),
        asks_for_stream: bool = False,
        subjects: int = 1,
    ) -> None:
        """Put the choice for a recording on show, and what there is to know about it, without telling anybody.

        Args:
            streams: of depth, of which one can be chosen.
            asks_for_stream: whether the name of a stream may be what is missing.
            subjects: that a fit has found, of which one can be chosen.
        """
        self._pause.stop()
        self._options, isolation = options, options.isolation
        self.stream.blockSignals(True)
        self.stream.clear()
        self.stream.addItems(list(streams))
        self.stream.setCurrentText(options.stream or "")
        self.stream.blockSignals(False)
        self.stream_row.setVisible(bool(streams or options.stream or asks_for_stream))
        values = ((self.near, isolation.near_m), (self.far, isolation.far_m), (self.scale, options.depth_scale))
        for box, value in values:
            box.blockSignals(True)
            box.setValue(value or 0.0)
            box.blockSignals(False)
        self._show_example()
        self._show_subjects(options.subject or 0, subjects)
        self.surroundings.blockSignals(True)
        self.surroundings.setChecked(isolation.remove_planes)
        self.surroundings.blockSignals(False)
        if subjects > 1 and not options.subject:
            found = f"{subjects} subjects were found; the one that shows most at first is followed"
            warnings = (*warnings, Notice(found, remedy("choose another by {}", Setting.SUBJECT)))
        text = "\n".join(_sentence(warning) for warning in warnings)
        self.notes.setText(text)
        self.notes.setToolTip(text)  # where the panel is too low for all of it
        self.notes.setVisible(bool(warnings))

    def _show_example(self) -> None:
        scale = self.scale.value()
        if scale:
            self.example.setText(f"At {scale:g} units per metre, 1234 in the file is {1234 / scale:.4g} m.")
        else:
            self.example.setText("1000 means millimetres: 1234 in the file is 1.234 m.")

    def _show_subjects(self, chosen: int, found: int) -> None:
        self.which.blockSignals(True)
        self.which.setRange(0, max(found, chosen))
        self.which.setValue(chosen)
        self.which.blockSignals(False)
        self.which.setToolTip("Which of several that were found, counted from the one that shows most at first")
        self.which_row.setVisible(max(found, chosen) > 1)

    def _emit_change(self) -> None:
        if self.options != self._options:
            self.changed.emit(self.options)


def _sentence(notice: Notice) -> str:
    text = notice.line(words)
    return text[:1].upper() + text[1:] + "."


def _streams() -> QComboBox:
    """A choice of names to which others can be added."""
    box = QComboBox()
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)
    box.setAccessibleName("Depth stream")
    box.setToolTip("Which of several depth cameras: a topic or track, or a part of its name")
    line = box.lineEdit()
    assert line is not None
    line.setPlaceholderText("as recorded")
    return box


def _distance(nothing: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.0, _FARTHEST_M)
    box.setSingleStep(0.1)
    box.setDecimals(2)
    box.setSuffix(" m")
    box.setSpecialValueText(nothing)
    box.setKeyboardTracking(False)
    return box
