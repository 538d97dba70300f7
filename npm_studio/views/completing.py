"""Open runs that have only codes get their meshes and their verdict, one after the other."""

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtCore import QObject, QTimer

from engine.methods.run import Run
from npm_studio.session.jobs.completing import complete_work
from npm_studio.session.jobs.job import JobInfo
from npm_studio.views.session import Session

_LOOK_MS = 200


class Completing(QObject):
    """Begins with each such run that comes into the document; one that cannot be completed is tried once."""

    def __init__(self, session: Session, may_begin: Callable[[], bool], parent: QObject) -> None:
        """
        Args:
            may_begin: no while the window is closing, or asks whether it shall
        """
        super().__init__(parent)
        self._session, self._may_begin = session, may_begin
        self._begun: set[Path] = set()
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._begin)
        session.document.contents_changed.connect(self._timer.start)

    def _begin(self) -> None:
        if not self._may_begin():
            return
        self._timer.stop()
        for run in self._session.document.runs:
            if not run.is_complete and run.folder not in self._begun:
                self._complete(run)

    def _complete(self, run: Run) -> None:
        self._begun.add(run.folder)
        info = JobInfo(f"Complete {run.folder.name}", run.folder, keeps="its codes, of which it can be completed later")
        self._session.jobs.submit(
            "measure",
            complete_work(run),
            self._on_finished,
            self._session.failed.emit,
            info=info,
        )

    def _on_finished(self, run: object) -> None:
        assert isinstance(run, Run)
        self._session.document.replace_run(run)
        verdict = "" if run.verdict is None else f" Verdict: {run.verdict}."
        self._session.message.emit(f"{run.folder.name} has its meshes now.{verdict}")
