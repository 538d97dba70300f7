"""What is asked before the window closes: about a track, work that runs, and what is not saved."""

from collections.abc import Sequence

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QWidget

from npm_studio.views.files import Files
from npm_studio.views.questions import Question
from npm_studio.views.session import Session
from npm_studio.views.workspaces.base import Workspace

_WORK = {
    "fit": "A fit is running.",
    "export": "An export is running.",
    "save": "The project is being saved.",
}
"""Lanes whose work somebody waits for."""


class Closing:
    """Settles one after the other what speaks against closing, and then closes the window."""

    def __init__(self, session: Session, files: Files, workspaces: Sequence[Workspace], window: QWidget) -> None:
        self._session, self._files, self._workspaces, self._window = session, files, workspaces, window
        self.question: Question | None = None
        self.is_unasked = False
        """Whether nothing is asked: what is not saved is kept to be recovered."""
        self._is_settled = False
        self._waits = False
        session.jobs.changed.connect(self._on_jobs)

    def may_close(self) -> bool:
        """Whether nothing would be lost; else the user is asked, and the window closed when that is settled."""
        if not self.is_unasked and not self._is_settled and not self._settle():
            return False
        for workspace in self._workspaces:
            workspace.give_up()
        self._session.autosave.close(keep=self.is_unasked and not self._session.document.is_clean)
        return True

    def _settle(self) -> bool:
        if self.question is not None or self._files.question is not None:
            return False
        if not all(workspace.may_close(self._window.close) for workspace in self._workspaces):
            return False
        work = [sentence for lane, sentence in _WORK.items() if self._session.jobs.is_busy(lane)]
        if work:
            self._ask_about_work(" ".join(work))
            return False
        if self._session.document.is_clean:
            return True
        self._files.settle(self._close)
        return False

    def _ask_about_work(self, sentence: str) -> None:
        answers = {"Wait, then close": self._wait, "Stop and keep the best": self._stop}
        detail = "A fit that is stopped keeps its best result so far; what else is stopped leaves nothing."
        self.question = Question(self._window, sentence, detail, answers)
        self.question.finished.connect(self._forget_question)
        self.question.open()

    def _wait(self) -> None:
        self._waits = True
        self._session.message.emit("The window closes when the work is done.")
        self._on_jobs()

    def _stop(self) -> None:
        for lane in _WORK:
            self._session.jobs.cancel(lane)
        self._wait()

    def _on_jobs(self) -> None:
        if self._waits and not any(self._session.jobs.is_busy(lane) for lane in _WORK):
            self._waits = False
            QTimer.singleShot(0, self._window.close)

    def _close(self) -> None:
        self._is_settled = True
        QTimer.singleShot(0, self._window.close)

    def _forget_question(self) -> None:
        self.question = None
