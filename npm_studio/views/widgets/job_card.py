"""One background job: how it goes, and what one can do with it."""

from collections.abc import Callable
from functools import partial

from PyQt6.QtCore import Qt, QUrl, pyqtSignal
from PyQt6.QtGui import QDesktopServices, QGuiApplication
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPlainTextEdit, QProgressBar, QPushButton, QWidget

from npm_studio.session.jobs.board import JobBoard
from npm_studio.session.jobs.job import Job
from npm_studio.session.jobs.stages import stage_title
from npm_studio.session.jobs.status import clock_text, taken_text
from npm_studio.session.memory import resident_bytes
from npm_studio.views.widgets.badge import Badge, Tone
from npm_studio.views.widgets.basics import CardFrame, ElidedLabel, heading, note

_LOG_HEIGHT = 110
_WORDS: dict[str, tuple[str, Tone]] = {
    "waiting": ("Waiting", "warn"),
    "running": ("Running", "good"),
    "paused": ("Paused", "warn"),
    "stopping": ("Stopping", "warn"),
    "done": ("Done", "good"),
    "failed": ("Failed", "bad"),
    "stopped": ("Stopped", "warn"),
}


class JobCard(CardFrame):
    """Follows one job of a board, from the queue until it is taken off the list."""

    grown = pyqtSignal()
    """It wants another height."""

    def __init__(self, job: Job, board: JobBoard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._board, self.job = board, job
        self.setAccessibleName(job.info.title)
        self.title = ElidedLabel(job.info.title)
        self.title.setObjectName("")  # not secondary
        self.title.setFont(heading("").font())
        self.title.setToolTip(job.info.title)
        self.badge = Badge()
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self.badge)
        self.remove = self._button("×", "Take it off this list; what it made stays", self._remove)
        self.remove.setAccessibleName(f"Remove: {job.info.title}")
        top.addWidget(self.remove)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(f"Progress of {job.info.title}")
        self.stage, self.time, self.detail = ElidedLabel(), QLabel(), note("")
        self.time.setObjectName("muted")
        line = QHBoxLayout()
        line.addWidget(self.stage, 1)
        line.addWidget(self.time)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setFixedHeight(_LOG_HEIGHT)
        self.log.setAccessibleName(f"Log of {job.info.title}")
        self.log.hide()
        self._lines: tuple[str, ...] = ()
        self.pause = self._button("Pause", "Hold it after this step; it goes on where it was", self._pause)
        self.stop = self._button("Stop", "", self._stop)
        self.again = self._button("Run again", "Do the same once more", self._again)
        self.reveal = self._button("Show result", "Open the folder that it made in the file manager", self._reveal)
        self.show_log = self._button("Log", "Show what it has said so far", self._toggle_log)
        self.show_log.setCheckable(True)
        self.copy = self._button("Copy command", "Copy the command line that does the same in a terminal", self._copy)
        buttons = QHBoxLayout()
        buttons.setSpacing(5)
        for button in (self.pause, self.stop, self.again, self.reveal, self.show_log, self.copy):
            buttons.addWidget(button)
        buttons.addStretch(1)
        for layout in (top, line):
            self.body.addLayout(layout)
        self.body.insertWidget(1, self.bar)
        self.body.addWidget(self.detail)
        self.body.addWidget(self.log)
        self.body.addSpacing(3)
        self.body.addLayout(buttons)
        self.setCursor(Qt.CursorShape.ArrowCursor)

    def show_job(self, job: Job, now: float) -> None:
        """Follow what has become of it; ``now`` in seconds since the epoch."""
        self.job = job
        self.badge.set_state(*_WORDS[job.state])
        self._show_progress(job, now)
        self.detail.setText(_detail(job))
        self.detail.setVisible(bool(self.detail.text()))
        self._show_log(job)
        self.pause.setVisible(job.info.can_pause and job.state in ("running", "paused"))
        self.pause.setText("Go on" if job.state == "paused" else "Pause")
        self.stop.setVisible(not job.is_over)
        self.stop.setEnabled(job.state != "stopping")
        keeps = job.info.keeps
        waits = job.state == "waiting"
        self.stop.setText("Drop" if waits else "Stop and keep" if keeps else "Stop")
        what_stays = f"End it, and keep {keeps}" if keeps else "End it; it leaves nothing behind"
        self.stop.setToolTip("Take it out of the queue" if waits else what_stays)
        self.again.setVisible(job.is_over and job.info.again is not None)
        goes_on = job.lane == "train" and job.state != "done" and bool(keeps)
        out = job.info.out
        is_again = any(out is not None and other.info.out == out for other in self._board.unfinished)
        self.again.setEnabled(not is_again)
        self.again.setText("Runs again" if is_again else "Go on" if goes_on else "Run again")
        tip = "Go on from where it was" if goes_on else "Do the same once more"
        self.again.setToolTip("It runs or waits above; stop it there first" if is_again else tip)
        self.reveal.setVisible(job.is_over and job.info.out is not None and job.info.out.exists())
        self.show_log.setVisible(bool(job.log))
        self.copy.setVisible(bool(job.info.command))
        self.remove.setVisible(job.is_over)

    def _show_progress(self, job: Job, now: float) -> None:
        self.bar.setVisible(not job.is_over and job.state != "waiting")
        fraction = job.fraction
        self.bar.setRange(0, 0 if fraction is None and job.state == "running" else 1000)
        self.bar.setValue(round(1000 * (fraction or 0.0)))
        counted = f" {job.done:,} / {job.total:,}" if fraction is not None else ""
        stage = f"{stage_title(job.stage)}{counted}"
        self.stage.setText("" if job.is_over else stage or ("Waits for its turn" if job.state == "waiting" else ""))
        self.stage.setToolTip(self.stage.text())
        left, taken = job.seconds_left(now), job.seconds(now)
        if job.is_over:
            self.time.setText("" if taken is None else f"took {taken_text(taken)}")
        else:
            self.time.setText("" if left is None else f"{clock_text(left)} left")

    def _show_log(self, job: Job) -> None:
        if job.log == self._lines or not self.log.isVisibleTo(self):
            return
        grown = job.log[: len(self._lines)] == self._lines
        if grown and self._lines:
            self.log.appendPlainText("\n".join(job.log[len(self._lines) :]))
        else:
            self.log.setPlainText("\n".join(job.log))
        self._lines = job.log
        bar = self.log.verticalScrollBar()
        if bar is not None:
            bar.setValue(bar.maximum())

    def _button(self, text: str, tip: str, act: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName("small")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setToolTip(tip)
        button.setAccessibleName(f"{text}: {self.job.info.title}")
        button.clicked.connect(partial(_call, act))
        button.hide()
        return button

    def _pause(self) -> None:
        self._board.pause(self.job.lane, self.job.state == "running")

    def _stop(self) -> None:
        self._board.stop(self.job.number)

    def _again(self) -> None:
        if self.job.info.again is not None:
            self.job.info.again()

    def _reveal(self) -> None:
        out = self.job.info.out
        if out is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(out if out.is_dir() else out.parent)))

    def _toggle_log(self) -> None:
        self.log.setVisible(self.show_log.isChecked())
        self._show_log(self.job)
        self.grown.emit()

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.job.info.command)

    def _remove(self) -> None:
        self._board.forget(self.job.number)


def _call(act: Callable[[], object], _: bool) -> None:
    act()


def _detail(job: Job) -> str:
    """Figures, and the memory of its process; or why it has failed."""
    if job.state == "failed" and job.log:
        return job.log[-1]
    memory = None if job.process is None else resident_bytes(job.process)
    process = [] if memory is None else [f"{memory / 1e6:,.0f} MB in process {job.process}"]
    return " · ".join([*(_figure(name, value) for name, value in job.metrics.items()), *process])


def _figure(name: str, value: float) -> str:
    said = name.removesuffix("_mm").replace("_", " ")
    return f"{said} {value:.1f} mm" if name.endswith("_mm") else f"{said} {value:.3g}"
