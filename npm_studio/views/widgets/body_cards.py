"""Cards with a body each, one of which a click in the library changes, and onto which bodies are dropped."""

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent
from PyQt6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from npm_studio.session.document.explorer import Codes
from npm_studio.session.portraits.worker import SLIDERS
from npm_studio.views.portraits import Portraits
from npm_studio.views.widgets.basics import CardFrame, ElidedLabel, scrolls_panel, tab_after
from npm_studio.views.widgets.direction_slider import PortraitLabel
from npm_studio.views.widgets.dragged import Dragged
from npm_studio.views.widgets.tinted_button import TintedButton

_PORTRAIT = 46
"""Pixels."""


@dataclass(frozen=True)
class CardText:
    """What a card says."""

    role: str
    title: str
    detail: str
    codes: Codes | None = None
    """Of the picture."""
    time_s: float | None = None
    """Where it can be set."""


class BodyCards(QWidget):
    """As many cards as there are bodies."""

    picked = pyqtSignal(int)
    """The card that a click in the library is to change from now on."""
    dropped = pyqtSignal(int, object)
    """A card, and the `Dragged` that was dropped onto it."""
    removed = pyqtSignal(int)
    timed = pyqtSignal(int, float)
    """A card, and the seconds that were typed into it."""

    def __init__(self, portraits: Portraits, fewest: int) -> None:
        """``fewest`` cards always stay."""
        super().__init__()
        self._portraits, self._fewest = portraits, fewest
        self.cards: list[BodyCard] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)

    def describe(self, texts: Sequence[CardText], picked: int) -> None:
        """Write ``texts`` onto as many cards and mark the one that the library changes."""
        while len(self.cards) > len(texts):
            card = self.cards.pop()
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        while len(self.cards) < len(texts):
            self._add(len(self.cards))
        for place, (card, text) in enumerate(zip(self.cards, texts, strict=True)):
            card.describe(text, len(texts) > self._fewest)
            card.set_chosen(place == picked)

    def _add(self, place: int) -> None:
        card = BodyCard(self._portraits)
        card.clicked.connect(lambda: self.picked.emit(place))
        card.dropped.connect(lambda what: self.dropped.emit(place, what))
        card.remove.clicked.connect(lambda: self.removed.emit(place))
        card.time.valueChanged.connect(lambda seconds: self.timed.emit(place, seconds))
        self._column.addWidget(card)
        tab_after(self.cards[-1].remove if self.cards else self, card)
        self.cards.append(card)


class BodyCard(CardFrame):
    """A body: its picture, what it is called, perhaps its time."""

    dropped = pyqtSignal(object)
    """The `Dragged` that was dropped."""

    def __init__(self, portraits: Portraits) -> None:
        super().__init__()
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._is_chosen = False
        self.setToolTip("Click here, then a body or a pose in the lists on the left; or drag one of them here")
        self._portrait = PortraitLabel(portraits, None, _PORTRAIT, SLIDERS)
        self._role, self.title, self.detail = QLabel(), ElidedLabel(), ElidedLabel()
        self._role.setObjectName("muted")
        self.title.setObjectName("")
        font = self.title.font()
        font.setWeight(font.Weight.DemiBold)
        self.title.setFont(font)
        self.time = QDoubleSpinBox()
        scrolls_panel(self.time)
        self.time.setSuffix(" s")
        self.time.setDecimals(2)
        self.time.setSingleStep(0.1)
        self.time.setMaximum(600.0)
        self.time.setKeyboardTracking(False)
        self.time.setAccessibleName("When the interpolation comes to this body, seconds")
        self.time.setToolTip("When the interpolation comes to this body")
        self.remove = TintedButton("close", "Take this body away", "Take this body away")
        first = QHBoxLayout()
        first.setSpacing(4)
        first.addWidget(self._role, 1)
        first.addWidget(self.time)
        first.addWidget(self.remove)
        text = QVBoxLayout()
        text.setSpacing(1)
        text.addLayout(first)
        text.addWidget(self.title)
        text.addWidget(self.detail)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._portrait)
        row.addLayout(text, 1)
        self.body.setContentsMargins(8, 5, 6, 6)
        self.body.addLayout(row)

    def describe(self, text: CardText, may_go: bool) -> None:
        self._role.setText(text.role)
        for label, line in ((self.title, text.title), (self.detail, text.detail)):
            label.setText(line)
            label.update()
        self._portrait.set_codes(text.codes)
        self.setAccessibleName(f"{text.role}: {text.title}, {text.detail}")
        self.time.setVisible(text.time_s is not None)
        if text.time_s is not None:
            self.time.blockSignals(True)
            self.time.setValue(text.time_s)
            self.time.blockSignals(False)
            self.time.setEnabled(text.time_s > 0)
        self.remove.setVisible(may_go)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.clicked.emit()
        elif event is not None and event.key() == Qt.Key.Key_Delete and self.remove.isVisible():
            self.remove.click()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if event is not None and Dragged.of(event.mimeData()) is not None:
            event.acceptProposedAction()
            self._highlight(True)

    def dragLeaveEvent(self, event: object) -> None:
        self._highlight(False)

    def dropEvent(self, event: QDropEvent | None) -> None:
        self._highlight(False)
        what = None if event is None else Dragged.of(event.mimeData())
        if event is not None and what is not None:
            event.acceptProposedAction()
            self.dropped.emit(what)

    def set_chosen(self, chosen: bool) -> None:
        self._is_chosen = chosen
        super().set_chosen(chosen)

    def _highlight(self, on: bool) -> None:
        super().set_chosen(on or self._is_chosen)
