"""Two training identities to choose: where an interpolation begins and ends, or whose pose goes onto whom."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QLabel, QVBoxLayout, QWidget

from engine.models.model import NeuralParametricModel
from engine.models.named_codes import IdentityFrame
from npm_studio.session.document.explorer import Codes, pretty
from npm_studio.views.widgets.basics import CardFrame, heading


def codes_of(model: NeuralParametricModel, chosen: IdentityFrame) -> Codes:
    """In the canonical pose where no frame is chosen."""
    pose = None if chosen.frame is None or model.pose_codes is None else model.pose_codes[chosen.frame].cpu()
    return Codes(model.shape_codes[chosen.identity].cpu(), pose)


def title_of(model: NeuralParametricModel, chosen: IdentityFrame) -> str:
    return pretty(model.info.identities[chosen.identity])


def posture_of(model: NeuralParametricModel, row: int | None) -> str:
    """What the pose of a ``row`` of the pose codes is called; None is the canonical pose."""
    if row is None:
        return "Canonical pose"
    frame = model.info.frames[row]
    return f"{pretty(frame.sequence)}, frame {int(frame.sample)}"


class IdentityCards(QWidget):
    """Two cards, one of which is the one that the library changes."""

    changed = pyqtSignal()

    def __init__(self, first: str, second: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.identities = [IdentityFrame(0), IdentityFrame(0)]
        self.chosen = 0
        self._cards: list[CardFrame] = []
        self._titles: list[QLabel] = []
        self._postures: list[QLabel] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        for index, role in enumerate((first, second)):
            card, label, title, posture = CardFrame(), QLabel(role), heading("–"), QLabel("–")
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

    def set_identity(self, index: int, identity: IdentityFrame) -> None:
        self.identities[index] = identity
        self.changed.emit()

    def swap(self) -> None:
        self.identities.reverse()
        self.changed.emit()

    def describe(self, model: NeuralParametricModel, postures: tuple[str, str]) -> None:
        """Write the identities onto the cards; ``postures`` are their second lines."""
        for index, identity in enumerate(self.identities):
            self._titles[index].setText(title_of(model, identity))
            self._postures[index].setText(postures[index])
            self._postures[index].setVisible(bool(postures[index]))
