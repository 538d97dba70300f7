"""Curves of a training while it runs: a small plot for each stage, under the timeline."""

import math
from collections.abc import Mapping

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt6.QtWidgets import QSizePolicy, QWidget

from npm_studio.reports.training_curves import Curve, Curves
from npm_studio.views.theme import Theme, mixed, theme_of

_HEIGHT, _TOP, _BOTTOM, _LEFT, _GAP = 132, 24, 20, 52, 14
"""Pixels."""
_DOT = 2.5
_UNITS = {"sdf": "mm", "flow": "mm", "error": "mm", "median": "mm"}
"""Of metrics in canonical units, which are shown in millimetres."""
_TITLES = {"sdf": "distance error", "flow": "point error"}
"""Of metrics whose names say little."""

Metrics = Mapping[tuple[str, str], Curve]


def title_of(stage: str, metric: str, room: float, font: QFontMetrics) -> str:
    """Stage, metric and unit, as much of that as ``room`` pixels hold."""
    name = stage.replace("-", " ").capitalize()
    unit = f", {_UNITS[metric]}" if metric in _UNITS else ""
    titles = f"{name}: {_TITLES.get(metric, metric)}{unit}", f"{name}{unit}", name
    fitting = (title for title in titles if font.horizontalAdvance(title) <= room)
    return next(fitting, font.elidedText(name, Qt.TextElideMode.ElideRight, int(room)))


class TrainingPlots(QWidget):
    """The first metric of every stage over its steps, on a logarithmic scale; dots are what was held out."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("timeline")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Curves of the training")
        self.setToolTip("Error of the training data as a line, of data held out as dots, over the steps of each stage")
        self._curves: Curves = {}
        self._mm = 1.0
        self.hide()

    @property
    def stages(self) -> tuple[str, ...]:
        """Those that are drawn."""
        return tuple(self._curves)

    def show_curves(self, curves: Curves, scale: float) -> None:
        """Draw ``curves``; none hides the plots.

        Args:
            scale: of the similarity of the data, canonical units per metre
        """
        self._curves, self._mm = curves, 1000 / scale
        self.setVisible(bool(curves))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, _HEIGHT)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPointSizeF(font.pointSizeF() - 1)
        painter.setFont(font)
        width = (self.width() - _GAP) / max(len(self._curves), 1)
        for place, (stage, metrics) in enumerate(self._curves.items()):
            box = QRectF(place * width + _LEFT, _TOP, width - _LEFT - 4, self.height() - _TOP - _BOTTOM)
            self._paint_stage(painter, theme_of(self), stage, metrics, box)

    def _paint_stage(self, painter: QPainter, theme: Theme, stage: str, metrics: Metrics, box: QRectF) -> None:
        name = next(name for _, name in metrics)
        factor = self._mm if name in _UNITS else 1.0
        trained, held_out = metrics.get(("train", name)), metrics.get(("validation", name))
        known = [value * factor for curve in (trained, held_out) if curve for value in curve.values if value > 0]
        painter.setPen(QColor(theme.text))
        above = QRectF(box.left() - _LEFT + _GAP, 4, box.width() + _LEFT - _GAP, 18)
        title = title_of(stage, name, above.width(), painter.fontMetrics())
        painter.drawText(above, Qt.AlignmentFlag.AlignRight, title)
        if not known:
            return
        low, high = math.log(min(known)), math.log(max(known))
        margin = max(0.05 * (high - low), 0.05)
        low, high = low - margin, high + margin
        last = max(curve.steps[-1] for curve in (trained, held_out) if curve)

        def at(step: int, value: float) -> QPointF:
            x = box.left() + box.width() * step / max(last, 1)
            return QPointF(x, box.bottom() - box.height() * (math.log(value * factor) - low) / (high - low))

        painter.setPen(QPen(QColor(theme.border), 1))
        painter.drawRect(box)
        painter.setPen(QColor(theme.muted))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for text, y in ((f"{math.exp(high):.3g}", box.top()), (f"{math.exp(low):.3g}", box.bottom())):
            painter.drawText(QRectF(box.left() - _LEFT, y - 8, _LEFT - 6, 16), right, text)
        painter.drawText(QRectF(box.left(), box.bottom() + 2, box.width(), 16), right, f"{last:,} steps")
        if trained is not None:
            painter.setPen(QPen(QColor(theme.accent), 1.6))
            points = [at(step, value) for step, value in zip(trained.steps, trained.values, strict=True) if value > 0]
            painter.drawPolyline(QPolygonF(points))
            if len(points) == 1:
                painter.setBrush(QColor(theme.accent))
                painter.drawEllipse(points[0], 2, 2)
                painter.setBrush(Qt.BrushStyle.NoBrush)
        if held_out is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(mixed(theme.warn, theme.text, 0.1)))
            for step, value in zip(held_out.steps, held_out.values, strict=True):
                if value > 0:
                    painter.drawEllipse(at(step, value), _DOT, _DOT)
            painter.setBrush(Qt.BrushStyle.NoBrush)
