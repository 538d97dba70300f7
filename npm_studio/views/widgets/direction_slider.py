"""One principal direction: what it does, a slider along it, the bodies at its ends, and its value."""

from functools import partial

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QContextMenuEvent, QFocusEvent, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PyQt6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from npm_studio.session.document.explorer import Codes
from npm_studio.session.portraits.worker import SLIDERS
from npm_studio.views.context_menu import show_menu
from npm_studio.views.portraits import Portraits
from npm_studio.views.theme import theme_of
from npm_studio.views.widgets.slider import BarSlider
from npm_studio.views.widgets.tinted_button import TintedButton

PORTRAIT = 40
"""Pixels of the bodies at the ends of a slider."""
END = 2.0
"""Standard deviations of these bodies."""
FARTHEST = 9.99
"""Standard deviations that can be typed."""


class DirectionSlider(QWidget):
    """Name, slider and value in standard deviations between the bodies at two of them.

    Values beyond the slider's ends are shown as they are; only the handle stops.
    """

    LIMIT = 3.0
    _STEPS = 100
    """Slider positions per standard deviation."""

    moved = pyqtSignal(float)
    """By the user, to this many standard deviations."""
    released = pyqtSignal()
    lock_toggled = pyqtSignal(bool)

    def __init__(
        self, name: str, tooltip: str, portraits: Portraits, ends: tuple[Codes, Codes], parent: QWidget | None = None
    ) -> None:
        """
        Args:
            ends: the bodies at minus and plus `END` standard deviations
        """
        super().__init__(parent)
        self._plain_name, self._tooltip = name, tooltip
        self.slider = BarSlider(0)
        self.slider.setRange(round(-self.LIMIT * self._STEPS), round(self.LIMIT * self._STEPS))
        self.slider.setSingleStep(10)
        self.slider.setPageStep(50)
        self.slider.setMinimumWidth(60)
        self.label = _ShrinkingLabel()
        self._share = QLabel()
        self._share.setObjectName("muted")
        self.field = ValueField(name)
        self.lock = TintedButton(
            "unlock", f"Lock {name}", "Lock: random codes and drags over the map leave this value alone", "lock"
        )
        top = QHBoxLayout()
        top.setContentsMargins(6, 0, 0, 0)
        top.setSpacing(2)
        top.addWidget(self.label, 1)
        top.addWidget(self._share)
        top.addWidget(self.field)
        middle = QVBoxLayout()
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addLayout(top)
        middle.addWidget(self.slider)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3)
        self.ends = tuple(PortraitLabel(portraits, codes, PORTRAIT, SLIDERS) for codes in ends)
        for end, sign in zip(self.ends, "−+", strict=True):
            end.setFixedWidth(PORTRAIT - 8)  # bodies are higher than wide
            end.setToolTip(f"The mean body at {sign}{END:g} σ of this direction")
        row.addWidget(self.ends[0])
        row.addLayout(middle, 1)
        row.addWidget(self.ends[1])
        row.addWidget(self.lock)
        self.setFixedHeight(46)
        self.set_name("", "")
        self.set_value(0.0)
        self.slider.valueChanged.connect(self._on_moved)
        self.slider.sliderReleased.connect(self.released)
        self.field.typed.connect(self._on_typed)
        self.lock.toggled.connect(self.lock_toggled)

    @property
    def readout(self) -> str:
        """The value as shown."""
        return self.field.text()

    @property
    def name(self) -> str:
        """The name as shown."""
        return self.label.text()

    def set_name(self, name: str, explanation: str) -> None:
        """Say what the direction does; empty where nobody knows."""
        self.label.setText(name or self._plain_name)
        self._share.setVisible(not name)  # there is no room for both; the tooltip has it, too
        tooltip = f"{explanation}\n{self._tooltip}" if explanation else self._tooltip
        for widget in (self.label, self.slider):
            widget.setToolTip(tooltip)
        self.slider.setAccessibleName(f"{self._plain_name}, {name}" if name else self._plain_name)

    def set_share(self, share: float) -> None:
        """Say how much of the variance of the training codes lies along the direction, 0 to 1."""
        self._share.setText(f"{share:.0%}" if share >= 0.005 else "<1%")
        self._share.setToolTip(self._tooltip)

    def set_value(self, value: float) -> None:
        """Show ``value`` standard deviations without telling anybody."""
        self.slider.blockSignals(True)
        self.slider.setValue(round(value * self._STEPS))
        self.slider.blockSignals(False)
        self.field.show_value(value)

    def set_locked(self, locked: bool) -> None:
        """Show whether the value is locked, without telling anybody."""
        self.lock.blockSignals(True)
        self.lock.setChecked(locked)
        self.lock.blockSignals(False)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        if event is not None:
            lock = "Unlock" if self.lock.isChecked() else "Lock"
            entries = (
                ("Type a Value", partial(self.field.setFocus, Qt.FocusReason.TabFocusReason)),
                ("Back to the Mean", partial(self._on_typed, 0.0)),
                (lock, self.lock.toggle),
            )
            show_menu(self, event.globalPos(), entries)

    def _on_moved(self, position: int) -> None:
        self.field.show_value(position / self._STEPS)
        self.moved.emit(position / self._STEPS)

    def _on_typed(self, value: float) -> None:
        self.set_value(value)
        self.moved.emit(value)
        self.released.emit()


class ValueField(QLineEdit):
    """A number in standard deviations that is typed over."""

    typed = pyqtSignal(float)
    said = pyqtSignal(str)
    """What is wrong with what was typed."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName("value")
        self.setAccessibleName(f"{name}, standard deviations")
        self.setToolTip("Click and type a value in standard deviations, then Enter")
        self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setFixedWidth(QFontMetrics(self.font()).horizontalAdvance("−0.00 σ") + 14)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)  # that of the row
        self._value, self._comes_in = 0.0, False
        self.returnPressed.connect(self._take)
        self.editingFinished.connect(self._write)
        self.show_value(0.0)

    def show_value(self, value: float) -> None:
        self._value = value
        if not self.isModified():
            self._write()

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        super().focusInEvent(event)
        self._comes_in = event is not None and event.reason() == Qt.FocusReason.MouseFocusReason

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        super().mouseReleaseEvent(event)
        if self._comes_in and not self.hasSelectedText():
            self.selectAll()  # what is typed takes the place of the value
        self._comes_in = False

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        self.selectAll()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self._write()
            self.clearFocus()
            return
        super().keyPressEvent(event)

    def _take(self) -> None:
        if not self.isModified():
            return
        value = number_in(self.text())
        if value is None or abs(value) > FARTHEST:
            self._write()
            self.said.emit(f"Type a number from −{FARTHEST:g} to {FARTHEST:g}, in standard deviations")
            return
        self.setModified(False)
        self.typed.emit(value)
        self.selectAll()
        if abs(value) > DirectionSlider.LIMIT:
            self.said.emit(
                f"{self.text()} is beyond ±{DirectionSlider.LIMIT:g} σ, "
                "where hardly any training code is: the surface may break"
            )

    def _write(self) -> None:
        rounded = round(self._value, 2) + 0.0
        text = f"{rounded:+.2f} σ".replace("-", "−") if rounded else "0.00 σ"
        self.setModified(False)
        if text != self.text():
            self.setText(text)


class PortraitLabel(QWidget):
    """A small picture of a body, in the colours of the theme, as soon as there is one."""

    def __init__(self, portraits: Portraits, codes: Codes | None, size: int, kind: int) -> None:
        super().__init__()
        self._portraits, self._codes, self._size, self._kind = portraits, codes, size, kind
        self.setFixedSize(size, size)
        portraits.arrived.connect(self.update)

    def set_codes(self, codes: Codes | None) -> None:
        self._codes = codes
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        if self._codes is None:
            return
        scale = self.devicePixelRatioF()
        picture = self._portraits.pixmap(self._codes, theme_of(self), round(self._size * scale), self._kind)
        if picture is not None:
            QPainter(self).drawPixmap((self.width() - self._size) // 2, 0, self._size, self._size, picture)


class _ShrinkingLabel(QLabel):
    """One line that ends with dots where there is no room, and asks for none."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(20, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        metrics, text = QFontMetrics(self.font()), self.text()
        if metrics.horizontalAdvance(text) > self.width():
            text = text.partition(" (")[0]  # the correlation goes first; the tooltip has it, too
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


def number_in(text: str) -> float | None:
    """The number that somebody typed; None where it is none."""
    try:
        value = float(text.replace("σ", "").replace("−", "-").replace(",", ".").strip())
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
