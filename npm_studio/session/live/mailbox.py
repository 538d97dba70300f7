"""Between the sliders and the thread that makes meshes: one slot, the latest wins."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from npm_studio.session.document.explorer import Codes
from npm_studio.session.live.request import MeshRequest, Quality

QUIET_SECONDS = 0.15
"""Without a new request for this long the user counts as done moving."""


class Mailbox:
    """Holds the newest request until it is taken, first for a preview, then for the fine mesh.

    A preview is never called off: while a slider moves, every preview that is finished can be shown. The fine mesh
    waits until the user has settled, and is given up when there is something newer.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._condition = threading.Condition()
        self._latest: MeshRequest | None = None
        self._posted_at = 0.0
        self._preview_due = self._fine_due = self._closed = False
        self._generation = 0

    def post(self, codes: tuple[Codes, ...], settled: bool = False, ahead: tuple[Codes, ...] = ()) -> int:
        """Ask for ``codes`` in place of whatever was waiting; returns the generation of this request."""
        with self._condition:
            self._generation += 1
            self._latest = MeshRequest(self._generation, codes, settled, ahead)
            self._posted_at = self._clock()
            self._preview_due = self._fine_due = True
            self._condition.notify()
            return self._generation

    def settle(self) -> None:
        """The slider was let go: do not wait for quiet."""
        with self._condition:
            if self._latest is not None:
                self._latest = replace(self._latest, settled=True)
                self._condition.notify()

    def take(self) -> tuple[MeshRequest, Quality] | None:
        """What to do now, or None when nothing is due."""
        with self._condition:
            return self._take()

    def wait(self) -> tuple[MeshRequest, Quality] | None:
        """What to do next, as soon as it is due; None when the box was closed."""
        with self._condition:
            while not self._closed:
                job = self._take()
                if job is not None:
                    return job
                due = self._posted_at + QUIET_SECONDS - self._clock() if self._fine_due else None
                self._condition.wait(due if due is None else max(due, 0.001))
            return None

    def is_superseded(self, generation: int) -> bool:
        """Whether ``generation`` is no longer the newest, or nobody waits any more."""
        return self._closed or generation < self._generation

    def is_closed(self) -> bool:
        return self._closed

    def has_news(self) -> bool:
        """Whether `wait` would return at once."""
        with self._condition:
            return self._closed or self._preview_due or self._is_fine_due_now()

    def already_fine(self, generation: int) -> None:
        """The preview of ``generation`` turned out as good as the fine mesh."""
        with self._condition:
            if generation == self._generation:
                self._fine_due = False

    def close(self) -> None:
        """End `wait` in every thread."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _take(self) -> tuple[MeshRequest, Quality] | None:
        if self._closed or self._latest is None:
            return None
        if self._preview_due:
            self._preview_due = False
            return self._latest, Quality.PREVIEW
        if self._is_fine_due_now():
            self._fine_due = False
            return self._latest, Quality.FINE
        return None

    def _is_fine_due_now(self) -> bool:
        if not self._fine_due or self._latest is None:
            return False
        return self._latest.settled or self._clock() - self._posted_at >= QUIET_SECONDS
