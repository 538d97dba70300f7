"""The window: menus, the viewports between its panels, and the workspaces that share it."""

import atexit
import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from PyQt6 import sip
from PyQt6.QtCore import QByteArray, QEvent, Qt, QTimer, QUrl
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QIcon, QKeyEvent, QKeySequence
from PyQt6.QtWidgets import QApplication, QMainWindow

from npm_studio import resources
from npm_studio.session.commands.palette import palette_entries
from npm_studio.session.commands.reasons import reason_against
from npm_studio.session.commands.table import menus_with
from npm_studio.session.document.signal import Signal
from npm_studio.session.document.state import DocumentState
from npm_studio.session.live.request import MeshReply
from npm_studio.session.settings import change_settings, load_settings
from npm_studio.views.actions import Actions
from npm_studio.views.arrow_keys import ArrowKeys
from npm_studio.views.closing import Closing
from npm_studio.views.completing import Completing
from npm_studio.views.context_menu import show_view_menu
from npm_studio.views.copying import Copying
from npm_studio.views.dialogs import AboutDialog, ErrorDialog, ShortcutsDialog
from npm_studio.views.drops import dropped_paths, take_drops
from npm_studio.views.error_board import ErrorBoard
from npm_studio.views.files import Files
from npm_studio.views.jobs_sheet import JobsSheet
from npm_studio.views.library import Library
from npm_studio.views.number_fields import NumberFields
from npm_studio.views.opening import recent
from npm_studio.views.page import WINDOW_SIZE, Page
from npm_studio.views.palette import Palette
from npm_studio.views.preferences import PreferencesDialog
from npm_studio.views.revealing import open_address
from npm_studio.views.session import Session
from npm_studio.views.software_rendering import renderer_name
from npm_studio.views.status_line import StatusLine
from npm_studio.views.theme import RESOURCES, Theme, apply_theme, theme_named
from npm_studio.views.thumbnails import Thumbnails
from npm_studio.views.timeline_bar import TimelineBar
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.welcome import Welcome
from npm_studio.views.welcoming import Welcoming
from npm_studio.views.widgets.badge import Badge, Tone
from npm_studio.views.window_place import centre, keep_on_screen
from npm_studio.views.workspaces.base import Workspace
from npm_studio.views.workspaces.registry import workspace_kinds

_Kind = TypeVar("_Kind", bound=Workspace)
OPENING = (
    *("file.open_recording", "file.open_sequence", "file.open_model"),
    *("file.open_project", "file.open_run", "train.open"),
)
"""What the welcome page has buttons for."""
REFRESH_MS = 200
"""After which menus and title know of a step that goes on."""


class MainWindow(QMainWindow):
    """Everything on one page; drops of folders are opened. What is on show is in the document of the session."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("NPM Studio")
        self.setWindowIcon(QIcon(str(RESOURCES / "app.svg")))
        self.setAcceptDrops(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        settings = load_settings()
        self.theme: Theme = theme_named(settings.theme)
        self.closed = Signal()
        self.clean_exit = True
        self._errors = ErrorBoard(self)
        self._refresh_soon = QTimer(self)
        """While a slider moves: a third of what its value costs is to ask all commands whether they can be done."""
        self._refresh_soon.setSingleShot(True)
        self._refresh_soon.setInterval(REFRESH_MS)
        self._refresh_soon.timeout.connect(self._refresh)
        self.session = session = Session(self)
        document = session.document
        document.follow(replace(document.state, view=replace(document.state.view, display=settings.display)))
        kinds = workspace_kinds()
        self.menus = menus_with([kind.menu for kind in kinds])
        self.actions_by_id = Actions(self, session.commands, self.menus)
        self.viewports = ViewportArea(self.theme, session)
        self.workspaces: dict[str, Workspace] = {
            kind.menu.name: kind.make(session, self.viewports, self.actions_by_id) for kind in kinds
        }
        self.library = Library(session)
        self.timeline = TimelineBar(session, self.actions_by_id)
        self.files = Files(session, self.viewports, lambda: self.workspace, self)
        self.closing = Closing(session, self.files, list(self.workspaces.values()), self)
        self._completing = Completing(session, lambda: self.isVisible() and not self._is_asked, self)
        self._copying = Copying(session, self.viewports, lambda: self.workspace)
        self.viewports.menu_wanted.connect(functools.partial(show_view_menu, self.actions_by_id, self))
        self._register()
        self.actions_by_id.fill(self)
        titles = [kind.menu.title.replace("&", "") for kind in kinds]
        workspaces = list(self.workspaces.values())
        self.welcome = Welcome([self.actions_by_id[name] for name in OPENING], recent)
        self.thumbnails = Thumbnails(session, self.viewports, self)
        parts = self.library, self.viewports, self.timeline, workspaces, self.welcome
        self.page = Page(titles, self.actions_by_id, *parts)
        self.welcoming = Welcoming(self.page, self.welcome, session, self.files, kinds[0].menu.name)
        self.setCentralWidget(self.page)
        bar = self.statusBar()
        assert bar is not None
        self.status = StatusLine(bar, session)
        self.jobs_sheet = JobsSheet(session, self.actions_by_id["view.jobs"], self)
        bar.addPermanentWidget(self.jobs_sheet.button)
        self._connect()
        self._restore()
        self._apply_theme()
        self._show_workspace()
        fields = NumberFields(lambda: self.viewports.left.view, self)
        self._keys = ArrowKeys(self.timeline.slider, self), fields
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        if (hints := app.styleHints()) is not None:
            hints.colorSchemeChanged.connect(lambda _: self._on_preferences())
        for keys in self._keys:
            app.installEventFilter(keys)
        # a program that ends by an exception closes no window, and threads in the middle of a mesh would abort it
        atexit.register(self._close_at_exit)

    def workspace_of(self, kind: type[_Kind]) -> _Kind:
        """The workspace of this kind."""
        return next(workspace for workspace in self.workspaces.values() if isinstance(workspace, kind))

    # ---- construction

    def _is_on_show(self, name: str) -> bool:
        return self.workspaces[name] is self.workspace

    def _on_tab(self, name: str, checked: bool) -> None:
        self.welcoming.show(False)
        self.session.document.show_workspace(name)

    def _register(self) -> None:
        session, document = self.session, self.session.document
        commands = session.commands
        commands.handle("edit.undo", lambda: self._say_of(f"Undone: {document.undo_name}.", document.undo))
        commands.handle("edit.redo", lambda: self._say_of(f"Done again: {document.redo_name}.", document.redo))
        commands.provide("can_undo", lambda: document.undo_name is not None)
        commands.provide("can_redo", lambda: document.redo_name is not None)
        commands.entitle("edit.undo", lambda: f"&Undo {document.undo_name or ''}".rstrip())
        commands.entitle("edit.redo", lambda: f"&Redo {document.redo_name or ''}".rstrip())
        for name in self.workspaces:
            commands.handle(f"view.{name}", functools.partial(self._on_tab, name))
            commands.provide(f"in_{name}", functools.partial(self._is_on_show, name))
        commands.handle("view.library", self.set_library)
        commands.provide("library_shown", lambda: document.state.view.library)
        commands.handle("view.dark", self.set_dark)
        commands.provide("is_dark", lambda: self.theme.name == "dark")
        commands.handle("view.full_screen", self.set_full_screen)
        commands.handle("view.reset_layout", self.reset_layout)
        commands.provide("is_full_screen", self.isFullScreen)
        commands.provide("shows_live", lambda: document.model is not None and self.workspace.shows_live)
        commands.provide("can_slice", lambda: document.model is not None and self.workspace.shows_slices)
        commands.handle("edit.preferences", lambda: PreferencesDialog(self._on_preferences, self).open())
        commands.handle("help.palette", self.show_palette)
        commands.handle("help.shortcuts", self.show_shortcuts)
        commands.handle("help.about", self.show_about)
        for name in ("tutorial", "troubleshooting"):
            commands.handle(f"help.{name}", functools.partial(self._open_document, name))
        commands.handle("file.quit", self.close)

    def _say_of(self, words: str, act: Callable[[], None]) -> None:
        """In place of what was said when it was done."""
        act()
        self.status.say(words)

    def _connect(self) -> None:
        session, document = self.session, self.session.document
        session.meshes_ready.connect(self._on_meshes)
        session.failed.connect(self.show_error)
        session.jobs.changed.connect(self.refresh_actions)
        session.state_changed.connect(self.refresh_actions)
        document.timeline.frame_changed.connect(lambda frame: self.workspace.show_frame(frame))
        document.timeline.state_changed.connect(self.refresh_actions)
        document.model_changed.connect(self._on_model)
        document.contents_changed.connect(self.refresh_actions)
        document.changed.connect(self._on_document)
        document.stepped.connect(self._on_step)
        self.viewports.changed.connect(self.refresh_actions)
        self.page.segments.chosen.connect(self._on_segment)
        self.welcoming.changed = self._on_welcome
        self.files.saved.connect(self.thumbnails.take)
        for workspace in self.workspaces.values():
            workspace.clip_changed.connect(functools.partial(self._load_clip, workspace))
            workspace.quality_changed.connect(functools.partial(self._show_quality, workspace))
        self.library.identity_chosen.connect(lambda identity: self.workspace.identity_chosen(identity))
        self.library.frame_chosen.connect(lambda row: self.workspace.frame_chosen(row))
        self.library.canonical_pose_chosen.connect(lambda: self.workspace.canonical_pose_chosen())
        self.library.mark_wanted.connect(self._mark_in_library)
        self.library.kept.bookmark_chosen.connect(lambda body: self.workspace.body_chosen(body))
        self.library.kept.run_chosen.connect(lambda folder: self.workspace.run_chosen(folder))

    def _restore(self) -> None:
        settings = load_settings()
        geometry = QByteArray.fromBase64(settings.geometry.encode())
        if settings.geometry and self.restoreGeometry(geometry):
            keep_on_screen(self)
        else:
            centre(self, WINDOW_SIZE)
        if len(settings.panels) == 3 and all(width > 0 for width in settings.panels):
            self.page.splitter.setSizes(settings.panels)
        if settings.workspace in self.workspaces:
            self.session.document.show_workspace(settings.workspace)

    # ---- workspaces

    @property
    def workspace(self) -> Workspace:
        """The one on show."""
        return self.workspaces.get(self.session.document.state.view.workspace, next(iter(self.workspaces.values())))

    def _on_document(self, before: DocumentState, after: DocumentState) -> None:
        if not self.workspace.is_active:
            self._show_workspace()
        if before.view.library != after.view.library:
            self._show_library()
        self._mark_in_library()

    def _mark_in_library(self) -> None:
        self.library.mark(*self.workspace.marked_in_library(), self.workspace.body_on_show())

    def _on_step(self, is_new: bool) -> None:
        if is_new:
            self._refresh()
        elif not self._refresh_soon.isActive():
            self._refresh_soon.start()

    def _refresh(self) -> None:
        self.refresh_actions()
        self.update_title()

    def _show_workspace(self) -> None:
        """Give the viewports and the timeline to the workspace of the document."""
        workspace = self.workspace
        self.session.document.timeline.pause()
        for other in self.workspaces.values():
            if other.is_active:
                other.leave()
        self.page.segments.choose(list(self.workspaces.values()).index(workspace))
        self.page.panel.setCurrentWidget(workspace)
        self._keep_out_of_panel()
        self._show_library()
        self._show_quality(workspace, "", "good", "")
        workspace.enter()
        self._load_clip(workspace)
        self.refresh_actions()

    def _keep_out_of_panel(self) -> None:
        """Give the focus to the view where Qt has put it into the panel: in a field keys are text, on a button it looks
        as if that was chosen."""
        focused = self.focusWidget()
        if focused is not None and self.page.panel.isAncestorOf(focused):
            self.viewports.left.view.setFocus()

    def _on_welcome(self) -> None:
        self._show_library()
        self._keep_out_of_panel()
        self.refresh_actions()

    def _on_segment(self, index: int) -> None:
        self._on_tab(list(self.workspaces)[index], True)

    def set_library(self, shown: bool) -> None:
        state = self.session.document.state
        self.session.document.follow(replace(state, view=replace(state.view, library=shown)))

    def _show_library(self) -> None:
        wanted = self.session.document.state.view.library
        self.library.setVisible(self.workspace.uses_library and wanted and not self.welcoming.is_shown)

    # ---- appearance

    def set_dark(self, dark: bool) -> None:
        change_settings(theme="dark" if dark else "light")
        self._on_preferences()

    def _on_preferences(self) -> None:
        """They, or the colours of the system, have changed."""
        settings = load_settings()
        self.welcome.at_start.setChecked(settings.welcome)
        theme = theme_named(settings.theme)
        if theme != self.theme:
            self.theme = theme
            self._apply_theme()
            self.refresh_actions()

    def set_full_screen(self, full: bool) -> None:
        self.showFullScreen() if full else self.showNormal()

    def reset_layout(self) -> None:
        """Window, panels and lists as at the very first start."""
        self.showNormal()
        centre(self, WINDOW_SIZE)
        self.page.reset_widths()
        self.set_library(True)

    def _apply_theme(self) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, self.theme)
        self.actions_by_id.set_theme(self.theme)
        self.timeline.set_theme(self.theme)
        self.viewports.set_theme(self.theme)
        self.welcome.set_theme(self.theme)

    def update_title(self) -> None:
        document = self.session.document
        parts = [document.folder.name] if document.folder else []
        parts += [document.model.info.name] if document.model else []
        first, *others = [*parts, "NPM Studio"]
        self.setWindowTitle(" – ".join([f"{first}[*]", *others]))
        self.setWindowModified(not document.is_clean)

    def refresh_actions(self) -> None:
        """Enable, check and name every command by how things are now."""
        self.actions_by_id.refresh()

    # ---- messages

    def show_error(self, error: BaseException, traceback: str = "") -> None:
        """Tell the user what went wrong; the window stays usable."""
        self.status.say("")
        self._errors.show(error, traceback)

    @property
    def error(self) -> ErrorDialog | None:
        """The error on show."""
        return self._errors.current

    @property
    def _is_asked(self) -> bool:
        """Whether a question of closing, or one about what is not saved, waits for its answer."""
        return self.closing.question is not None or self.files.question is not None

    @property
    def badge(self) -> Badge:
        """How good the mesh on show is."""
        return self.status.badge

    def show_palette(self) -> None:
        Palette(palette_entries(self.menus, self.session.commands), self.refresh_actions, self).open()

    def show_shortcuts(self) -> None:
        ShortcutsDialog(self.menus, self).open()

    def show_about(self) -> None:
        AboutDialog(renderer_name(self.viewports.left.view.ren_win.ReportCapabilities()), self).open()

    def _open_document(self, name: str) -> None:
        if address := resources.document(name):
            open_address(QUrl(address), self.status.say)

    def _on_model(self) -> None:
        model = self.session.document.model
        if model is not None:
            self.viewports.set_scale(model.info.similarity.scale)
        self.refresh_actions()
        self.update_title()

    def _on_meshes(self, reply: MeshReply) -> None:
        self.workspace.show_meshes(reply)

    def _load_clip(self, workspace: Workspace) -> None:
        if workspace is self.workspace:
            self.timeline.load(workspace.playable())

    def _show_quality(self, workspace: Workspace, badge: str, tone: Tone, detail: str) -> None:
        if workspace is self.workspace:
            self.status.show_quality(badge, tone, detail)

    # ---- Qt events

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.WindowStateChange and self.isVisible():
            QTimer.singleShot(0, functools.partial(keep_on_screen, self))  # what it had before it filled the screen

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """A shortcut of what cannot be done now, which Qt passes on as any key, says what it is and why."""
        if event is not None and event.key() == Qt.Key.Key_Delete and self.workspace.take_chosen_away():
            return
        if event is not None and (command := self.actions_by_id.disabled_at(QKeySequence(event.keyCombination()))):
            title = self.session.commands.title(command).replace("&", "").rstrip("…")
            self.status.say(f"{title}: {reason_against(command, self.session.commands)}")
        super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if event is not None and dropped_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        if event is None:
            return
        event.acceptProposedAction()
        take_drops(dropped_paths(event.mimeData()), self._take_drop, self.files.open_path, self.show_error)

    def _take_drop(self, path: Path) -> bool:
        return self.workspace.take_drop(path)

    def _close_at_exit(self) -> None:
        if not sip.isdeleted(self):
            self.close_unasked()

    def focusNextPrevChild(self, next: bool) -> bool:
        """The view gets the focus of what goes away with all around it, which Qt would pass on as Tab does."""
        focused = self.focusWidget()
        around = None if focused is None else focused.parentWidget()
        if around is not None and not around.isVisible():
            self.viewports.left.view.setFocus()
            return True
        return super().focusNextPrevChild(next)

    def close_unasked(self) -> None:
        """Close without asking anything: running work keeps its best, and what is not saved can be recovered."""
        self.closing.is_unasked = True
        self.close()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Cancel all work, keep what it has, wait for the threads, then free the graphics; ask first what is lost."""
        if event is not None and not self.closing.may_close():
            event.ignore()
            return
        atexit.unregister(self._close_at_exit)
        geometry = bytes(self.saveGeometry().toBase64().data()).decode()
        remembered: dict[str, object] = {"geometry": geometry, "workspace": self.session.document.state.view.workspace}
        if not self.welcoming.is_shown:
            remembered["panels"] = self.page.widths(load_settings().panels)
        change_settings(**remembered)
        self.session.document.timeline.pause()
        self._errors.forget_waiting()
        self.hide()
        self.clean_exit = self.session.shut_down()
        self.viewports.close_views()
        app = QApplication.instance()
        if app is not None:
            for keys in self._keys:
                app.removeEventFilter(keys)
        super().closeEvent(event)
        self.closed.emit()
