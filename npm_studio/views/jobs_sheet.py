"""The sheet over the lower right corner of the window that lists what runs in the background, whatever is on show."""

import time

from PyQt6.QtCore import QEvent, QObject, Qt, QTimer
from PyQt6.QtGui import QAction, QKeyEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QMainWindow, QPushButton, QScrollArea, QVBoxLayout, QWidget

from npm_studio.session.jobs.job import Job
from npm_studio.views.session import Session
from npm_studio.views.widgets.basics import heading, note
from npm_studio.views.widgets.job_card import JobCard

_WIDTH, _EMPTY_HEIGHT, _MARGIN = 460, 120, 10
_HIGHEST = 0.72
"""Of the window."""
_EVERY_MS = 1000
"""Between two looks at times and memory."""


class JobsSheet(QFrame):
    """A card for each listed job; shown by `button`, which stands in the status bar.

    What runs is at the top, then what waits, in the order in which it begins, and then what is over, the newest first.
    """

    def __init__(self, session: Session, action: QAction, window: QMainWindow) -> None:
        """
        Args:
            action: that shows and hides it
        """
        super().__init__(window)
        self._session, self._window, self._action = session, window, action
        self.setObjectName("sheet")
        self.setAccessibleName("Jobs")
        self.cards: dict[int, JobCard] = {}
        self._order: list[int] = []
        self.clear_button = QPushButton("Clear")
        self.clear_button.setObjectName("small")
        self.clear_button.setToolTip("Take all jobs that are over off the list; what they made stays")
        close = QPushButton("Hide")
        close.setObjectName("small")
        for button, act in ((self.clear_button, self.clear), (close, self.hide_sheet)):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(act)
        top = QHBoxLayout()
        top.addWidget(heading("Jobs"), 1)
        top.addWidget(self.clear_button)
        top.addWidget(close)
        self._empty = note("Fits, trainings and exports are listed here while they run, and until the window closes.")
        content = QWidget()
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self._column.addStretch(1)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidgetResizable(True)
        area.setWidget(content)
        self._content, self._area = content, area
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 12)
        column.addLayout(top)
        column.addWidget(self._empty)
        column.addWidget(area, 1)
        self.button = QPushButton("Jobs")
        self.button.setObjectName("quiet")
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.button.setToolTip(action.toolTip())
        self.button.clicked.connect(action.trigger)
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._look)
        session.jobs.changed.connect(self._fill)
        session.jobs.advanced.connect(self._on_job)
        session.commands.handle("view.jobs", self.set_shown)
        session.commands.provide("jobs_shown", self.isVisible)
        window.installEventFilter(self)
        self.hide()
        self._fill()

    def set_shown(self, shown: bool) -> None:
        self.setVisible(shown)
        if shown:
            self._fill()
            self._place()
            self.raise_()
            self._timer.start()
            self.clear_button.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self._timer.stop()
        self._session.state_changed.emit()

    def hide_sheet(self) -> None:
        self.set_shown(False)

    def clear(self) -> None:
        """Take all jobs that are over off the list."""
        for job in self._session.jobs.jobs:
            self._session.jobs.forget(job.number)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.hide_sheet()
        else:
            super().keyPressEvent(event)

    def _fill(self) -> None:
        listed = {job.number: job for job in self._session.jobs.jobs}
        for number in [number for number in self.cards if number not in listed]:
            card = self.cards.pop(number)
            card.hide()
            card.deleteLater()
        for number, job in listed.items():
            if number not in self.cards:
                self.cards[number] = JobCard(job, self._session.jobs)
                self.cards[number].grown.connect(self._place_soon)
        over = [number for number, job in listed.items() if job.is_over]
        order = [*(number for number in listed if number not in over), *reversed(over)]
        if order != self._order:
            self._order = order
            for place, number in enumerate(order):
                self._column.insertWidget(place, self.cards[number])
        self._look()
        unfinished = sum(not job.is_over for job in listed.values())
        self.button.setText(f"Jobs ({unfinished})" if unfinished else "Jobs")
        self.button.setAccessibleName(f"Jobs: {unfinished} run or wait" if unfinished else "Jobs: none runs")
        self._empty.setVisible(not listed)
        self.clear_button.setEnabled(bool(over))
        if self.isVisible():
            self._place_soon()

    def _on_job(self, job: Job) -> None:
        if self.isVisible() and job.number in self.cards:
            self.cards[job.number].show_job(job, time.time())

    def _look(self) -> None:
        now = time.time()
        for job in self._session.jobs.jobs:
            if job.number in self.cards:
                self.cards[job.number].show_job(job, now)

    def _place_soon(self) -> None:
        QTimer.singleShot(0, self._place)  # once the cards have been laid out

    def _place(self) -> None:
        """Above the status bar, as high as its cards, at most as high as most of the window."""
        bar = self._window.statusBar()
        bottom = self._window.height() - (0 if bar is None else bar.height()) - _MARGIN
        width = min(_WIDTH, self._window.width() - 2 * _MARGIN)
        wanted = self._content.sizeHint().height() + 62 if self.cards else _EMPTY_HEIGHT
        height = min(wanted, round(_HIGHEST * self._window.height()))
        self.setGeometry(self._window.width() - width - _MARGIN, bottom - height, width, height)
