"""The start buttons of a fit and a track, and where a running fit is."""

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from npm_studio.session.jobs.status import JobStatus, clock_text
from npm_studio.views.widgets.basics import note

_STAGES = {
    "read depth": "Reading depth images",
    "search": "Searching first poses",
    "fit": "Fitting",
    "mesh": "Making meshes",
    "measure": "Measuring distances",
}


class FitProgress(QWidget):
    """Buttons that start; while a fit runs, a bar with the expected end and a button that cancels."""

    def __init__(
        self, start: QAction, cancel: QAction, pause: QAction, track: QAction, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.start_button = QPushButton("Fit sequence")
        self.start_button.setObjectName("primary")
        self.cancel_button = QPushButton("Cancel and keep best")
        self.track_button = QPushButton("Track…")
        self.pause_button = QPushButton("Pause")
        pause.toggled.connect(lambda paused: self.pause_button.setText("Go on" if paused else "Pause"))
        buttons = self.start_button, self.cancel_button, self.pause_button, self.track_button
        for button, action in zip(buttons, (start, cancel, pause, track), strict=True):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(action.trigger)
            button.setToolTip(action.toolTip())
            action.enabledChanged.connect(button.setEnabled)
            button.setEnabled(action.isEnabled())
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.stage, self.eta = QLabel(), QLabel()
        self.eta.setObjectName("muted")
        self.detail = note("")
        labels = QHBoxLayout()
        labels.addWidget(self.stage)
        labels.addStretch(1)
        labels.addWidget(self.eta)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(7)
        starts = QHBoxLayout()
        starts.addWidget(self.start_button, 1)
        starts.addWidget(self.track_button)
        column.addLayout(starts)
        column.addLayout(labels)
        column.addWidget(self.bar)
        column.addWidget(self.detail)
        stops = QHBoxLayout()
        stops.addWidget(self.cancel_button, 1)
        stops.addWidget(self.pause_button)
        column.addLayout(stops)
        self._show_running(False)

    def explain(self, text: str) -> None:
        """Say what the button would do, or why it cannot, unless there is an outcome to read."""
        if not self.detail.property("outcome"):
            self.detail.setText(text)

    def forget_outcome(self) -> None:
        """Another recording is on show: how the last fit ended is no longer of interest."""
        self.detail.setProperty("outcome", False)

    def begin(self) -> None:
        self.detail.setProperty("outcome", False)
        self._show_running(True)
        self.stage.setText("Starting")
        self.eta.setText("")
        self.detail.setText("")
        self.bar.setRange(0, 0)

    def show_status(self, status: JobStatus) -> None:
        name = _STAGES.get(status.stage, status.stage.capitalize())
        known = status.total > 1
        self.bar.setRange(0, 1000 if known else 0)
        self.bar.setValue(round(1000 * status.fraction))
        self.stage.setText(f"{name} {status.done} / {status.total}" if known else name)
        left = status.seconds_left
        self.eta.setText("" if left is None or not known else f"{clock_text(left)} left")
        apart = status.metrics.get("distance_mm")
        self.detail.setText(status.message if apart is None else f"{apart:.1f} mm from what was seen")

    def show_paused(self) -> None:
        self.stage.setText("Paused after this step")
        self.eta.setText("")

    def show_stopping(self) -> None:
        self.stage.setText("Stopping after this step")
        self.eta.setText("")

    def end(self, outcome: str) -> None:
        self._show_running(False)
        self.detail.setText(outcome)
        self.detail.setProperty("outcome", True)

    def _show_running(self, running: bool) -> None:
        for button in (self.start_button, self.track_button):
            button.setVisible(not running)
        for widget in (self.stage, self.eta, self.bar, self.cancel_button, self.pause_button):
            widget.setVisible(running)
