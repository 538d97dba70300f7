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
_STEP_S = 0.001
"""Between two frames whose times are the same."""


class FollowedFolder:
    """A `engine.sequences.depth_source.DepthSource` of what a program writes into a folder."""

    def __init__(self, layout: FolderLayout, files: WholeFiles, options: SourceOptions) -> None:
        self._layout, self._files, self._options = layout, files, options
        self._closed = Event()
        self._taken: set[str] = set()
        """Names of files that were handed over or dropped."""
        self._newest: Path | None = None
        self._dropped = 0
        """Since the last frame."""
        self._time_s: float | None = None
        self._unreadable: list[InputError] = []
        self._late: list[str] = []
        self._same_times = 0
        self._unfinished: list[tuple[Path, str]] = []
        before = len(layout.frames())
        self._before = before if before > 1 and options.pace is Pace.LIVE else 0

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
        if self._before:
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
                gone = InputError(path, "is gone", "leave frames where they are")
                self._unreadable.append(error if isinstance(error, InputError) else gone)
                self._dropped += 1
                continue
            dropped, self._dropped = self._dropped, 0
            yield DepthFrame(path.stem, time_s, depth, self._layout.pose, dropped)

    def close(self) -> None:
        self._closed.set()

    def _wait(self) -> Path | None:
        """The next file to hand over, or None where the source has ended."""
        quiet_since, before = time.monotonic(), None
        while not self._closed.is_set():
            now = time.monotonic()
            pending = self._pending()
            found = self._first(pending, now) if self._options.pace is Pace.EVERY else self._last(pending, now)
            if found is not None:
                self._take(pending[: found + 1])
                self._dropped += found
                self._newest = pending[found]
                return self._newest
            state = [(path, self._files.size(path)) for path in pending]
            if state != before:
                quiet_since, before = now, state
            elif now - quiet_since > self._options.patience_s:
                self._unfinished = list(self._files.unfinished())
                return None
            self._closed.wait(_POLL_S + time.monotonic() - now)  # no more than half of a core, however many files
        return None

    def _pending(self) -> list[Path]:
        """Files that are new, in natural order; those that came after later ones are dropped."""
        new = [path for path in self._layout.frames() if path.name not in self._taken]
        if self._newest is None:
            return new
        order = natural_key(self._newest)
        late = [path for path in new if natural_key(path) < order]
        self._take(late)
        self._dropped += len(late)
        self._late += [path.name for path in late]
        return new[len(late) :]

    def _take(self, paths: list[Path]) -> None:
        self._taken.update(path.name for path in paths)

    def _last(self, pending: list[Path], now_s: float) -> int | None:
        """The index of the newest file that is whole."""
        return next((n for n in reversed(range(len(pending))) if not self._files.why_not(pending[n], now_s)), None)

    def _first(self, pending: list[Path], now_s: float) -> int | None:
        """The index of the oldest file that is whole, where all before it have been waited for long enough."""
        for index, path in enumerate(pending):
            if not self._files.why_not(path, now_s):
                return index
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
