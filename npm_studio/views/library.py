"""The lists on the left: identities and poses that the model was trained on, bookmarks, and fitted bodies."""

from collections.abc import Callable
from functools import partial

from PyQt6.QtCore import QPoint, Qt, pyqtSignal
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QListWidgetItem,
    QSplitter,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.models.labels import UNLABELLED
from npm_studio.session.document.explorer import Codes, pretty
from npm_studio.session.document.state import Exploration
from npm_studio.views.context_menu import show_menu
from npm_studio.views.kept_bodies import KeptBodies
from npm_studio.views.session import Session
from npm_studio.views.widgets.basics import MARGIN, Section, heading, note
from npm_studio.views.widgets.body_lists import BodyList, PoseTree
from npm_studio.views.widgets.dragged import Dragged

_ROW = Qt.ItemDataRole.UserRole


class Library(QWidget):
    """Training identities, and training frames grouped by identity and sequence."""

    identity_chosen = pyqtSignal(int)
    frame_chosen = pyqtSignal(int)
    """Row of the model's pose codes."""
    canonical_pose_chosen = pyqtSignal()
    mark_wanted = pyqtSignal()
    """A row is marked that may not be on show."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document = session.document
        self._items: dict[int, QTreeWidgetItem] = {}
        """Of the frames, by their rows; -1 is the canonical pose."""
        self._is_begun = False
        """Whether the lists will be filled for another document."""
        self.setObjectName("side")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._title, self._detail = heading("No model"), note("Open a model folder to explore it.")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Filter by name")
        self.search.setAccessibleName("Filter by name")
        self.search.setClearButtonEnabled(True)
        self._no_hit = note("")
        self._no_hit.hide()
        self.identities = BodyList(session.portraits, self._codes_of)
        self.identities.setAccessibleName("Identities")
        self.poses = PoseTree(lambda item: item.data(0, _ROW))
        self.poses.setAccessibleName("Poses")
        self.kept = KeptBodies(session)
        for view in (self.identities, self.poses, self.kept.list):
            view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
            view.setMinimumHeight(44)  # less than Qt wants, for small screens
            view.drag_ended.connect(self.mark_wanted)
        for own in (self.identities, self.poses):
            own.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.identities.customContextMenuRequested.connect(self._show_identity_menu)
        self.poses.customContextMenuRequested.connect(self._show_pose_menu)
        identities, poses = Section("Identities"), Section("Poses")
        identities.body.addWidget(self.identities, 1)
        poses.body.addWidget(self.poses, 1)
        lists = QSplitter(Qt.Orientation.Vertical)
        lists.setChildrenCollapsible(False)
        lists.setHandleWidth(12)
        lists.setStyleSheet("QSplitter::handle { background: transparent; }")
        lists.addWidget(identities)
        lists.addWidget(poses)
        lists.addWidget(self.kept)
        lists.setSizes([300, 250, 150])
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(4)
        column.addWidget(self._title)
        column.addWidget(self._detail)
        column.addSpacing(6)
        column.addWidget(self.search)
        column.addWidget(self._no_hit)
        column.addSpacing(8)
        column.addWidget(lists, 1)
        self.setMinimumWidth(180)
        self.search.textChanged.connect(self._filter)
        self.identities.itemClicked.connect(lambda item: self._on_identity(item))
        self.identities.itemActivated.connect(lambda item: self._on_identity(item))
        self.poses.itemClicked.connect(lambda item, _: self._on_pose(item))
        self.poses.itemActivated.connect(lambda item, _: self._on_pose(item))
        self.poses.itemExpanded.connect(self._list_frames)
        document.model_changed.connect(self._fill)
        document.begun.connect(self._on_begun)

    def mark(self, identity: int | None, row: int | None, body: Exploration | None = None) -> None:
        """Mark what is on show, without telling anybody.

        Args:
            identity: None for a shape that is none of the training
            row: of the pose codes, -1 for the canonical pose; None for a pose that is none of the training
            body: on show, which a bookmark may have
        """
        self.kept.mark(body)
        if identity is None:
            self.identities.clearSelection()
            self.identities.setCurrentRow(-1)
        elif self.identities.currentRow() != identity:
            self.identities.setCurrentRow(identity)
        item = None if row is None else _seen_of(self._items.get(row))
        if self.poses.currentItem() is not item:
            self.poses.setCurrentItem(item)

    def reveal_poses_of(self, identity: int) -> None:
        """Open the branch of ``identity`` and close the others."""
        for index in range(self.poses.topLevelItemCount()):
            branch = self.poses.topLevelItem(index)
            if branch is not None and branch.data(0, _ROW) is None and branch.childCount():
                branch.setExpanded(branch.data(0, _ROW + 1) == identity)
                if branch.isExpanded():
                    self.poses.scrollToItem(branch, QAbstractItemView.ScrollHint.PositionAtTop)

    def _on_begun(self) -> None:
        self._is_begun = True

    def _reveal(self) -> None:
        """Open the branches that the pose of the document is in."""
        now = self._document.state.explore
        item = None if now.row is None else self._items.get(now.row)
        while item is not None and (item := item.parent()) is not None:
            item.setExpanded(True)

    def _fill(self) -> None:
        is_begun, self._is_begun = self._is_begun, False
        self.identities.clear()
        self.poses.clear()
        self._items = {}
        self.search.clear()
        model = self._document.model
        if model is None:
            return
        info = model.info
        self._title.setText(info.name)
        poses = f" · {len(info.frames):,} poses" if model.has_pose else " · no poses"
        self._detail.setText(f"{info.category.capitalize()} · {len(info.identities)} identities{poses}")
        self._detail.setToolTip(f"{self._document.model_folder}\nLicence: {info.licence}")
        for index, name in enumerate(info.identities):
            item = self.identities.add(
                pretty(name), Dragged("identity", index), f"Training identity {index}: {name}\nDrag it onto a card"
            )
            item.setData(_ROW, index)
        if not model.has_pose:
            return
        canonical = QTreeWidgetItem(["Canonical pose"])
        canonical.setToolTip(0, "The pose in which the surface is learned")
        canonical.setData(0, _ROW, -1)
        branches, self._items[-1] = [canonical], canonical
        owners = list(enumerate(info.identities))
        if all(frame.sequence == UNLABELLED for frame in info.frames):
            owners = [(0, "any identity")]  # every pose once, although each identity has it
        for index, name in owners:
            branch = QTreeWidgetItem([pretty(name)])
            branch.setData(0, _ROW + 1, index)
            sequences: dict[str, QTreeWidgetItem] = {}
            for row in model.frames_of(index):
                frame = info.frames[row]
                sequence = sequences.get(frame.sequence)
                if sequence is None:
                    sequence = sequences[frame.sequence] = QTreeWidgetItem(branch, [pretty(frame.sequence)])
                    sequence.setData(0, _ROW, row)
                    sequence.setToolTip(0, f"Play {frame.sequence} of {name}")
                    sequence.setChildIndicatorPolicy(QTreeWidgetItem.ChildIndicatorPolicy.ShowIndicator)
                self._items[row] = sequence
            if sequences:
                branches.append(branch)
        self.poses.addTopLevelItems(branches)
        if is_begun:
            self._reveal()

    def _list_frames(self, sequence: QTreeWidgetItem) -> None:
        """Below a ``sequence`` that is opened: of all there may be tens of thousands."""
        explorer, row = self._document.explorer, sequence.data(0, _ROW)
        if explorer is None or row is None or sequence.childCount():
            return
        for number, frame in enumerate(explorer.clip(int(row)), 1):
            leaf = QTreeWidgetItem(sequence, [f"Frame {number}"])
            leaf.setData(0, _ROW, frame)
            self._items[frame] = leaf

    def _filter(self, text: str) -> None:
        wanted = text.strip().lower()
        self.kept.filter(wanted)
        for index in range(self.identities.count()):
            item = self.identities.item(index)
            if item is not None:
                item.setHidden(wanted not in item.text().lower())
        for index in range(self.poses.topLevelItemCount()):
            branch = self.poses.topLevelItem(index)
            if branch is None:
                continue
            found = wanted in branch.text(0).lower()
            for child_index in range(branch.childCount()):
                child = branch.child(child_index)
                if child is not None:
                    hit = found or wanted in child.text(0).lower()
                    child.setHidden(not hit)
            some = any(
                not child.isHidden() for i in range(branch.childCount()) if (child := branch.child(i)) is not None
            )
            branch.setHidden(not (found or some))
        rows = [self.identities.item(row) for row in range(self.identities.count())]
        branches = [self.poses.topLevelItem(row) for row in range(self.poses.topLevelItemCount())]
        is_hit = any(item is not None and not item.isHidden() for item in (*rows, *branches)) or self.kept.has_hit
        self._no_hit.setText(f"Nothing here is called “{text.strip()}”.")
        self._no_hit.setVisible(bool(wanted) and not is_hit)

    def _codes_of(self, what: Dragged) -> Codes | None:
        model = self._document.model
        if model is None or what.number >= len(model.shape_codes):  # a row of the model before, drawn once more
            return None
        return Codes(model.shape_codes[what.number].cpu())

    def _on_identity(self, item: QListWidgetItem) -> None:
        identity = int(item.data(_ROW))
        self.reveal_poses_of(identity)
        self.identity_chosen.emit(identity)

    def _show_identity_menu(self, place: QPoint) -> None:
        item, model = self.identities.itemAt(place), self._document.model
        if item is not None and model is not None:
            name = model.info.identities[int(item.data(_ROW))]
            self._show_menu(self.identities.mapToGlobal(place), partial(self._on_identity, item), name)

    def _show_pose_menu(self, place: QPoint) -> None:
        item, model = self.poses.itemAt(place), self._document.model
        row = None if item is None else item.data(0, _ROW)
        if item is not None and model is not None and row is not None:
            frame = None if row < 0 else model.info.frames[row]
            name = "" if frame is None else f"{model.info.identities[frame.identity]}:{frame}"
            self._show_menu(self.poses.mapToGlobal(place), partial(self._on_pose, item), name)

    def _show_menu(self, place: QPoint, show: Callable[[], None], name: str) -> None:
        """Offer to show a row, and its ``name`` as the command line takes it."""
        clipboard = QGuiApplication.clipboard()
        copy = [("Copy Name", partial(clipboard.setText, name))] if name and clipboard is not None else []
        show_menu(self, place, [("Show", show), *copy])

    def _on_pose(self, item: QTreeWidgetItem) -> None:
        row = item.data(0, _ROW)
        if row is None:
            item.setExpanded(not item.isExpanded())
        elif row < 0:
            self.canonical_pose_chosen.emit()
        else:
            self.frame_chosen.emit(int(row))


def _seen_of(item: QTreeWidgetItem | None) -> QTreeWidgetItem | None:
    """``item``, or the outermost closed branch that hides it."""
    seen = item
    while item is not None and (item := item.parent()) is not None:
        if not item.isExpanded():
            seen = item
    return seen
