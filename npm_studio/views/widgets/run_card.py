"""One run in a few lines: what made it, when, how near it came, and what is to be said of it."""

from dataclasses import dataclass
from pathlib import Path

from PyQt6.QtCore import QPoint, QRect, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QContextMenuEvent, QFontMetrics
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from engine.methods.run_schema import VerdictWord
from npm_studio.views.widgets.badge import Badge, Tone
from npm_studio.views.widgets.basics import ElidedLabel

TONES: dict[VerdictWord, Tone] = {"good": "good", "poor": "warn", "failed": "bad"}


@dataclass(frozen=True)
class CardText:
    """What a card says of a run."""

    folder: Path
    title: str
    """Its name, or else when it was made."""
    verdict: VerdictWord | None
    made_by: str
    """``Neural parametric model · anny-compact``"""
    figures: str
    """``2.9 mm · 16 s · Today, 14:05``"""
    state: str = ""
    """What is worth knowing of it, such as ``stopped early``."""
    is_stale: bool = False
    """Whether its recording is open in another way now than when it was fitted."""
    tooltip: str = ""

    @property
    def line(self) -> str:
        """All of it, for those who hear it."""
        return ", ".join(filter(None, (self.title, self.verdict, self.made_by, self.figures, self.state)))


class RunCard(QWidget):
    """Drawn over a row of a list, which says whether it is chosen; with a button for what can be done with it."""

    menu_wanted = pyqtSignal(QPoint)
    """Where on the screen."""

    def __init__(self, text: CardText, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = text
        self.title, self.badge = QLabel(), Badge()
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        font = self.title.font()
        font.setWeight(font.Weight.DemiBold)
        self.title.setFont(font)
        if text.verdict is not None:
            self.badge.set_state(text.verdict, TONES[text.verdict])
        self.more = QToolButton()
        self.more.setText("⋯")
        self.more.setAutoRaise(True)
        self.more.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.more.setToolTip("Rename, compare, export, delete… (also by a right click, or Shift+F10 in the list)")
        self.more.setAccessibleName(f"What can be done with {text.title}")
        self.more.clicked.connect(lambda: self.menu_wanted.emit(self.more.mapToGlobal(QPoint(0, self.more.height()))))
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(self.title, 1)
        head.addWidget(self.badge)
        head.addWidget(self.more)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 4, 4, 6)
        column.setSpacing(1)
        column.addLayout(head)
        self.figures, self.made_by = (
            ElidedLabel(line, Qt.TextElideMode.ElideRight) for line in (text.figures, text.made_by)
        )
        column.addWidget(self.figures)
        column.addWidget(self.made_by)
        self.state = QLabel(text.state[:1].upper() + text.state[1:])
        self.state.setWordWrap(True)
        self.state.setObjectName("stale" if text.is_stale else "muted")
        self.state.setVisible(bool(text.state))
        column.addWidget(self.state)
        self.setToolTip(text.tooltip)

    def height_in(self, width: int) -> int:
        """Pixels that the card needs in a row of this width."""
        metrics = QFontMetrics(self.font())
        room = QRect(0, 0, max(width - 16, 40), 1000)
        said = metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, self.state.text())
        lines = said.height() + 2 if self.text.state else 0
        return max(self.more.sizeHint().height(), 20) + 2 * (metrics.height() + 2) + lines + 12

    def resizeEvent(self, event: object) -> None:
        space = self.title.width()
        metrics = QFontMetrics(self.title.font())
        self.title.setText(metrics.elidedText(self.text.title, Qt.TextElideMode.ElideRight, max(space, 40)))

    def minimumSizeHint(self) -> QSize:
        return QSize(60, 40)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        if event is not None:
            self.menu_wanted.emit(event.globalPos())
            event.accept()
