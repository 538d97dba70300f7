"""What is on show as a command line, in the clipboard."""

from collections.abc import Callable

from PyQt6.QtGui import QGuiApplication

from engine.core.errors import InputError
from npm_studio.views.session import Session
from npm_studio.views.workspaces.base import Workspace


class CommandLineCopy:
    """Asks the workspace on show."""

    def __init__(self, session: Session, workspace: Callable[[], Workspace]) -> None:
        self._session, self._workspace = session, workspace

    def can_copy(self) -> bool:
        """Whether the workspace on show has a command that does the same."""
        return self._session.document.model is not None and self._workspace().has_command_line

    def copy(self) -> None:
        try:
            command = self._workspace().command_line()
        except InputError as error:
            self._session.failed.emit(error, "")
            return
        clipboard = QGuiApplication.clipboard()
        if command is None:
            self._session.message.emit("The command line has no words for these bodies; nothing was copied")
        elif command and clipboard is not None:
            clipboard.setText(command)
            self._session.message.emit(f"Copied: {command}")
