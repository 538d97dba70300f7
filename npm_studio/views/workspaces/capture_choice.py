"""How the recording on show was opened, and what another one cannot be opened without."""

from pathlib import Path

from PyQt6.QtCore import QObject

from engine.core.errors import InputError, Setting
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from npm_studio.session.document.observation import Observation
from npm_studio.views.session import Session
from npm_studio.views.widgets.subject import SubjectPanel


class CaptureChoice(QObject):
    """Tells the session how the user wants a recording to be opened."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._on_show: Observation | None = None
        self._asked: Path | None = None
        """The recording that could not be opened as it is, while the panel asks how."""
        self.panel = SubjectPanel()
        self.panel.changed.connect(self._on_changed)
        session.capture_asked.connect(self._ask)

    def show(self, observation: Observation | None, subjects: int) -> None:
        """Bring the panel back to how ``observation`` was opened.

        Args:
            subjects: the most that a run of it has found
        """
        self._on_show, self._asked = observation, None
        if observation is None:
            self.panel.show_choice(AS_RECORDED, ())
        else:
            sequence = observation.sequence
            self.panel.show_choice(observation.capture, sequence.warnings, sequence.streams, subjects=subjects)

    def _ask(self, path: Path, options: CaptureOptions, error: InputError) -> None:
        """Have the panel state what the recording ``path`` cannot be opened without."""
        notice = error.as_notice("not open yet")
        self.panel.show_choice(options, (notice,), asks_for_stream=Setting.STREAM in error.settings)
        self.panel.setEnabled(True)
        self._asked = path

    def _on_changed(self, options: CaptureOptions) -> None:
        if (what := self._asked or self._on_show) is not None:
            self._session.capture_wanted.emit(what, options)
