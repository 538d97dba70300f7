"""The fit of a window: from the request until it is over."""

from collections.abc import Mapping
from dataclasses import replace
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
from npm_studio.session.jobs.events import JobEvent, Previewed
from npm_studio.session.jobs.fitting import fit_work, new_run_folder
from npm_studio.session.jobs.job import JobInfo
from npm_studio.session.jobs.status import JobStatus
from npm_studio.views.session import Session
from npm_studio.views.widgets.progress import FitProgress


class Fitting(QObject):
    """One fit at a time, what it has so far, and its progress."""

    previewed = pyqtSignal(bool)
    """There is a new `preview`; whether it is the first one of the fit."""
    ended = pyqtSignal(object)
    """With the `engine.methods.run.Run`, or None when there is nothing to keep."""

    def __init__(self, session: Session, actions: Mapping[str, QAction], parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self.progress = FitProgress(
            actions["fit.start"], actions["fit.cancel"], actions["fit.pause"], actions["fit.track"]
        )
        self.status = JobStatus()
        self.observation: Observation | None = None
        """What is fitted, or was last."""
        self.preview: MeshSequence | None = None
        self._similarity = Similarity()
        self._is_paused = False
        self._register(session.commands)

    def start(self, request: FitRequest, observation: Observation) -> None:
        """Fit to ``observation``, in the background."""
        if request.model is not None:
            self._similarity = request.model.model.info.similarity
        self.status, self.preview, self.observation, self._is_paused = JobStatus(), None, observation, False
        self._session.jobs.submit(
            "fit",
            fit_work(request),
            finished=self._on_finished,
            failed=self._on_failed,
            stopped=self._on_stopped,
            event=self._on_event,
            info=JobInfo(
                f"Fit {observation.sequence.name}",
                request.out,
                keeps="the best so far",
                can_pause=True,
                again=partial(self._again, request, observation),
            ),
        )
        self.progress.begin()

    def _again(self, request: FitRequest, observation: Observation) -> None:
        """Fit once more in the same way, into a new run."""
        if self._session.is_fitting:
            self._session.message.emit("A fit is running; run this one again when it is done.")
            return
        out = new_run_folder(observation.sequence.root, self._session.document.folder)
        self.start(replace(request, out=out), observation)

    def cancel(self) -> None:
        """Stop the fit; what it has is kept."""
        self._is_paused = False
        self._session.jobs.cancel("fit")
        self.progress.show_stopping()

    def set_paused(self, paused: bool) -> None:
        """Hold the fit after this step, or let it go on."""
        self._is_paused = paused
        self._session.jobs.pause("fit", paused)
        if paused:
            self.progress.show_paused()
        else:
            self.progress.show_status(self.status)

    def _on_event(self, event: JobEvent) -> None:
        self.status.update(event)
        if isinstance(event, Previewed) and self.observation is not None:
            is_first = self.preview is None
            self.preview = mesh_sequence_of_preview(event.payload, self.observation.sequence, self._similarity)
            self.previewed.emit(is_first)
        if not self._is_paused:
            self.progress.show_status(self.status)

    def _on_finished(self, result: object) -> None:
        assert isinstance(result, Run)
        words = "stopped, the best so far is kept" if result.interrupted else "finished"
        verdict = "" if result.verdict is None else f" Verdict: {result.verdict}."
        self._session.message.emit(f"Fit {words}: {result.folder}")
        self._end(f"Fit {words} after {result.seconds:.0f} s.{verdict}", result)

    def _on_failed(self, error: Exception, traceback: str) -> None:
        self._end("The fit failed.")
        self._session.failed.emit(error, traceback)

    def _on_stopped(self) -> None:
        self._end("Fit cancelled before there was anything to keep.")

    def _end(self, outcome: str, run: Run | None = None) -> None:
        self.preview, self._is_paused = None, False
        self.progress.end(outcome)
        self.ended.emit(run)

    def _register(self, commands: Commands) -> None:
        commands.handle("fit.cancel", self.cancel)
        commands.handle("fit.pause", self.set_paused)
        commands.provide("fit_paused", lambda: self._is_paused)
        commands.provide("is_fitting", lambda: self._session.is_fitting)
