"""Asks how and where what is on show is to be exported."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt6.QtCore import Qt, QTimer
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
from engine.sequences.mesh_sequence import FrameOfReference
from npm_studio.reports.export_formats import export_format
from npm_studio.session.jobs.exporting import Exportable, ExportChoice, formats_of
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
_OF_ONE = {
    **{name: name.upper() for name in ("ply", "obj", "stl", "glb")},
    "npz": "Codes (npz)",
    "png": "PNG with transparent background",
    "turntable": "Turntable (MP4)",
}
"""Where there is one frame alone."""
_MESHES = "Meshes are in metres."
_ABOUT = {
    **dict.fromkeys(("ply", "obj", "pc2"), _MESHES),
    "stl": "Meshes are in metres; programs for printing take the numbers for millimetres: scale by 1000 there.",
    "glb": "The mesh is in metres and has Y up, as GLB files have; programs with Z up turn it.",
    "npz": "Codes as NumPy arrays, names and times of the frames, and where the subject stands in each.",
    "csv": "A row for each frame: time, confidence, distance of what was seen in millimetres; and metrics, where "
    "npm-studio evaluate has measured the run.",
    **dict.fromkeys(("mp4", "png", "turntable"), "The surface alone, as in reports, 600 by 800 pixels."),
}
"""What is to be known of each format."""
_OF_MESHES = ("ply", "obj", "stl", "glb", "pc2")


class ExportDialog(QDialog):
    """What of several, format, frame of reference, vertical and colours; then a file or folder."""

    def __init__(
        self,
        on_show: Sequence[Exportable],
        chosen: Callable[[Exportable, ExportChoice], None],
        place: Path,
        parent: QWidget | None = None,
        file_format: str = "",
    ) -> None:
        """
        Args:
            on_show: what there is to choose from, at least one
            chosen: is called with what the user wants, and how
            place: the folder that is suggested
            file_format: which is chosen at first, if it can hold what is on show
        """
        super().__init__(parent)
        self.setWindowTitle("Export")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._on_show, self._chosen, self._place = on_show, chosen, place
        self.what, self.format, self.frame, self.up = QComboBox(), QComboBox(), QComboBox(), QComboBox()
        self.what.addItems([one.title for one in on_show])
        self.frame.addItem("World", "world")
        self.frame.addItem("Camera of each frame (x right, y down)", "camera")
        self.up.addItem("Y up", "y")
        self.up.addItem("Z up", "z")
        self.colours = QCheckBox("Colours that follow every point")
        form = QFormLayout()
        form.addRow("What", self.what)
        form.setRowVisible(self.what, len(on_show) > 1)
        form.addRow("Format", self.format)
        form.addRow("Frame of reference", self.frame)
        form.setRowVisible(self.frame, any(one.run is not None for one in on_show))
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
        self.about = note("")
        column.addWidget(heading(f"Export {on_show[0].title}" if len(on_show) == 1 else "Export what is on show"))
        column.addLayout(form)
        column.addWidget(self.about)
        column.addWidget(self.copied)
        column.addWidget(self.buttons)
        self.what.currentIndexChanged.connect(self._show_formats)
        self.format.currentIndexChanged.connect(self._show_state)
        self.frame.currentIndexChanged.connect(self._show_state)
        self.buttons.accepted.connect(self._choose)
        self.buttons.rejected.connect(self.reject)
        self.setMinimumWidth(460)
        self._show_formats()
        self.format.setCurrentIndex(max(self.format.findData(file_format), 0))

    @property
    def exportable(self) -> Exportable:
        """What is chosen of what is on show."""
        return self._on_show[self.what.currentIndex()]

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

    def _show_formats(self) -> None:
        """Those that can hold what is chosen, the same one as before where it is among them."""
        one, before = self.exportable, self.format.currentData()
        self.format.blockSignals(True)
        self.format.clear()
        for name in formats_of(one):
            self.format.addItem((_OF_ONE if one.frames == 1 else _TITLES)[name], name)
        self.format.setCurrentIndex(max(self.format.findData(before), 0))
        self.format.blockSignals(False)
        self.copy.setVisible(one.run is not None)
        self._show_state()

    def _show_state(self) -> None:
        form, one = self.file_format, self.exportable
        words = [_ABOUT[form.name], *([one.note] if form.name in _OF_MESHES else [])]
        self.about.setText(" ".join(words).strip())
        QTimer.singleShot(0, self.adjustSize)
        self.frame.setEnabled("camera" in form.frames_of_reference and one.has_cameras)
        in_camera = self.frame.isEnabled() and self.frame.currentData() == "camera"
        self.up.setEnabled("z" in form.ups and not in_camera)
        self.colours.setEnabled(form.colours != "no" and one.one_topology)

    @property
    def _is_folder(self) -> bool:
        """Whether there are several files."""
        return self.exportable.in_folder or (self.file_format.per_frame and self.exportable.frames > 1)

    @property
    def _suggested(self) -> str:
        form, name = self.file_format, self.exportable.name
        if self._is_folder:
            return f"{name}-{form.name}"
        special = "" if form.suffix == f".{form.name}" else f"-{form.name}"  # not the name of a video for a turntable
        return f"{name}{special}{form.suffix}"

    def _script(self) -> Script:
        assert self.exportable.run is not None
        return export_script(self.exportable.run, self.choice(Path(self._suggested)))

    def _copy(self, text: str) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(text)
            self.copied.setText("Copied. It writes into the folder that it is run in.")
            self.copied.show()

    def _choose(self) -> None:
        form, one = self.file_format, self.exportable
        title = "Export into a new folder" if self._is_folder else "Export as a file"
        suggested = str(self._place / self._suggested)
        kind = "" if self._is_folder else f"{form.suffix[1:].upper()} (*{form.suffix})"
        name, _ = QFileDialog.getSaveFileName(self, title, suggested, kind)
        if not name:
            return
        out = Path(name)
        if not self._is_folder and out.suffix.lower() != form.suffix:
            out = out.with_name(f"{out.name}{form.suffix}")
        choice = self.choice(out)
        self.accept()
        self._chosen(one, choice)
