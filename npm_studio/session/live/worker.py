"""The live lane: one thread that owns the model for the sliders."""

import logging
import re
import threading
from collections.abc import Callable
from typing import Protocol

from engine.core.errors import Cancelled
from engine.core.streams import begin_with_all_cores
from npm_studio.session.document.explorer import Codes
from npm_studio.session.live.mailbox import Mailbox
from npm_studio.session.live.request import MeshReply, MeshRequest, Quality

_log = logging.getLogger(__name__)


class MakesMeshes(Protocol):
    """What the worker needs of `npm_studio.session.live.mesher.Mesher`."""

    def make(self, request: MeshRequest, quality: Quality, cancelled: Callable[[], bool]) -> MeshReply: ...

    def prefetch(self, request: MeshRequest, cancelled: Callable[[], bool]) -> None: ...


class LiveWorker:
    """Takes requests from a mailbox and hands every mesh to ``on_reply``, on its own thread."""

    def __init__(
        self, mesher: MakesMeshes, on_reply: Callable[[MeshReply], None], on_error: Callable[[Exception], None]
    ) -> None:
        """``on_reply`` and ``on_error`` are called in the thread; ``on_error`` for the first of equal errors only."""
        self._on_reply, self._on_error = on_reply, once(on_error)
        self._mailbox = Mailbox()
        # the thread alone holds the mesher: model and surfaces go when it ends, whoever still knows the worker
        self._thread = threading.Thread(target=self._run, args=(mesher,), name="live meshes", daemon=True)
        self._thread.start()

    def post(self, codes: tuple[Codes, ...], settled: bool = False, ahead: tuple[Codes, ...] = ()) -> int:
        """Ask for meshes; returns the generation that the replies will carry. ``ahead`` is wanted soon."""
        return self._mailbox.post(codes, settled, ahead)

    def settle(self) -> None:
        """The slider was let go."""
        self._mailbox.settle()

    def close(self, timeout: float = 10.0) -> bool:
        """Stop, and wait for the thread; False when it did not end in ``timeout`` seconds."""
        self._mailbox.close()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self, mesher: MakesMeshes) -> None:
        begin_with_all_cores()
        while (job := self._mailbox.wait()) is not None:
            request, quality = job
            fine = quality is Quality.FINE

            def give_up(request: MeshRequest = request, fine: bool = fine) -> bool:
                return self._mailbox.is_superseded(request.generation) if fine else self._mailbox.is_closed()

            try:
                reply = mesher.make(request, quality, give_up)
                if reply.quality is Quality.FINE:
                    self._mailbox.already_fine(request.generation)
                self._on_reply(reply)
                mesher.prefetch(request, self._mailbox.has_news)
            except Cancelled:
                continue
            except Exception as error:
                if not self._mailbox.is_closed():
                    self._on_error(error)


def once(on_error: Callable[[Exception], None]) -> Callable[[Exception], None]:
    """``on_error`` for the first of equal errors: one that comes with every move of a slider is reported once."""
    reported: set[str] = set()

    def report(error: Exception) -> None:
        kind = type(error).__name__ + re.sub(r"\d+", "", str(error))  # amounts of memory differ every time
        if kind not in reported:
            reported.add(kind)
            _log.error("the thread %s could not do its work", threading.current_thread().name, exc_info=error)
            on_error(error)

    return report


class Newest:
    """Lets a reply through when it is newer than, or the same but finer than, the last one shown."""

    def __init__(self) -> None:
        self._shown: tuple[int, Quality] = (0, Quality.PREVIEW)
        self._oldest = 0

    def accepts(self, reply: MeshReply) -> bool:
        key = (reply.generation, reply.quality)
        if reply.generation < self._oldest or key <= self._shown:
            return False
        self._shown = key
        return True

    def forget_before(self, generation: int) -> None:
        """Replies to requests before ``generation`` are no longer wanted."""
        self._oldest = generation
