"""One 3-D view with its captions."""

from typing import Any

import numpy as np
import pyvista as pv
from numpy.typing import ArrayLike, NDArray
from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QImage, QResizeEvent
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from engine.geometry.camera import transform_points
from engine.geometry.similarity import Similarity
from npm_studio.session.document.view_state import CameraState, DisplaySettings
from npm_studio.session.live.field import SliceReply
from npm_studio.session.live.field_picture import field_colours
from npm_studio.session.live.request import PosedMesh
from npm_studio.views.canonical_surface import CanonicalSurface, canonical_surface
from npm_studio.views.cut_out import cut_out, drawn_over, image_of
from npm_studio.views.framing import (
    Direction,
    Room,
    above,
    below,
    camera_for,
    in_sight,
    meet,
    rooms_beside,
    seen_in,
    short_of_pole,
)
from npm_studio.views.inset import Inset
from npm_studio.views.scene import FaintPoints, Ground, MeshItem, PointsItem
from npm_studio.views.second_side import SecondSide
from npm_studio.views.slice_plane import SlicePlaneItem
from npm_studio.views.software_rendering import Motion
from npm_studio.views.theme import Theme
from npm_studio.views.vtk_widget import VtkWidget
from npm_studio.views.widgets.frame_rate import FrameRate
from npm_studio.views.widgets.overlay import Caption, ColourBar, FocusFrame

_AXES_PIXELS = 88
_CAPTION_PIXELS, _CAPTION_FRACTION = 54, 0.2
"""Of a view, that are left to the caption of a side; not more than that fraction."""
_FIELD_AROUND = 0.1
"""Canonical units around the mesh at which a slice has faded away."""


class Viewport(QWidget):
    """A mesh, a small second one, observed points, and the ground."""

    camera_moved = pyqtSignal()
    resized = pyqtSignal()
    """Also when the inset comes or goes, which leaves less or more room for the mesh."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._display, self._lost, self._has_axes = theme, DisplaySettings(), False, True
        self._live: tuple[PosedMesh, Similarity, NDArray[np.float64] | None] | None = None
        self.focus: NDArray[np.float64] | None = None
        """(2, 3) corners of what is looked at where more is shown, such as a room around the subject."""
        self._canonical: CanonicalSurface | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        # smoothing in the shader costs a software renderer half of what multi-sampling does
        self.view: Any = VtkWidget(self, auto_update=False, multi_samples=1)
        self.view.setAcceptDrops(False)
        self.view.setAccessibleName("3-D view")
        self.view.iren.clear_key_event_callbacks()
        self.view.iren.interactor.EnableRenderOff()
        self.view.enable_terrain_style(mouse_wheel_zooms=True, shift_pans=True)
        layout.addWidget(self.view)
        self.view.remove_all_lights()
        self.view.add_light(pv.Light(position=(-0.5, 0.6, 1.0), light_type="camera light"))  # for points
        self.mesh = MeshItem(self.view.renderer, theme.mesh)
        self.points = PointsItem(self.view)
        self.surroundings = FaintPoints(self.view)
        self.ground = Ground(self.view, theme)
        self.cut = SlicePlaneItem(self.view, self.mesh)
        self.inset = Inset(self, self.view, theme)
        self._second: SecondSide | None = None
        self._motion = Motion(self._set_quick, self)
        self._set_quick(False)
        self.frame_rate = FrameRate(self, self.view.ren_win)
        self.caption = Caption(self)
        self.colour_bar = ColourBar(self)
        self.focus_frame = FocusFrame(self)
        self.view.focus_shown.connect(self.focus_frame.setVisible)
        self.notes: list[QWidget] = []
        """What others write at the lower edge, above the colour bar."""
        self.view.camera.view_angle = 28
        self._is_placed = True
        """Whether the camera is where it shall be, and not on its way there."""
        self._observer = self.view.camera.AddObserver("ModifiedEvent", self._on_camera)
        self._last_state = self.camera_state()
        self.set_theme(theme)
        self.frame_bounds([[-0.5, -0.9, -0.3], [0.5, 0.9, 0.3]])

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.view.set_background(theme.view_bottom, top=theme.view_top)
        self.mark_lost(self._lost)
        self.inset.set_theme(theme)
        self.frame_rate.set_theme(theme)
        if self._second is not None:
            self._second.set_theme(theme)
        self._set_styles()
        self.ground.set_theme(theme)
        self.caption.set_theme(theme)
        self.colour_bar.set_theme(theme)
        self.view.add_axes(
            interactive=False,
            line_width=3,
            color=theme.text,
            x_color="#e0604f",
            y_color="#63b26b",
            z_color="#5b8cff",
        )
        self._place_axes()
        self.show_axes(self._has_axes)
        self._show_ground()  # whose shadow is as dark as the theme has it
        self.redraw()

    def show_axes(self, shown: bool) -> None:
        """With or without the axes in the corner, which take as long to draw as a third of a mesh."""
        self._has_axes = shown
        self.view.renderer.axes_widget.SetEnabled(shown)

    @property
    def second(self) -> SecondSide:
        """Another side in this view, made when it is asked for first."""
        if self._second is None:
            self._second = SecondSide(self, self.view, (self.mesh, self.points), self._theme, self._place_caption)
            self._set_styles()
        return self._second

    def hide_second(self) -> None:
        """Show the view's own side alone."""
        if self._second is not None:
            self._second.clear()

    def mark_lost(self, lost: bool) -> None:
        """Colour the mesh as one that is not to be trusted, until the view is cleared."""
        self._lost = lost
        self.mesh.set_colour(self._theme.bad if lost else self._theme.mesh)

    def set_display(self, display: DisplaySettings) -> None:
        """Draw as ``display`` says."""
        self._display = display
        self._set_styles()
        self.frame_rate.set_counting(display.frame_rate)
        if not display.field_slice:
            self.hide_slice()
        if self._live is not None:
            self.show_live(*self._live)
        else:
            self._show_ground()
            self.redraw()

    def show_live(self, mesh: PosedMesh, similarity: Similarity, place: NDArray[np.float64] | None = None) -> None:
        """Show a mesh of the live thread, standing on the ground; cut open it is the canonical one, where it is.

        Args:
            place: (4, 4) from the metres of the model to where it goes, turned and away from the middle
        """
        self._live = mesh, similarity, place
        if not len(mesh.faces):
            self.hide_slice()
        posed = (similarity.to_world(mesh.vertices), mesh.normals, mesh.faces)
        if place is not None and len(mesh.faces):
            turn = np.eye(4)
            turn[:3, :3] = place[:3, :3]
            posed = (transform_points(place, posed[0]), transform_points(turn, mesh.normals), mesh.faces)
        sliced, shown, other = self._display.field_slice, posed, posed
        canonical = None
        if len(mesh.faces) and (sliced or self._display.inset or self._display.correspondence):
            canonical = self._canonical_of(mesh, similarity)
            still = (canonical.vertices, canonical.normals, mesh.faces)
            shown, other = (still, posed) if sliced else (posed, still)
        colours = canonical.colours if canonical is not None and self._display.correspondence else None
        self.mesh.show(*shown)
        self.mesh.paint(colours)
        self.mesh.stand_on(None if sliced else self.ground.height)
        had_inset = self.inset.room is not None
        if canonical is not None and self._display.inset:
            self.inset.place()
            self.inset.show("Posed" if sliced else "Canonical", *other)
            self.inset.mesh.paint(colours)
        else:
            self.inset.hide()
        if had_inset is not (self.inset.room is not None):
            self._place_caption()
            self.resized.emit()
        self._show_ground()
        self.redraw()

    def show_slice(self, reply: SliceReply, similarity: Similarity) -> None:
        """Show a plane through the field of the live mesh, with its scale."""
        if not self._display.field_slice or self._live is None:
            return
        self.cut.show(reply, similarity)
        millimetres = 1e3 / similarity.scale
        limit, spacing = reply.request.limit * millimetres, reply.request.spacing * millimetres
        title = f"Signed distance, a line every {spacing:g} mm"
        self.colour_bar.set_scale(title, -limit, limit, "mm", field_colours().tolist())
        self.redraw()

    def hide_slice(self) -> None:
        """The mesh whole, no plane."""
        if self.cut.reply is not None:
            self.cut.hide()
            self.colour_bar.hide()

    def canonical_bounds(self) -> NDArray[np.float32] | None:
        """(2, 3) corners of the live mesh in canonical space; None when there is none."""
        if self._live is None or not len(self._live[0].canonical):
            return None
        points = self._live[0].canonical
        return np.stack([points.min(axis=0), points.max(axis=0)])

    def _canonical_of(self, mesh: PosedMesh, similarity: Similarity) -> CanonicalSurface:
        if self._canonical is None or self._canonical.source is not mesh.canonical:
            self._canonical = canonical_surface(mesh, similarity)
        return self._canonical

    def _set_styles(self) -> None:
        others = () if self._second is None else (self._second.mesh,)
        for mesh in (self.mesh, self.inset.mesh, *others):
            mesh.set_style(self._display.wireframe, self._display.points, self._theme.edges)

    def _show_ground(self) -> None:
        """The ground belongs to the posed mesh."""
        self.ground.set_visible(self._display.floor and not (self._display.field_slice and self._live is not None))
        if self.mesh.is_visible:
            self.ground.cast_shadow(self.mesh.vertices)

    def redraw(self) -> None:
        """Draw at the next turn of the event loop, however often this is called until then."""
        if not getattr(self.view, "_closed", False):
            self.view.renderer.ResetCameraClippingRange()
            self._note_motion()
            self.view.update()

    def rest(self) -> None:
        """Do not wait for the view to come to rest: the next drawing is as good as any."""
        self._motion.rest()

    def cut_out(self) -> QImage:
        """The view without background, ground and axes, on transparent ground.

        Neither Qt nor VTK keeps how opaque a pixel is when it is drawn into a window, whose format has no alpha: two
        pictures, over black and over white, tell.
        """
        has_axes = self._has_axes
        self.rest()
        self.ground.set_visible(False)
        self.show_axes(False)
        try:
            over_black, over_white = (drawn_over(self.view, colour) for colour in ("black", "white"))
        finally:
            self.view.set_background(self._theme.view_bottom, top=self._theme.view_top)
            self._show_ground()
            self.show_axes(has_axes)
            self.redraw()
        picture = image_of(cut_out(over_black, over_white))
        picture.setDevicePixelRatio(self.devicePixelRatioF())
        return picture

    def camera_state(self) -> CameraState:
        camera = self.view.camera
        centre = tuple(camera.GetWindowCenter())
        return CameraState(tuple(camera.position), tuple(camera.focal_point), tuple(camera.up), centre)

    def set_camera_state(self, state: CameraState) -> None:
        """Move the camera; does nothing when it is there already, which ends the echo between linked cameras."""
        if state.is_near(self.camera_state()):
            return
        state, camera = short_of_pole(state), self.view.camera
        self._is_placed = False  # what is reported in between is no state that anybody wants
        camera.SetWindowCenter(*state.window_centre)
        camera.position, camera.focal_point, camera.up = state.position, state.focal_point, state.up
        self._is_placed = True
        self._on_camera()
        self.redraw()

    def frame_bounds(self, bounds: ArrayLike, direction: Direction = (0.34, 0.1, 1.0)) -> None:
        """Look at ``bounds`` (2, 3), lowest and highest corner, from ``direction``, past the inset and the caption."""
        size, angle = (self.width(), self.height()), self.view.camera.view_angle
        rooms = rooms_beside(size, self.inset.room)
        top = min(_CAPTION_PIXELS, _CAPTION_FRACTION * size[1])
        if self.caption.place is not None:  # of several views, each small
            rooms = [Room(0, top, size[0], size[1] - top)]
        state = camera_for(bounds, direction, size, rooms, angle)
        ground = self.caption.ground
        written = Room(self.caption.x() + ground.x(), self.caption.y(), ground.width(), ground.height())
        if not ground.isEmpty() and meet(written, seen_in(bounds, state, size, angle)):
            rooms = [below(room, top) for room in rooms]
            state = camera_for(bounds, direction, size, rooms, angle)
        seen = seen_in(bounds, state, size, angle)
        if met := [written.top for written in self._written_below() if meet(written, seen)]:
            state = camera_for(bounds, direction, size, [above(room, min(met)) for room in rooms], angle)
        self.set_camera_state(state)
        self.redraw()

    def _written_below(self) -> list[Room]:
        """What covers the lower edge of a slice, which fills its box as no body does; its scale is still to come."""
        if not self._field_around():
            return []
        bar = self.colour_bar
        lift = self.height() - bar.y() if bar.isHidden() else 0
        notes = [Room(one.x(), one.y() - lift, one.width(), one.height()) for one in self.notes if not one.isHidden()]
        return [*notes, Room(bar.x(), bar.y(), bar.width(), bar.height())]

    def _field_around(self) -> float:
        """Metres of the field that a slice shows around the mesh."""
        return _FIELD_AROUND / self._live[1].scale if self._display.field_slice and self._live is not None else 0.0

    def visible_bounds(self) -> NDArray[np.float64] | None:
        """(2, 3) corners of what is shown, the ground left out, or of `focus`; None when it is nothing."""
        if self.focus is not None:
            return self.focus
        shown = [item.bounds for item in (self.points, self.surroundings) if item.count]
        if self.mesh.is_visible:
            shown.append(self.mesh.bounds + self._field_around() * np.array([[-1.0], [1.0]]))
        if not self.mesh.is_visible and self.points.count == 0:
            return None
        return np.stack([np.min(shown, axis=0)[0], np.max(shown, axis=0)[1]])

    @property
    def is_in_sight(self) -> bool:
        """Whether the camera sees something of the mesh; where there is none, most of what was observed."""
        if self.mesh.is_visible:
            points, least = self.mesh.vertices + self.mesh.actor.position, 0.0
        else:
            points, least = self.points.data.points, 0.5
        some, size = points[:: len(points) // 1000 + 1], (self.width(), self.height())
        return in_sight(some, self.camera_state(), size, self.view.camera.view_angle, least)

    def clear(self) -> None:
        """Nothing but the ground."""
        self._live = self._canonical = self.focus = None
        self.hide_second()
        self.hide_slice()
        self.inset.hide()
        self.mesh.hide()
        self.mesh.stand_on(None)
        self.mark_lost(False)
        self.mesh.colour_by(None)
        self.mesh.set_opacity(1.0)
        self.points.hide()
        self.surroundings.hide()
        self.ground.hide_shadow()
        self.colour_bar.hide()
        self.caption.set_text("")
        self._show_ground()
        self.redraw()

    def close_view(self) -> None:
        """Free the graphics; call it before the window goes away."""
        if not getattr(self.view, "_closed", False):
            self._motion.rest()
            self.frame_rate.set_counting(False)
            self.inset.close()
            self.view.camera.RemoveObserver(self._observer)
            self.view.close()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        bar = self.colour_bar.sizeHint()
        self.colour_bar.setGeometry(
            max(self.width() - bar.width() - 16, 0),
            max(self.height() - bar.height() - 14, 0),
            bar.width(),
            bar.height(),
        )
        rate = self.frame_rate.sizeHint()
        self.frame_rate.setGeometry(18, 58, rate.width(), rate.height())
        self.focus_frame.place()
        self.inset.place()
        self._place_caption()
        self._place_axes()
        if self._second is not None:
            self._second.follow()
        for overlay in (self.caption, self.colour_bar, self.frame_rate, self.focus_frame):
            overlay.raise_()
        self.resized.emit()

    def _place_caption(self) -> None:
        """Along the upper edge, as far as nothing else is there."""
        covered = self.inset.room
        width = self.width() - 18 if covered is None else int(covered.left)
        if self._second is not None and self._second.is_divided:
            width = self._second.divider.x()
        self.caption.place_at(18, 14, max(width - 24, 50))

    def _place_axes(self) -> None:
        """As large in a small view as in a large one."""
        across, up = (_AXES_PIXELS / max(side, 1) for side in (self.width(), self.height()))
        self.view.renderer.axes_widget.SetViewport(0.0, 0.0, min(across, 1.0), min(up, 1.0))

    def _note_motion(self) -> None:
        if self.view.is_software:
            self._motion.move()

    def _set_quick(self, quick: bool) -> None:
        """Leave out what a software renderer is slow at and what nobody sees while things move."""
        self.view.renderer.SetUseFXAA(not quick)
        self.inset.set_quick(quick)
        self.ground.set_quick(quick)
        self.view.update()

    def _on_camera(self, *_: object) -> None:
        state = self.camera_state()
        if self._is_placed and state != self._last_state:  # VTK also reports changes of the clipping range
            if (allowed := short_of_pole(state)) is not state:
                self._is_placed = False  # close to the pole rounding may ask for another step, and for yet another
                self.view.camera.position = allowed.position
                self._is_placed = True
                state = self.camera_state()
            self._last_state = state
            self._note_motion()
            self.view.update()
            self.inset.follow()
            self.cut.follow()
            if self._second is not None:
                self._second.follow()
            self.camera_moved.emit()
