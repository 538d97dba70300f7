"""Asks how and where a run is to be exported."""

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.exports.content import Up
from engine.exports.export_format import ExportFormat
from engine.methods.run import Run
from engine.sequences.mesh_sequence import FrameOfReference
from npm_studio.reports.export_formats import EXPORT_FORMATS, export_format
from npm_studio.session.jobs.exporting import ExportChoice
from npm_studio.session.scripts import Script, export_script
from npm_studio.views.widgets.basics import heading, note

_TITLES = {
    "ply": "PLY, a file for each frame",
    "obj": "OBJ, a file for each frame",
    "stl": "STL, a file for each frame",
    "glb": "GLB, one animated mesh",
    "npz": "Codes (npz)",
    "pc2": "PC2 point cache",
    "csv": "Table of frames and metrics (CSV)",
    "mp4": "MP4 video",
    "png": "PNG with transparent background, a picture of each frame",
    "turntable": "Turntable of the first frame (MP4)",
}


class ExportDialog(QDialog):
    """Format, frame of reference, vertical and colours; then a file or folder."""

    def __init__(
        self, run: Run, chosen: Callable[[ExportChoice], None], place: Path, parent: QWidget | None = None
    ) -> None:
        """
        Args:
            chosen: is called with what the user wants
            place: the folder that is suggested
        """
        super().__init__(parent)
        self.setWindowTitle("Export")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._run, self._chosen, self._place = run, chosen, place
        self.format, self.frame, self.up = QComboBox(), QComboBox(), QComboBox()
        for name in EXPORT_FORMATS:
            self.format.addItem(_TITLES[name], name)
        self.frame.addItem("World", "world")
        self.frame.addItem("Camera of each frame (x right, y down)", "camera")
        self.up.addItem("Y up", "y")
        self.up.addItem("Z up", "z")
        self.colours = QCheckBox("Colours that follow every point")
        form = QFormLayout()
        form.addRow("Format", self.format)
        form.addRow("Frame of reference", self.frame)
        form.addRow("Vertical", self.up)
        form.addRow("", self.colours)
        self.buttons = QDialogButtonBox()
        self.start = self.buttons.addButton("Export…", QDialogButtonBox.ButtonRole.AcceptRole)
        assert self.start is not None
        self.start.setObjectName("primary")
        self.buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        self.copy = QPushButton("Copy")
        self.copy.setToolTip("What does the same without the window, for a terminal or a script of your own")
        self.copy.setAutoDefault(False)
        menu = QMenu(self.copy)
        menu.addAction("Command Line", lambda: self._copy(self._script().command_line))
        menu.addAction("Python", lambda: self._copy(self._script().python))
        self.copy.setMenu(menu)
        self.copied = note("")
        self.copied.hide()
        self.buttons.addButton(self.copy, QDialogButtonBox.ButtonRole.ActionRole)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(10)
        column.addWidget(heading(f"Export {run.folder.name}"))
        column.addLayout(form)
        column.addWidget(note("All meshes are in metres. GLB files have Y up; programs with Z up turn them."))
        column.addWidget(self.copied)
        column.addWidget(self.buttons)
        self.format.currentIndexChanged.connect(self._show_state)
        self.frame.currentIndexChanged.connect(self._show_state)
        self.buttons.accepted.connect(self._choose)
        self.buttons.rejected.connect(self.reject)
        self.setMinimumWidth(460)
        self._show_state()

    @property
    def file_format(self) -> ExportFormat:
        return export_format(self.format.currentData())

    def choice(self, out: Path) -> ExportChoice:
        """What is set, without what does not go with the format."""
        frame: FrameOfReference = self.frame.currentData() if self.frame.isEnabled() else "world"
        up: Up = self.up.currentData() if self.up.isEnabled() else "y"
        return ExportChoice(
            self.file_format.name, out, frame, up, self.colours.isEnabled() and self.colours.isChecked()
        )

    def _show_state(self) -> None:
        form = self.file_format
        self.frame.setEnabled("camera" in form.frames_of_reference and self._run.cameras_to_world is not None)
        in_camera = self.frame.isEnabled() and self.frame.currentData() == "camera"
        self.up.setEnabled("z" in form.ups and not in_camera)
        self.colours.setEnabled(form.colours != "no" and self._run.meshes.one_topology)

    @property
    def _suggested(self) -> str:
        form, name = self.file_format, self._run.folder.name
        return f"{name}-{form.name}" if form.per_frame else f"{name}{form.suffix}"

    def _script(self) -> Script:
        return export_script(self._run.folder.resolve(), self.choice(Path(self._suggested)))

    def _copy(self, text: str) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(text)
            self.copied.setText("Copied. It writes into the folder that it is run in.")
            self.copied.show()

    def _choose(self) -> None:
        form = self.file_format
        title = "Export into a new folder" if form.per_frame else "Export as a file"
        name, _ = QFileDialog.getSaveFileName(self, title, str(self._place / self._suggested))
        if not name:
            return
        out = Path(name)
        if not form.per_frame and out.suffix.lower() != form.suffix:
            out = out.with_name(f"{out.name}{form.suffix}")
        choice = self.choice(out)
        self.accept()
        self._chosen(choice)
