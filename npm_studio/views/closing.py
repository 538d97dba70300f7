"""What is asked before the window closes: about work that runs or waits, a track, and what is not saved."""

from collections.abc import Sequence

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QWidget

from npm_studio.session.jobs.job import Job, in_words
from npm_studio.views.files import Files
from npm_studio.views.questions import Question
from npm_studio.views.session import Session
from npm_studio.views.workspaces.base import Workspace

_ASKED_ABOUT = ("fit", "train", "export", "save")
"""Lanes whose work somebody waits for; of tracks the workspace knows whether they are worth keeping."""
_FINISHED_ANYWAY = "save"
"""Never stopped: it takes a moment."""
_TRACK = "track"
_KEPT = {
    "fit": "a fit keeps its best so far",
    "train": "a training keeps its state, from which it can go on",
    _TRACK: "a track is written as a run",
    "export": "an export leaves nothing",
    _FINISHED_ANYWAY: "what is being saved is saved",
}
"""What becomes of work that is stopped, by its lane."""


class Closing:
    """Settles one after the other what speaks against closing, and then closes the window."""

    def __init__(self, session: Session, files: Files, workspaces: Sequence[Workspace], window: QWidget) -> None:
        self._session, self._files, self._workspaces, self._window = session, files, workspaces, window
        self.question: Question | None = None
        self.is_unasked = False
        """Whether nothing is asked: what is not saved is kept to be recovered."""
        self._is_settled = False
        self._waits = False
        self._ends_hidden = False
        """Whether the window is gone for the user, while what was stopped writes what it keeps."""
        self._is_saved = False
        """Whether the project was as the document when the window went."""
        session.jobs.changed.connect(self._on_jobs)
        session.failed.connect(self._on_failed)

    def may_close(self) -> bool:
        """Whether nothing would be lost; else the user is asked, and the window closed when that is settled."""
        if not self.is_unasked and not self._is_settled and not self._settle():
            return False
        for workspace in self._workspaces:
            workspace.give_up()
        self._session.autosave.close(keep=self.is_unasked and not self._session.document.is_clean)
        return True

    def _settle(self) -> bool:
        if self.question is not None or self._files.question is not None or self._ends_hidden:
            return False
        if self._work() or self._unkept():
            self._ask_about_work()
            return False
        if self._session.document.is_clean:
            return True
        self._files.settle(self._close)
        return False

    def _work(self) -> list[Job]:
        return [job for job in self._session.jobs.unfinished if job.lane in _ASKED_ABOUT]

    def _unkept(self) -> list[Workspace]:
        return [workspace for workspace in self._workspaces if workspace.unkept()]

    @property
    def _is_pending(self) -> bool:
        """Whether something still ends before the window may go; of what is on show the user is asked again."""
        return bool(self._work()) or (self._ends_hidden and bool(self._unkept()))

    def _ask_about_work(self) -> None:
        work, unkept = self._work(), self._unkept()
        lines = [f"{job.info.title}: {in_words(job)}" for job in work]
        lines += [workspace.unkept() for workspace in unkept]
        one = len(lines) == 1
        listed = "\n".join(f"•  {each}" for each in lines)
        text = f"{lines[0]}." if one else f"{len(lines)} things are not finished:\n{listed}"
        if one and work:
            text = f"{work[0].info.title} is not finished: {in_words(work[0])}."
        runs = bool(work) or any(workspace.is_at_work() for workspace in unkept)
        keep, discard = ("Stop and keep", "Stop and discard") if runs else ("Keep", "Discard")
        answers = {keep: self._stop}
        if not unkept:  # a track may have no end
            answers["Wait, then close"] = self._wait
        if unkept or any(job.lane == "fit" for job in work):
            answers[discard] = self._discard
        self.question = Question(self._window, text, _what_follows(work, bool(unkept), keep, discard), answers)
        self.question.finished.connect(self._forget_question)
        self.question.open()

    def _wait(self) -> None:
        self._waits = True
        self._session.message.emit("The window closes when the work is done.")
        self._on_jobs()

    def _stop(self) -> None:
        for workspace in self._unkept():
            workspace.keep()
        self._end_work(discard=False)

    def _discard(self) -> None:
        for workspace in self._unkept():
            workspace.give_up()
        self._end_work(discard=True)

    def _end_work(self, discard: bool) -> None:
        """Ask all work to stop, and let the user go as soon as nothing more is to be asked."""
        for job in self._work():
            if job.lane != _FINISHED_ANYWAY:
                self._session.jobs.stop(job.number, discard and job.lane == "fit")
        QTimer.singleShot(0, lambda: self._files.settle(self._hide))

    def _hide(self) -> None:
        self._waits = self._ends_hidden = True
        self._is_saved = self._session.document.is_clean
        self._window.hide()
        self._on_jobs()

    def _on_jobs(self) -> None:
        if self._waits and not self._is_pending:
            QTimer.singleShot(0, self._on_work_done)

    def _on_work_done(self) -> None:
        if not self._waits or self._is_pending:  # what is over may lead to more, as a track that is written
            return
        self._waits = False
        document = self._session.document
        if self._ends_hidden and self._is_saved and document.folder is not None and not document.is_clean:
            self._files.save_in(document.folder, self._close)  # with the runs that were kept
        elif self._ends_hidden:
            self._close()
        else:
            self._window.close()

    def _on_failed(self, error: object, traceback: str) -> None:
        """What could not be kept is said in a window that is there."""
        if self._ends_hidden:
            self._waits = self._ends_hidden = self._is_settled = False
            self._window.show()

    def _close(self) -> None:
        self._is_settled = True
        QTimer.singleShot(0, self._window.close)

    def _forget_question(self) -> None:
        self.question = None


def _what_follows(work: Sequence[Job], has_track: bool, keep: str, discard: str) -> str:
    """Of the answers, for ``work`` that runs or waits and perhaps a track."""
    lanes = {job.lane for job in work if job.state != "waiting"} | ({_TRACK} if has_track else set())
    kept = [words for lane, words in _KEPT.items() if lane in lanes]
    kept += ["what waits is not begun"] if any(job.state == "waiting" for job in work) else []
    gone = [f"a {lane}" for lane in ("fit", _TRACK) if lane in lanes]
    text = f"{keep}: {'; '.join(kept)}."
    return f"{text}\n\n{discard}: {' or '.join(gone)} leaves nothing." if gone else text
