"""The runs of the recording on show."""

from collections.abc import Sequence
from typing import Any

from PyQt6.QtCore import QEvent, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QListWidget, QListWidgetItem, QSizePolicy, QWidget

from engine.methods.run import Run
from npm_studio.views.theme import icon, theme_of
from npm_studio.views.widgets.badge import tone_colour
from npm_studio.views.widgets.basics import ElidedLabel, Section, action_button, note
from npm_studio.views.widgets.verdict import TONES, VerdictNote

_LEAST_HEIGHT = 60
_FOLDER, _VERDICT = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1


class _Rows(QListWidget):
    """Takes what is left: the usual height of a list would make the panel scroll on screens that have room."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumHeight(_LEAST_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(140, _LEAST_HEIGHT)


class RunList(Section):
    """Runs by verdict and name; the one on show is marked, with what it says of itself and where it is on disk."""

    chosen = pyqtSignal(object)
    """The folder of the run that the user wants to see, as text."""

    def __init__(self, show_folder: QAction, compare: QAction, parent: QWidget | None = None) -> None:
        super().__init__("Runs", [show_folder], parent=parent)
        self.list = _Rows()
        self._note = note("Fits of this sequence are listed here.")
        self.verdict = VerdictNote()
        self._place = ElidedLabel()
        self.compare = action_button("Compare with truth", compare)
        self.body.addWidget(self.list, 1)
        self.body.addWidget(self._note)
        self.body.addWidget(self.verdict)
        self.body.addWidget(self._place)
        self.body.addWidget(self.compare)
        self.list.currentItemChanged.connect(lambda item, _: self.chosen.emit(_folder_of(item)))

    def fill(self, runs: Sequence[Run], on_show: Run | None) -> None:
        """List ``runs`` and mark the one on show, without telling anybody."""
        self.list.blockSignals(True)
        self.list.clear()
        for run in runs:
            item = QListWidgetItem(_title(run))
            item.setData(_FOLDER, str(run.folder))
            item.setData(_VERDICT, run.verdict)
            item.setToolTip("\n".join(filter(None, (str(run.folder), run.reason))))
            self.list.addItem(item)
        self._colour()
        self.list.blockSignals(False)
        self._note.setVisible(not runs)
        self.mark(on_show)

    def mark(self, on_show: Run | None) -> None:
        """Mark the run on show, without telling anybody."""
        folder = "" if on_show is None else str(on_show.folder)
        rows = [row for row in range(self.list.count()) if _folder_of(self.list.item(row)) == folder]
        self.list.blockSignals(True)
        self.list.setCurrentRow(rows[0] if rows else -1)
        self.list.blockSignals(False)
        self.verdict.show_run(on_show)
        self._place.setText(f"Saved in {folder}" if folder else "")
        self._place.setToolTip(folder)

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            self._colour()

    def _colour(self) -> None:
        """Dots beside the runs, in the colours of their verdicts and of the theme."""
        theme = theme_of(self)
        for row in range(self.list.count()):
            item = self.list.item(row)
            if item is not None and item.data(_VERDICT) is not None:
                item.setIcon(icon("dot", theme, tone_colour(TONES[item.data(_VERDICT)], theme)))


def _title(run: Run) -> str:
    word = "" if run.verdict is None else f"{run.verdict} · "
    return f"{word}{run.folder.name}" + ("  (stopped early)" if run.interrupted else "")


def _folder_of(item: QListWidgetItem | None) -> Any:
    return None if item is None else item.data(_FOLDER)
