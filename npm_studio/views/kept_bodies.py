"""Bodies that a person made: bookmarks and fitted runs, in a list of the library."""

from datetime import datetime
from functools import partial

from PyQt6.QtCore import QPoint, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QKeySequence, QShortcut
from PyQt6.QtWidgets import QAbstractItemView, QListWidgetItem

from engine.core.errors import InputError
from engine.methods.run import Run
from npm_studio.session.document.bookmarks import with_bookmark, with_bookmark_renamed, without_bookmark
from npm_studio.session.document.explorer import Codes, codes_of
from npm_studio.session.document.run_steps import time_in_words
from npm_studio.session.document.state import Bookmark, DocumentState, Exploration
from npm_studio.views.context_menu import show_menu
from npm_studio.views.session import Session
from npm_studio.views.widgets.basics import Section, note
from npm_studio.views.widgets.body_lists import BodyList
from npm_studio.views.widgets.dragged import Dragged

_HINT = "Ctrl+B remembers the body on show in Explore. Bodies of fits with this model come here, too."


class KeptBodies(Section):
    """Bookmarks, which can be renamed and deleted, and then the open runs of the open model."""

    bookmark_chosen = pyqtSignal(object)
    """The `Exploration` that it brings back."""
    run_chosen = pyqtSignal(object)
    """The folder of a run."""

    def __init__(self, session: Session) -> None:
        super().__init__("Bookmarks and fits")
        self._session, self._document = session, session.document
        self.list = BodyList(session.portraits, self._codes_of)
        self.list.setAccessibleName("Bookmarks and fits")
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.list.customContextMenuRequested.connect(self._show_menu)
        self.list.itemClicked.connect(self._on_item)
        self.list.itemActivated.connect(self._on_item)
        self.list.itemChanged.connect(self._on_edited)
        delete = QShortcut(QKeySequence.StandardKey.Delete, self.list)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._delete_current)
        self._hint = note(_HINT)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.body.addWidget(self._hint, 1)
        self.body.addWidget(self.list, 1)
        self._document.changed.connect(self._follow)
        self._document.model_changed.connect(self.fill)
        self._document.contents_changed.connect(self.fill)
        session.commands.handle("edit.add_bookmark", self.add_bookmark)
        self.fill()

    def add_bookmark(self) -> None:
        """Remember the codes on show under a name that can be typed over at once."""
        state = self._document.state
        now = state.explore
        self._document.change("Add Bookmark", with_bookmark(state, now.shape_name, now))
        item = self.list.item(len(self._document.state.bookmarks) - 1)
        if item is not None and self.list.isVisible():
            self.list.scrollToItem(item)
            self.list.setCurrentItem(item)
            self.list.editItem(item)
        else:
            self._session.message.emit("Remembered: Edit, Bookmarks")

    def mark(self, body: Exploration | None) -> None:
        """Mark the bookmark of ``body``, or none, without telling anybody."""
        if self.list.state() == QAbstractItemView.State.EditingState:
            return
        places = [place for place, one in enumerate(self._document.state.bookmarks) if one.exploration == body]
        current = self.list.currentRow()
        if current not in places and not (current >= len(self._document.state.bookmarks) and body is None):
            self.list.setCurrentRow(places[0] if places else -1)

    def filter(self, wanted: str) -> None:
        """Show rows with ``wanted`` in their names."""
        for row in range(self.list.count()):
            item = self.list.item(row)
            if item is not None:
                item.setHidden(wanted not in item.text().lower())

    @property
    def has_hit(self) -> bool:
        """Whether the filter leaves something."""
        items = (self.list.item(row) for row in range(self.list.count()))
        return any(item is not None and not item.isHidden() for item in items)

    def fill(self) -> None:
        """Show what there is now."""
        document, explorer = self._document, self._document.explorer
        self.list.blockSignals(True)
        self.list.clear()
        for place, bookmark in enumerate(document.state.bookmarks):
            self._add_bookmark_row(place, bookmark, explorer is not None and explorer.can_show(bookmark.exploration))
        for number, run in enumerate(document.runs):
            if self._session.fitted.may_have(run):
                tooltip = f"{len(run.frames)} fitted bodies: {run.folder}\nDrag it onto a card, or click it"
                self.list.add(self._called(run), Dragged("run", number), tooltip)
        self.list.blockSignals(False)
        self._hint.setVisible(self.list.count() == 0)
        self.list.setVisible(self.list.count() > 0)

    def _called(self, run: Run) -> str:
        """As somebody named it, else by when it was made, in which runs of one recording differ."""
        names = {one.folder: one.name for one in self._document.state.runs}
        recording = run.inputs.sequence.name
        return names.get(run.folder.resolve()) or f"{time_in_words(run, datetime.now())}, {recording}"

    def _add_bookmark_row(self, place: int, bookmark: Bookmark, fits: bool) -> None:
        body = bookmark.exploration
        of = f"{body.shape_name}, {body.pose_name}" if fits else "Of another model"
        tooltip = f"{of}\nClick to come back, F2 to rename, Delete to forget"
        item = self.list.add(bookmark.name, Dragged("bookmark", place), tooltip)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)

    def _follow(self, before: DocumentState, after: DocumentState) -> None:
        if before.bookmarks != after.bookmarks:
            self.fill()

    def _codes_of(self, what: Dragged) -> Codes | None:
        explorer, state = self._document.explorer, self._document.state
        if explorer is None:
            return None
        if what.kind == "bookmark" and what.number < len(state.bookmarks):
            body = state.bookmarks[what.number].exploration
            return codes_of(body) if explorer.can_show(body) else None
        if what.kind == "run" and what.number < len(self._document.runs):
            folder = self._document.runs[what.number].folder.resolve()
            try:
                bodies = self._session.fitted.of(folder)
            except InputError:
                return None
            return codes_of(bodies[self._session.fitted.frame_on_show(folder)]) if bodies else None
        return None

    def _on_item(self, item: QListWidgetItem) -> None:
        what = self.list.what(item)
        if what.kind == "bookmark":
            self.bookmark_chosen.emit(self._document.state.bookmarks[what.number].exploration)
        else:
            self.run_chosen.emit(self._document.runs[what.number].folder.resolve())

    def _on_edited(self, item: QListWidgetItem) -> None:
        what = self.list.what(item)
        if what.kind == "bookmark":  # later: the rows are filled again, and the editor is not done with this one
            QTimer.singleShot(0, partial(self._rename, what.number, item.text()))

    def _rename(self, place: int, name: str) -> None:
        before = self._document.state
        if place < len(before.bookmarks) and name != before.bookmarks[place].name:
            self._document.change("Rename Bookmark", with_bookmark_renamed(before, place, name))
            if self._document.state == before:
                self.fill()

    def _delete_current(self) -> None:
        item = self.list.currentItem()
        if item is not None and self.list.what(item).kind == "bookmark":
            self._delete(self.list.what(item).number)

    def _delete(self, place: int) -> None:
        self._document.change("Delete Bookmark", without_bookmark(self._document.state, place))

    def _show_menu(self, place: QPoint) -> None:
        item = self.list.itemAt(place)
        if item is None:
            return
        what = self.list.what(item)
        entries = [("Show", partial(self._on_item, item))]
        if what.kind == "bookmark":
            entries += [("Rename", partial(self.list.editItem, item)), ("Delete", partial(self._delete, what.number))]
        viewport = self.list.viewport()
        if viewport is not None:
            show_menu(self, viewport.mapToGlobal(place), entries)
