"""The window: menus, the viewports between its panels, and the workspaces that share it."""

import atexit
import functools
import logging
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

from PyQt6 import sip
from PyQt6.QtCore import QByteArray, QEvent, QObject, Qt, QTimer
from PyQt6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QIcon, QKeyEvent, QKeySequence
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMainWindow,
    QMenu,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from npm_studio.session.commands.command import Command, Submenu
from npm_studio.session.commands.table import MENUS, all_commands
from npm_studio.session.commands.view import WORKSPACES
from npm_studio.session.document.signal import Signal
from npm_studio.session.live.request import MeshReply
from npm_studio.views.conditions import conditions
from npm_studio.views.dialogs import AboutDialog, ErrorDialog, ShortcutsDialog
from npm_studio.views.files import Files, settings
from npm_studio.views.library import Library
from npm_studio.views.session import Session
from npm_studio.views.software_rendering import renderer_name
from npm_studio.views.theme import DARK, LIGHT, RESOURCES, Theme, apply_theme, icon
from npm_studio.views.timeline_bar import TimelineBar
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.badge import Badge, Tone
from npm_studio.views.widgets.basics import Segments, tool_button
from npm_studio.views.workspaces.base import Actions, Workspace
from npm_studio.views.workspaces.compare import CompareWorkspace
from npm_studio.views.workspaces.explore import ExploreWorkspace
from npm_studio.views.workspaces.fit import FitWorkspace
from npm_studio.views.workspaces.interpolate import InterpolateWorkspace
from npm_studio.views.workspaces.transfer import TransferWorkspace

_log = logging.getLogger(__name__)

SIZE = (1440, 900)
_SIDE_WIDTHS = (236, 330)
"""Pixels of the library and of the workspace's panel."""
_OWN_KEYS = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End)


class MainWindow(QMainWindow):
    """Everything on one page; drops of folders are opened."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("NPM Studio")
        self.setWindowIcon(QIcon(str(RESOURCES / "app.svg")))
        self.setAcceptDrops(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.theme: Theme = LIGHT if settings().value("theme") == "light" else DARK
        self.library_wanted = True
        self.closed = Signal()
        self.clean_exit = True
        self._error: ErrorDialog | None = None
        self.session = Session(self)
        self.actions_by_id: Actions = {command.id: self._make_action(command) for _, command in all_commands()}
        self.viewports = ViewportArea(self.theme)
        self.explore = ExploreWorkspace(self.session, self.viewports, self.actions_by_id)
        self.interpolate = InterpolateWorkspace(self.session, self.viewports, self.actions_by_id)
        self.transfer = TransferWorkspace(self.session, self.viewports, self.actions_by_id)
        self.fit = FitWorkspace(self.session, self.viewports, self.actions_by_id)
        self.compare = CompareWorkspace(self.session, self.viewports, self.actions_by_id)
        self.workspaces: tuple[Workspace, ...] = (self.explore, self.interpolate, self.transfer, self.fit, self.compare)
        self.workspace: Workspace = self.explore
        self.library = Library(self.session.document)
        self.timeline = TimelineBar(self.session.document.timeline, self.actions_by_id)
        self.files = Files(self)
        self.fit.capture_wanted.connect(self.files.open_again)
        self.fit.run_wanted.connect(self.files.open_run)
        self.compare.run_wanted.connect(lambda folder: self.files.open_run(folder, self.compare.add_run))
        self._make_menus()
        self._make_layout()
        self._make_status_bar()
        self._connect()
        self._restore()
        self._apply_theme()
        self.show_explore()
        app = QApplication.instance()
        assert app is not None
        app.installEventFilter(self)
        # a program that ends by an exception closes no window, and threads in the middle of a mesh would abort it
        atexit.register(self._close_at_exit)

    # ---- construction

    def _make_action(self, command: Command) -> QAction:
        action = QAction(command.title, self)
        action.setStatusTip(command.tooltip)
        keys = f" ({command.shortcut})" if command.shortcut else ""
        action.setToolTip(f"{command.tooltip}{keys}")
        action.setShortcut(QKeySequence(command.shortcut))
        action.setCheckable(bool(command.checked))
        action.setProperty("icon name", command.icon)
        action.triggered.connect(functools.partial(self._run, command))
        self.addAction(action)
        return action

    def _run(self, command: Command, checked: bool) -> None:
        callback: Callable[..., object] = attrgetter(command.callback)(self)
        if command.checked and command not in WORKSPACES:
            callback(checked)
        else:
            callback()
        self.refresh_actions()

    def _make_menus(self) -> None:
        bar = self.menuBar()
        assert bar is not None
        for menu in MENUS:
            shown = bar.addMenu(menu.title)
            assert shown is not None
            shown.setToolTipsVisible(False)
            shown.aboutToShow.connect(self.refresh_actions)
            for entry in menu.entries:
                if entry is None:
                    shown.addSeparator()
                elif isinstance(entry, Submenu):
                    inner = QMenu(entry.title, shown)
                    inner.aboutToShow.connect(functools.partial(attrgetter(entry.provider)(self), inner))
                    shown.addMenu(inner)
                else:
                    shown.addAction(self.actions_by_id[entry.id])

    def _make_layout(self) -> None:
        self.segments = Segments([command.title.replace("&", "") for command in WORKSPACES])
        self.segments.setFixedWidth(520)
        bar = QWidget()
        bar.setObjectName("bar")
        bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 7, 12, 7)
        row.setSpacing(4)
        for name in ("file.open_model", "file.open_sequence"):
            row.addWidget(tool_button(self.actions_by_id[name], 20))
        row.addStretch(1)
        row.addWidget(self.segments)
        row.addStretch(1)
        for name in ("view.link_cameras", "view.frame", "file.screenshot", "view.dark"):
            button = tool_button(self.actions_by_id[name], 20)
            button.setObjectName("quiet" if name == "view.dark" else "")
            row.addWidget(button)
        self.panel = QStackedWidget()
        self.panel.setObjectName("side")
        self.panel.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.panel.setMinimumWidth(270)
        for workspace in self.workspaces:
            self.panel.addWidget(workspace)
        middle = QWidget()
        below = QVBoxLayout(middle)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(0)
        below.addWidget(self.viewports, 1)
        below.addWidget(self.timeline)
        below.addWidget(self.compare.curves)
        self.compare.curves.stand_under(self.timeline.slider)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)
        for index, part in enumerate((self.library, middle, self.panel)):
            self.splitter.addWidget(part)
            self.splitter.setStretchFactor(index, int(part is middle))
            self.splitter.setCollapsible(index, False)
        self.splitter.setSizes([_SIDE_WIDTHS[0], SIZE[0] - sum(_SIDE_WIDTHS), _SIDE_WIDTHS[1]])
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self.splitter, 1)
        self.setCentralWidget(page)

    def _make_status_bar(self) -> None:
        self.quality, self.badge = QLabel(), Badge()
        self.quality.setObjectName("muted")
        bar = self.statusBar()
        assert bar is not None
        bar.setSizeGripEnabled(False)
        bar.setContentsMargins(10, 0, 10, 0)
        bar.addPermanentWidget(self.quality)
        bar.addPermanentWidget(self.badge)

    def _connect(self) -> None:
        session, document = self.session, self.session.document
        session.meshes_ready.connect(self._on_meshes)
        session.failed.connect(self.show_error)
        session.message.connect(self.show_message)
        session.jobs.changed.connect(self.refresh_actions)
        document.timeline.frame_changed.connect(lambda frame: self.workspace.show_frame(frame))
        document.timeline.state_changed.connect(self.refresh_actions)
        document.model_changed.connect(self.refresh_actions)
        document.model_changed.connect(self.update_title)
        document.model_changed.connect(self._on_model)
        document.contents_changed.connect(self.refresh_actions)
        document.comparison_changed.connect(self.refresh_actions)
        self.viewports.changed.connect(self.refresh_actions)
        self.fit.can_fit_changed.connect(self.refresh_actions)
        self.fit.tracking.changed.connect(self.refresh_actions)
        self.segments.chosen.connect(lambda index: self.set_workspace(self.workspaces[index]))
        for workspace in self.workspaces:
            workspace.clip_changed.connect(self._load_clip)
            workspace.quality_changed.connect(self._show_quality)
        self.library.identity_chosen.connect(lambda identity: self.workspace.identity_chosen(identity))
        self.library.frame_chosen.connect(lambda row: self.workspace.frame_chosen(row))
        self.library.canonical_pose_chosen.connect(lambda: self.workspace.canonical_pose_chosen())

    def _restore(self) -> None:
        geometry = settings().value("geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(*SIZE)
        widths = settings().value("panels")
        if isinstance(widths, list) and len(widths) == 3:
            self.splitter.setSizes([int(width) for width in widths])

    # ---- workspaces

    def show_explore(self) -> None:
        self.set_workspace(self.explore)

    def show_interpolate(self) -> None:
        self.set_workspace(self.interpolate)

    def show_transfer(self) -> None:
        self.set_workspace(self.transfer)

    def show_fit(self) -> None:
        self.set_workspace(self.fit)

    def show_compare(self) -> None:
        self.compare.run_of_fit = self.fit.run
        self.set_workspace(self.compare)

    def compare_with_truth(self) -> None:
        """Put the run on show in Fit beside the truth of its recording."""
        if self.fit.run is not None:
            self.compare.compare_with_truth(self.fit.run)
            self.show_compare()

    def set_workspace(self, workspace: Workspace) -> None:
        """Give the viewports and the timeline to ``workspace``."""
        self.session.document.timeline.pause()
        if self.workspace.is_active:
            self.workspace.leave()
        self.workspace = workspace
        self.segments.choose(self.workspaces.index(workspace))
        self.panel.setCurrentWidget(workspace)
        self.library.setVisible(workspace.uses_library and self.library_wanted)
        self._show_quality("", "good", "")
        workspace.enter()
        self._load_clip()
        self.refresh_actions()

    def set_library(self, shown: bool) -> None:
        self.library_wanted = shown
        self.library.setVisible(self.workspace.uses_library and shown)

    # ---- appearance

    def set_dark(self, dark: bool) -> None:
        self.theme = DARK if dark else LIGHT
        settings().setValue("theme", self.theme.name)
        self._apply_theme()

    def set_full_screen(self, full: bool) -> None:
        self.showFullScreen() if full else self.showNormal()

    def _apply_theme(self) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply_theme(app, self.theme)
        for action in self.actions_by_id.values():
            name = action.property("icon name")
            if name:
                action.setIcon(icon(name, self.theme))
                action.setIconVisibleInMenu(False)
        self.timeline.set_theme(self.theme)
        self.viewports.set_theme(self.theme)

    def update_title(self) -> None:
        document = self.session.document
        parts = [document.project_folder.name] if document.project_folder else []
        parts += [document.model.info.name] if document.model else []
        self.setWindowTitle(" – ".join([*parts, "NPM Studio"]))

    def refresh_actions(self) -> None:
        """Enable and check every command by the state of the window."""
        now = conditions(self)
        for _, command in all_commands():
            action = self.actions_by_id[command.id]
            action.setEnabled(not command.needs or now[command.needs])
            if command.checked:
                action.setChecked(now[command.checked])

    # ---- messages

    def show_message(self, text: str) -> None:
        if text:
            _log.info("%s", text)
        bar = self.statusBar()
        if bar is not None:
            bar.showMessage(text)

    def show_error(self, error: BaseException, traceback: str = "") -> None:
        """Tell the user what went wrong; the window stays usable."""
        self.show_message("")
        _log.warning("shown: %s", error)
        if self._error is not None:
            self._error.close()
        self._error = ErrorDialog(error, traceback, self.theme, self)
        self._error.destroyed.connect(self._forget_error)
        self._error.open()

    @property
    def error(self) -> ErrorDialog | None:
        """The error on show."""
        return self._error

    def show_shortcuts(self) -> None:
        ShortcutsDialog(self).open()

    def show_about(self) -> None:
        AboutDialog(renderer_name(self.viewports.left.view.ren_win.ReportCapabilities()), self).open()

    def _forget_error(self) -> None:
        self._error = None

    def _on_model(self) -> None:
        model = self.session.document.model
        if model is not None:
            self.viewports.set_scale(model.info.similarity.scale)

    def _on_meshes(self, reply: MeshReply) -> None:
        self.workspace.show_meshes(reply)

    def _load_clip(self) -> None:
        if self.sender() in (None, self.workspace) or not isinstance(self.sender(), Workspace):
            self.timeline.load(self.workspace.playable())

    def _show_quality(self, badge: str, tone: Tone, detail: str) -> None:
        self.badge.set_state(badge, tone)
        self.quality.setText(detail)

    # ---- Qt events

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Arrow keys belong to a slider or a list that has the focus, not to playback."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and event.key() in _OWN_KEYS:
            owners = (QAbstractSlider, QAbstractItemView, QComboBox, QAbstractSpinBox, QLineEdit)
            if isinstance(watched, owners) and watched is not self.timeline.slider:
                event.accept()
                return True
        return super().eventFilter(watched, event)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        data = None if event is None else event.mimeData()
        if event is not None and data is not None and any(url.isLocalFile() for url in data.urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        data = None if event is None else event.mimeData()
        if event is None or data is None:
            return
        event.acceptProposedAction()
        paths = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
        # after the drop has returned to the program that it came from
        for path in paths:
            QTimer.singleShot(0, functools.partial(self._take_drop, path))

    def _take_drop(self, path: Path) -> None:
        if not self.workspace.take_drop(path):
            self.files.open_path(path, True)

    def _close_at_exit(self) -> None:
        if not sip.isdeleted(self):
            self.fit.tracking.discard()
            self.close()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Cancel all work, keep what it has, wait for the threads, then free the graphics; of a track, ask first."""
        if event is not None and not self.fit.tracking.may_close(self.close):
            event.ignore()
            return
        atexit.unregister(self._close_at_exit)
        settings().setValue("geometry", self.saveGeometry())
        settings().setValue("panels", self.splitter.sizes())
        self.session.document.timeline.pause()
        self.hide()
        self.clean_exit = self.session.shut_down()
        self.viewports.close_views()
        app = QApplication.instance()
        if app is not None:
            app.removeEventFilter(self)
        super().closeEvent(event)
        self.closed.emit()
