"""The times at which an interpolation has moved its surface by equal amounts, measured in the background."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from PyQt6.QtCore import QObject, pyqtSignal

from engine.core.progress import Progress
from engine.core.streams import lane_stream
from engine.surface.even_movement import times_of_constant_speed
from npm_studio.session.document.keyframes import frames_there, path_of
from npm_studio.session.document.state import Interpolation
from npm_studio.session.jobs.events import Advanced, JobEvent, StageStarted
from npm_studio.views.session import Session


@dataclass(frozen=True, eq=False)
class _Measured:
    way: Interpolation
    times: NDArray[np.float64]
    """(F,) seconds, of the frames there"""
    least_mm: float
    largest_mm: float


class EvenSpeed(QObject):
    """Measures one way at a time; the latest that is wanted comes next."""

    changed = pyqtSignal()
    """`times` and `words` may be others."""
    advanced = pyqtSignal()
    """`words` are others."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._wanted: Interpolation | None = None
        self._measuring: Interpolation | None = None
        self._measured: _Measured | None = None
        self._failed: Interpolation | None = None
        self._job, self._pass, self._total, self._done = 0, 0, 1, 0
        """What measures, and how far it is: over all frames once in each pass."""
        session.document.model_changed.connect(self._forget)

    @property
    def times(self) -> NDArray[np.float64] | None:
        """Of the way that is wanted; None where it is not measured, or equal steps of the codes are wanted."""
        known = self._measured
        return known.times if known is not None and known.way == self._wanted else None

    @property
    def words(self) -> str:
        """What there is to say."""
        if self._wanted is None:
            return ""
        known = self._measured
        if known is not None and known.way == self._wanted:
            low, high = known.least_mm, known.largest_mm
            return f"The surface moves by {low:.2g} to {high:.2g} mm from frame to frame."
        if self._failed == self._wanted:
            return "The way cannot be measured, so codes go at equal steps."
        far = f": pass {self._pass}, {self._done / self._total:.0%}" if self._pass else ""
        return f"Measuring movement{far}…"

    def follow(self, now: Interpolation | None) -> None:
        """``now`` is on show; None where nothing is."""
        wanted = replace(now, frame=0, card=0, there_and_back=False) if now is not None and now.constant_speed else None
        if wanted != self._wanted:
            self._wanted = wanted
            if self._measuring not in (None, wanted):
                self._session.jobs.stop(self._job)
            self._measure()

    def _forget(self) -> None:
        self._measured = self._failed = None

    def _measure(self) -> None:
        model, way = self._session.document.model, self._wanted
        if model is None or way is None or self._measuring is not None or way == self._failed:
            return
        if self._measured is not None and self._measured.way == way:
            return
        self._measuring, self._pass = way, 0

        def work(progress: Progress) -> _Measured:
            with torch.no_grad(), torch.cuda.stream(lane_stream(model.device, "movement")):
                times, moved = times_of_constant_speed(model, path_of(way), frames_there(way), progress)
            moved_mm = 1000 * moved / model.info.similarity.scale
            return _Measured(way, times, float(moved_mm.min()), float(moved_mm.max()))

        jobs = self._session.jobs
        self._job = jobs.submit(
            "measure", work, self._on_measured, self._on_failed, self._on_stopped, event=self._on_event
        )

    def _on_event(self, event: JobEvent) -> None:
        if isinstance(event, StageStarted):
            self._pass, self._total, self._done = self._pass + 1, max(event.total, 1), 0
        elif isinstance(event, Advanced):
            self._done = event.done
        self.advanced.emit()

    def _on_measured(self, measured: object) -> None:
        assert isinstance(measured, _Measured)
        self._measured = measured
        self._on_stopped()

    def _on_failed(self, error: Exception, traceback: str) -> None:
        self._failed = self._measuring
        self._on_stopped()
        self._session.failed.emit(error, traceback)

    def _on_stopped(self) -> None:
        self._measuring = None
        self.changed.emit()
        self._measure()
