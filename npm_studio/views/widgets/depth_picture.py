"""A depth image with its subject in colour, and the histogram of its depths beside it."""

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QFontMetrics, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from npm_studio.session.document.recording_look import Depths, FrameLook
from npm_studio.views.scene import DEPTH_COLOURS, colours_of
from npm_studio.views.theme import mixed, theme_of

_GRAB = 7
"""Pixels beside the line of a limit at which it can be taken."""


class DepthPicture(QWidget):
    """One frame: what belongs to the subject in the colours of its depth, all else grey."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self._text = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 150)

    def sizeHint(self) -> QSize:
        return QSize(440, 330)

    def show_text(self, text: str) -> None:
        """Words in place of a picture."""
        self._image, self._text = None, text
        self.setAccessibleName(text)
        self.update()

    def show_frame(self, frame: FrameLook) -> None:
        self._image = _picture(frame)
        seen = int((frame.depth_m > 0).sum())
        share = frame.kept.sum() / max(seen, 1)
        self.setAccessibleName(f"Depth of frame {frame.name}, {share:.0%} of it in colour")
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        theme, area = theme_of(self), QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(QPen(QColor(theme.border), 1))
        painter.setBrush(QColor(theme.field))
        painter.drawRect(area)
        if self._image is None:
            painter.setPen(QColor(theme.muted))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(area.adjusted(20, 10, -20, -10), flags, self._text)
            return
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        place = QRectF((self.width() - size.width()) / 2, (self.height() - size.height()) / 2, *_pair(size))
        painter.drawImage(place, self._image)


class DepthHistogram(QWidget):
    """How many pixels are how far away, the subject's in colour; the limits of the range can be dragged."""

    range_changed = pyqtSignal(object, object)
    """Nearest and farthest depth in metres, None where there is no limit."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._depths: Depths | None = None
        self._limits: list[float | None] = [None, None]
        self._dragged: int | None = None
        self.setFixedHeight(84)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAccessibleName("Histogram of depths in metres")
        self.setToolTip(
            "How many pixels are how far from the camera; those of the subject in colour.\n"
            "Drag from either end to leave out what is nearer or farther, or type “Nearest” and “Farthest”."
        )

    @property
    def limits_m(self) -> tuple[float | None, float | None]:
        return self._limits[0], self._limits[1]

    def show_depths(self, depths: Depths | None, near_m: float | None, far_m: float | None) -> None:
        self._depths, self._limits, self._dragged = depths, [near_m, far_m], None
        self.update()

    def x_of(self, depth_m: float) -> float:
        """Pixels from the left."""
        return 8 + (self.width() - 16) * min(max(depth_m / self._end, 0.0), 1.0)

    @property
    def _end(self) -> float:
        return 1.0 if self._depths is None else float(self._depths.edges_m[-1])

    def paintEvent(self, event: QPaintEvent | None) -> None:
        if self._depths is None:
            return
        theme, depths = theme_of(self), self._depths
        painter = QPainter(self)
        floor, top = self.height() - 20.0, 4.0
        tallest = max(float(np.sqrt(depths.seen.max(initial=0))), 1.0)
        rest, own = QColor(mixed(theme.panel, theme.muted, 0.45)), QColor(theme.accent)
        edges = [self.x_of(float(edge)) for edge in depths.edges_m]
        for left, right, seen, kept in zip(edges, edges[1:], depths.seen, depths.kept, strict=False):
            for count, colour in ((seen, rest), (kept, own)):
                height = (floor - top) * float(np.sqrt(count)) / tallest  # a wall has a hundred times a subject's
                painter.fillRect(QRectF(left, floor - height, max(right - left - 1, 1), height), colour)
        near, far = (self._shown(which) for which in (0, 1))
        outside = QColor(theme.panel)
        outside.setAlpha(190)
        painter.fillRect(QRectF(0, 0, self.x_of(near), floor), outside)
        painter.fillRect(QRectF(self.x_of(far), 0, self.width(), floor), outside)
        painter.setPen(QPen(QColor(theme.border), 1))
        painter.drawLine(QPointF(8, floor), QPointF(self.width() - 8, floor))
        for which, depth in ((0, near), (1, far)):
            is_set = self._limits[which] is not None
            painter.setPen(QPen(QColor(theme.text if is_set else theme.muted), 2 if is_set else 1))
            painter.drawLine(QPointF(self.x_of(depth), 0), QPointF(self.x_of(depth), floor + 3))
        self._paint_ticks(painter, floor)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() == Qt.MouseButton.LeftButton and self._depths is not None:
            self._dragged = self._limit_at(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        if event is None or self._depths is None:
            return
        x = event.position().x()
        if self._dragged is None:
            near_one = self._limit_at(x) is not None
            self.setCursor(Qt.CursorShape.SplitHCursor if near_one else Qt.CursorShape.ArrowCursor)
            return
        depth = self._end * (x - 8) / max(self.width() - 16, 1)
        near, far = self._shown(0), self._shown(1)
        if self._dragged == 0:
            self._limits[0] = None if depth <= 0.01 else round(min(depth, far - 0.02), 2)
        else:
            self._limits[1] = None if depth >= self._end else round(max(depth, near + 0.02), 2)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        if self._dragged is not None:
            self._dragged = None
            self.range_changed.emit(*self._limits)

    def _shown(self, which: int) -> float:
        limit = self._limits[which]
        return limit if limit is not None else (0.0, self._end)[which]

    def _limit_at(self, x: float) -> int | None:
        apart = [abs(self.x_of(self._shown(which)) - x) for which in (0, 1)]
        which = int(apart[1] < apart[0])
        return which if apart[which] <= _GRAB else None

    def _paint_ticks(self, painter: QPainter, floor: float) -> None:
        painter.setPen(QColor(theme_of(self).muted))
        metrics = QFontMetrics(painter.font())
        step = next((s for s in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0) if self._end / s <= 7), 100.0)
        for number in range(int(self._end / step) + 1):
            text = f"{number * step:g}" + (" m" if number == 0 else "")
            width = metrics.horizontalAdvance(text)
            x = min(max(self.x_of(number * step) - width / 2, 0), self.width() - width)
            painter.drawText(QPointF(x, floor + 4 + metrics.ascent()), text)


def _picture(frame: FrameLook) -> QImage:
    valid = frame.depth_m > 0
    near, far = np.quantile(frame.depth_m[valid], (0.01, 0.99)) if valid.any() else (0.0, 1.0)
    if frame.kept.any():
        own_near, own_far = np.quantile(frame.depth_m[frame.kept], (0.01, 0.99))
        coloured = _coloured(frame.depth_m, float(own_near), float(max(own_far, own_near + 0.05)))
    else:
        coloured = _coloured(frame.depth_m, float(near), float(far))
    grey = 170 - 120 * np.clip((frame.depth_m - near) / max(far - near, 1e-6), 0, 1)
    grey[~valid] = 24
    shown = np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)
    shown[frame.kept] = coloured[frame.kept]
    return image_of(shown)


def _coloured(depth_m: NDArray[np.float32], near_m: float, far_m: float) -> NDArray[np.uint8]:
    """Colours (H, W, 3) of depths (H, W), those that the same depths have in the views."""
    table = np.asarray(colours_of(DEPTH_COLOURS), np.uint8)
    share = np.clip((depth_m - near_m) / max(far_m - near_m, 1e-6), 0, 1)
    return table[np.rint(share * (len(table) - 1)).astype(int)]


def image_of(pixels: NDArray[np.uint8]) -> QImage:
    """``pixels`` (H, W, 3) as a picture of Qt that has them for itself."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape[:2]
    return QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def _pair(size: QSize) -> tuple[float, float]:
    return float(size.width()), float(size.height())
