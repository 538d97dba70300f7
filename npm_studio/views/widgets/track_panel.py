"""A running track in figures, and what can be done with it."""

from collections.abc import Mapping

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from npm_studio.session.jobs.tracking import TrackView
from npm_studio.views.widgets.badge import Badge
from npm_studio.views.widgets.basics import Section, note

_FIGURES = ("Frame", "Confidence", "Latency", "Rate", "Dropped", "Lost")
_NOTES = 4


class TrackPanel(Section):
    """What is tracked and how it goes; buttons for a running track, and others for one that has ended."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__("Track", parent=parent)
        self.state, self.badge = QLabel(), Badge()
        top = QHBoxLayout()
        top.addWidget(self.state, 1)
        top.addWidget(self.badge)
        grid = QGridLayout()
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(3)
        self.figures: dict[str, QLabel] = {}
        for place, title in enumerate(_FIGURES):
            label, figure = QLabel(title), QLabel("–")
            label.setObjectName("muted")
            row, column = place // 2, 2 * (place % 2)
            grid.addWidget(label, row, column)
            grid.addWidget(figure, row, column + 1)
            grid.setColumnStretch(column + 1, 1)
            self.figures[title] = figure
        self.notes = note("")
        self._said: list[str] = []
        self.pause = _button("Pause", actions["fit.track_pause"])
        self.reset = _button("Reset", actions["fit.track_reset"])
        self.stop = _button("Stop", actions["fit.track_stop"])
        self.keep = _button("Keep as a run", actions["fit.track_keep"])
        self.keep.setObjectName("primary")
        self.discard = _button("Discard", actions["fit.track_discard"])
        running, ended = QHBoxLayout(), QHBoxLayout()
        for button in (self.pause, self.reset, self.stop):
            running.addWidget(button, 1)
        ended.addWidget(self.keep, 1)
        ended.addWidget(self.discard)
        self.body.addLayout(top)
        self.body.addLayout(grid)
        self.body.addWidget(self.notes)
        self.body.addLayout(running)
        self.body.addLayout(ended)
        self.hide()

    def begin(self, name: str) -> None:
        """Of a track that has just been started."""
        self.state.setText(f"Opening {name}")
        self.badge.set_state("", "good")
        self._said = []
        self.notes.setText("")
        self.notes.hide()
        for figure in self.figures.values():
            figure.setText("–")
        self._show_buttons(running=True)
        self.show()

    def say(self, text: str) -> None:
        """A line about this track; the last few stay."""
        self._said = [*self._said, text][-_NOTES:]
        self.notes.setText("\n".join(self._said))
        self.notes.show()

    def show_paused(self, paused: bool) -> None:
        self.pause.setText("Go on" if paused else "Pause")
        self.badge.set_state("Paused" if paused else "", "warn")

    def show_view(self, name: str, view: TrackView, paused: bool) -> None:
        """Figures of the newest frame."""
        tracked = view.tracked
        self.state.setText(f"Tracking {name}")
        if not paused:
            self.badge.set_state("Lost" if tracked.lost else "Seen", "bad" if tracked.lost else "good")
        values = (
            tracked.name,
            f"{tracked.confidence:.2f}",
            f"{1e3 * tracked.latency_s:.0f} ms",
            "–" if view.rate is None else f"{view.rate:.1f} per s",
            str(view.dropped),
            f"{view.lost} of {view.frames}",
        )
        for title, value in zip(_FIGURES, values, strict=True):
            self.figures[title].setText(value)

    def end(self, text: str, can_be_kept: bool) -> None:
        """The track is over: ``text`` says how; it waits to be kept or discarded."""
        self.state.setText(text)
        self.badge.set_state("", "good")
        self._show_buttons(running=False)
        self.keep.setVisible(can_be_kept)

    def show_busy(self, text: str) -> None:
        """Its run is being written."""
        self.state.setText(text)

    def _show_buttons(self, running: bool) -> None:
        self.show_paused(False)
        for button in (self.pause, self.reset, self.stop):
            button.setVisible(running)
        for button in (self.keep, self.discard):
            button.setVisible(not running)


def _button(text: str, action: QAction) -> QPushButton:
    button = QPushButton(text)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.clicked.connect(action.trigger)
    button.setToolTip(action.toolTip())
    action.enabledChanged.connect(button.setEnabled)
    button.setEnabled(action.isEnabled())
    return button
