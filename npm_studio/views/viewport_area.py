"""The middle of the window: one 3-D view, or up to six in a grid."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPoint, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QAction, QImage, QPainter, QPixmap, QResizeEvent
from PyQt6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from engine.core.process import give_back_memory
from npm_studio.session.commands.registry import Commands
from npm_studio.session.document.state import DocumentState
from npm_studio.session.document.view_state import CameraState, DisplaySettings, ViewState
from npm_studio.session.settings import change_settings
from npm_studio.views.framing import Direction, Framing, is_outgrown, is_small
from npm_studio.views.session import Session
from npm_studio.views.theme import Theme
from npm_studio.views.viewport import Viewport
from npm_studio.views.widgets.basics import tab_after
from npm_studio.views.widgets.overlay import ColourBar, Invitation

_FRONT, _SIDE, _TOP = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
_USUAL = (0.34, 0.1, 1.0)
_ACROSS: tuple[Direction, ...] = ((1.0, 0.1, 0.34), (0.34, 1.0, 1.0), _USUAL)
"""From where a plane across x, y or z is seen well."""
_COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3}
"""Of so many views."""
_ROWS = 2
_REMEMBERED = 50
"""Framings that undo can go back to."""


class ViewportArea(QWidget):
    """Holds the views, and what both of them share."""

    changed = pyqtSignal()
    """Something that menus show was switched."""
    menu_wanted = pyqtSignal(QPoint)
    """Somebody clicked into a view with the right button, there on the screen."""

    def __init__(self, theme: Theme, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._document = theme, session.document
        self._following, self._scale = False, 0.0
        self.setObjectName("views")  # whose ground is what separates them
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        self._grid = QGridLayout()
        self._grid.setSpacing(1)
        column.addLayout(self._grid, 1)
        self._slicing = False
        self._direction: Direction = _USUAL
        self._framed: list[CameraState] = []
        """The cameras as the last framing left them."""
        self._framed_boxes: list[NDArray[np.float64]] = []
        self._series: list[Framing] = []
        """What was framed since somebody asked for it or came into the workspace; what came after it by itself."""
        self._back: Framing | None = None
        """Of the series: what undo goes back to once the body is there."""
        self.framed: Callable[[], object] = lambda: None
        """What was framed last, in whatever workspace, which is not held."""
        self._frame_again = QTimer(self)
        self._frame_again.setSingleShot(True)
        self._frame_again.setInterval(0)
        self._frame_again.timeout.connect(self.keep_framed)
        self._wanted: tuple[CameraState, ...] = ()
        """Where the cameras of a document were when it was left, until something is on show again."""
        self._came_back: list[CameraState] = []
        """Those of them that had been framed: they stay, whatever size the window has, until something else comes."""
        self._note_soon = QTimer(self)
        self._note_soon.setSingleShot(True)
        self._note_soon.setInterval(0)
        self._note_soon.timeout.connect(self.note_cameras)
        self._drop_soon = QTimer(self)
        self._drop_soon.setSingleShot(True)
        self._drop_soon.setInterval(0)
        self._drop_soon.timeout.connect(self.drop_hidden)
        self._all: list[Viewport] = []
        """Those on show and then those that were, in their order: making one takes longer than keeping it."""
        self._count = 1
        self.legend = ColourBar(self, is_strip=True)
        """Below the views, of colours that mean the same in all of them."""
        column.addWidget(self.legend)
        self.invitation = Invitation(self)
        self.invitation.set_theme(theme)
        self.legend.set_theme(theme)
        self.set_view_count(1)
        self.setMinimumSize(320, 240)
        self._document.changed.connect(self._on_document)
        self._document.begun.connect(self._on_begun)
        self._document.undone.connect(self._on_undone)
        self._document.model_changed.connect(self._drop_soon.start)  # also for another document, which may show fewer
        self._register(session.commands)

    @property
    def left(self) -> Viewport:
        """The first view."""
        return self._all[0]

    @property
    def right(self) -> Viewport:
        """The second view, which may be hidden."""
        self._make_views(2)
        return self._all[1]

    @property
    def is_split(self) -> bool:
        return self._count > 1

    @property
    def is_linked(self) -> bool:
        return self._document.state.view.linked_cameras

    @property
    def display(self) -> DisplaySettings:
        """What the Display menu has switched."""
        return self._document.state.view.display

    @property
    def views(self) -> list[Viewport]:
        """The views on show, row by row."""
        return self._all[: self._count]

    def set_split(self, split: bool) -> None:
        """Show two views, or one."""
        self.set_view_count(2 if split else 1)

    def set_view_count(self, count: int) -> None:
        """Show so many views, 1 to 6."""
        assert count in _COLUMNS, count
        self._make_views(count)
        self._count, columns = count, _COLUMNS[count]
        for index, view in enumerate(self._all):
            if index < count:
                self._grid.addWidget(view, *divmod(index, columns))
            view.setVisible(index < count)
        for column in range(max(_COLUMNS.values())):
            self._grid.setColumnStretch(column, int(column < columns))
        for row in range(_ROWS):
            self._grid.setRowStretch(row, int(row * columns < count))
        self._show_axes()
        self._follow(self.left)
        self.invitation.raise_()
        self.changed.emit()

    def set_linked(self, linked: bool) -> None:
        self._set_view(replace(self._document.state.view, linked_cameras=linked))

    def set_wireframe(self, shown: bool) -> None:
        self._set_display(replace(self.display, wireframe=shown, points=self.display.points and not shown))

    def set_points(self, shown: bool) -> None:
        self._set_display(replace(self.display, points=shown, wireframe=self.display.wireframe and not shown))

    def set_correspondence(self, shown: bool) -> None:
        self._set_display(replace(self.display, correspondence=shown))

    def set_field_slice(self, shown: bool) -> None:
        self._set_display(replace(self.display, field_slice=shown))
        self._frame_again.start()

    def set_inset(self, shown: bool) -> None:
        self._set_display(replace(self.display, inset=shown))

    def set_floor(self, shown: bool) -> None:
        self._set_display(replace(self.display, floor=shown))

    def set_frame_rate(self, shown: bool) -> None:
        self._set_display(replace(self.display, frame_rate=shown))

    def set_slicing(self, possible: bool) -> None:
        """Whether the workspace on show offers slices of the field."""
        self._slicing = possible
        self._apply_display()

    def set_scale(self, scale: float) -> None:
        """For meshes of a model with this ``scale``, see `Similarity`."""
        self._scale = scale
        for view in self._all:
            view.ground.set_scale(scale)

    def place_floor(self, lowest_m: float | None = None) -> None:
        """Put the ground where bodies of the open model stand, wherever another workspace had it.

        Args:
            lowest_m: height of the lowest point of the first body of a model, metres, where its floor is from now on;
                unless cameras are to come back that have seen another
        """
        view = self._document.state.view
        if lowest_m is not None and (view.floor_m is None or not self._wanted):
            view = replace(view, floor_m=lowest_m)
            self._set_view(view)
        ground = self.left.ground
        ground.place(ground.height if view.floor_m is None else view.floor_m)

    def set_theme(self, theme: Theme) -> None:
        if theme != self._theme:
            self._theme = theme
            for view in self._all:
                view.set_theme(theme)
        self.invitation.set_theme(theme)
        self.legend.set_theme(theme)

    def clear(self) -> None:
        """Empty views, no invitation."""
        self._framed_boxes = []
        self.invitation.hide()
        self.legend.hide()
        for view in self._all:
            view.clear()

    def invite(self, icon: str, title: str, text: str, actions: Sequence[QAction] = ()) -> None:
        """Say in the middle of the empty views what belongs here."""
        self.clear()
        self.invitation.invite(icon, title, text, actions)
        self.invitation.set_theme(self._theme)
        self._place_invitation()

    def frame_all(self) -> None:
        """Everything on show into the views, from the front and a little from the side."""
        self._frame(_USUAL)

    def view_front(self) -> None:
        self._frame(_FRONT)

    def view_side(self) -> None:
        self._frame(_SIDE)

    def view_top(self) -> None:
        self._frame(_TOP)

    def keep_in_view(self, inwards: bool = False) -> None:
        """Frame meshes that came into empty views, have outgrown theirs, or, with ``inwards``, are small in them.

        When somebody has moved a camera since, only what comes into empty views out of sight is framed.
        """
        back, self._back = self._back, None
        if not self._framed_boxes:
            if self._wanted or self._nobody_moved() or not any(view.is_in_sight for view in self.views):
                self._frame(self._direction)
            else:
                self._framed_boxes = [box for _, box in self._boxes()]
        elif self._is_framed() and back is not None:
            for view, state in zip(self.views, back.cameras, strict=False):
                view.set_camera_state(state)
            self._framed, self._framed_boxes = list(back.cameras), list(back.boxes)
        elif self._is_framed() and (is_outgrown(*self._sizes()) or (inwards and is_small(*self._sizes()))):
            series = self._series
            self._frame(self._direction)
            self._series = [*series, *self._series][-_REMEMBERED:]

    def look_across(self, axis: int) -> None:
        """Turn to where a plane across ``axis`` is seen well."""
        self._frame(_ACROSS[axis])

    def picture(self) -> QPixmap:
        """The views at their best, captions included."""
        for view in self.views:
            view.rest()
        return self.grab()

    def cut_out(self) -> QImage:
        """What the views show on transparent ground, without captions."""
        ratio = self.devicePixelRatioF()
        picture = QImage(self.size() * ratio, QImage.Format.Format_ARGB32)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        for view in self.views:
            painter.drawImage(view.mapTo(self, QPoint(0, 0)), view.cut_out())
        painter.end()
        return picture

    def drop_hidden(self) -> None:
        """Free what the views take that are not on show."""
        hidden, self._all = self._all[self._count :], self._all[: self._count]
        for view in hidden:
            view.close_view()
            self._grid.removeWidget(view)
            view.deleteLater()
        if hidden:
            QTimer.singleShot(0, give_back_memory)  # when they are gone

    def close_views(self) -> None:
        """Free the graphics; call it before the window goes away."""
        for view in self._all:
            view.close_view()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._place_invitation()

    def note_cameras(self) -> None:
        """Tell the document where the cameras are."""
        if not self._wanted:
            cameras = tuple(view.camera_state() for view in self.views)
            framed_from = self._direction if self._nobody_moved() else None
            self._set_view(replace(self._document.state.view, cameras=cameras, framed_from=framed_from))

    def _register(self, commands: Commands) -> None:
        commands.handle("display.wireframe", self.set_wireframe)
        commands.handle("display.points", self.set_points)
        commands.handle("display.correspondence", self.set_correspondence)
        commands.handle("display.slice", self.set_field_slice)
        commands.handle("display.inset", self.set_inset)
        commands.handle("display.frame_rate", self.set_frame_rate)
        commands.handle("view.floor", self.set_floor)
        commands.handle("view.link_cameras", self.set_linked)
        commands.handle("view.frame", self.frame_all)
        commands.handle("view.front", self.view_front)
        commands.handle("view.side", self.view_side)
        commands.handle("view.top", self.view_top)
        commands.provide("wireframe_shown", lambda: self.display.wireframe)
        commands.provide("points_shown", lambda: self.display.points)
        commands.provide("correspondence_shown", lambda: self.display.correspondence)
        commands.provide("slice_shown", lambda: self.display.field_slice)
        commands.provide("inset_shown", lambda: self.display.inset)
        commands.provide("floor_shown", lambda: self.display.floor)
        commands.provide("frame_rate_shown", lambda: self.display.frame_rate)
        commands.provide("is_split", lambda: self.is_split)
        commands.provide("cameras_linked", lambda: self.is_linked)

    def _set_display(self, display: DisplaySettings) -> None:
        change_settings(display=display)
        self._set_view(replace(self._document.state.view, display=display))

    def _set_view(self, view: ViewState) -> None:
        self._document.follow(replace(self._document.state, view=view))

    def _on_document(self, before: DocumentState, after: DocumentState) -> None:
        old, new = before.view, after.view
        if old.display != new.display:
            self._apply_display()
        if old.linked_cameras != new.linked_cameras:
            self._show_axes()
            self._follow(self.left)
        if old.display != new.display or old.linked_cameras != new.linked_cameras:
            self.changed.emit()

    def _on_begun(self) -> None:
        """Another document: its cameras come back with what they look at, and nothing is kept of the last one."""
        self._framed, self._came_back, self._wanted = [], [], self._document.state.view.cameras
        for view in self._all:
            view.view.give_back_graphics()

    def _on_undone(self, view: ViewState) -> None:
        """Cameras that have followed a body by themselves go back with it."""
        known = [one for one in self._series if [*one.cameras] != self._framed] if self._is_framed() else []
        self._back = next((one for one in known if one.is_at(view.cameras)), None)

    def keep_framed(self) -> None:
        """Frame what there is to see now as before, unless somebody has moved a camera since."""
        if self._is_framed():
            self._frame(self._direction)

    def _is_framed(self) -> bool:
        """Whether the cameras are where the last framing left them."""
        return self._are_at(self._framed)

    def _nobody_moved(self) -> bool:
        """Whether they are there, or where an earlier window left them so."""
        return self._is_framed() or self._are_at(self._came_back)

    def _are_at(self, states: Sequence[CameraState]) -> bool:
        pairs = zip(self.views, states, strict=False)
        return bool(states) and all(view.camera_state().is_near(state) for view, state in pairs)

    def _apply_display(self) -> None:
        for view in self._all:
            view.set_display(self._display_now)

    @property
    def _display_now(self) -> DisplaySettings:
        return replace(self.display, field_slice=self.display.field_slice and self._slicing)

    def _boxes(self) -> list[tuple[Viewport, NDArray[np.float64]]]:
        """What there is to see, (2, 3) corners, in the views whose cameras are to be moved for it."""
        known = [(view, bounds) for view in self.views if (bounds := view.visible_bounds()) is not None]
        if known and self.is_split and self.is_linked:
            joint = np.stack([bounds for _, bounds in known])
            return [(self.left, np.stack([joint[:, 0].min(axis=0), joint[:, 1].max(axis=0)]))]
        return known

    def _sizes(self) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
        """Boxes of what there is to see, and those that were framed."""
        return [box for _, box in self._boxes()], self._framed_boxes

    def _frame(self, direction: Direction) -> None:
        boxes = self._boxes()
        if not boxes:
            return
        if self._wanted:
            for view, state in zip(self.views, self._wanted, strict=False):
                view.set_camera_state(state)
            self._wanted, self._framed_boxes = (), [bounds for _, bounds in boxes]
            if (framed_from := self._document.state.view.framed_from) is not None:
                self._direction, self._came_back = framed_from, [view.camera_state() for view in self.views]
            return
        for view, bounds in boxes:
            view.frame_bounds(bounds, direction)
        self._direction, self._framed = direction, [view.camera_state() for view in self.views]
        self._framed_boxes = [bounds for _, bounds in boxes]
        self._series = [Framing(tuple(self._framed), tuple(self._framed_boxes))]

    def _make_views(self, count: int) -> None:
        while len(self._all) < count:
            view = self._new_view()
            if self._all:
                tab_after(self._all[-1].view, view)
            self._all.append(view)

    def _new_view(self) -> Viewport:
        view = Viewport(self._theme, self)
        view.hide()
        view.resized.connect(self._frame_again.start)
        view.camera_moved.connect(partial(self._follow, view))
        view.view.menu_wanted.connect(self.menu_wanted)
        view.camera_moved.connect(self._note_soon.start)
        if self._scale:
            view.ground.set_scale(self._scale)
        view.set_display(self._display_now)
        return view

    def _show_axes(self) -> None:
        """Once, where all views are seen from one side."""
        for place, view in enumerate(self._all):
            view.show_axes(place == 0 or not self.is_linked)

    def _follow(self, mover: Viewport) -> None:
        """Move the cameras of the other views to where that of ``mover`` is; those move nobody in turn."""
        if self._following or not (self.is_linked and self.is_split):
            return
        self._following = True
        for view in self.views:
            if view is not mover:
                view.set_camera_state(mover.camera_state())
        self._following = False

    def _place_invitation(self) -> None:
        box = self.invitation
        height = min(box.sizeHint().height() + 40, self.height())
        box.setGeometry((self.width() - box.width()) // 2, (self.height() - height) // 2, box.width(), height)
