"""A file or a folder that the user names."""

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QPushButton, QSizePolicy, QWidget

from npm_studio.views.widgets.basics import ElidedLabel


class PathField(QWidget):
    """Shows a path, and a button whose menu asks for another."""

    def __init__(self, changed: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self._changed = changed
        self._shown = ElidedLabel()
        self._shown.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button = QPushButton("Choose…")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        menu = QMenu(button)
        menu.addAction("Folder…", self._ask_folder)
        menu.addAction("File…", self._ask_file)
        button.setMenu(menu)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._shown, 1)
        row.addWidget(button)

    def set_path(self, path: Path) -> None:
        self.path = path
        self._shown.setText(path.name)
        self._shown.setToolTip(str(path))
        self._changed()

    def _ask_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Choose a folder")
        if chosen:
            self.set_path(Path(chosen))

    def _ask_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Choose a file")
        if chosen:
            self.set_path(Path(chosen))
