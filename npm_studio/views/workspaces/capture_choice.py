"""How the recording on show was opened."""

from PyQt6.QtCore import QObject

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
        self.panel = SubjectPanel()
        self.panel.changed.connect(self._on_changed)

    def show(self, observation: Observation | None, subjects: int) -> None:
        """Bring the panel back to how ``observation`` was opened.

        Args:
            subjects: the most that a run of it has found
        """
        self._on_show = observation
        if observation is None:
            self.panel.show_choice(AS_RECORDED, ())
        else:
            sequence = observation.sequence
            self.panel.show_choice(observation.capture, sequence.warnings, sequence.streams, subjects=subjects)

    def _on_changed(self, options: CaptureOptions) -> None:
        if self._on_show is not None:
            self._session.capture_wanted.emit(self._on_show, options)
