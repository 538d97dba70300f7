"""The runs of the recording on show."""

from collections.abc import Sequence
from typing import Any

from PyQt6.QtCore import QPoint, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QAction, QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QSizePolicy, QWidget

from engine.methods.run import Run
from npm_studio.views.widgets.basics import ElidedLabel, Section, action_button, note
from npm_studio.views.widgets.run_card import CardText, RunCard
from npm_studio.views.widgets.verdict import VerdictNote

_CARDS = 3
"""That are seen at once; the list scrolls for more."""
_FOLDER = Qt.ItemDataRole.UserRole


class _Cards(QListWidget):
    """As high as a few cards: the usual height of a list would make the panel scroll on screens that have room."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setSpacing(1)
        self.setAccessibleName("Runs")
        self.setObjectName("cards")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.show_chosen = QTimer(self)
        """Brings the run on show into sight, once the list has its height."""
        self.show_chosen.setSingleShot(True)
        self.show_chosen.setInterval(0)
        self.show_chosen.timeout.connect(self._show_chosen)

    def sizeHint(self) -> QSize:
        return QSize(140, self.minimumHeight())

    def card(self, row: int) -> RunCard | None:
        widget = self.itemWidget(self.item(row))
        return widget if isinstance(widget, RunCard) else None

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self.fit_heights()

    def fit_heights(self) -> None:
        """Rows as high as their cards need, and the list as high as the first few rows."""
        port = self.viewport()
        width = (port.width() if port is not None else self.width()) - 4
        heights = []
        for row in range(self.count()):
            item, card = self.item(row), self.card(row)
            if item is not None and card is not None:
                heights.append(card.height_in(width))
                item.setSizeHint(QSize(60, heights[-1]))
        self.setMinimumHeight(min(sum(heights[:_CARDS]) + 2 * len(heights[:_CARDS]) + 12, 260))
        self.show_chosen.start()

    def _show_chosen(self) -> None:
        if self.currentItem() is not None:
            self.scrollToItem(self.currentItem())
            self.updateEditorGeometries()  # or its cards would stay where they were


class RunList(Section):
    """A card for each run; the one on show is marked, with what it says of itself and where it is on disk."""

    chosen = pyqtSignal(object)
    """The folder of the run that the user wants to see, as text."""
    menu_wanted = pyqtSignal(QPoint)
    """Where on the screen; of the run that is chosen."""
    earlier_wanted = pyqtSignal()
    """The user wants to see the earlier runs that are offered."""

    def __init__(self, show_folder: QAction, compare: QAction, export: QAction, parent: QWidget | None = None) -> None:
        super().__init__("Runs", [show_folder], parent=parent)
        self.list = _Cards()
        self._note = note("Fits of this sequence are listed here.")
        self.earlier = QPushButton()
        self.earlier.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.earlier.setToolTip("They lie in the folder of runs; the latest comes on show")
        self.earlier.clicked.connect(self.earlier_wanted)
        self.earlier.hide()
        self.verdict = VerdictNote()
        self._place = ElidedLabel()
        self.compare = action_button("Compare with truth", compare)
        self.export = action_button("Export…", export)
        self.body.addWidget(self.list, 1)
        self.body.addWidget(self._note)
        self.body.addWidget(self.earlier)
        self.body.addWidget(self.verdict)
        self.body.addWidget(self._place)
        ways_on = QHBoxLayout()
        ways_on.addWidget(self.compare, 1)
        ways_on.addWidget(self.export)
        self.body.addLayout(ways_on)
        self.list.currentItemChanged.connect(lambda item, _: self.chosen.emit(_folder_of(item)))
        self.list.customContextMenuRequested.connect(self._on_menu)

    @property
    def cards(self) -> list[CardText]:
        """What is listed."""
        cards = (self.list.card(row) for row in range(self.list.count()))
        return [card.text for card in cards if card is not None]

    def fill(self, texts: Sequence[CardText], on_show: Run | None, stale: str = "") -> None:
        """List ``texts`` and mark the one on show, without telling anybody.

        Args:
            stale: in what the one on show was fitted otherwise than its recording is open now
        """
        if list(texts) != self.cards:
            self._list(texts)
        self.list.setVisible(bool(texts))
        self._note.setVisible(not texts)
        folder = "" if on_show is None else str(on_show.folder)
        rows = [row for row in range(self.list.count()) if _folder_of(self.list.item(row)) == folder]
        self.list.blockSignals(True)
        self.list.setCurrentRow(rows[0] if rows else -1)
        self.list.blockSignals(False)
        self.list.show_chosen.start()
        self.verdict.show_run(on_show, stale)
        self._place.setText(f"Saved in {folder}" if folder else "")
        self._place.setToolTip(folder)

    def offer_earlier(self, count: int) -> None:
        """Offer to open so many runs that lie on disk."""
        fits = "1 earlier fit" if count == 1 else f"{count} earlier fits"
        self.earlier.setText(f"Open {fits} of this recording")
        self.earlier.setVisible(count > 0)

    def _list(self, texts: Sequence[CardText]) -> None:
        self.list.blockSignals(True)
        self.list.clear()
        for text in texts:
            item, card = QListWidgetItem(), RunCard(text)
            item.setData(_FOLDER, str(text.folder))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, text.line)
            self.list.addItem(item)
            self.list.setItemWidget(item, card)
            card.menu_wanted.connect(lambda place, item=item: self._on_card(item, place))
        self.list.fit_heights()
        self.list.blockSignals(False)

    def _on_card(self, item: QListWidgetItem, place: QPoint) -> None:
        self.list.setCurrentItem(item)
        self.menu_wanted.emit(place)

    def _on_menu(self, place: QPoint) -> None:
        if self.list.currentItem() is not None:
            item = self.list.visualItemRect(self.list.currentItem())
            port = self.list.viewport()
            if port is not None:
                self.menu_wanted.emit(port.mapToGlobal(place if item.contains(place) else item.center()))


def _folder_of(item: QListWidgetItem | None) -> Any:
    return None if item is None else item.data(_FOLDER)
