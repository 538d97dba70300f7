"""How well each frame is fitted, above the slider of the timeline."""

import numpy as np
from PyQt6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from engine.comparison.colour_scale import round_scale
from npm_studio.session.document.timeline import FrameFit
from npm_studio.views.theme import mixed, theme_of
from npm_studio.views.widgets.slider import BarSlider

_HEIGHT = 20


class FrameTrack(QWidget):
    """A bar per frame for its distance, red and on a red ground where it is lost, and a line for its confidence.

    Frames are marked by dragging over it; a click goes to one and marks none.
    """

    clicked = pyqtSignal(int)
    """The frame."""
    marked = pyqtSignal(object)
    """A range of frames, or None."""
    released = pyqtSignal()
    """The mouse, after something was marked or clicked."""

    def __init__(self, slider: BarSlider, parent: QWidget | None = None) -> None:
        """``slider`` is below and says where frames are."""
        super().__init__(parent)
        self._slider = slider
        self._fits: tuple[FrameFit | None, ...] = ()
        self.limit_mm = 1.0
        """Distance of a bar of full height."""
        self._pressed: int | None = None
        self._marked: range | None = None
        self.setCursor(Qt.CursorShape.IBeamCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Quality of the fit, frame by frame")
        self.hide()

    def sizeHint(self) -> QSize:
        return QSize(140, _HEIGHT)

    def show_fits(self, fits: tuple[FrameFit | None, ...]) -> None:
        """Draw ``fits``, one for each frame; nothing hides the track."""
        self._fits = fits
        self.limit_mm = _limit(fits)
        self.setVisible(bool(fits))
        self.update()

    def show_marked(self, marked: range | None) -> None:
        """Frame the frames that are ``marked``."""
        self._marked = marked
        self.update()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() == Qt.MouseButton.LeftButton and self._fits:
            self._pressed = self.frame_at(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and self._pressed is not None:
            first, last = sorted((self._pressed, self.frame_at(event.position().x())))
            if last > first or self._marked is not None:
                self.marked.emit(range(first, last + 1))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        if event is None or self._pressed is None:
            return
        if self.frame_at(event.position().x()) == self._pressed:
            self.marked.emit(None)
            self.clicked.emit(self._pressed)
        self._pressed = None
        self.released.emit()

    @property
    def is_dragged(self) -> bool:
        return self._pressed is not None

    def frame_at(self, x: float) -> int:
        """The frame at ``x`` pixels from the left."""
        first, last = self._slider.x_of(0), self._slider.x_of(max(len(self._fits) - 1, 0))
        share = (x - first) / max(last - first, 1)
        return min(max(round(share * (len(self._fits) - 1)), 0), len(self._fits) - 1)

    def words_of(self, frame: int) -> str:
        """What the tooltip says over ``frame``."""
        fit = self._fits[frame]
        said = "has no mesh" if fit is None else fit.in_words() or "nothing is known"
        return (
            f"Frame {frame + 1}: {said}\n"
            f"Bars: distance of what was seen to the mesh, up to {self.limit_mm:g} mm. Line: confidence, 0 to 1.\n"
            "Drag to mark frames that are to be fitted again."
        )

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._fits:
            QToolTip.showText(event.globalPos(), self.words_of(self.frame_at(event.pos().x())), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        if not self._fits:
            return
        theme, height = theme_of(self), float(self.height())
        painter = QPainter(self)
        step = max(self._slider.x_of(1) - self._slider.x_of(0), 1.0)
        bar = max(step - (2 if step > 4 else 0), 1.0)
        ground = QColor(theme.bad)
        ground.setAlpha(60)
        colours = {True: QColor(theme.bad), False: QColor(mixed(theme.panel, theme.accent, 0.75))}
        for frame, fit in enumerate(self._fits):
            if fit is None:
                continue
            x = self._slider.x_of(frame)
            if fit.lost:
                painter.fillRect(QRectF(x - step / 2, 0, step, height), ground)
            if fit.distance_mm is not None:
                tall = max(min(fit.distance_mm / self.limit_mm, 1.0) * height, 1.0)
                painter.fillRect(QRectF(x - bar / 2, height - tall, bar, tall), colours[fit.lost])
        if self._marked is not None:
            left, right = (self._slider.x_of(frame) for frame in (self._marked[0], self._marked[-1]))
            colour = QColor(theme.accent)
            painter.setPen(QPen(colour, 1.5))
            colour.setAlpha(50)
            painter.setBrush(colour)
            painter.drawRect(QRectF(left - step / 2, 1, right - left + step, height - 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.text), 1.2))
        for line in self._confidence(height):
            painter.drawPolyline(line)

    def _confidence(self, height: float) -> list[QPolygonF]:
        """A line for each run of frames whose confidence is known."""
        lines: list[list[QPointF]] = [[]]
        for frame, fit in enumerate(self._fits):
            if fit is None or fit.confidence is None:
                lines.append([])
            else:
                lines[-1].append(QPointF(self._slider.x_of(frame), 1 + (1 - fit.confidence) * (height - 2)))
        return [QPolygonF(line) for line in lines if line]


def _limit(fits: tuple[FrameFit | None, ...]) -> float:
    """A round distance that those of nearly all frames stay below; lost frames do not count beside others."""
    known = [fit for fit in fits if fit is not None and fit.distance_mm is not None]
    distances = [fit.distance_mm or 0.0 for fit in known if not fit.lost] or [fit.distance_mm or 0.0 for fit in known]
    return round_scale(1.2 * float(np.percentile(distances, 95))) if distances else 1.0
