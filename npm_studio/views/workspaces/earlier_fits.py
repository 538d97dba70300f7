"""Fits of the recording on show that lie in the folder of runs and are not open."""

from collections.abc import Callable
from pathlib import Path

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.methods.run import Run, load_run
from npm_studio.session.document.earlier_runs import earlier_runs
from npm_studio.session.document.observation import Observation
from npm_studio.session.jobs.fitting import runs_folder
from npm_studio.views.session import Session


class EarlierFits:
    """Looked for in the background when a recording comes on show; opened when the user wants them."""

    def __init__(self, session: Session, changed: Callable[[], None]) -> None:
        """``changed`` is called when they are known."""
        self._session, self._document, self._changed = session, session.document, changed
        self._recording: Path | None = None
        self._found: tuple[Path, ...] = ()

    def look(self, observation: Observation | None) -> None:
        """Look for those of ``observation``, if they are not those that are known."""
        recording = None if observation is None else observation.sequence.root.resolve()
        if recording == self._recording:
            return
        self._recording, self._found = recording, ()
        if recording is None:
            return
        places = {runs_folder(), runs_folder(self._document.folder)}

        def finished(found: object) -> None:
            assert isinstance(found, tuple)
            if recording == self._recording:
                self._found = found
                self._changed()

        def stopped() -> None:
            self._recording = None  # by somebody who looks at something else: once more at the next change

        jobs, failed = self._session.jobs, self._session.failed.emit
        jobs.submit("look", lambda _: earlier_runs(recording, places), finished, failed, stopped)

    @property
    def offered(self) -> tuple[Path, ...]:
        """Their folders, the oldest first, without those that are open or deleted.

        A run that was copied into a project has its name there, too.
        """
        state = self._document.state
        known = {*(one.folder.name for one in state.runs), *(Path(one).name for one in state.deleted_runs)}
        return tuple(folder for folder in self._found if folder.name not in known)

    def open(self) -> None:
        """Open all that are offered, the latest on show; a damaged one is told, and offered no more."""
        folders = self.offered

        def work(_: Progress) -> tuple[list[Run], list[InputError]]:
            runs, damaged = [], []
            for folder in folders:
                try:
                    runs.append(load_run(folder))
                except InputError as error:
                    damaged.append(error)
            return runs, damaged

        def finished(result: object) -> None:
            assert isinstance(result, tuple)
            runs, damaged = result
            self._found = tuple(folder for folder in self._found if folder not in folders)
            self._document.add_runs(runs)
            self._changed()
            for error in damaged:
                self._session.failed.emit(error, "")

        self._session.jobs.submit("load", work, finished, self._session.failed.emit)
