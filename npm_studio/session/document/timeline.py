"""Where playback is."""

from dataclasses import dataclass

from npm_studio.session.document.signal import Signal


@dataclass(frozen=True)
class FrameFit:
    """What a run says of the mesh of one frame; None where nobody can say."""

    distance_mm: float | None = None
    """Mean, of what was seen to the mesh."""
    confidence: float | None = None
    """From 0 to 1."""
    lost: bool = False
    filled: bool = False
    """Whether the mesh of a lost frame was made from those of its neighbours."""

    def in_words(self) -> str:
        """``6.3 mm · confidence 0.92 · lost``; nothing where nothing is known."""
        parts = [] if self.distance_mm is None else [f"{self.distance_mm:.3g} mm from what was seen"]
        parts += [] if self.confidence is None else [f"confidence {self.confidence:.2f}"]
        parts += ["lost, filled" if self.filled else "lost"] if self.lost else []
        return " · ".join(parts)


@dataclass(frozen=True)
class Playable:
    """Something that can be played."""

    frame_names: tuple[str, ...] = ()
    frame_rate: float = 30.0
    frame: int = 0
    """Where to begin."""
    fits: tuple[FrameFit | None, ...] = ()
    """Of the run on show, for each frame; empty where there is none."""
    is_on_show: bool = True
    """Whether the frame where it begins is on show, and not something that is none of them."""


class Timeline:
    """Position in a clip; time comes from outside, so tests need no clock."""

    def __init__(self) -> None:
        self.frame_names: tuple[str, ...] = ()
        self.frame_rate = 30.0
        self.frame, self.playing, self.loop = 0, False, True
        self.is_on_show = True
        """Whether the frame is; where something else is, playback goes on from the frame."""
        self.frame_changed = Signal()
        self.state_changed = Signal()
        self.fits: tuple[FrameFit | None, ...] = ()
        self.fits_changed = Signal()
        self.marked: range | None = None
        """Frames that somebody has marked; at least one, and not beyond the clip."""
        self.marked_changed = Signal()
        self._fraction = 0.0

    @property
    def frame_count(self) -> int:
        return len(self.frame_names)

    def load(self, playable: Playable) -> None:
        """Stop, and take a new clip."""
        self.frame_names, self.frame_rate = playable.frame_names, playable.frame_rate
        self.frame = max(0, min(playable.frame, self.frame_count - 1))
        self.playing, self._fraction, self.is_on_show = False, 0.0, playable.is_on_show
        self.state_changed.emit()
        self.set_fits(playable.fits)
        self.mark(None)

    def set_fits(self, fits: tuple[FrameFit | None, ...]) -> None:
        """Another run of what plays is on show, or none."""
        assert len(fits) in (0, self.frame_count), (len(fits), self.frame_count)
        if fits != self.fits:
            self.fits = fits
            self.fits_changed.emit()

    def mark(self, frames: range | None) -> None:
        """Mark ``frames``, or none; what lies beyond the clip is left out."""
        if frames is not None:
            frames = range(max(frames.start, 0), min(frames.stop, self.frame_count)) or None
        if frames != self.marked:
            self.marked = frames
            self.marked_changed.emit()

    def mark_end(self, at_start: bool) -> None:
        """Begin the marked frames at the one on show, or end them there."""
        now, marked = self.frame, self.marked or range(self.frame, self.frame + 1)
        if at_start:
            self.mark(range(now, max(marked.stop, now + 1)))
        else:
            self.mark(range(min(marked.start, now), now + 1))

    def seek(self, frame: int) -> None:
        """Go to ``frame``, clamped to the clip."""
        frame = max(0, min(frame, self.frame_count - 1))
        self._fraction = 0.0
        if frame != self.frame or not self.is_on_show:
            self.frame, self.is_on_show = frame, True
            self.frame_changed.emit(frame)

    def place(self, frame: int, is_on_show: bool = True) -> None:
        """Stand at ``frame`` where that, or what is none of the frames, is on show already: nobody has to show it."""
        frame = max(0, min(frame, self.frame_count - 1))
        if (frame, is_on_show) != (self.frame, self.is_on_show):
            self.frame, self.is_on_show, self._fraction = frame, is_on_show, 0.0
            self.state_changed.emit()

    def step(self, frames: int) -> None:
        """Stop, and go ``frames`` on; around the ends when looping."""
        if self.frame_count == 0:
            return
        self.pause()
        target = self.frame + frames
        self.seek(target % self.frame_count if self.loop else target)

    def play(self) -> None:
        if self.frame_count < 2 or self.playing:
            return
        if self.frame == self.frame_count - 1 and not self.loop:
            self.seek(0)
        self.playing = True
        self.state_changed.emit()

    def pause(self) -> None:
        if self.playing:
            self.playing = False
            self.state_changed.emit()

    def toggle(self) -> None:
        self.pause() if self.playing else self.play()

    def set_loop(self, loop: bool) -> None:
        self.loop = loop
        self.state_changed.emit()

    def set_frame_rate(self, frame_rate: float) -> None:
        self.frame_rate = frame_rate
        self.state_changed.emit()

    def advance(self, seconds: float) -> None:
        """Time passes; skips frames when ``seconds`` is longer than one of them."""
        if not self.playing:
            return
        self._fraction += seconds * self.frame_rate
        whole = int(self._fraction)
        if whole == 0:
            return
        fraction, target = self._fraction - whole, self.frame + whole
        if target < self.frame_count:
            self.seek(target)
        elif self.loop:
            self.seek(target % self.frame_count)
        else:
            self.seek(self.frame_count - 1)
            self.pause()
        self._fraction = fraction


def upcoming(frame: int, frame_count: int, most: int, loop: bool) -> list[int]:
    """The frames that playback shows after ``frame``, the soonest first, at most ``most``, each once."""
    following = range(frame + 1, frame + 1 + min(most, frame_count - 1))
    return [after % frame_count for after in following if loop or after < frame_count]
