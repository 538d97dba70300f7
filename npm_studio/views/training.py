"""The training of a window: from the request until it is over, and what it has made so far."""

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from engine.core.errors import InputError
from engine.training.state import training_folder
from npm_studio.reports.training_curves import Curves, read_log
from npm_studio.session.jobs.events import Advanced, JobEvent, Previewed, StageStarted
from npm_studio.session.jobs.job import Job, JobInfo
from npm_studio.session.jobs.training import Begin, TrainingChoice, TrainingEnd, train, train_command
from npm_studio.views.session import Session

KEEPS = "its state, from which it can go on"


class Trainings(QObject):
    """Starts trainings, one after the other; what they leave on disk is what is shown of them."""

    advanced = pyqtSignal(object)
    """There is something new in the training folder of this model: the path of the model."""
    ended = pyqtSignal(object)
    """With the path of the model."""

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._numbers: dict[Path, int] = {}

    def job_of(self, out: Path | None) -> Job | None:
        """The latest job that trains the model ``out``."""
        return None if out is None else self._session.jobs.job(self._numbers.get(out, 0))

    def is_running(self, out: Path | None) -> bool:
        job = self.job_of(out)
        return job is not None and not job.is_over

    def can_stop(self, out: Path | None) -> bool:
        """Whether it runs or waits, and nobody has asked it to stop yet."""
        job = self.job_of(out)
        return job is not None and not job.is_over and job.state != "stopping"

    def start(self, choice: TrainingChoice, begin: Begin) -> None:
        """Queue a training."""
        self._numbers[choice.out] = self._session.jobs.submit(
            "train",
            lambda progress: train(choice, begin, progress),
            finished=self._on_finished,
            failed=lambda error, traceback: self._on_failed(choice, error, traceback),
            stopped=lambda: self._end(
                choice.out, f"The training of {choice.out.stem} was stopped before it had begun."
            ),
            event=lambda event: self._on_event(choice, event),
            info=JobInfo(
                f"Train {choice.out.stem}",
                choice.out,
                keeps=KEEPS,
                can_pause=True,
                again=lambda: self.start(choice, "on"),
                command=train_command(choice, begin),
            ),
        )
        self._session.message.emit(f"Training {choice.out.stem}; it is listed under Jobs.")

    def stop(self, out: Path) -> None:
        """End the training of the model ``out`` after this step."""
        job = self.job_of(out)
        if job is not None:
            self._session.jobs.stop(job.number)

    def run(self, title: str, work: Callable[..., object], out: Path, finished: Callable[[object], None]) -> None:
        """Queue something else that trainings need, such as their data."""
        failed, stopped = self._session.failed.emit, lambda: self._session.message.emit(f"{title}: stopped.")
        self._session.jobs.submit("train", work, finished, failed, stopped, info=JobInfo(title, out, can_pause=True))

    def _on_event(self, choice: TrainingChoice, event: JobEvent) -> None:
        if isinstance(event, Previewed | StageStarted) or (isinstance(event, Advanced) and event.metrics):
            self.advanced.emit(choice.out)

    def _on_finished(self, result: object) -> None:
        assert isinstance(result, TrainingEnd)
        how = "is trained" if result.is_finished else "was stopped; its training can go on"
        self._end(result.choice.out, f"{result.choice.out.stem} {how}: {result.choice.out}")

    def _on_failed(self, choice: TrainingChoice, error: Exception, traceback: str) -> None:
        self._end(choice.out, "")
        self._session.failed.emit(error, traceback)

    def _end(self, out: Path, text: str) -> None:
        if text:
            self._session.message.emit(text)
        self.ended.emit(out)
        self._session.state_changed.emit()


def curves_of(out: Path) -> Curves:
    """Of the training of the model ``out`` so far; none where nothing has been measured yet."""
    try:
        return read_log(training_folder(out) / "log.jsonl")
    except InputError:  # not begun, or a line that is being written
        return {}
