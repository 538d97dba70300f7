"""The errors of a comparison, measured in the background."""

from PyQt6.QtCore import QObject, pyqtSignal

from npm_studio.session.document.side_errors import SideErrors
from npm_studio.views.session import Session


class ErrorMeasuring(QObject):
    """Fills the `SideErrors` of one line-up at a time; its signals carry those that they speak of."""

    advanced = pyqtSignal(object)
    """Something more is known."""
    ended = pyqtSignal(object)

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._running: SideErrors | None = None

    def measure(self, errors: SideErrors, frame: int) -> None:
        """Measure what is not known of ``errors``, ``frame`` first."""
        errors.wanted = frame
        if self._running is errors or (errors.is_known(frame) and errors.is_complete):
            return

        def ended(*_: object) -> None:
            if self._running is errors:
                self._running = None
            self.ended.emit(errors)

        def advanced(_: object) -> None:
            self.advanced.emit(errors)

        self._running = errors
        self.stop()
        self._session.jobs.submit("measure", errors.measure, ended, self._session.failed.emit, ended, advanced)

    def stop(self) -> None:
        """What is known stays."""
        self._session.jobs.cancel("measure")
