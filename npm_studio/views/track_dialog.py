"""Asks what is to be tracked."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from engine.sequences.source_kind import Pace
from npm_studio.session.document.observation import Observation
from npm_studio.session.jobs.tracking import Trackable, camera_named, folder_being_written, recording_on_show
from npm_studio.views.widgets.basics import heading, note

_CAMERA, _PACKAGE = "realsense", "pyrealsense2"
_PACES = (("Every frame, however late", Pace.EVERY), ("At its own rate, as from a camera", Pace.LIVE))


class TrackDialog(QDialog):
    """The recording on show, a folder that another program is writing, or a camera."""

    def __init__(
        self,
        observation: Observation | None,
        is_fast: bool,
        chosen: Callable[[Trackable], None],
        parent: QWidget | None = None,
    ) -> None:
        """
        Args:
            is_fast: whether a frame is tracked in less time than it lasts, so that a recording may play at its own rate
            chosen: is called with what the user wants to track
        """
        super().__init__(parent)
        self.setWindowTitle("Track")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._observation, self._chosen = observation, chosen
        self.recording = QRadioButton("The recording on show")
        self.folder = QRadioButton("A folder that another program is writing")
        self.camera = QRadioButton("A RealSense camera")
        self._group = QButtonGroup(self)
        self.pace = QComboBox()
        self.pace.addItems([title for title, _ in _PACES])
        self.pace.setCurrentIndex(int(is_fast))
        self.path, choose = QLineEdit(), QPushButton("Choose…")
        self.path.setPlaceholderText("Folder of depth images")
        choose.setAutoDefault(False)
        choose.clicked.connect(self._choose_folder)
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(choose)
        has_camera = find_spec(_PACKAGE) is not None
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(8)
        column.addWidget(heading("Follow one subject, frame by frame"))
        name = "No recording is open" if observation is None else observation.sequence.name
        column.addWidget(self.recording)
        column.addLayout(_indented(_muted(name), self.pace))
        column.addWidget(self.folder)
        column.addLayout(_indented(row))
        column.addWidget(self.camera)
        said = "The only one that is connected" if has_camera else f"Not installed: pip install {_PACKAGE}"
        column.addLayout(_indented(_muted(said)))
        column.addWidget(note("What was tracked can be kept as a run when the track has ended."))
        self.buttons = QDialogButtonBox()
        self.start = self.buttons.addButton("Track", QDialogButtonBox.ButtonRole.AcceptRole)
        assert self.start is not None
        self.start.setObjectName("primary")
        self.start.setDefault(True)
        self.buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        column.addSpacing(6)
        column.addWidget(self.buttons)
        for button in (self.recording, self.folder, self.camera):
            self._group.addButton(button)
            button.toggled.connect(self._show_state)
        self.recording.setEnabled(observation is not None)
        self.camera.setEnabled(has_camera)
        (self.folder if observation is None else self.recording).setChecked(True)
        self.path.textEdited.connect(lambda _: self.folder.setChecked(True))
        self.path.textChanged.connect(self._show_state)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        self.setMinimumWidth(460)
        self._show_state()

    def _choose_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "A folder that is being written", self.path.text())
        if name:
            self.path.setText(name)
            self.folder.setChecked(True)

    def _show_state(self) -> None:
        self.pace.setEnabled(self.recording.isChecked())
        assert self.start is not None
        self.start.setEnabled(not self.folder.isChecked() or bool(self.path.text().strip()))

    def _accept(self) -> None:
        if self.camera.isChecked():
            what = camera_named(_CAMERA)
        elif self.folder.isChecked() or self._observation is None:
            what = folder_being_written(Path(self.path.text().strip()).expanduser())
        else:
            what = recording_on_show(self._observation, _PACES[self.pace.currentIndex()][1])
        self.accept()
        self._chosen(what)


def _muted(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("muted")
    return label


def _indented(*parts: QWidget | QHBoxLayout) -> QVBoxLayout:
    """Below the radio button that they belong to."""
    column = QVBoxLayout()
    column.setContentsMargins(24, 0, 0, 6)
    column.setSpacing(5)
    for part in parts:
        if isinstance(part, QWidget):
            column.addWidget(part)
        else:
            column.addLayout(part)
    return column
