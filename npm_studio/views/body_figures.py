"""Height, girths and volume of the body on show, under it."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QEvent, QObject, QRectF, Qt
from PyQt6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PyQt6.QtWidgets import QWidget

from engine.geometry.mesh import Mesh
from engine.geometry.similarity import Similarity
from npm_studio.session.live.request import PosedMesh
from npm_studio.session.portraits.measuring import Shape
from npm_studio.views.portraits import Portraits
from npm_studio.views.theme import theme_of
from npm_studio.views.viewport import Viewport
from npm_studio.views.widgets.overlay import paint_ground

_BETWEEN = "  ·  "
_HEIGHT, _BOTTOM, _BESIDE, _WIDTH, _PADDING = 24, 10, 110, 276, 12
"""Pixels; those beside are left to the axes, as far as there is the width that the longest part takes."""


class BodyFigures(QObject):
    """Has the fine mesh on show measured in the background and says what came of it."""

    def __init__(self, portraits: Portraits, view: Viewport) -> None:
        super().__init__()
        self._portraits, self._view = portraits, view
        self._line = _Line(view)
        view.notes.append(self._line)
        self._canonical: NDArray[np.float32] | None = None
        self._asked: Mesh | None = None
        for widget in (view, view.colour_bar):
            widget.installEventFilter(self)
        portraits.measured.connect(self._on_measured)

    @property
    def text(self) -> str:
        """As shown; empty while nothing is."""
        return "" if self._line.isHidden() else self._line.text

    def follow(self, mesh: PosedMesh, similarity: Similarity, is_fine: bool) -> None:
        """This ``mesh`` is on show now; the figures are of its canonical surface."""
        if self._canonical is mesh.canonical:
            return
        if not len(mesh.faces):
            self.clear()
        elif not is_fine:
            self._line.fade()
            self._canonical = None
        else:
            self._canonical, self._asked = mesh.canonical, Mesh(similarity.to_world(mesh.canonical), mesh.faces)
            self._line.fade()
            self._portraits.measure(self._asked)

    def clear(self) -> None:
        """Nothing is on show."""
        self._canonical = self._asked = None
        self._line.say("")

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() in (QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide):
            self._line.place()
        return False

    def _on_measured(self, surface: Mesh, shape: Shape) -> None:
        if surface is self._asked:
            self._line.say(in_words(shape))


class _Line(QWidget):
    """Centred at the lower edge of a view, above its colour bar."""

    def __init__(self, view: Viewport) -> None:
        super().__init__(view)
        self._view = view
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.text, self._is_faded = "", False
        self.hide()

    def say(self, text: str) -> None:
        self.text, self._is_faded = text, False
        self.setVisible(bool(text))
        self.place()
        self.raise_()
        self.update()

    def fade(self) -> None:
        """The numbers are those of the mesh before."""
        self._is_faded = True
        self.update()

    def place(self) -> None:
        view, bar = self._view, self._view.colour_bar
        left = min(max((view.width() - _WIDTH) // 2, 4), _BESIDE)
        width = max(view.width() - 2 * left, 1)
        height = _HEIGHT + (len(self._lines(width)) - 1) * QFontMetrics(self.font()).height()
        bottom = view.height() if bar.isHidden() else bar.y()
        self.setGeometry(left, bottom - height - _BOTTOM, width, height)

    def _lines(self, width: int) -> list[str]:
        """As few as the parts of the text fit into, ``width`` pixels wide."""
        metrics, lines = QFontMetrics(self.font()), list[str]()
        for part in self.text.split(_BETWEEN):
            longer = f"{lines[-1]}{_BETWEEN}{part}" if lines else part
            if lines and metrics.horizontalAdvance(longer) <= width - 2 * _PADDING:
                lines[-1] = longer
            else:
                lines.append(part)
        return lines

    def paintEvent(self, event: QPaintEvent | None) -> None:
        theme, metrics = theme_of(self), QFontMetrics(self.font())
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        mode = Qt.TextElideMode.ElideRight
        lines = [metrics.elidedText(line, mode, self.width() - 2 * _PADDING) for line in self._lines(self.width())]
        width = max(metrics.horizontalAdvance(line) for line in lines) + 2 * _PADDING
        colour = QColor(theme.text)
        colour.setAlpha(90 if self._is_faded else 255)
        area = QRectF((self.width() - width) / 2, 0, width, self.height())
        paint_ground(self, painter, area)
        painter.setPen(colour)
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, "\n".join(lines))


def in_words(shape: Shape) -> str:
    """``Height 171.2 cm · volume 63.1 l · chest 92.0, waist 78.3, hip 95.1 cm``; extents of what is no such body."""
    if "height" in shape:
        girths = ", ".join(f"{name} {shape[f'{name}_girth']:.1f}" for name in ("chest", "waist", "hip"))
        parts = (f"Height {shape['height']:.1f} cm", f"volume {shape['volume']:.1f} l", f"{girths} cm")
        return _BETWEEN.join(parts)
    if shape:
        extents = " × ".join(f"{shape[name]:.1f}" for name in ("width", "tallness", "depth"))
        return f"Extent {extents} cm{_BETWEEN}volume {shape['volume']:.3g} l"
    return ""
