"""Two training identities to choose: where an interpolation begins and ends, or whose pose goes onto whom."""

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QLabel, QVBoxLayout, QWidget

from npm_studio.views.widgets.basics import CardFrame, heading


class IdentityCards(QWidget):
    """Two cards, one of which is the one that the library changes."""

    picked = pyqtSignal(int)
    """The card that a click in the library is to change from now on."""

    def __init__(self, first: str, second: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
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
            card.clicked.connect(lambda i=index: self.picked.emit(i))
            self._cards.append(card)
            self._titles.append(title)
            self._postures.append(posture)
            column.addWidget(card)
        self.show_picked(0)

    def show_picked(self, index: int) -> None:
        """Highlight the card that the library changes."""
        for position, card in enumerate(self._cards):
            card.set_chosen(position == index)

    def describe(self, titles: tuple[str, ...], postures: tuple[str, ...]) -> None:
        """Write the identities onto the cards; ``postures`` are their second lines."""
        for index, (title, posture) in enumerate(zip(titles, postures, strict=True)):
            self._titles[index].setText(title)
            self._postures[index].setText(posture)
            self._postures[index].setVisible(bool(posture))
