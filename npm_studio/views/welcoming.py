"""When the welcome page is on show, and what its choices do."""

from collections.abc import Callable
from pathlib import Path

from npm_studio.session.document.state import DocumentState
from npm_studio.views.files import Files
from npm_studio.views.page import Page
from npm_studio.views.session import Session
from npm_studio.views.welcome import Welcome


class Welcoming:
    """Of one window. The page goes as soon as something is opened or done, or another workspace chosen."""

    def __init__(self, page: Page, welcome: Welcome, session: Session, files: Files, first: str) -> None:
        """
        Args:
            first: the workspace that is on show beside the page
        """
        self._page, self._welcome, self._session, self._files, self._first = page, welcome, session, files, first
        self.changed: Callable[[], object] = lambda: None
        """Called when the page has come or gone."""
        welcome.setFocus()
        welcome.explore_chosen.connect(self._explore)
        welcome.demo_chosen.connect(files.open_demo_sequence)
        welcome.path_chosen.connect(self._open)
        session.document.changed.connect(self._on_document)
        session.document.begun.connect(lambda: self.show(False))
        session.document.stepped.connect(lambda _: self._on_step())
        session.commands.handle("help.welcome", self.show)
        session.commands.provide("welcome_shown", lambda: self.is_shown)

    @property
    def is_shown(self) -> bool:
        return not self._welcome.isHidden()

    def show(self, shown: bool) -> None:
        """Put the page in place of library, timeline and panel, or take it away."""
        if shown:
            self._welcome.fill()
            self._session.document.timeline.pause()
            self._session.document.show_workspace(self._first)
            self._welcome.setFocus()
        if not shown and self._welcome.isVisible():
            self._page.setFocus()  # or the first button of the bar would have it
        self._page.set_welcome(shown)
        self.changed()

    def _explore(self) -> None:
        if self._session.document.model is None and not self._session.jobs.is_busy("load"):
            self._files.open_demo_model()
        self.show(False)

    def _open(self, path: Path) -> None:
        self._files.open_path(path)
        self.show(False)

    def _on_step(self) -> None:
        if self.is_shown:  # by a shortcut: what it does is to be seen
            self.show(False)

    def _on_document(self, before: DocumentState, after: DocumentState) -> None:
        opened = (before.recordings, before.runs) != (after.recordings, after.runs)
        other_model = before.model is not None and before.model != after.model  # the first one comes by itself
        if self.is_shown and (opened or other_model or before.view.workspace != after.view.workspace):
            self.show(False)
