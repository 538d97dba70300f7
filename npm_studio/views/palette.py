"""Search for a command by its name and do it."""

from collections.abc import Callable

from PyQt6.QtCore import QEvent, QObject, QRect, QSize, Qt
from PyQt6.QtGui import QKeyEvent, QKeySequence, QPainter, QPalette
from PyQt6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from npm_studio.session.commands.palette import PaletteEntry, matching

_SIZE = QSize(600, 420)
_ROW = 42
_TOP = 90
"""Pixels from the upper edge of the window."""
_ENTRY = Qt.ItemDataRole.UserRole
_TO_LIST = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class Palette(QDialog):
    """A field and the entries that match it; Enter does the one that is marked."""

    def __init__(self, entries: list[PaletteEntry], done: Callable[[], None], parent: QWidget) -> None:
        """
        Args:
            done: called after an entry was run
        """
        super().__init__(parent)
        self.setWindowTitle("Commands")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._entries, self._done = entries, done
        self.field = QLineEdit()
        self.field.setPlaceholderText("Search for a command, a recent file, a bookmark")
        self.field.setAccessibleName("Search for a command")
        self.field.installEventFilter(self)
        self.list = QListWidget()
        self.list.setAccessibleName("Commands")
        self.list.setItemDelegate(_Lines(self.list))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setUniformItemSizes(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.addWidget(self.field)
        column.addWidget(self.list, 1)
        self.field.textChanged.connect(self._fill)
        self.field.returnPressed.connect(self._run_marked)
        self.list.itemClicked.connect(lambda _: self._run_marked())
        self.list.itemActivated.connect(lambda _: self._run_marked())
        size = _SIZE.boundedTo(parent.size() - QSize(40, _TOP + 20))
        self.resize(size)
        corner = parent.mapToGlobal(parent.rect().topLeft())
        self.move(corner.x() + (parent.width() - size.width()) // 2, corner.y() + _TOP)
        self._fill("")

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Keys that move through the list do so from the field, too."""
        key = event.key() if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress else None
        if watched is self.field and key in _TO_LIST:
            self.list.event(event)
            return True
        return super().eventFilter(watched, event)

    def _fill(self, text: str) -> None:
        self.list.clear()
        for entry in matching(self._entries, text):
            item = QListWidgetItem(entry.title)
            item.setData(_ENTRY, entry)
            item.setToolTip(entry.reason)
            if entry.reason:
                item.setFlags(Qt.ItemFlag.ItemIsSelectable)
                item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, entry.reason)
            self.list.addItem(item)
        if self.list.count() == 0:
            nothing = QListWidgetItem("No command matches")
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(nothing)
        self.list.setCurrentRow(0)

    def _run_marked(self) -> None:
        item = self.list.currentItem()
        entry = None if item is None else item.data(_ENTRY)
        if entry is None or entry.reason:
            return
        self.accept()
        entry.run()
        self._done()


class _Lines(QStyledItemDelegate):
    """Title and shortcut, and below them the menu, or why it cannot be done."""

    def sizeHint(self, option: QStyleOptionViewItem, index: object) -> QSize:
        return QSize(0, _ROW)

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: object) -> None:
        entry = index.data(_ENTRY)  # type: ignore[attr-defined]
        if painter is None or entry is None:  # a line that says that there is none
            super().paint(painter, option, index)  # type: ignore[arg-type]
            return
        palette = option.palette
        text, muted = palette.color(QPalette.ColorRole.Text), palette.color(QPalette.ColorRole.PlaceholderText)
        if entry.reason:
            text = muted
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            ground = palette.color(QPalette.ColorRole.Highlight)
            ground.setAlphaF(0.3)
            painter.fillRect(option.rect, ground)
        area = option.rect.adjusted(10, 4, -10, -4)
        half = area.height() // 2
        above = QRect(area.left(), area.top(), area.width(), half)
        below = QRect(area.left(), area.top() + half, area.width(), half)
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        painter.setPen(text)
        painter.drawText(above, left | Qt.AlignmentFlag.AlignVCenter, entry.title)
        painter.setPen(muted)
        keys = QKeySequence(entry.shortcut).toString(QKeySequence.SequenceFormat.NativeText)
        painter.drawText(above, right | Qt.AlignmentFlag.AlignVCenter, keys)
        painter.drawText(below, left | Qt.AlignmentFlag.AlignVCenter, entry.reason or entry.place)
        painter.restore()
