"""A folder of depth images that another program is writing, followed as ``tail -f`` follows a file.

The folder is looked at every few milliseconds, which works on every file system, network disks included. A file is a
frame when it is whole, see `external.sources.whole_files`; frames come in the natural order of their names. The source
has ended when nothing has come for as long as the options say.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

from engine.core.errors import Cancelled, InputError, Notice
from engine.core.files import natural_key
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import World
from engine.sequences.depth_source import DepthFrame
from engine.sequences.isolation import check_live
from engine.sequences.source_kind import Pace, SourceKind, SourceOptions
from external.sources.folder_layout import FolderLayout, NotYet, settle_layout
from external.sources.whole_files import WholeFiles

_POLL_S = 0.005
_FIRST_POLL_S = 0.05
"""While nothing can be told yet, when every look goes through the whole folder."""
_GRACE_S = 1.0
"""That a file which is not whole is waited for where later ones are, if none is to be missed."""
_SAID_FROM = 30
"""Frames that were there already; fewer are those that came while the source was opened."""
_STEP_S = 0.001
"""Between two frames whose times are the same."""


class FollowedFolder:
    """A `engine.sequences.depth_source.DepthSource` of what a program writes into a folder."""

    def __init__(self, layout: FolderLayout, files: WholeFiles, options: SourceOptions) -> None:
        self._layout, self._files, self._options = layout, files, options
        self._closed = Event()
        self._known: set[str] = set()
        """Names of files that are no frames, or frames that wait, were handed over or dropped."""
        self._waiting: list[Path] = []
        """Frames in natural order, whole or not."""
        self._newest: Path | None = None
        self._dropped = 0
        """Since the last frame."""
        self._time_s: float | None = None
        self._unreadable: list[InputError] = []
        self._late: list[str] = []
        self._same_times = 0
        self._unfinished: list[tuple[Path, str]] = []
        self._look()
        self._before = len(self._waiting) if options.pace is Pace.LIVE else 0

    @property
    def name(self) -> str:
        return self._layout.root.resolve().name

    @property
    def camera(self) -> PinholeCamera:
        return self._layout.camera

    @property
    def world(self) -> World:
        return self._layout.world

    @property
    def origin(self) -> str:
        return self._layout.origin

    @property
    def warnings(self) -> tuple[Notice, ...]:
        """As `DepthSource.warnings`; files that never became whole are known at the end."""
        said = list(self._layout.warnings)
        if self._before > _SAID_FROM:
            said.append(Notice(f"{self._before} frames were there already, of which the newest is the first one"))
        if self._unreadable:
            first = self._unreadable[0]
            text = f"frames dropped: {len(self._unreadable)}, the first is {Path(first.subject).name}, which"
            said.append(Notice(f"{text} {first.problem}", first.remedy))
        if self._late:
            text = (
                f"frames dropped because later ones came before them: {len(self._late)}, the first is {self._late[0]}"
            )
            said.append(Notice(text))
        if self._same_times:
            text = f"{self._same_times} frames have no later time than the one before, and are taken for 1 ms after it"
            said.append(Notice(text))
        if self._unfinished:
            path, why = self._unfinished[0]
            said.append(
                Notice(f"files that never became whole: {len(self._unfinished)}, the first, {path.name}, {why}")
            )
        return tuple(said)

    def __iter__(self) -> Iterator[DepthFrame]:
        while (path := self._wait()) is not None:
            try:
                depth, time_s = self._layout.read(path), self._seconds(path)
            except (InputError, OSError) as error:  # OSError: it was there a moment ago
                self._drop(error if isinstance(error, InputError) else _gone(path))
                continue
            dropped, self._dropped = self._dropped, 0
            yield DepthFrame(path.stem, time_s, depth, self._layout.pose, dropped)

    def close(self) -> None:
        self._closed.set()

    def _wait(self) -> Path | None:
        """The next file to hand over, or None where the source has ended."""
        quiet_since, before = time.monotonic(), None
        live = self._options.pace is Pace.LIVE
        while not self._closed.is_set():
            now = time.monotonic()
            if live or not self._waiting or before is not None:
                self._look()
            found = self._last(now) if live else self._first(now)
            if found is not None:
                self._newest = self._waiting[found]
                self._dropped += found
                del self._waiting[: found + 1]
                return self._newest
            state = [(path, self._files.size(path)) for path in self._waiting]
            if state != before:
                quiet_since, before = now, state
            elif now - quiet_since > self._options.patience_s:
                self._unfinished = list(self._files.unfinished())
                return None
            self._closed.wait(_POLL_S + time.monotonic() - now)  # no more than half of a core, however many files
        return None

    def _look(self) -> None:
        """Have frames wait that are new; those that came after later ones, or are gone again, are dropped."""
        for path in [path for path in self._waiting if not path.exists()]:
            self._waiting.remove(path)
            self._drop(_gone(path))
        new = [name for name in self._layout.names() if name not in self._known]
        if not new:
            return
        self._known.update(new)
        frames = sorted((self._layout.place / name for name in new if self._layout.belongs(name)), key=natural_key)
        if self._newest is not None:
            order = natural_key(self._newest)
            late = [path for path in frames if natural_key(path) < order]
            self._dropped += len(late)
            self._late += [path.name for path in late]
            frames = frames[len(late) :]
        self._waiting = sorted([*self._waiting, *frames], key=natural_key)

    def _drop(self, error: InputError) -> None:
        self._unreadable.append(error)
        self._dropped += 1

    def _last(self, now_s: float) -> int | None:
        """The place of the newest file that waits and is whole."""
        places = reversed(range(len(self._waiting)))
        return next((place for place in places if not self._files.why_not(self._waiting[place], now_s)), None)

    def _first(self, now_s: float) -> int | None:
        """The place of the oldest file that is whole, where all before it have been waited for long enough."""
        for place, path in enumerate(self._waiting):
            if not self._files.why_not(path, now_s):
                return place
            if self._files.unfinished_for(path, now_s) < _GRACE_S:
                return None
        return None

    def _seconds(self, path: Path) -> float:
        """The time of a frame, after that of the one before."""
        seconds = self._layout.times.seconds(path)
        if self._time_s is not None and seconds <= self._time_s:
            seconds = self._time_s + _STEP_S
            self._same_times += 1
        self._time_s = seconds
        return seconds


def _gone(path: Path) -> InputError:
    return InputError(path, "is gone", "leave frames where they are while they are tracked")


def follow_folder(text: str, options: SourceOptions, progress: Progress) -> FollowedFolder:
    """The folder at the path ``text``, as soon as it has a frame that is whole and shows something.

    Raises:
        InputError: none has come in the time that options leave, what is there is no depth, or has no intrinsics.
        Cancelled: ``progress`` asked to stop.
    """
    root = Path(text)
    if root.is_file():
        raise InputError(root, "is a file, and what is followed is a folder", "give the folder that is being written")
    if options.capture.stream is not None:
        raise InputError(root, "has no streams to choose from", "give the folder of the stream")
    check_live(options.capture.isolation, str(root))
    files, since, before = WholeFiles(), time.monotonic(), -1
    progress.stage("waiting for a frame", 1)
    while True:
        try:
            layout = settle_layout(root, options.capture, files)
        except NotYet as waiting:
            now, count = time.monotonic(), sum(1 for _ in root.rglob("*")) if root.is_dir() else 0
            if count != before:  # something comes
                since, before = now, count
            elif now - since > options.patience_s:
                error = waiting.error
                problem = f"{error.problem}, and nothing has come for {options.patience_s:g} s"
                raise InputError(error.subject, problem, error.remedy) from None
        else:
            progress.advance(1)
            return FollowedFolder(layout, files, options)
        if progress.cancelled():
            raise Cancelled
        time.sleep(_FIRST_POLL_S)


SOURCE = SourceKind(
    id="folder",
    title="folder that is being written",
    form="a folder that another program is writing, which is to be followed",
    takes=lambda text, options: "is to be followed" if text and options.follow else "",
    open=follow_folder,
    rank=10,
)
