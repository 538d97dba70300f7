"""The lowest line of the window: what has just happened, how good the mesh on show is, and what the machine does."""

import logging

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QFontMetrics
from PyQt6.QtWidgets import QLabel, QPushButton, QStatusBar

from npm_studio.session.memory import machine_use
from npm_studio.views.session import Session
from npm_studio.views.widgets.badge import Badge, Tone

_STAYS_MS = 12_000
"""After which what was said is gone; what ends in dots goes on, and stays until something else is said."""
_LOOK_MS = 2000
_log = logging.getLogger(__name__)


class StatusLine:
    """Of one window."""

    def __init__(self, bar: QStatusBar, session: Session) -> None:
        self._bar, self._session = bar, session
        self.quality, self.badge, self.machine = QLabel(), Badge(), QLabel()
        self._dot = QLabel("·")
        """Between two texts without a badge."""
        self.machine.setToolTip(
            "What computes the meshes; of a GPU, how much of its memory all programs take; memory of this program"
        )
        bar.setSizeGripEnabled(False)
        bar.setContentsMargins(10, 0, 10, 0)
        for label in (self.quality, self._dot, self.machine):
            label.setObjectName("muted")
        for widget in (self.quality, self.badge, self._dot, self.machine):
            bar.addPermanentWidget(widget)
        self._dot.hide()
        session.message.connect(self.say)
        session.document.model_changed.connect(self._look)
        self._timer = QTimer(bar)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()
        self._look()

    def say(self, text: str) -> None:
        if text:
            _log.info("%s", text)
        self._bar.showMessage(self._shortened(text), 0 if text.endswith("…") else _STAYS_MS)
        self._bar.setToolTip(text)

    def _shortened(self, text: str) -> str:
        """As much of ``text`` as there is room for, with dots in the middle: of a path both ends say something."""
        others = (self.quality, self.badge, self.machine)
        taken = sum(one.sizeHint().width() + 12 for one in others if not one.isHidden())
        buttons = sum(one.sizeHint().width() + 12 for one in self._bar.findChildren(QPushButton) if one.isVisible())
        room = self._bar.width() - taken - buttons - 40
        return QFontMetrics(self._bar.font()).elidedText(text, Qt.TextElideMode.ElideMiddle, max(room, 200))

    def show_quality(self, badge: str, tone: Tone, detail: str) -> None:
        """How good the mesh on show is, in a word and in numbers."""
        self.badge.set_state(badge, tone)
        self.quality.setText(detail)
        self._dot.setVisible(bool(detail) and not badge)

    def _look(self) -> None:
        model = self._session.document.model
        self.machine.setText(machine_use(None if model is None else model.device).in_words())
