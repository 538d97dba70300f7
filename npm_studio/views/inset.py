"""A second, small mesh in the upper right corner of a view, seen from where the large one is seen from."""

from typing import Any

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QWidget
from vtkmodules.vtkRenderingCore import vtkRenderer

from npm_studio.views.framing import Room
from npm_studio.views.scene import MeshItem
from npm_studio.views.theme import Theme, mixed

_WIDTH, _HEIGHT, _MARGIN, _LABEL = 0.22, 0.34, 14, 26
"""Shares of the view, and pixels."""
_TALLEST = 1.35
"""Height over width at most: in a narrow view the mesh would be small."""
_SMALLEST = 96
_LABEL_FRACTION = 0.08
"""How far the mesh is moved up to make room for its label, in half heights."""


class Inset:
    """A renderer of its own over the main one, with a frame and a label that Qt draws."""

    def __init__(self, parent: QWidget, view: Any, theme: Theme) -> None:
        self._parent, self._window = parent, view.ren_win
        self._main: Any = view.renderer
        self._renderer = vtkRenderer()
        self._renderer.SetLayer(1)
        self._renderer.InteractiveOff()
        self._renderer.DrawOff()
        self._renderer.PreserveColorBufferOff()
        self._renderer.GradientBackgroundOn()
        camera = self._renderer.GetActiveCamera()
        camera.SetViewAngle(20)
        camera.SetWindowCenter(0, -_LABEL_FRACTION)
        self._window.SetNumberOfLayers(max(2, self._window.GetNumberOfLayers()))
        self._window.AddRenderer(self._renderer)
        self.mesh = MeshItem(self._renderer, theme.mesh)
        self._label = _Frame(parent)
        self._centre, self._size = np.zeros(3), np.ones(3)
        self.set_theme(theme)

    @property
    def title(self) -> str:
        """What it shows; empty when it is hidden."""
        return self._label.text if not self._label.isHidden() else ""

    @property
    def room(self) -> Room | None:
        """What it covers of the view, with the space around it; None when it is hidden."""
        if self._label.isHidden():
            return None
        frame = self._label.geometry()
        left, width, height = frame.left() - _MARGIN, frame.width() + 2 * _MARGIN, frame.height() + 2 * _MARGIN
        return Room(left, 0, width, height)

    def set_theme(self, theme: Theme) -> None:
        self.mesh.set_colour(theme.mesh)
        for colour, apply in (
            (theme.view_top, self._renderer.SetBackground),
            (mixed(theme.view_top, theme.view_bottom, 0.5), self._renderer.SetBackground2),
        ):
            apply(*pv.Color(colour).float_rgb)
        self._label.set_theme(theme)

    def show(
        self, title: str, vertices: NDArray[np.float32], normals: NDArray[np.float32], faces: NDArray[np.int32]
    ) -> None:
        """Show a mesh, see `MeshItem.show`, under ``title``."""
        self.mesh.show(vertices, normals, faces)
        if not len(faces):
            self.hide()
            return
        low, high = vertices.min(axis=0), vertices.max(axis=0)
        self._centre, self._size = 0.5 * (low + high), high - low
        self._renderer.DrawOn()
        self._label.text = title
        self._label.show()
        self.follow()

    def set_quick(self, quick: bool) -> None:
        """Without smoothed edges."""
        self._renderer.SetUseFXAA(not quick)

    def hide(self) -> None:
        self._renderer.DrawOff()
        self._label.hide()

    def follow(self) -> None:
        """Look from the direction of the main camera."""
        if self._label.isHidden():
            return
        camera, main = self._renderer.GetActiveCamera(), self._main.GetActiveCamera()
        toward, up = -np.asarray(main.GetDirectionOfProjection()), np.asarray(main.GetViewUp())
        right = np.cross(up, toward)
        wide, tall, deep = (float(np.abs(axis) @ self._size) for axis in (right, up, toward))
        aspect = self._label.width() / max(self._label.height(), 1)
        half = 0.58 * max(tall, wide / aspect)
        distance = half / np.tan(np.radians(camera.GetViewAngle() / 2)) + 0.5 * deep
        camera.SetFocalPoint(*self._centre)
        camera.SetPosition(*(self._centre + distance * toward))
        camera.SetViewUp(*up)
        self._renderer.ResetCameraClippingRange()

    def place(self) -> None:
        """Into its corner, after a change of size."""
        width, height = max(self._parent.width(), 1), max(self._parent.height(), 1)
        wide = max(round(_WIDTH * width), _SMALLEST)
        tall = min(max(round(_HEIGHT * height), _SMALLEST), round(_TALLEST * wide))
        left = width - wide - _MARGIN
        self._label.setGeometry(left, _MARGIN, wide, tall)
        self._label.raise_()
        bottom = height - _MARGIN - tall
        self._renderer.SetViewport(left / width, bottom / height, (left + wide) / width, (height - _MARGIN) / height)

    def close(self) -> None:
        """Leave the window."""
        self._window.RemoveRenderer(self._renderer)


class _Frame(QWidget):
    """A rounded outline with a line of text at its lower edge."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.text = ""
        self._line, self._text = QColor(), QColor()
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        self._line, self._text = QColor(theme.text), QColor(theme.text)
        self._line.setAlpha(60)
        self._text.setAlpha(190)
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._line, 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        painter.setPen(self._text)
        area = QRectF(0, self.height() - _LABEL, self.width(), _LABEL - 2)
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, self.text)
