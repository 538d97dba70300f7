"""The start buttons of a fit and a track, and where a running fit is."""

from collections.abc import Mapping, Sequence

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from npm_studio.session.jobs.stages import stage_title
from npm_studio.session.jobs.status import JobStatus, clock_text
from npm_studio.session.jobs.whole_fit import whole_fraction, whole_seconds_left
from npm_studio.views.widgets.basics import note
from npm_studio.views.widgets.fit_curve import FitCurve

_ON_THE_WAY = (
    "Mean distance of what was seen to the surface as it is now, in the median frame. It may rise a little, as a fit "
    "weighs more than this. The card of the run has the mean over all frames that are not lost"
)


class FitProgress(QWidget):
    """Buttons that start; while a fit runs, a bar with the expected end and a button that cancels."""

    def __init__(self, actions: Mapping[str, QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.start_button = QPushButton("Fit sequence")
        self.start_button.setObjectName("primary")
        self.cancel_button = QPushButton("Stop and keep")
        self.discard_button = QPushButton("Cancel")
        self.track_button = QPushButton("Track…")
        self.pause_button = QPushButton("Pause")
        actions["fit.pause"].toggled.connect(lambda paused: self.pause_button.setText("Go on" if paused else "Pause"))
        buttons = {
            "fit.start": self.start_button,
            "fit.cancel": self.cancel_button,
            "fit.discard": self.discard_button,
            "fit.pause": self.pause_button,
            "fit.track": self.track_button,
        }
        for name, button in buttons.items():
            action = actions[name]
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
        self.detail, self.waiting, self.curve = note(""), note(""), FitCurve()
        self.waiting.hide()
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
        stops = QHBoxLayout()  # above what comes and goes, so that they stay where they are
        stops.addWidget(self.cancel_button, 1)
        stops.addWidget(self.pause_button)
        stops.addWidget(self.discard_button)
        column.addLayout(stops)
        column.addWidget(self.curve)
        column.addWidget(self.detail)
        column.addWidget(self.waiting)
        self.name = ""
        """Of the recording that is fitted."""
        self._reached = 0.0
        """Of the whole fit, 0 to 1: the bar never goes back."""
        self.is_running = False
        self._show_running(False)

    def explain(self, text: str, lacking: str = "") -> None:
        """Say what the button would do, unless there is an outcome to read; or why it cannot, whatever there is."""
        if lacking:
            self.forget_outcome()
        if not self.detail.property("outcome"):
            self.detail.setText(lacking or text)

    def forget_outcome(self) -> None:
        """Another recording is on show: how the last fit ended is no longer of interest."""
        self.detail.setProperty("outcome", False)

    def offer_another(self, offered: bool) -> None:
        """Whether a fit of what is on show can be queued while another one runs."""
        if self.is_running:
            self.start_button.setText("Queue fit")
            self.start_button.setVisible(offered)

    def show_waiting(self, names: Sequence[str]) -> None:
        """Say which recordings wait to be fitted."""
        self.waiting.setText(f"Then: {', '.join(names)}")
        self.waiting.setVisible(bool(names))

    def begin(self, name: str) -> None:
        """The fit of the recording called ``name`` begins."""
        self.name, self._reached = name, 0.0
        self.curve.show_curve((), None)
        self.detail.setProperty("outcome", False)
        self._show_running(True)
        self.stage.setText("Starting")
        self.eta.setText("")
        self.detail.setText("")
        self.bar.setRange(0, 0)

    def show_status(self, status: JobStatus) -> None:
        name = stage_title(status.stage)
        known = status.total > 1
        self._reached = max(self._reached, whole_fraction(status) or 0.0)
        self.bar.setRange(0, 1000 if self._reached > 0 else 0)
        self.bar.setValue(round(1000 * self._reached))
        self.stage.setText(f"{name} {status.done} / {status.total}" if known else name)
        self.stage.setToolTip(self.name)
        left = whole_seconds_left(status)
        self.eta.setText("" if left is None or not known else f"{clock_text(left)} left")
        apart = status.metrics.get("distance_mm")
        said = status.message if apart is None else f"{apart:.1f} mm so far"
        self.detail.setToolTip("" if apart is None else _ON_THE_WAY)
        self.detail.setText(" · ".join(filter(None, (self.name, said))))

    def show_paused(self) -> None:
        self.stage.setText("Paused after this step")
        self.eta.setText("")

    def show_stopping(self) -> None:
        self.stage.setText("Stopping after this step")
        self.eta.setText("")

    def end(self, outcome: str) -> None:
        self._show_running(False)
        self.detail.setText(outcome)
        self.detail.setToolTip("")
        self.detail.setProperty("outcome", True)

    def _show_running(self, running: bool) -> None:
        self.is_running = running
        self.start_button.setText("Fit sequence")
        for button in (self.start_button, self.track_button):
            button.setVisible(not running)
        for widget in (self.stage, self.eta, self.bar, self.cancel_button, self.pause_button, self.discard_button):
            widget.setVisible(running)
        if not running:
            self.curve.hide()
