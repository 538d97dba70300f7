"""Lists of the library: bodies with their pictures, which can be dragged."""

from collections.abc import Callable

from PyQt6.QtCore import QMimeData, QModelIndex, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QIcon, QKeyEvent, QMouseEvent
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from npm_studio.session.document.explorer import Codes
from npm_studio.views.portraits import Portraits
from npm_studio.views.theme import theme_of
from npm_studio.views.widgets.dragged import Dragged

NAVIGATION = (
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
)
"""Keys that choose another row, which comes on show as if it had been clicked."""
PICTURE = 34
"""Pixels of the body in a row."""
_WHAT = Qt.ItemDataRole.UserRole + 8


class BodyList(QListWidget):
    """Rows with a picture and a name; pictures are made for the rows that are seen."""

    drag_ended = pyqtSignal()
    """The row that was dragged is marked, whatever came of it."""

    def __init__(self, portraits: Portraits, codes_of: Callable[[Dragged], Codes | None]) -> None:
        """``codes_of`` are those of the picture of a row."""
        super().__init__()
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(PICTURE, PICTURE))
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setItemDelegate(_Pictured(self, portraits, codes_of))
        portraits.arrived.connect(self._redraw)

    def add(self, title: str, what: Dragged, tooltip: str) -> QListWidgetItem:
        item = QListWidgetItem(title)
        item.setData(_WHAT, what)
        item.setToolTip(tooltip)
        self.addItem(item)
        return item

    def what(self, item: QListWidgetItem) -> Dragged:
        """That ``item`` stands for."""
        what = item.data(_WHAT)
        assert isinstance(what, Dragged)
        return what

    def mimeData(self, items: object) -> QMimeData | None:
        item = self.currentItem()
        return None if item is None else self.what(item).to_mime()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() != Qt.MouseButton.RightButton:  # which shows nothing, and marks nothing
            super().mousePressEvent(event)

    def startDrag(self, supportedActions: Qt.DropAction) -> None:
        super().startDrag(supportedActions)
        self.drag_ended.emit()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        before = self.currentItem()
        super().keyPressEvent(event)
        item = self.currentItem()
        if event is not None and event.key() in NAVIGATION and item is not None and item is not before:
            self.itemActivated.emit(item)

    def _redraw(self) -> None:
        viewport = self.viewport()
        if viewport is not None:
            viewport.update()


class _Pictured(QStyledItemDelegate):
    """Draws the picture of a row as soon as there is one."""

    def __init__(self, parent: QWidget, portraits: Portraits, codes_of: Callable[[Dragged], Codes | None]) -> None:
        super().__init__(parent)
        self._portraits, self._codes_of, self._list = portraits, codes_of, parent

    def initStyleOption(self, option: QStyleOptionViewItem | None, index: QModelIndex) -> None:
        super().initStyleOption(option, index)
        if option is None:
            return
        option.features |= QStyleOptionViewItem.ViewItemFeature.HasDecoration
        option.decorationSize = QSize(PICTURE, PICTURE)
        codes = self._codes_of(index.data(_WHAT))
        if codes is None:
            return
        scale = self._list.devicePixelRatioF()
        picture = self._portraits.pixmap(codes, theme_of(self._list), round(PICTURE * scale))
        if picture is not None:
            picture.setDevicePixelRatio(scale)
            option.icon = QIcon(picture)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(super().sizeHint(option, index).width(), PICTURE + 4)


class PoseTree(QTreeWidget):
    """Training frames, which can be dragged."""

    drag_ended = pyqtSignal()
    """The row that was dragged is marked, whatever came of it."""

    def __init__(self, row_of: Callable[[QTreeWidgetItem], int | None]) -> None:
        """``row_of`` an item is None where it stands for no frame."""
        super().__init__()
        self._row_of = row_of
        self.setHeaderHidden(True)
        self.setIndentation(16)
        self.setUniformRowHeights(True)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() != Qt.MouseButton.RightButton:  # which shows nothing, and marks nothing
            super().mousePressEvent(event)

    def startDrag(self, supportedActions: Qt.DropAction) -> None:
        super().startDrag(supportedActions)
        self.drag_ended.emit()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        before = self.currentItem()
        super().keyPressEvent(event)
        item = self.currentItem()
        is_frame = item is not None and item.childCount() == 0
        if event is not None and event.key() in NAVIGATION and is_frame and item is not before:
            self.itemActivated.emit(item, 0)

    def mimeData(self, items: object) -> QMimeData | None:
        item = self.currentItem()
        row = None if item is None else self._row_of(item)
        return None if row is None else Dragged("pose", row).to_mime()
