"""Recordings that a user hands over: each is looked at in the background, asked about, and then opened, and fitted."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PyQt6.QtCore import QObject, QTimer
from PyQt6.QtWidgets import QWidget

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from npm_studio.session.commands.fit import START
from npm_studio.session.document.recording_look import RecordingLook, look_at
from npm_studio.session.jobs.events import Advanced, JobEvent, Previewed, StageStarted
from npm_studio.session.jobs.fitting import runs_folder, what_lacks_here
from npm_studio.session.jobs.status import JobStatus
from npm_studio.views.opening import Opening, remember
from npm_studio.views.recording_sheet import RecordingSheet, SheetAnswer
from npm_studio.views.session import Session
from npm_studio.views.words import FIELDS

_PATIENCE_MS = 400
"""After which a sheet is shown though nothing is known yet."""


@dataclass(frozen=True)
class _Wanted:
    """A recording that waits to be asked about."""

    path: Path
    capture: CaptureOptions
    scene: DepthSequence | None = None
    """Where it is open already."""


class Sheets(QObject):
    """One sheet at a time; the other recordings wait."""

    def __init__(self, session: Session, opening: Opening, may_show: Callable[[], bool], parent: QWidget) -> None:
        """
        Args:
            may_show: whether no other question waits for an answer
        """
        super().__init__(parent)
        self._session, self._opening, self._may_show, self._parent = session, opening, may_show, parent
        self._waiting: deque[_Wanted] = deque()
        self._asked = 0
        self._look: RecordingLook | None = None
        self._number = 0
        """Of the look that is wanted; what is told of earlier ones is late."""
        self._unasked: SheetAnswer | None = None
        """What was answered for all recordings that wait."""
        self.sheet: RecordingSheet | None = None
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE_MS)
        self._patience.timeout.connect(self._show)
        session.document.model_changed.connect(self._on_model)
        session.jobs.changed.connect(self._show_conditions)
        session.sheet_wanted.connect(self.ask)

    def ask(self, path: Path) -> None:
        """Ask about the recording ``path``, after those that were handed over before; as it is open, where it is."""
        observation = self._session.document.observation_at(path.resolve())
        if observation is None:
            self._waiting.append(_Wanted(path, AS_RECORDED))
        else:
            self._waiting.append(_Wanted(path, observation.capture, observation.scene))
        if self.sheet is None:
            self._asked = 0
            self._next()
        else:
            self._show_place()

    def _next(self) -> None:
        if not self._waiting:
            self._unasked = None
            return
        wanted = self._waiting.popleft()
        if self._unasked is not None and wanted.scene is None:
            wanted = replace(wanted, capture=self._unasked.look.capture)
        self._asked += 1
        state = self._session.document.state
        sheet = self.sheet = RecordingSheet(wanted.path, wanted.capture, state.fit, self._parent)
        self._show_place()
        sheet.wanted.connect(self._look_again)
        sheet.answered.connect(self._on_answer)
        sheet.model_wanted.connect(self._opening.open_model)
        sheet.finished.connect(self._on_finished)
        self._look = None
        self._show_conditions()
        self._start(wanted.capture, wanted.scene)
        self._session.message.emit(f"Reading {wanted.path.name}…")
        if self._unasked is None:
            self._patience.start()

    def _show_place(self) -> None:
        assert self.sheet is not None
        self.sheet.show_place(self._asked, self._asked + len(self._waiting))

    def _show(self) -> None:
        self._patience.stop()
        if not self._may_show():
            self._patience.start()
        elif self.sheet is not None and not self.sheet.isVisible():
            self._session.document.show_workspace("fit")
            self._session.document.timeline.pause()
            self._session.message.emit("")
            self.sheet.open()
            self.sheet.fit_button.setFocus()

    def _look_again(self, capture: CaptureOptions) -> None:
        look = self._look
        is_read = look is not None and look.capture.reading == capture.reading
        self._start(capture, look.scene if look is not None and is_read else None)

    def _start(self, capture: CaptureOptions, scene: DepthSequence | None) -> None:
        """Look at the recording of the sheet, in place of what is being looked at."""
        assert self.sheet is not None
        self._number += 1
        number, status, path, model = self._number, JobStatus(), self.sheet.path, self._session.document.model
        self._session.jobs.cancel("look")

        def work(progress: Progress) -> object:
            return look_at(path, capture, model, progress, scene)

        def event(event: JobEvent) -> None:
            if number != self._number or self.sheet is None:
                return
            status.update(event)
            if isinstance(event, Previewed):
                self._on_look(event.payload)
            elif isinstance(event, Advanced | StageStarted):
                self.sheet.show_busy(status.stage.capitalize(), status.done, status.total)

        def finished(look: object) -> None:
            if number == self._number and self.sheet is not None:
                self._on_look(look)
                self.sheet.show_busy("")
                if self._unasked is not None and not self.sheet.isVisible():
                    self._show() if self.sheet.is_in_doubt else self.sheet.answer(fit=True, others=True)

        def failed(error: Exception, traceback: str) -> None:
            if number == self._number:
                self._on_failure(error, traceback, capture)

        self._session.jobs.submit("look", work, finished, failed, lambda: None, event)
        self.sheet.show_busy("Looking at the recording")

    def _on_look(self, look: object) -> None:
        assert isinstance(look, RecordingLook) and self.sheet is not None
        self._look = look
        self.sheet.show_look(look)
        if self._unasked is None:
            self._show()

    def _on_failure(self, error: Exception, traceback: str, capture: CaptureOptions) -> None:
        sheet = self.sheet
        if sheet is None:
            return
        can_be_stated = isinstance(error, InputError) and bool(FIELDS.keys() & set(error.settings))
        if isinstance(error, InputError) and (can_be_stated or self._look is not None):
            sheet.show_trouble(error, capture)
            if self._number and sheet.bar.isHidden():
                self._show()
            return
        self._patience.stop()
        sheet.reject() if sheet.isVisible() else self._drop_sheet()
        self._session.failed.emit(error, traceback)

    def _on_answer(self, answer: SheetAnswer) -> None:
        observation, document = answer.look.observation, self._session.document
        self._unasked = answer if answer.others and self._waiting else None
        assert observation is not None and self.sheet is not None
        remember(self.sheet.path)
        document.add_observation(observation, show=True)
        fit = replace(document.state.fit, method=answer.method, values=answer.values)
        document.follow(replace(document.state, fit=fit))
        document.show_workspace("fit")
        name, count = observation.sequence.name, len(observation)
        self._session.message.emit(f"Opened {name}: {count} frames. {observation.sequence.origin}")
        if answer.fit:
            self._session.commands.run(START)

    def _on_finished(self) -> None:
        self._drop_sheet()

    def _drop_sheet(self) -> None:
        if self.sheet is not None and not self.sheet.isVisible():
            self.sheet.deleteLater()
        self.sheet, self._look = None, None
        self._number += 1
        self._session.jobs.cancel("look")
        self._next()

    def _on_model(self) -> None:
        if self.sheet is not None:
            self._show_conditions()
            capture = self.sheet.subject.options if self._look is None else self._look.capture
            self._start(capture, None if self._look is None else self._look.scene)

    def _show_conditions(self) -> None:
        if self.sheet is None:
            return
        session, document = self._session, self._session.document
        model, method = document.model, self.sheet.form.method
        self.sheet.form.set_lacking(lambda method: what_lacks_here(method.requires, model))
        self.sheet.form.set_pointless(() if model is None or model.may_have_sides else ("side",))
        text = "No model is open." if model is None else f"{model.info.name}: {model.info.category}"
        lacking = what_lacks_here(method.requires, model)
        lacking = f"Open {lacking} first." if lacking else ""
        if session.commands.holds("has_track"):
            lacking = "A track is not over yet: keep or discard it before you fit."
        self.sheet.show_conditions(text, str(runs_folder(document.folder)), lacking, session.is_fitting)
