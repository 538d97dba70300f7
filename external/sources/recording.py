"""Any recording that has a reader, played at its own rate or frame by frame."""

from pathlib import Path

from engine.core.errors import InputError, Setting, remedy
from engine.core.progress import Progress
from engine.sequences.isolation import isolate
from engine.sequences.opening import open_recording
from engine.sequences.playback import Playback
from engine.sequences.reader import registered_readers
from engine.sequences.source_kind import SourceKind, SourceOptions


def open_playback(text: str, options: SourceOptions, progress: Progress) -> Playback:
    """The recording at the path ``text``, all but its subject taken out of it where the options say what that is.

    Raises:
        InputError: nothing known is there, or it cannot be used.
        Cancelled: ``progress`` asked to stop.
    """
    path = Path(text)
    if path.is_dir() and not any(path.iterdir()):
        raise InputError(path, "is empty", remedy("state {} if another program is about to fill it", Setting.FOLLOW))
    whole = open_recording(path, registered_readers(), options.capture, progress)
    return Playback(isolate(whole, options.capture.isolation, progress), options.pace)


SOURCE = SourceKind(
    id="recording",
    title="recording",
    form="the path of a recording",
    takes=lambda text, options: "is a path" if text else "",
    open=open_playback,
    rank=20,
)
