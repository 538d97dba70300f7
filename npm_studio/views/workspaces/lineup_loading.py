"""The sides of a comparison, opened in the background."""

from functools import partial

from PyQt6.QtCore import QObject, pyqtSignal

from engine.core.progress import Progress
from npm_studio.session.document.compared_sides import Offer, OpenedSide
from npm_studio.session.document.comparison import SideSource
from npm_studio.session.document.lineup import Lineup
from npm_studio.session.document.side_errors import SideErrors
from npm_studio.views.session import Session

_Opened = dict[SideSource, OpenedSide]


class LineupLoading(QObject):
    """Opens what was asked for last; what it had opened before is taken as it is, unless it has changed."""

    loaded = pyqtSignal(object, object)
    """With the `Lineup` and its `SideErrors`, None where no side can be measured."""
    failed = pyqtSignal()
    """What was asked for last cannot be opened; the session says why."""

    def __init__(self, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._session = session
        self._opened: _Opened = {}
        self._errors: SideErrors | None = None
        self._asked = 0

    def forget(self) -> None:
        """Read everything anew the next time: files may have changed."""
        self._opened, self._errors = {}, None

    def load(self, wanted: tuple[Offer, ...], frame: int) -> None:
        """Open ``wanted``, the reference last, and read what is seen of them in ``frame``."""
        self._asked += 1
        known, measured = dict(self._opened), self._errors

        def work(progress: Progress) -> tuple[_Opened, Lineup, SideErrors | None]:
            opened: _Opened = {}
            for offer in wanted:
                before = known.get(offer.source)
                if offer.source not in opened:
                    is_same = before is not None and before.origin == offer.origin
                    opened[offer.source] = before if before is not None and is_same else offer.open(progress)
            lineup = Lineup([opened[offer.source] for offer in wanted[:-1]], opened[wanted[-1].source])
            lineup.prepare(min(frame, len(lineup) - 1))
            errors = SideErrors(lineup)
            if measured is not None:
                errors.take_over(measured)
            return opened, lineup, errors if errors.compared else None

        number = self._asked
        self._session.jobs.submit("load", work, partial(self._on_loaded, number), partial(self._on_failed, number))

    def _on_loaded(self, number: int, result: object) -> None:
        if number != self._asked:
            return
        assert isinstance(result, tuple)
        self._opened, lineup, self._errors = result
        self.loaded.emit(lineup, self._errors)

    def _on_failed(self, number: int, error: Exception, traceback: str) -> None:
        if number == self._asked:
            self.failed.emit()
        self._session.failed.emit(error, traceback)
