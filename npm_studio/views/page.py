"""The page of the window: a bar, and below it the library, the viewports over the timeline, and a workspace's panel."""

from collections.abc import Mapping, Sequence

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from npm_studio.views.library import Library
from npm_studio.views.timeline_bar import TimelineBar
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.basics import Segments, tool_button
from npm_studio.views.workspaces.base import Workspace

WINDOW_SIZE = (1440, 900)
_SIDE_WIDTHS = (236, 330)
"""Pixels of the library and of the workspace's panel."""


class Page(QWidget):
    """All that stands between the menus and the status bar."""

    def __init__(
        self,
        titles: list[str],
        actions: Mapping[str, QAction],
        library: Library,
        viewports: ViewportArea,
        timeline: TimelineBar,
        workspaces: Sequence[Workspace],
        welcome: QWidget,
    ) -> None:
        """
        Args:
            titles: of the ``workspaces``, in the bar
            welcome: a page that takes the place of all but the views
        """
        super().__init__()
        self._timeline, self.welcome = timeline, welcome
        self.segments = Segments(titles)
        self.segments.setMaximumWidth(104 * len(titles))
        bar = QWidget()
        bar.setObjectName("bar")
        bar.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 7, 12, 7)
        row.setSpacing(4)
        for name in ("file.open_model", "file.open_sequence"):
            row.addWidget(tool_button(actions[name], 20))
        row.addStretch(1)
        row.addWidget(self.segments)
        row.addStretch(1)
        for name in ("view.link_cameras", "view.frame", "file.screenshot", "view.dark"):
            button = tool_button(actions[name], 20)
            button.setObjectName("quiet" if name == "view.dark" else "")
            row.addWidget(button)
        self.panel = QStackedWidget()
        self.panel.setObjectName("side")
        self.panel.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.panel.setMinimumWidth(270)
        for workspace in workspaces:
            self.panel.addWidget(workspace)
        middle = QWidget()
        below = QVBoxLayout(middle)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(0)
        views = QHBoxLayout()
        views.setSpacing(0)
        views.addWidget(welcome, 3)
        views.addWidget(viewports, 2)
        welcome.hide()
        below.addLayout(views, 1)
        below.addWidget(timeline)
        below.addWidget(timeline.track)
        for workspace in workspaces:
            if (more := workspace.below_timeline(timeline.slider)) is not None:
                below.addWidget(more)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)
        for index, part in enumerate((library, middle, self.panel)):
            self.splitter.addWidget(part)
            self.splitter.setStretchFactor(index, int(part is middle))
            self.splitter.setCollapsible(index, False)
        self.reset_widths()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self.splitter, 1)

    def set_welcome(self, shown: bool) -> None:
        """The welcome page and the views, or all but that page; the library is for its owner to show."""
        self.welcome.setVisible(shown)
        self.panel.setVisible(not shown)
        self._timeline.setVisible(not shown)

    def widths(self, remembered: Sequence[int]) -> tuple[int, ...]:
        """Pixels of library, views and panel; of a library that is hidden those that were ``remembered``."""
        library, middle, panel = self.splitter.sizes()
        if library == 0:
            library = next(iter(remembered), 0) or _SIDE_WIDTHS[0]
            middle -= library
        return library, middle, panel

    def reset_widths(self) -> None:
        """The panels as wide as they were at first."""
        self.splitter.setSizes([_SIDE_WIDTHS[0], WINDOW_SIZE[0] - sum(_SIDE_WIDTHS), _SIDE_WIDTHS[1]])
