"""Open runs that have only codes get their meshes and their verdict, one after the other."""

from pathlib import Path

from PyQt6.QtWidgets import QWidget

from engine.methods.run import Run
from npm_studio.session.jobs.completing import complete_work
from npm_studio.session.jobs.job import JobInfo
from npm_studio.views.session import Session


class Completing:
    """Begins with each such run that comes into the document; one that cannot be completed is tried once."""

    def __init__(self, session: Session, window: QWidget) -> None:
        self._session, self._window = session, window
        self._begun: set[Path] = set()
        session.document.contents_changed.connect(self._begin)

    def _begin(self) -> None:
        for run in self._session.document.runs:
            if not run.is_complete and run.folder not in self._begun and self._window.isVisible():
                self._complete(run)

    def _complete(self, run: Run) -> None:
        self._begun.add(run.folder)
        info = JobInfo(f"Complete {run.folder.name}", run.folder, keeps="its codes, of which it can be completed later")
        self._session.jobs.submit(
            "measure",
            complete_work(run, self._session.document),
            self._on_finished,
            self._session.failed.emit,
            info=info,
        )

    def _on_finished(self, run: object) -> None:
        assert isinstance(run, Run)
        self._session.document.replace_run(run)
        verdict = "" if run.verdict is None else f" Verdict: {run.verdict}."
        self._session.message.emit(f"{run.folder.name} has its meshes now.{verdict}")
