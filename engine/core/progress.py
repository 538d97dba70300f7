"""How long work tells others where it is, and how others tell it to stop."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from engine.core.errors import Notice


class Progress:
    """A silent listener; subclasses show a bar, write lines or send events.

    The engine calls these methods from the thread that does the work.
    """

    def stage(self, name: str, total: int) -> None:
        """A new stage of ``total`` steps begins."""

    def resumed(self, done: int) -> None:
        """The stage that has just begun goes on after ``done`` steps, which were done some other time."""

    def advance(self, done: int, metrics: Mapping[str, float] | None = None) -> None:
        """``done`` steps of the current stage are finished; ``metrics`` are current values by name."""

    def message(self, text: str) -> None:
        """One line worth telling the user."""

    def notice(self, notice: Notice) -> None:
        """What the user should know and may want to mend; front ends say it in their own words."""
        self.message(notice.line())

    def preview(self, payload: object) -> None:
        """An intermediate result (its type is documented by the job) for those who can show it."""

    def wants_preview(self) -> bool:
        """Whether a preview made now would be shown; making one may cost time."""
        return False

    def cancelled(self) -> bool:
        """Whether the user asked to stop; polled once per step."""
        return False

    def is_hurried(self) -> bool:
        """Whether the user waits for the end, so that a step is left half done and nothing is made that can wait."""
        return False

    def may_be_left(self) -> AbstractContextManager[None]:
        """Inside, work that changes nothing is left wherever it is, by `Cancelled`, as soon as the user waits for the
        end; where a listener cannot do that, the work goes on to its end."""
        return nullcontext()


class ForwardedProgress(Progress):
    """Passes everything on to another listener; subclasses change or keep some of it."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner

    def stage(self, name: str, total: int) -> None:
        self._inner.stage(name, total)

    def resumed(self, done: int) -> None:
        self._inner.resumed(done)

    def advance(self, done: int, metrics: Mapping[str, float] | None = None) -> None:
        self._inner.advance(done, metrics)

    def message(self, text: str) -> None:
        self._inner.message(text)

    def notice(self, notice: Notice) -> None:
        self._inner.notice(notice)

    def preview(self, payload: object) -> None:
        self._inner.preview(payload)

    def wants_preview(self) -> bool:
        return self._inner.wants_preview()

    def cancelled(self) -> bool:
        return self._inner.cancelled()

    def is_hurried(self) -> bool:
        return self._inner.is_hurried()

    def may_be_left(self) -> AbstractContextManager[None]:
        return self._inner.may_be_left()
