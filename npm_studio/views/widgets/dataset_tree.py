"""The identities of a dataset and their sequences, to be clicked."""

from PyQt6.QtCore import QSize, pyqtSignal
from PyQt6.QtWidgets import QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from npm_studio.session.document.dataset_on_show import DatasetOnShow
from npm_studio.session.document.explorer import pretty

_HEIGHT = 150
CANONICAL = "Canonical mesh"


class DatasetTree(QWidget):
    """An entry for each identity, with its canonical mesh and its sequences inside; a field above searches in names."""

    chosen = pyqtSignal(int, str)
    """Identity, and the sequence: empty for the canonical mesh."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Filter by name")
        self.search.setAccessibleName("Filter identities and sequences by name")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.tree = _Tree()
        self.tree.setHeaderHidden(True)
        self.tree.setAccessibleName("Identities and sequences of the dataset")
        self.tree.currentItemChanged.connect(self._on_item)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self.search)
        column.addWidget(self.tree, 1)
        self._places: dict[tuple[int, str], QTreeWidgetItem] = {}
        self._shown: DatasetOnShow | None = None

    def fill(self, shown: DatasetOnShow | None) -> None:
        """List what is in ``shown``."""
        if shown is self._shown:
            return
        self._shown = shown
        self.tree.blockSignals(True)
        self.tree.clear()
        self._places = {}
        for number, identity in enumerate([] if shown is None else shown.summary.identities):
            entry = QTreeWidgetItem(self.tree, [pretty(identity.name)])
            entry.setToolTip(0, f"{identity.name}: {identity.vertices:,} vertices, {identity.frames:,} frames")
            assert shown is not None
            for sequence in ("", *shown.dataset.sequences_of(number)):
                count = len(shown.frames(number, sequence))
                name = f"{pretty(sequence)}  ·  {count} frames" if sequence else CANONICAL
                item = QTreeWidgetItem(entry, [name])
                item.setToolTip(0, f"{sequence}: {count} frames" if sequence else "The pose that all others start from")
                self._places[number, sequence] = item
        self.tree.blockSignals(False)
        self._filter(self.search.text())

    def mark(self, identity: int, sequence: str) -> None:
        """Mark what is on show, without telling anybody."""
        item = self._places.get((identity, sequence))
        if item is not None and item is not self.tree.currentItem():
            self.tree.blockSignals(True)
            self.tree.setCurrentItem(item)
            self.tree.blockSignals(False)

    def _on_item(self, item: QTreeWidgetItem | None) -> None:
        for (identity, sequence), place in self._places.items():
            if item is place or (item is not None and item is place.parent() and not sequence):
                self.chosen.emit(identity, sequence)
                return

    def _filter(self, text: str) -> None:
        wanted = text.casefold().strip()
        for row in range(self.tree.topLevelItemCount()):
            entry = self.tree.topLevelItem(row)
            assert entry is not None
            is_named = wanted in entry.text(0).casefold()
            found = False
            for place in range(entry.childCount()):
                item = entry.child(place)
                assert item is not None
                hit = is_named or wanted in item.text(0).casefold()
                item.setHidden(not hit)
                found = found or hit
            entry.setHidden(not found)


class _Tree(QTreeWidget):
    """As high as a panel can spare: the usual height of a tree would push all else out of it."""

    def sizeHint(self) -> QSize:
        return QSize(140, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, 96)
