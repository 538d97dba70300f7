"""Two training subjects to choose: where an interpolation begins and ends, or whose pose goes onto whom."""

from dataclasses import dataclass

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QLabel, QVBoxLayout, QWidget

from engine.models.model import NeuralParametricModel
from npm_studio.document.explorer import Codes
from npm_studio.document.names import pretty
from npm_studio.views.widgets.basics import Card, heading


@dataclass(frozen=True)
class Subject:
    """A training identity in a training pose."""

    identity: int = 0
    row: int | None = None
    """Of the pose codes; None is the canonical pose."""

    def codes(self, model: NeuralParametricModel) -> Codes:
        pose = None if self.row is None or model.pose_codes is None else model.pose_codes[self.row].cpu()
        return Codes(model.shape_codes[self.identity].cpu(), pose)

    def title(self, model: NeuralParametricModel) -> str:
        return pretty(model.info.identities[self.identity])

    def posture(self, model: NeuralParametricModel) -> str:
        if self.row is None:
            return "Canonical pose"
        frame = model.info.frames[self.row]
        return f"{pretty(frame.sequence)}, frame {int(frame.sample)}"


class IdentityCards(QWidget):
    """Two cards, one of which is the one that the library changes."""

    changed = pyqtSignal()

    def __init__(self, first: str, second: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.subjects = [Subject(), Subject()]
        self.chosen = 0
        self._cards: list[Card] = []
        self._titles: list[QLabel] = []
        self._postures: list[QLabel] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for index, role in enumerate((first, second)):
            card, label, title, posture = Card(), QLabel(role), heading("–"), QLabel("–")
            label.setObjectName("muted")
            posture.setObjectName("muted")
            for widget in (label, title, posture):
                card.body.addWidget(widget)
            card.setToolTip("Click here, then on an identity or a pose in the library")
            card.clicked.connect(lambda i=index: self.choose(i))
            self._cards.append(card)
            self._titles.append(title)
            self._postures.append(posture)
            column.addWidget(card)
        self.choose(0)

    def choose(self, index: int) -> None:
        """The library changes this card from now on."""
        self.chosen = index
        for position, card in enumerate(self._cards):
            card.set_chosen(position == index)

    def set_subject(self, index: int, subject: Subject) -> None:
        self.subjects[index] = subject
        self.changed.emit()

    def swap(self) -> None:
        self.subjects.reverse()
        self.changed.emit()

    def describe(self, model: NeuralParametricModel, postures: tuple[str, str]) -> None:
        """Write the subjects onto the cards; ``postures`` are their second lines."""
        for index, subject in enumerate(self.subjects):
            self._titles[index].setText(subject.title(model))
            self._postures[index].setText(postures[index])
            self._postures[index].setVisible(bool(postures[index]))
