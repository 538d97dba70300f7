"""What a user does to the run on show in Fit: names it, looks for it on disk, compares it, deletes it."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QFile, QObject, QPoint
from PyQt6.QtGui import QAction, QGuiApplication
from PyQt6.QtWidgets import QInputDialog, QMenu, QWidget

from engine.methods.run import Run
from npm_studio.session.commands.command import Submenu
from npm_studio.session.commands.fit import OF_A_RUN
from npm_studio.session.commands.registry import Choice, Commands
from npm_studio.session.document.comparison import ComparisonState, SideSource
from npm_studio.session.document.project import RUNS
from npm_studio.session.document.run_steps import day_in_words, is_own, made_at, renamed, without_run
from npm_studio.session.document.state import DocumentState
from npm_studio.session.jobs.fitting import runs_folder
from npm_studio.views.revealing import open_with_desktop
from npm_studio.views.session import Session

_log = logging.getLogger(__name__)


class RunActions(QObject):
    """Commands of the run that `on_show` gives."""

    def __init__(
        self, session: Session, actions: Mapping[str, QAction], on_show: Callable[[], Run | None], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._session, self._actions, self._on_show, self._parent = session, actions, on_show, parent
        self.question: QInputDialog | None = None
        self.menu: QMenu | None = None
        self._register(session.commands)

    def show_menu(self, place: QPoint) -> None:
        """Everything that can be done with the run on show, at ``place`` of the screen."""
        menu = self.menu = QMenu(self._parent)
        for entry in OF_A_RUN:
            if entry is None:
                menu.addSeparator()
            elif isinstance(entry, Submenu):
                inner = menu.addMenu(entry.title)
                choices = self._session.commands.choices(entry.id)
                if inner is not None:
                    inner.setEnabled(bool(choices))
                    for choice in choices:
                        inner.addAction(choice.title, partial(_choose, choice))
            else:
                menu.addAction(self._actions[entry.id])
        menu.popup(place)

    def rename(self) -> None:
        """Ask for a name, and give it."""
        run = self._on_show()
        if run is None:
            return
        question = self.question = QInputDialog(self._parent)
        question.setWindowTitle("Rename run")
        question.setLabelText("Name of the run; empty for its date:")
        question.setTextValue(self._name_of(run))
        question.textValueSelected.connect(lambda name: self._rename(run, name.strip()))
        question.open()

    def reveal(self) -> None:
        """Open the folder of the run in the file manager; where there is none, its path is in the clipboard."""
        run = self._on_show()
        if run is not None:
            open_with_desktop(run.folder, self._session.message.emit)

    def copy_path(self) -> None:
        run = self._on_show()
        if run is not None:
            _copy(str(run.folder))
            self._session.message.emit(f"Copied {run.folder}")

    def delete(self) -> None:
        """Take the run off the list; one that this program made goes to the wastebasket at the end."""
        run, document = self._on_show(), self._session.document
        if run is None:
            return
        folder = run.folder.resolve()
        mine = is_own(folder, _own_places(document.folder))
        document.change("Delete Run" if mine else "Take Run off the List", without_run(document.state, folder, mine))
        if mine:
            self._session.message.emit(f"Deleted {folder.name}; Undo brings it back until the window closes.")
        else:
            self._session.message.emit(f"Taken off the list; {folder} stays where it is.")

    def empty_wastebasket(self, state: DocumentState, project: Path | None, is_clean: bool) -> None:
        """Bring deleted runs of a document that is over to the wastebasket of the desktop.

        Args:
            project: the folder of the project; runs in it stay while what is saved there still names them
            is_clean: whether the document is as it was saved
        """
        for folder in map(Path, state.deleted_runs):
            is_named = project is not None and not is_clean and folder.is_relative_to(project)
            if folder.is_dir() and not is_named and not QFile.moveToTrash(str(folder)):
                _log.warning("%s was deleted, and cannot be moved to the wastebasket", folder)

    def _rename(self, run: Run, name: str) -> None:
        document = self._session.document
        document.change("Rename Run", renamed(document.state, run.folder.resolve(), name))

    def _name_of(self, run: Run) -> str:
        folder = run.folder.resolve()
        return next((one.name for one in self._session.document.state.runs if one.folder == folder), "")

    def _others(self) -> list[Choice]:
        """Other runs of the recording on show, to compare the run with."""
        run, document = self._on_show(), self._session.document
        observation = None if run is None else document.observation_of(run)
        if run is None or observation is None:
            return []
        others = [other for other in document.runs_of(observation.sequence) if other is not run]
        titles = [self._name_of(other) or day_in_words(made_at(other), datetime.now()) for other in others]
        return [Choice(title, partial(self._compare, run, other)) for title, other in zip(titles, others, strict=True)]

    def _compare(self, run: Run, other: Run) -> None:
        document = self._session.document
        sides = tuple(SideSource("run", each.folder.resolve()) for each in (run, other))
        state = replace(ComparisonState(sides), mesh_files=document.comparison.mesh_files)
        document.show_workspace("compare")
        document.set_comparison(state, "Compare Runs")

    def _register(self, commands: Commands) -> None:
        commands.handle("fit.rename_run", self.rename)
        commands.handle("fit.show_folder", self.reveal)
        commands.handle("fit.copy_path", self.copy_path)
        commands.handle("fit.delete_run", self.delete)
        commands.offer("fit.compare_run", self._others)


def _own_places(project: Path | None) -> tuple[Path, ...]:
    return (runs_folder(), *(() if project is None else (project / RUNS,)))


def _choose(choice: Choice) -> None:
    choice.choose()


def _copy(text: str) -> None:
    clipboard = QGuiApplication.clipboard()
    if clipboard is not None:
        clipboard.setText(text)
