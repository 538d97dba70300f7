"""The track of a window: from the question what to track until it is kept or discarded."""

from collections.abc import Callable, Mapping

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QWidget

from engine.core.errors import InputError
from engine.methods.method import LoadedModel
from engine.methods.run import Run
from npm_studio.session.commands.registry import Commands
from npm_studio.session.document.observation import Observation
from npm_studio.session.jobs.events import Advanced, JobEvent, Message, Previewed, StageStarted
from npm_studio.session.jobs.job import JobInfo
from npm_studio.session.jobs.status import JobStatus
from npm_studio.session.jobs.tracking import Track, Trackable, TrackView
from npm_studio.views.session import Session
from npm_studio.views.track_dialog import TrackDialog
from npm_studio.views.widgets.track_panel import TrackPanel


class Tracking(QObject):
    """One track at a time. It is there until its run is written or it has been discarded."""

    switched = pyqtSignal()
    """A track begins, or nothing of it is left to show."""
    advanced = pyqtSignal()
    """There is a new frame in `view`."""
    kept = pyqtSignal(object)
    """The `engine.methods.run.Run` of a track that is over."""
    changed = pyqtSignal()
    """What can be done with the track."""

    def __init__(
        self,
        session: Session,
        actions: Mapping[str, QAction],
        on_show: Callable[[], Observation | None],
        parent: QWidget,
    ) -> None:
        """
        Args:
            on_show: the recording that may be tracked
        """
        super().__init__(parent)
        self._session, self._on_show, self._parent = session, on_show, parent
        self.panel = TrackPanel(actions)
        self.track: Track | None = None
        self.view: TrackView | None = None
        """The newest frame."""
        self._is_running = self._is_writing = self._is_to_be_kept = False
        self._status = JobStatus()
        self.dialog: TrackDialog | None = None
        session.document.model_changed.connect(self.stop)
        self._register(session.commands)

    @property
    def is_there(self) -> bool:
        """Whether a track runs, or waits to be kept or discarded, or is being written."""
        return self.track is not None

    @property
    def is_running(self) -> bool:
        return self._is_running

    @property
    def is_paused(self) -> bool:
        return self._is_running and self.track is not None and self.track.paused

    @property
    def can_be_kept(self) -> bool:
        return self._is_over and self.track is not None and self.track.can_be_kept

    @property
    def can_be_discarded(self) -> bool:
        return self._is_over

    @property
    def _is_over(self) -> bool:
        return self.track is not None and not self._is_running and not self._is_writing

    @property
    def can_begin(self) -> bool:
        """Whether there is a model to track with, and nothing else has the Fit workspace."""
        return self._session.document.model is not None and not self._session.is_fitting and not self.is_there

    def _register(self, commands: Commands) -> None:
        commands.handle("fit.track", self.ask)
        commands.handle("fit.track_pause", self.set_paused)
        commands.handle("fit.track_reset", self.reset)
        commands.handle("fit.track_stop", self.stop)
        commands.handle("fit.track_keep", self.keep)
        commands.handle("fit.track_discard", self.discard)
        commands.provide("can_track", lambda: self.can_begin)
        commands.provide("is_tracking", lambda: self.is_running)
        commands.provide("track_paused", lambda: self.is_paused)
        commands.provide("can_keep_track", lambda: self.can_be_kept)
        commands.provide("can_discard_track", lambda: self.can_be_discarded)
        commands.provide("has_track", lambda: self.is_there)

    def ask(self) -> None:
        """Ask what to track, and track it."""
        model, observation = self._session.document.model, self._on_show()
        is_fast = model is not None and model.device.type == "cuda"
        self.dialog = TrackDialog(observation, is_fast, self.start, self._parent.window())
        self.dialog.destroyed.connect(self._forget_dialog)
        self.dialog.open()

    def start(self, what: Trackable) -> None:
        """Track ``what`` by the open model."""
        document = self._session.document
        if self.is_there or document.model is None or document.model_folder is None:
            return
        track = self.track = Track(what, LoadedModel(document.model_folder, document.model))
        self.view = None
        self._is_running = True
        self.panel.begin(what.name)
        self._session.message.emit(f"Tracking {what.name}")
        self._session.jobs.submit(
            "track",
            track.work,
            finished=self._on_finished,
            failed=self._on_failed,
            stopped=lambda: self._end(""),
            event=self._on_event,
            info=JobInfo(f"Track {what.name}", keeps="what was tracked, until you decide"),
        )
        self.switched.emit()
        self.changed.emit()

    def set_paused(self, paused: bool) -> None:
        """Pause, or go on."""
        if self.track is None or not self._is_running:
            return
        self.track.pause() if paused else self.track.go_on()
        self.panel.show_paused(paused)
        self.changed.emit()

    def reset(self) -> None:
        """Have the subject searched anew, with a new shape."""
        if self.track is not None:
            self.track.reset()
            self._session.message.emit("The subject is searched anew in the next frame.")

    def stop(self) -> None:
        """End after this frame; what was tracked can be kept."""
        if self.track is not None and self._is_running:
            self.track.stop()
            if self.view is None:  # perhaps it still waits for the source
                self._session.jobs.cancel("track")
            self.panel.show_busy("Stopping after this frame")

    def keep(self) -> None:
        """Write what was tracked as a run."""
        track = self.track
        if track is None or not self.can_be_kept:
            return
        self._is_writing, self._status = True, JobStatus()
        self.panel.show_busy("Writing the run")
        project, is_hurried = self._session.document.folder, self._is_to_be_kept
        self._session.jobs.submit(
            "save",
            lambda progress: track.keep(progress, project, is_hurried),
            finished=self._on_kept,
            failed=self._on_not_kept,
            stopped=lambda: self._end(""),
            event=self._on_event,
            info=JobInfo(f"Write the track of {track.what.name}"),
        )
        self.changed.emit()

    def discard(self) -> None:
        """Forget the track."""
        if self.track is not None and not self._is_writing:
            self.track.discard()
            if not self._is_running:
                self._end("The track was discarded.")

    def unkept(self) -> str:
        """The track that would be lost, for a list; empty where there is none worth keeping."""
        track = self.track
        if track is None or track.is_unwanted or self._is_writing or not track.can_be_kept:
            return ""
        return f"Track {track.what.name}: {track.frames} frames, not kept yet"

    def end_and_keep(self) -> None:
        """End the track and write what was tracked as a run, for somebody who waits for that."""
        self._is_to_be_kept = True
        self.stop() if self._is_running else self.keep()

    def _on_event(self, event: JobEvent) -> None:
        track = self.track
        if track is None:
            return
        if isinstance(event, Previewed) and isinstance(event.payload, TrackView):
            self.view = event.payload
            self.panel.show_view(track.what.name, self.view, track.paused)
            self.advanced.emit()
        elif isinstance(event, Message):
            self.panel.say(event.text)
            self._session.message.emit(event.text)
        elif self._is_writing and isinstance(event, Advanced | StageStarted):
            self._status.update(event)
            name = "Measuring distances" if self._status.stage == "measure" else "Making meshes"
            self.panel.show_busy(f"{name} {self._status.done} / {self._status.total}")

    def _on_finished(self, result: object) -> None:
        track = self.track
        assert track is not None
        self._is_running = False
        if isinstance(result, InputError):
            self._session.failed.emit(result, "")
        if track.is_unwanted:
            self._end("The track was discarded.")
        elif not track.can_be_kept:
            track.discard()
            nobody = "Nobody was seen in what was tracked: there is nothing to keep."
            self._end(nobody if track.frames else "")
        else:
            self.panel.end(f"{track.frames} frames were tracked", can_be_kept=True)
            self.advanced.emit()
            self._session.message.emit("The track is over. Keep it as a run, or discard it.")
        self.changed.emit()
        if self._is_to_be_kept:
            self.keep()

    def _on_failed(self, error: Exception, traceback: str) -> None:
        self._end("")
        self._session.failed.emit(error, traceback)

    def _on_kept(self, result: object) -> None:
        assert isinstance(result, Run)
        self._end(f"Kept as a run: {result.folder}")
        self.kept.emit(result)

    def _on_not_kept(self, error: Exception, traceback: str) -> None:
        assert self.track is not None
        self._is_writing = self._is_to_be_kept = False
        self.panel.end(f"{self.track.frames} frames were tracked", can_be_kept=True)
        self.changed.emit()
        self._session.failed.emit(error, traceback)

    def _end(self, text: str) -> None:
        self.track = self.view = None
        self._is_running = self._is_writing = self._is_to_be_kept = False
        self.panel.hide()
        if text:
            self._session.message.emit(text)
        self.switched.emit()
        self.changed.emit()

    def _forget_dialog(self) -> None:
        self.dialog = None
