"""What keeps a document when the program ends without saving it: a copy beside it, after each step."""

import shutil
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from platformdirs import user_data_path

from engine.core.errors import InputError
from engine.core.files import clear_leftovers
from npm_studio.session.document.document import Document
from npm_studio.session.document.project import AUTOSAVE_NAME, RUNS, cannot_write, write_project
from npm_studio.session.document.project_lock import ProjectLock, is_locked


def drafts_folder() -> Path:
    """Where documents are that have never been saved, each in a folder of its own."""
    return user_data_path("npm-studio", appauthor=False) / "unsaved"


class Autosave:
    """Holds the project that a document is saved in, or a draft of its own, for this process alone."""

    def __init__(self, document: Document, failed: Callable[[InputError], None]) -> None:
        """``failed`` is told once why nothing can be written, until that works again."""
        self._document, self._failed = document, failed
        self._folder: Path | None = None
        self._lock: ProjectLock | None = None
        self._has_failed = self._is_due = self._is_closed = False
        document.stepped.connect(self._on_step)
        document.changed.connect(lambda *_: self._later())

    @property
    def folder(self) -> Path | None:
        """Where it is written: that of the project or of a draft; None until there is something to lose."""
        return self._folder

    def hold(self, folder: Path) -> None:
        """From now on the document is that of the project ``folder``, or of the draft that is recovered there.

        Raises:
            InputError: another process has it open.
        """
        if folder == self._folder and self._lock is not None:
            return
        try:
            lock = ProjectLock(folder)
        except OSError:  # read-only: it can be looked at, and what is changed goes into a draft
            self.let_go()
            return
        self.let_go()
        self._folder, self._lock = folder, lock

    def lock(self, folder: Path) -> ProjectLock | None:
        """The lock of a project that is about to be written; None where this document holds it already.

        Raises:
            InputError: another process has it open, or it cannot be written to.
        """
        if folder == self._folder and self._lock is not None:
            return None
        made = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return ProjectLock(folder)
        except OSError as error:
            if made:
                with suppress(OSError):
                    folder.rmdir()
            raise cannot_write(folder, error) from error

    def move_to(self, folder: Path, lock: ProjectLock | None) -> None:
        """The document has been saved in ``folder``, whose `lock` this is."""
        if lock is not None:
            self.let_go()
            self._folder, self._lock = folder, lock

    def let_go(self) -> None:
        """Nothing of the document needs to be kept any more: it is saved, or not wanted."""
        if self._folder is not None:
            with suppress(OSError):
                (self._folder / AUTOSAVE_NAME).unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.release()
        if self._folder is not None and self._folder.parent == drafts_folder():
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder, self._lock, self._is_due = None, None, False

    def close(self, keep: bool = False) -> None:
        """The window closes; with ``keep`` nobody was asked, and the copy stays to be recovered."""
        if keep:
            self.flush()
            if self._lock is not None:
                self._lock.release()
            self._folder = self._lock = None
        self.let_go()
        self._is_closed = True

    def flush(self) -> None:
        """Write what has changed since the last step, such as the place of a camera."""
        if self._is_due and not self._document.is_clean:
            self._write()

    def _on_step(self, is_new: bool) -> None:
        if self._document.is_clean:
            if self._folder is not None:
                with suppress(OSError):
                    (self._folder / AUTOSAVE_NAME).unlink(missing_ok=True)
            self._is_due = False
        elif is_new:
            self._write()
        else:
            self._later()

    def _later(self) -> None:
        self._is_due = True

    def _write(self) -> None:
        if self._is_closed:
            return
        self._is_due = False
        folder = self._folder or drafts_folder() / uuid.uuid4().hex[:12]
        try:
            if self._lock is None:
                folder.mkdir(parents=True, exist_ok=True)
                self._folder, self._lock = folder, ProjectLock(folder)
            name = None if self._document.folder is None else self._document.folder.name
            write_project(self._document.state, folder, name or "Unsaved", AUTOSAVE_NAME)
            self._has_failed = False
        except (OSError, InputError) as error:
            if not self._has_failed:
                self._has_failed = True
                self._failed(error if isinstance(error, InputError) else cannot_write(folder, error))


def recoverable(projects: Iterable[Path], drafts: bool = True) -> list[Path]:
    """Folders with a copy that nobody came to save, the newest first: drafts, and of ``projects`` those that have one.

    What a killed process left half-written in them is cleared away.
    """
    places = [*_drafts(), *projects] if drafts else list(projects)
    found = []
    for folder in places:
        if not folder.is_dir() or is_locked(folder):
            continue
        for place in (folder, folder / RUNS):
            if place.is_dir():
                clear_leftovers(place)
        if (folder / AUTOSAVE_NAME).is_file():
            found.append(folder)
        elif folder.parent == drafts_folder():
            shutil.rmtree(folder, ignore_errors=True)
    return sorted(found, key=lambda folder: -(folder / AUTOSAVE_NAME).stat().st_mtime)


def _drafts() -> list[Path]:
    return list(drafts_folder().iterdir()) if drafts_folder().is_dir() else []


def forget(folder: Path) -> None:
    """The copy in ``folder`` is not wanted."""
    (folder / AUTOSAVE_NAME).unlink(missing_ok=True)
    if folder.parent == drafts_folder():
        shutil.rmtree(folder, ignore_errors=True)
