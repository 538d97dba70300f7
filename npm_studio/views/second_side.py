"""A second mesh and second points in a view: on the other side of a divider, or in turns with the first."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PyQt6.QtCore import QPointF, Qt
from PyQt6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QAbstractSlider, QWidget
from vtkmodules.vtkCommonDataModel import vtkPlane

from npm_studio.views.scene import MeshItem, PointsItem
from npm_studio.views.theme import Theme
from npm_studio.views.widgets.overlay import Caption

_STEPS = 1000
"""Of the divider, from the left edge to the right one."""
_STRIP = 24
"""Pixels around the divider that can be dragged."""
_LEAST = 20
"""Steps that stay of each half."""


class SecondSide:
    """Belongs to one view, whose own items are the first side; hidden until `divide` or `alternate`."""

    def __init__(
        self,
        parent: QWidget,
        plotter: Any,
        first: tuple[MeshItem, PointsItem],
        theme: Theme,
        divider_moved: Callable[[], None],
    ) -> None:
        """
        Args:
            first: what the view itself shows
            divider_moved: is called when it came, went or moved
        """
        self._parent, self._plotter, self._first, self._divider_moved = parent, plotter, first, divider_moved
        self.mesh = MeshItem(plotter.renderer, theme.mesh)
        self.points = PointsItem(plotter)
        self.caption = Caption(parent, Qt.AlignmentFlag.AlignRight)
        self.divider = Divider(parent)
        self._left, self._right = vtkPlane(), vtkPlane()
        self.divider.valueChanged.connect(lambda _: self._place())
        self.set_theme(theme)
        self.clear()

    def set_theme(self, theme: Theme) -> None:
        self.mesh.set_colour(theme.mesh)
        self.caption.set_theme(theme)

    @property
    def is_divided(self) -> bool:
        return not self.divider.isHidden()

    def divide(self) -> None:
        """The first side on the left of the divider, the second one on its right."""
        self._cut(self._left, self._right)
        self._show(first=True, second=True)
        self.divider.show()
        self.divider.raise_()
        self._place()

    def alternate(self, second: bool) -> None:
        """Show the ``second`` side or the first one, and the other one not at all."""
        self._cut(None, None)
        self._show(first=not second, second=second)
        self._hide_divider()

    def clear(self) -> None:
        """Show the first side alone."""
        self._cut(None, None)
        self.mesh.hide()
        self.points.hide()
        self._hide_divider()

    def follow(self) -> None:
        """The camera has moved, or the view has another size."""
        if self.is_divided:
            self._place()

    def _hide_divider(self) -> None:
        self.caption.set_text("")
        self.divider.hide()
        self._divider_moved()

    def _show(self, first: bool, second: bool) -> None:
        """Which side is seen; what has nothing to show stays hidden."""
        for items, seen in ((self._first, first), ((self.mesh, self.points), second)):
            for item in items:
                item.actor.SetVisibility(item.actor.GetVisibility() and seen)

    def _cut(self, first: Any, second: Any) -> None:
        for items, plane in ((self._first, first), ((self.mesh, self.points), second)):
            for item in items:
                mapper = item.actor.mapper
                mapper.RemoveAllClippingPlanes()
                if plane is not None:
                    mapper.AddClippingPlane(plane)

    def _place(self) -> None:
        """Move the handle, and the plane through the camera and the divider by which both sides are cut."""
        width, height = self._parent.width(), self._parent.height()
        share = self.divider.value() / _STEPS
        x = round(share * width)
        self.divider.setGeometry(x - _STRIP // 2, 0, _STRIP, height)
        self.caption.place_at(x + _STRIP, 14, max(width - x - _STRIP - 18, 50))
        self._divider_moved()
        camera = self._plotter.camera
        eye = np.asarray(camera.GetPosition())
        toward = np.asarray(camera.GetDirectionOfProjection())
        up = np.asarray(camera.GetViewUp())
        right = np.cross(toward, up)
        right /= max(float(np.linalg.norm(right)), 1e-12)
        up = np.cross(right, toward)
        half = np.tan(np.radians(camera.GetViewAngle() / 2)) * width / max(height, 1)
        offset = (2 * share - 1 + camera.GetWindowCenter()[0]) * half
        normal = np.cross(up, toward + offset * right)  # to the right or the left of the plane
        normal *= np.sign(normal @ right) or 1.0
        for plane, sign in ((self._left, -1.0), (self._right, 1.0)):
            plane.SetOrigin(*eye)
            plane.SetNormal(*(sign * normal))
        self._plotter.update()


class Divider(QAbstractSlider):
    """A line from top to bottom with a handle; it is dragged, or moved by the arrow keys when it has the focus."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setOrientation(Qt.Orientation.Horizontal)
        self.setRange(_LEAST, _STEPS - _LEAST)
        self.setValue(_STEPS // 2)
        self.setSingleStep(10)
        self.setPageStep(100)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setAccessibleName("Divider between the two sides")
        self.setToolTip("Drag the divider, or move it with the arrow keys")
        self.hide()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        parent = self.parentWidget()
        if event is not None and self.isSliderDown() and parent is not None:
            x = self.mapTo(parent, event.position()).x()
            self.setValue(round(_STEPS * x / max(parent.width(), 1)))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        self.setSliderDown(False)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        self.setValue(_STEPS // 2)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x, middle = self.width() / 2, self.height() / 2
        for colour, width in (("#20242c", 3.0), ("#ffffff", 1.4)):
            painter.setPen(QPen(QColor(colour), width))
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
        painter.setPen(QPen(QColor("#20242c"), 1))
        painter.setBrush(QColor("#5b8cff") if self.hasFocus() or self.isSliderDown() else QColor("#ffffff"))
        painter.drawEllipse(QPointF(x, middle), 10, 10)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#20242c"))
        for sign in (-1, 1):
            tip = QPointF(x + sign * 7, middle)
            painter.drawPolygon(QPolygonF([tip, tip + QPointF(-sign * 4, -4), tip + QPointF(-sign * 4, 4)]))
