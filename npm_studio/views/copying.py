"""What is on show to the clipboard: as a picture, by its path, and as what does it again without the window."""

from collections.abc import Callable
from pathlib import Path

from PyQt6.QtGui import QGuiApplication

from engine.core.errors import InputError
from npm_studio.session.document.document import Document
from npm_studio.session.jobs.comparison_report import report_choice
from npm_studio.session.scripts import Script, script_of
from npm_studio.views.session import Session
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.workspaces.base import Workspace


class Copying:
    """Commands of the Edit menu, for one window."""

    def __init__(self, session: Session, viewports: ViewportArea, workspace: Callable[[], Workspace]) -> None:
        """
        Args:
            workspace: the one on show
        """
        self._session, self._viewports, self._workspace = session, viewports, workspace
        commands, document = session.commands, session.document
        commands.handle("edit.copy_picture", self.copy_picture)
        commands.handle("edit.copy_path", self.copy_path)
        commands.handle("edit.copy_command", self.copy_command)
        commands.handle("edit.copy_python", self.copy_python)
        commands.provide("has_path", lambda: path_on_show(document) is not None)
        commands.provide("has_script", lambda: has_script(document))
        commands.provide("has_command_line", lambda: workspace().has_command_line or has_script(document))

    def copy_picture(self) -> None:
        """The views as they are, captions included."""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setPixmap(self._viewports.picture())
            self._session.message.emit("Copied a picture of the views.")

    def copy_path(self) -> None:
        """Of what is on show: a run, a recording, a dataset or a model."""
        path = path_on_show(self._session.document)
        if path is not None:
            self._copy(str(path), str(path))

    def copy_command(self) -> None:
        """What does the same in a terminal."""
        workspace = self._workspace()
        if not workspace.has_command_line:
            script = self._script()
            self._copy("" if script is None else script.command_line, "the command line that does this")
            return
        try:
            line = workspace.command_line()
        except InputError as error:
            self._session.failed.emit(error, "")
            return
        if line is None:
            self._session.message.emit("The command line has no words for this; nothing was copied")
        else:
            self._copy(line, line)

    def copy_python(self) -> None:
        script = self._script()
        self._copy("" if script is None else script.python, "the Python that does this")

    def _script(self) -> Script | None:
        try:
            return script_of(self._session.document)
        except OSError as error:
            place = error.filename or "The codes"
            self._session.failed.emit(InputError(place, f"cannot be written ({error.strerror or error})"), "")
            return None

    def _copy(self, text: str, said: str) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None and text:
            clipboard.setText(text)
            self._session.message.emit(f"Copied {said}")


def path_on_show(document: Document) -> Path | None:
    """In Fit of the run, or else the recording; in Train of the dataset; elsewhere of the model."""
    state = document.state
    if state.view.workspace == "train":
        return state.train.dataset
    if state.view.workspace == "fit":
        return state.fit.run or state.fit.recording
    return document.model_folder


def has_script(document: Document) -> bool:
    """Whether there is one, without making it."""
    state = document.state
    match state.view.workspace:
        case "fit":
            return document.observation_at(state.fit.recording) is not None
        case "transfer":
            return document.model is not None and state.transfer.run is None and state.transfer.source.pose is not None
        case "compare":
            return report_choice(document) is not None
    return document.model is not None and state.view.workspace in ("explore", "interpolate")
