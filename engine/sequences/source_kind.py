"""Sources of depth for tracking: what a kind is called, what names one, and who opens it.

A kind is one module with a `SourceKind`, registered under the entry-point group `npm_studio.sources`; this project's
own are in `external.sources`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.core.registry import SOURCES, load_all
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from engine.sequences.depth_source import DepthSource

PATIENCE_S = 5.0
_log = logging.getLogger(__name__)


class Pace(Enum):
    """Which frames a source hands over to somebody who may be slower than the camera."""

    LIVE = "the newest frame, those that were missed are counted; a recording plays at its own rate"
    EVERY = "every frame in order, however late"


@dataclass(frozen=True)
class SourceOptions:
    """What a user states about a source."""

    capture: CaptureOptions = AS_RECORDED
    """Of the frames; what asks for a whole recording, such as masks, is refused where there is none."""
    pace: Pace = Pace.LIVE
    follow: bool = False
    """Whether a folder is one that another program is still writing."""
    patience_s: float = PATIENCE_S
    """Seconds without a new frame after which a source that is being written has ended, and a camera is lost."""


AS_IT_COMES = SourceOptions()
"""Nothing is stated."""


@dataclass(frozen=True)
class SourceKind:
    """One kind of sources."""

    id: str
    title: str
    """What users call it, such as ``RealSense``."""
    form: str
    """What they name, such as ``realsense or realsense:SERIAL (a camera)``."""
    takes: Callable[[str, SourceOptions], str]
    """Why a text names such a source; empty where it names none. Opens nothing."""
    open: Callable[[str, SourceOptions, Progress], DepthSource]
    """Opens it and waits for its first frame where that is needed; raises InputError where it cannot be used, and
    Cancelled where the progress asks to stop."""
    rank: int = 0
    """Lower ranks are asked first: names that mean nothing else before those that may be any path."""


def registered_sources() -> tuple[SourceKind, ...]:
    """All that are installed, by rank and name; one that cannot be loaded is left out, and the log says so."""
    return tuple(sorted(load_all(SOURCES, SourceKind, "kind of source"), key=lambda kind: (kind.rank, kind.id)))


def open_source(text: str, options: SourceOptions = AS_IT_COMES, progress: Progress | None = None) -> DepthSource:
    """The source that ``text`` names, to be closed by the caller.

    Raises:
        InputError: nothing known is named so, or it cannot be used; one line with the remedy.
        Cancelled: ``progress`` asked to stop.
    """
    kinds = registered_sources()
    for kind in kinds:
        if why := kind.takes(text, options):
            _log.info("%s: opened as %s: %s", text, kind.title, why)
            return kind.open(text, options, progress or Progress())
    raise InputError(text, "is no source of depth that is known", f"give {', or '.join(kind.form for kind in kinds)}")
