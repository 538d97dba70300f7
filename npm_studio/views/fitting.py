"""The fits of a window: from the request until each is over, one after the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtGui import QAction

from engine.geometry.similarity import Similarity
from engine.methods.request import FitRequest
from engine.methods.run import Run
from engine.sequences.mesh_sequence import MeshSequence
from npm_studio.session.commands.registry import Commands
from npm_studio.session.document.observation import Observation
from npm_studio.session.document.results import mesh_sequence_of_preview
from npm_studio.session.jobs.events import Advanced, JobEvent, Previewed
from npm_studio.session.jobs.fitting import fit_work, new_run_folder
from npm_studio.session.jobs.job import JobInfo
from npm_studio.session.jobs.status import JobStatus, taken_text
from npm_studio.views.session import Session
from npm_studio.views.widgets.progress import FitProgress


@dataclass(eq=False)
class OneFit:
    """A fit that runs or waits, and what it has so far."""

    request: FitRequest
    observation: Observation
    """What is fitted."""
    status: JobStatus = field(default_factory=JobStatus)
    preview: MeshSequence | None = None
    distances_mm: list[tuple[int, float]] = field(default_factory=list)
    """Steps that were told, and how far the surface lay from what was seen."""
    is_discarded: bool = False

    @property
    def name(self) -> str:
        return self.observation.sequence.name

    def take(self, event: JobEvent) -> None:
        """Something was told of it."""
        self.status.update(event)
        if isinstance(event, Advanced) and "distance_mm" in event.metrics:
            self.distances_mm.append((event.done, event.metrics["distance_mm"]))
        if isinstance(event, Previewed):
            model, refit = self.request.model, self.request.refit
            similarity = Similarity() if model is None else model.model.info.similarity
            rows = None if refit is None else refit.looked_at
            self.preview = mesh_sequence_of_preview(event.payload, self.request.sequence, similarity, rows)


class Fitting(QObject):
    """The fit that runs, those that wait, and the progress of the first."""

    began = pyqtSignal()
    """The first fit, or one that waited, is the `current` one now."""
    queued = pyqtSignal()
    """There is one more fit."""
    previewed = pyqtSignal(bool)
    """There is a new `preview`; whether it is the first one of the fit."""
    ended = pyqtSignal(object, object)
    """With the `engine.methods.run.Run`, or None when there is nothing to keep, and the `Observation` of it."""

    def __init__(self, session: Session, actions: Mapping[str, QAction], parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self.progress = FitProgress(actions)
        self._fits: dict[int, OneFit] = {}
        self._is_paused = False
        session.jobs.changed.connect(self._on_jobs)
        self._register(session.commands)

    @property
    def current(self) -> OneFit | None:
        """The fit that runs, or is about to."""
        return next(iter(self._fits.values()), None)

    @property
    def status(self) -> JobStatus:
        return JobStatus() if self.current is None else self.current.status

    @property
    def observation(self) -> Observation | None:
        """What is fitted."""
        return None if self.current is None else self.current.observation

    @property
    def preview(self) -> MeshSequence | None:
        return None if self.current is None else self.current.preview

    def is_wanted_of(self, observation: Observation | None) -> bool:
        """Whether a fit of ``observation`` runs or waits."""
        return any(fit.observation is observation for fit in self._fits.values())

    def start(self, request: FitRequest, observation: Observation) -> None:
        """Fit to ``observation``, in the background, once the fits before it are done."""
        fit, title = OneFit(request, observation), "Fit" if request.refit is None else "Refit"
        number = self._session.jobs.submit(
            "fit",
            fit_work(request),
            finished=lambda result: self._on_finished(number, result),
            failed=lambda error, traceback: self._on_failed(number, error, traceback),
            stopped=lambda: self._on_stopped(number),
            event=lambda event: self._on_event(number, event),
            info=JobInfo(
                f"{title} {fit.name}",
                request.out,
                keeps="the best so far",
                can_pause=True,
                again=partial(self._again, request, observation),
            ),
        )
        self._fits[number] = fit
        if len(self._fits) == 1:
            self._begin()
            self._session.message.emit(f"Fitting {fit.name}…")
        else:
            before = len(self._fits) - 1
            others = "the one before it" if before == 1 else f"the {before} before it"
            self._session.message.emit(f"The fit of {fit.name} waits for {others}.")
        self.progress.show_waiting([waiting.name for waiting in list(self._fits.values())[1:]])
        self.queued.emit()
        self._session.state_changed.emit()

    def _again(self, request: FitRequest, observation: Observation) -> None:
        """Fit once more in the same way, into a new run."""
        out = new_run_folder(observation.sequence.root, self._session.document.folder)
        self.start(replace(request, out=out), observation)

    def stop(self, discard: bool) -> None:
        """Stop the fit that runs; those that wait go on. What it has is kept, or discarded."""
        number = next(iter(self._fits), None)
        if number is not None:
            self._is_paused = False
            self._fits[number].is_discarded = discard
            self._session.jobs.stop(number, discard)
            self.progress.show_stopping()

    def set_paused(self, paused: bool) -> None:
        """Hold the fit after this step, or let it go on."""
        self._session.jobs.pause("fit", paused)

    def _on_jobs(self) -> None:
        """It may have been held or stopped in the sheet of jobs, too."""
        job = self._session.jobs.job(next(iter(self._fits), 0))
        if job is not None and job.state == "stopping":
            self.progress.show_stopping()
        is_paused = job is not None and job.state == "paused"
        if is_paused == self._is_paused:
            return
        self._is_paused = is_paused
        if is_paused:
            self.progress.show_paused()
        else:
            self._show_status()
        self._session.state_changed.emit()

    def _show_status(self) -> None:
        if self.current is not None:
            self.progress.show_status(self.current.status)
            self.progress.curve.show_curve(self.current.distances_mm, self.current.request.steps)

    def _begin(self) -> None:
        self._is_paused = False
        assert self.current is not None
        self.progress.begin(self.current.name)
        self.began.emit()

    def _on_event(self, number: int, event: JobEvent) -> None:
        fit = self._fits[number]
        is_first = fit.preview is None
        fit.take(event)
        if fit is not self.current:
            return
        if isinstance(event, Previewed):
            self.previewed.emit(is_first)
        if not self._is_paused:
            self._show_status()

    def _on_finished(self, number: int, result: object) -> None:
        assert isinstance(result, Run)
        words = "stopped, the best so far is kept" if result.interrupted else "finished"
        verdict = "" if result.verdict is None else f" Verdict: {result.verdict}."
        name = self._fits[number].name
        said = words if result.verdict is None else f"{words}, {result.verdict}"
        self._session.message.emit(f"Fit of {name} {said}: {result.folder}")
        self._end(number, f"Fit {words} after {taken_text(result.seconds)}.{verdict}", result)

    def _on_failed(self, number: int, error: Exception, traceback: str) -> None:
        self._end(number, "The fit failed.")
        self._session.failed.emit(error, traceback)

    def _on_stopped(self, number: int) -> None:
        wanted = self._fits[number].is_discarded
        self._end(number, "Fit cancelled." if wanted else "Fit cancelled before there was anything to keep.")

    def _end(self, number: int, outcome: str, run: Run | None = None) -> None:
        fit = self._fits.pop(number)
        self._is_paused = False
        if self.current is None:
            self.progress.end(outcome)
        else:
            self._begin()
        if run is None:
            self._session.message.emit(outcome)
        self.progress.show_waiting([waiting.name for waiting in list(self._fits.values())[1:]])
        self.ended.emit(run, fit.observation)
        self._session.state_changed.emit()

    def _register(self, commands: Commands) -> None:
        commands.handle("fit.cancel", partial(self.stop, False))
        commands.handle("fit.discard", partial(self.stop, True))
        commands.handle("fit.pause", self.set_paused)
        commands.provide("fit_paused", lambda: self._is_paused)
        commands.provide("is_fitting", lambda: self._session.is_fitting)
