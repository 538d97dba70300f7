"""One 3-D view with its captions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyvista as pv
from numpy.typing import ArrayLike, NDArray
from PyQt6.QtCore import QPoint, pyqtSignal
from PyQt6.QtGui import QKeyEvent, QResizeEvent
from PyQt6.QtWidgets import QVBoxLayout, QWidget
from pyvistaqt import QtInteractor

from npm_studio.views.scene import FaintPoints, Ground, MeshItem, PointsItem
from npm_studio.views.theme import Theme
from npm_studio.views.widgets.overlay import Caption, ColourBar

_LIGHTS = (  # position relative to the camera, strength, colour
    ((-0.9, 1.1, 1.0), 0.80, "#fff3e4"),
    ((1.3, 0.1, 0.7), 0.34, "#dbe7ff"),
    ((0.4, 0.9, -1.2), 0.50, "#ffffff"),
    ((0.0, 0.0, 1.0), 0.14, "#ffffff"),
)


@dataclass(frozen=True)
class CameraState:
    """Where a camera is and what it looks at, metres."""

    position: tuple[float, float, float]
    focal_point: tuple[float, float, float]
    up: tuple[float, float, float]


class _View(QtInteractor):
    """The widget that VTK draws into; all keys go to the application."""

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is not None:
            event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:
        if event is not None:
            event.ignore()


class Viewport(QWidget):
    """A figure, a second one to lay over it, observed points, and the ground."""

    camera_moved = pyqtSignal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        # smoothing in the shader costs a software renderer half of what multi-sampling does
        self.view: Any = _View(self, auto_update=False, multi_samples=1)
        self.view.setAcceptDrops(False)
        self.view.iren.clear_key_event_callbacks()
        self.view.renderer.SetUseFXAA(True)
        self.view.enable_terrain_style(mouse_wheel_zooms=True, shift_pans=True)
        layout.addWidget(self.view)
        self.view.remove_all_lights()
        for position, strength, colour in _LIGHTS:
            self.view.add_light(
                pv.Light(position=position, color=colour, intensity=strength, light_type="camera light")
            )
        self.figure = MeshItem(self.view, theme.figure)
        self.points = PointsItem(self.view)
        self.surroundings = FaintPoints(self.view)
        self.ground = Ground(self.view, theme)
        self.caption = Caption(self)
        self.colour_bar = ColourBar(self)
        self.view.camera.view_angle = 28
        self._observer = self.view.camera.AddObserver("ModifiedEvent", self._on_camera)
        self._last_state = self.camera_state()
        self.set_theme(theme)
        self.frame_bounds([[-0.5, -0.9, -0.3], [0.5, 0.9, 0.3]])

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.view.set_background(theme.view_bottom, top=theme.view_top)
        self.figure.set_colour(theme.figure)
        self.ground.set_theme(theme)
        self.caption.set_theme(theme)
        self.colour_bar.set_theme(theme)
        self.view.add_axes(
            interactive=False,
            line_width=3,
            viewport=(0.0, 0.0, 0.11, 0.15),
            color=theme.text,
            x_color="#e0604f",
            y_color="#63b26b",
            z_color="#5b8cff",
        )
        self.redraw()

    def redraw(self) -> None:
        """Draw at the next turn of the event loop, however often this is called until then."""
        if not getattr(self.view, "_closed", False):
            self.view.renderer.ResetCameraClippingRange()
            self.view.update()

    def camera_state(self) -> CameraState:
        camera = self.view.camera
        return CameraState(tuple(camera.position), tuple(camera.focal_point), tuple(camera.up))

    def set_camera_state(self, state: CameraState) -> None:
        """Move the camera; does nothing when it is there already, which ends the echo between linked cameras."""
        if np.allclose(_flat(state), _flat(self.camera_state()), rtol=0, atol=1e-7):
            return
        camera = self.view.camera
        camera.position, camera.focal_point, camera.up = state.position, state.focal_point, state.up
        self.redraw()

    def frame_bounds(self, bounds: ArrayLike, direction: tuple[float, float, float] = (0.34, 0.1, 1.0)) -> None:
        """Look at ``bounds`` (2, 3), lowest and highest corner, from ``direction``."""
        low, high = np.asarray(bounds, np.float64)
        centre, size = 0.5 * (low + high), high - low
        toward = np.asarray(direction) / np.linalg.norm(direction)
        across = np.hypot(size[0] * abs(toward[2]), size[2] * abs(toward[0])) + 0.15 * size[2]
        tall = size[1] * np.hypot(toward[0], toward[2]) + max(size[0], size[2]) * abs(toward[1])
        half_angle = np.tan(np.radians(self.view.camera.view_angle / 2))
        aspect = max(self.width(), 1) / max(self.height(), 1)
        distance = 0.5 * max(tall, across / aspect, 0.2) / half_angle * 1.22 + 0.5 * size[2]
        up = (0.0, 1.0, 0.0) if abs(toward[1]) < 0.99 else (0.0, 0.0, -1.0)
        position = centre + distance * toward
        camera = self.view.camera
        camera.up = up
        camera.focal_point = tuple(float(part) for part in centre)
        camera.position = tuple(float(part) for part in position)
        self.redraw()

    def visible_bounds(self) -> NDArray[np.float64] | None:
        """(2, 3) corners of what is shown, the ground left out; None when it is nothing."""
        if not self.figure.is_visible and self.points.count == 0:
            return None
        bounds = np.asarray(self.view.renderer.ComputeVisiblePropBounds())
        return bounds.reshape(3, 2).T if bounds[0] <= bounds[1] else None

    def clear(self) -> None:
        """Nothing but the ground."""
        self.figure.hide()
        self.figure.colour_by(None)
        self.figure.set_opacity(1.0)
        self.points.hide()
        self.surroundings.hide()
        self.ground.hide_shadow()
        self.colour_bar.hide()
        self.caption.set_text("")
        self.redraw()

    def close_view(self) -> None:
        """Free the graphics; call it before the window goes away."""
        if not getattr(self.view, "_closed", False):
            self.view.camera.RemoveObserver(self._observer)
            self.view.close()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self.caption.setGeometry(18, 14, max(self.width() - 36, 50), 46)
        bar = self.colour_bar.sizeHint()
        self.colour_bar.setGeometry(
            max(self.width() - bar.width() - 16, 0),
            max(self.height() - bar.height() - 14, 0),
            bar.width(),
            bar.height(),
        )
        for overlay in (self.caption, self.colour_bar):
            overlay.raise_()

    def centre_of_view(self) -> QPoint:
        """Middle of the widget, in its own pixels."""
        return QPoint(self.width() // 2, self.height() // 2)

    def _on_camera(self, *_: object) -> None:
        state = self.camera_state()
        if state != self._last_state:  # VTK also reports changes of the clipping range
            self._last_state = state
            self.camera_moved.emit()


def _flat(state: CameraState) -> list[float]:
    return [*state.position, *state.focal_point, *state.up]
