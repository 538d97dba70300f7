"""A list of everything that can be compared, in groups, with a field to search it."""

from collections.abc import Sequence
from itertools import groupby

from PyQt6.QtCore import QEvent, QObject, QPoint, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from npm_studio.session.document.compared_sides import Offer
from npm_studio.session.document.comparison import SideSource
from npm_studio.views.widgets.basics import note

_SIZE = QSize(380, 420)
_SOURCE, _TEXT = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1


class SidePicker(QFrame):
    """Opens over the window and closes when something is chosen, or with Escape."""

    chosen = pyqtSignal(object)
    """A `SideSource`."""
    run_wanted = pyqtSignal()
    """From a folder that is not open."""
    meshes_wanted = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._parent = parent
        self.setObjectName("popup")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search by name, recording or method")
        self.search.setAccessibleName("Search what can be compared")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.search.returnPressed.connect(self._choose_current)
        self.search.installEventFilter(self)
        self.tree = QTreeWidget()
        self.tree.setHeaderHidden(True)
        self.tree.setRootIsDecorated(False)
        self.tree.setIndentation(14)
        self.tree.setAccessibleName("What can be compared")
        self.tree.itemClicked.connect(self._choose)
        self.tree.itemActivated.connect(self._choose)
        self.nothing = note("")
        self.run = QPushButton("Run folder…")
        self.run.setToolTip("Compare a run that is not open yet: the folder that a fit wrote")
        self.run.clicked.connect(self._ask_for_run)
        self.meshes = QPushButton("Meshes…")
        self.meshes.setToolTip("Compare mesh files of another program: a folder with one for each frame (PLY, OBJ, …)")
        self.meshes.clicked.connect(self._ask_for_meshes)
        buttons = QHBoxLayout()
        buttons.addWidget(note("Or from disk:"), 1)
        buttons.addWidget(self.run)
        buttons.addWidget(self.meshes)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        for widget in (self.search, self.nothing):
            column.addWidget(widget)
        column.addWidget(self.tree, 1)
        column.addLayout(buttons)
        self.resize(_SIZE)

    def open_at(self, place: QPoint, offered: Sequence[Offer], current: SideSource | None) -> None:
        """Show ``offered`` with the upper left corner at ``place`` of the screen, or as near as the window allows."""
        self.search.clear()
        self.tree.clear()
        for group, members in groupby(offered, key=lambda offer: offer.group):
            head = QTreeWidgetItem([group])
            head.setFlags(Qt.ItemFlag.ItemIsEnabled)
            font = head.font(0)
            font.setWeight(font.Weight.DemiBold)
            head.setFont(0, font)
            self.tree.addTopLevelItem(head)
            for offer in members:
                item = QTreeWidgetItem([offer.title])
                item.setToolTip(0, offer.detail)
                item.setData(0, _SOURCE, offer.source)
                item.setData(0, _TEXT, f"{group} {offer.title} {offer.detail}".casefold())
                head.addChild(item)
                if offer.source == current:
                    self.tree.setCurrentItem(item)
            head.setExpanded(True)
        self._filter("")
        frame = self._parent.window()
        if frame is not None:
            low = frame.mapToGlobal(QPoint(0, 0))
            high = frame.mapToGlobal(QPoint(frame.width() - self.width(), frame.height() - self.height()))
            place = QPoint(max(min(place.x(), high.x()), low.x()), max(min(place.y(), high.y()), low.y()))
        self.move(place)
        self.show()
        self.search.setFocus()

    def titles(self) -> list[str]:
        """Of what is listed now."""
        return [item.text(0) for item in self._items() if not item.isHidden()]

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Arrow keys go through the list while the field has the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            shown = [item for item in self._items() if not item.isHidden()]
            if step is not None and shown:
                current = self.tree.currentItem()
                at = shown.index(current) + step if current in shown else 0
                self.tree.setCurrentItem(shown[max(0, min(at, len(shown) - 1))])
                return True
        return super().eventFilter(watched, event)

    def _items(self) -> list[QTreeWidgetItem]:
        found = []
        for index in range(self.tree.topLevelItemCount()):
            head = self.tree.topLevelItem(index)
            if head is not None:
                found += [child for at in range(head.childCount()) if (child := head.child(at)) is not None]
        return found

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        for item in self._items():
            item.setHidden(not all(word in item.data(0, _TEXT) for word in words))
        for index in range(self.tree.topLevelItemCount()):
            head = self.tree.topLevelItem(index)
            if head is not None:
                children = [head.child(at) for at in range(head.childCount())]
                head.setHidden(all(child is None or child.isHidden() for child in children))
        shown = [item for item in self._items() if not item.isHidden()]
        if words and shown and self.tree.currentItem() not in shown:
            self.tree.setCurrentItem(shown[0])
        self.nothing.setText(f"Nothing is called “{text}”." if words else "Nothing is open yet that could be compared.")
        self.nothing.setVisible(not shown)
        self.tree.setVisible(bool(shown))

    def _choose_current(self) -> None:
        item = self.tree.currentItem()
        if item is not None and not item.isHidden():
            self._choose(item)

    def _choose(self, item: QTreeWidgetItem, column: int = 0) -> None:
        source = item.data(0, _SOURCE)
        if source is not None:
            self.hide()
            self.chosen.emit(source)

    def _ask_for_run(self) -> None:
        self.hide()
        self.run_wanted.emit()

    def _ask_for_meshes(self) -> None:
        self.hide()
        self.meshes_wanted.emit()
