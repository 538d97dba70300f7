"""Headings, segments, badges and other building blocks."""

from collections.abc import Sequence

from PyQt6.QtCore import QEvent, QObject, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QResizeEvent
from PyQt6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from npm_studio.views.theme import theme_of

BY_TAB = Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason

MARGIN = 14
"""Pixels between the edge of a panel and what is in it."""


def heading(text: str) -> QLabel:
    """Title of a section."""
    label = QLabel(text)
    font = label.font()
    font.setWeight(font.Weight.DemiBold)
    font.setPointSizeF(font.pointSizeF() + 0.5)
    label.setFont(font)
    return label


class Note(QLabel):
    """Text that wraps, and is never cut off: a scroll area gives it no more height than it insists on."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setObjectName("muted")
        self.setWordWrap(True)
        self.setMinimumWidth(40)

    def setText(self, text: str | None) -> None:
        super().setText(text)
        self._insist()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._insist()

    def _insist(self) -> None:
        self.setMinimumHeight(0)  # by which Qt would measure, too: a note that was long once would stay high
        self.setMinimumHeight(max(self.heightForWidth(self.width()), 0))


def note(text: str) -> QLabel:
    """Secondary text that wraps."""
    return Note(text)


def tool_button(action: QAction, size: int = 18) -> QToolButton:
    """An icon button for ``action`` that the keyboard reaches with Tab alone, so that Space stays with playback."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setIconSize(QSize(size, size))
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setAutoRaise(True)
    return button


def action_button(title: str, action: QAction) -> QPushButton:
    """A button with ``title`` that does ``action`` while that can be done."""
    button = QPushButton(title)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.setToolTip(action.toolTip())
    button.clicked.connect(action.trigger)
    button.setEnabled(action.isEnabled())
    action.enabledChanged.connect(button.setEnabled)
    return button


class Segments(QWidget):
    """Buttons in a row, one of which is chosen."""

    chosen = pyqtSignal(int)

    def __init__(self, titles: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self._group = QButtonGroup(self)
        for index, title in enumerate(titles):
            button = QToolButton()
            button.setObjectName("segment")
            place = "first" if index == 0 else "last" if index == len(titles) - 1 else "middle"
            button.setProperty("place", place)
            button.setText(title)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self._group.addButton(button, index)
            row.addWidget(button)
        self._group.idClicked.connect(self.chosen)
        self.choose(0)

    def choose(self, index: int) -> None:
        """Mark one as chosen without telling anybody."""
        self.button(index).setChecked(True)

    def button(self, index: int) -> QToolButton:
        button = self._group.button(index)
        assert isinstance(button, QToolButton)
        return button

    @property
    def current(self) -> int:
        return self._group.checkedId()


class Section(QWidget):
    """A heading with buttons on its right, and something below."""

    def __init__(self, title: str, actions: Sequence[QAction] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(6)
        row = QHBoxLayout()
        row.setSpacing(2)
        self.heading = heading(title)
        row.addWidget(self.heading)
        row.addStretch(1)
        for action in actions:
            row.addWidget(tool_button(action))
        self.body.addLayout(row)


class ElidedLabel(QLabel):
    """One line that shows both its ends where it does not fit, as suits paths, or as ``mode`` says."""

    def __init__(self, text: str = "", mode: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle) -> None:
        super().__init__(text)
        self._mode = mode
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setObjectName("muted")

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        text = QFontMetrics(self.font()).elidedText(self.text(), self._mode, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


class CardFrame(QFrame):
    """A framed area, highlighted when it is the chosen one of several; tells when it is clicked."""

    clicked = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(11, 9, 11, 9)
        self.body.setSpacing(3)

    def set_chosen(self, chosen: bool) -> None:
        self.setProperty("chosen", "true" if chosen else "false")
        style = self.style()
        assert style is not None
        style.unpolish(self)
        style.polish(self)

    def mousePressEvent(self, event: object) -> None:
        self.clicked.emit()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        super().paintEvent(event)
        if self.hasFocus():
            paint_focus(self, 7)


def paint_focus(widget: QWidget, radius: float) -> None:
    """A frame that says where the keys go, just within ``widget``, with corners of ``radius`` pixels."""
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(theme_of(widget).accent), 2))
    painter.drawRoundedRect(QRectF(widget.rect()).adjusted(1, 1, -1, -1), radius, radius)


class _ScrollsPanel(QObject):
    """Leaves the wheel to what is around a field."""

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def tab_before(widget: QWidget, added: QWidget) -> None:
    """Let the tabulator go through ``added``, which came later than ``widget`` and stands above it, before that."""
    previous = widget.previousInFocusChain()
    if previous is not None:
        tab_after(previous, added)


def tab_after(widget: QWidget, added: QWidget) -> None:
    """Let the tabulator go from ``widget``, or what it would have come to before, through ``added``, which came later
    than what stands below it."""
    last: QWidget | None = widget
    while last is not None and not _takes_tab(last):
        last = last.previousInFocusChain()
        if last is widget:
            return
    for each in (added, *added.findChildren(QWidget)):
        if last is not None and each is not last and _takes_tab(each) and each.window() is widget.window():
            QWidget.setTabOrder(last, each)
            last = each


def _takes_tab(widget: QWidget) -> bool:
    return bool(widget.focusPolicy().value & Qt.FocusPolicy.TabFocus.value) and widget.focusProxy() is None


def scrolls_panel(*fields: QWidget) -> None:
    """Over ``fields`` the wheel scrolls the panel around them instead of changing a value by accident."""
    for each in fields:
        each.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        each.installEventFilter(_ScrollsPanel(each))
