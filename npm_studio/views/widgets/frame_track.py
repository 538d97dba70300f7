"""How well each frame is fitted, under the timeline."""

import numpy as np
from PyQt6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QToolTip, QWidget

from engine.comparison.colour_scale import round_scale
from npm_studio.session.document.timeline import FrameFit, Timeline
from npm_studio.views.theme import mixed, theme_of
from npm_studio.views.widgets.slider import BarSlider

_HEIGHT, _TOP, _BOTTOM, _GAP = 74, 20, 8, 6
"""Pixels."""


class FrameTrack(QWidget):
    """A curve of the distances, on a scale in millimetres, one of the confidence, and a red ground for lost frames.

    Frames are marked by dragging over it; a click goes to one and marks none.
    """

    clicked = pyqtSignal(int)
    """The frame."""
    marked = pyqtSignal(object)
    """A range of frames, or None."""
    released = pyqtSignal()
    """The mouse, after something was marked or clicked."""

    def __init__(self, timeline: Timeline, slider: BarSlider, parent: QWidget | None = None) -> None:
        """``slider`` is above and says where frames are."""
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._timeline, self._slider = timeline, slider
        self._fits: tuple[FrameFit | None, ...] = ()
        self.limit_mm = 1.0
        """At the upper end."""
        self._pressed: int | None = None
        self._marked: range | None = None
        timeline.frame_changed.connect(lambda _: self.update())
        timeline.state_changed.connect(self.update)
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
        first, last = self.x_of(0), self.x_of(max(len(self._fits) - 1, 0))
        share = (x - first) / max(last - first, 1)
        return min(max(round(share * (len(self._fits) - 1)), 0), len(self._fits) - 1)

    def words_of(self, frame: int) -> str:
        """What the tooltip says over ``frame``."""
        fit = self._fits[frame]
        said = "has no mesh" if fit is None else fit.in_words() or "nothing is known"
        return (
            f"Frame {frame + 1}: {said}\n"
            "Blue: mean distance of what was seen to the mesh. Grey: confidence, from 0 to 1. Red: lost.\n"
            "Drag to mark frames that are to be fitted again."
        )

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._fits:
            QToolTip.showText(event.globalPos(), self.words_of(self.frame_at(event.pos().x())), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        super().paintEvent(event)
        if not self._fits:
            return
        theme, floor = theme_of(self), float(self.height() - _BOTTOM)
        painter = QPainter(self)
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() - 1)
        painter.setFont(font)
        step = max(self.x_of(1) - self.x_of(0), 1.0)
        ground = QColor(theme.bad)
        ground.setAlpha(60)
        for frame, fit in enumerate(self._fits):
            if fit is not None and fit.lost:
                painter.fillRect(QRectF(self.x_of(frame) - step / 2, _TOP, step, floor - _TOP), ground)
        painter.setPen(QPen(QColor(theme.border), 1))
        left, right = self.x_of(0), self.x_of(max(len(self._fits) - 1, 1))
        for share in (0.0, 0.5, 1.0):
            y = self._y(share)
            painter.drawLine(QPointF(left, y), QPointF(right, y))
        if self._marked is not None:
            first, last = (self.x_of(frame) for frame in (self._marked[0], self._marked[-1]))
            colour = QColor(theme.accent)
            painter.setPen(QPen(colour, 1.5))
            colour.setAlpha(50)
            painter.setBrush(colour)
            painter.drawRect(QRectF(first - step / 2, _TOP, last - first + step, floor - _TOP))
            painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        confidence, distance = QColor(theme.muted), QColor(theme.accent)
        self._paint_curve(painter, [None if fit is None else fit.confidence for fit in self._fits], confidence)
        distances = [None if fit is None or fit.distance_mm is None else fit.distance_mm for fit in self._fits]
        self._paint_curve(painter, [None if mm is None else mm / self.limit_mm for mm in distances], distance)
        self._paint_words(painter, left, right, distance, confidence)
        cursor = self.x_of(self._timeline.frame)
        painter.setPen(QPen(QColor(mixed(theme.panel, theme.text, 0.6)), 1))
        painter.drawLine(QPointF(cursor, _TOP - 3), QPointF(cursor, floor + 3))

    def _paint_curve(self, painter: QPainter, shares: "list[float | None]", colour: QColor) -> None:
        """A line for each run of frames whose share of the height is known; lost ones are red points."""
        lines: list[list[QPointF]] = [[]]
        lost = []
        for frame, share in enumerate(shares):
            if share is None:
                lines.append([])
                continue
            lines[-1].append(QPointF(self.x_of(frame), self._y(share)))
            fit = self._fits[frame]
            if fit is not None and fit.lost:
                lost.append(lines[-1][-1])
        painter.setPen(QPen(colour, 1.6))
        for line in filter(None, lines):
            painter.drawPolyline(QPolygonF(line))
            if len(line) == 1:
                painter.drawEllipse(line[0], 1.5, 1.5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme_of(self).bad))
        for place in lost:
            painter.drawEllipse(place, 2.5, 2.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_words(self, painter: QPainter, left: float, right: float, distance: QColor, confidence: QColor) -> None:
        """What the curves are, in their colours, and the scale of each at its side."""
        metrics = QFontMetrics(painter.font())
        x, y = left, metrics.ascent() + 3.0
        is_sure = any(fit is not None and fit.confidence is not None for fit in self._fits)
        curves = [("Distance of what was seen, mm", distance)]
        curves += [("Confidence, 0 to 1", confidence)] if is_sure else []
        for words, colour in curves:
            painter.setPen(QPen(colour, 2))
            painter.drawLine(QPointF(x, y - 4), QPointF(x + 14, y - 4))
            painter.setPen(QColor(theme_of(self).muted))
            painter.drawText(QPointF(x + 20, y), words)
            x += 20 + metrics.horizontalAdvance(words) + 18
        to_the_left = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        to_the_right = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        for share in (0.0, 1.0):
            y = self._y(share)
            painter.setPen(distance)
            painter.drawText(QRectF(0, y - 8, left - _GAP - 4, 16), to_the_left, f"{share * self.limit_mm:g}")
            painter.setPen(confidence if is_sure else Qt.PenStyle.NoPen)
            painter.drawText(QRectF(right + _GAP + 4, y - 8, 30, 16), to_the_right, f"{share:g}")

    def x_of(self, frame: int) -> float:
        """Pixels of ``frame`` from the left."""
        window, origin = self.window(), QPoint(0, 0)
        offset = self._slider.mapTo(window, origin).x() - self.mapTo(window, origin).x()
        return offset + self._slider.x_of(frame)

    def _y(self, share: float) -> float:
        """Of a share of the height; what is beyond it lies on the upper edge."""
        return _TOP + (self.height() - _TOP - _BOTTOM) * (1 - min(share, 1.0))


def _limit(fits: tuple[FrameFit | None, ...]) -> float:
    """A round distance that those of nearly all frames stay below; lost frames do not count beside others."""
    known = [fit for fit in fits if fit is not None and fit.distance_mm is not None]
    distances = [fit.distance_mm or 0.0 for fit in known if not fit.lost] or [fit.distance_mm or 0.0 for fit in known]
    return round_scale(1.2 * float(np.percentile(distances, 95))) if distances else 1.0
