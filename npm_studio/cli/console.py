"""What commands share: common options, and progress on a terminal or in a log."""

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType, TracebackType

from engine.core.errors import Cancelled, Notice
from engine.core.progress import Progress
from npm_studio.cli.starter import starter
from npm_studio.cli.words import words
from npm_studio.resources import built_in_models, demo_model, model_path

_log = logging.getLogger(__name__)
_interrupted = False
_OFTEN = 0.1
"""Seconds between two events for a program; figures are told whenever there are any."""
_ONE_REQUEST = 1.0
"""Seconds within which signals are one request: `timeout` and batch systems signal a process and then its group."""


def is_rank_zero() -> bool:
    """Whether this process is the only one, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


def interrupted() -> bool:
    """Whether Ctrl-C ended the work of this command early, with partial results kept."""
    return _interrupted


def add_model(parser: argparse.ArgumentParser, what: str = "model folder") -> None:
    names = ", ".join(name for name in built_in_models() if name != demo_model().stem)
    parser.add_argument(
        "--model",
        type=model_path,
        default=demo_model(),
        metavar="M",
        help=f"{what}, or a built-in model by name: {demo_model().stem} (the default), {names}",
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    choices = "{auto,cpu,cuda,cuda:N}"
    parser.add_argument("--device", default="auto", metavar=choices, help="where to compute (default: auto)")


def add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=_seed, default=0, metavar="S", help="seed of every random choice (default: 0)")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the results as one JSON object on the last line")


def _seed(text: str) -> int:
    if not (text.isdecimal() and int(text) < 2**32):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 to {2**32 - 1}")
    return int(text)


class ConsoleProgress(Progress):
    """Progress with ETA: a bar on a terminal, a plain line every few seconds otherwise.

    Used as a context manager it also turns the first Ctrl-C (or SIGTERM) into a request to stop (`cancelled`); a
    second one interrupts at once. Everything goes to standard error, results alone go to standard output. Of several
    processes that work together, the first one speaks. A program that started the command hears events instead.
    """

    def __init__(self, seconds_between_lines: float = 5.0) -> None:
        self._starter = starter()
        self._silent = self._starter is not None or not is_rank_zero()
        self._is_terminal = sys.stderr.isatty()
        self._pause = 0.1 if self._is_terminal else seconds_between_lines
        self._name, self._total, self._before, self._started, self._last = "", 0, 0, 0.0, 0.0
        self._stop, self._asked, self._may_be_left = False, 0.0, False
        self._open_line = False

    def __enter__(self) -> "ConsoleProgress":
        self._previous = {
            number: signal.signal(number, self._on_interrupt) for number in (signal.SIGINT, signal.SIGTERM)
        }
        if self._starter is not None:
            self._starter.has_begun = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._end_line()

    def stage(self, name: str, total: int) -> None:
        self._end_line()
        _log.info("%s: %d steps", name, total)
        if self._starter is not None:
            self._starter.tell("stage", name=name, total=total)
        self._name, self._total, self._before, self._started, self._last = name, total, 0, time.monotonic(), 0.0
        if not self._is_terminal and not self._silent:
            print(f"{name}: {total} steps", file=sys.stderr, flush=True)

    def resumed(self, done: int) -> None:
        self._before = done
        if self._starter is not None:
            self._starter.tell("resumed", done=done)

    def advance(self, done: int, metrics: Mapping[str, float] | None = None) -> None:
        now = time.monotonic()
        if self._starter is not None and (metrics or now - self._last >= _OFTEN or done >= self._total):
            self._last = now
            self._starter.tell("advanced", done=done, metrics=dict(metrics or {}))
        if self._silent or (now - self._last < self._pause and done < self._total):
            return
        self._last = now
        elapsed = now - self._started
        remaining = elapsed / max(done - self._before, 1) * (self._total - done)
        values = "  ".join(f"{key} {value:.4g}" for key, value in (metrics or {}).items())
        times = f"{_clock(elapsed)} elapsed, {_clock(remaining)} left"
        text = f"{self._name}: {done}/{self._total}  {times}  {values}".rstrip()
        if self._is_terminal:
            filled = round(20 * done / max(self._total, 1))
            print(f"\r\x1b[2K[{'#' * filled}{'.' * (20 - filled)}] {text}"[:200], end="", file=sys.stderr, flush=True)
            self._open_line = True
        else:
            print(text, file=sys.stderr, flush=True)

    def message(self, text: str) -> None:
        self._end_line()
        _log.info("%s", text)
        if self._starter is not None:
            self._starter.tell("message", text=text)
        if not self._silent:
            print(text, file=sys.stderr, flush=True)

    def notice(self, notice: Notice) -> None:
        self.message(notice.line(words if self._starter is None else self._starter.words))

    def preview(self, payload: object) -> None:
        if self._starter is not None:
            self._starter.show(payload)

    def wants_preview(self) -> bool:
        return self._starter is not None and self._starter.wants_preview()

    def cancelled(self) -> bool:
        """Whether to stop; while the program that has started the command holds it, whoever asks is kept waiting."""
        if self._starter is not None:
            self._starter.wait_while_held()
        return self._stop

    def is_hurried(self) -> bool:
        """Whether to stop, for the program that has started the command: a person waits there."""
        return self._starter is not None and self._stop

    @contextmanager
    def may_be_left(self) -> Iterator[None]:
        self._may_be_left = True
        try:
            if self.is_hurried():
                raise Cancelled
            yield
        finally:
            self._may_be_left = False

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        global _interrupted
        now = time.monotonic()
        if self._stop and now - self._asked > _ONE_REQUEST:
            raise KeyboardInterrupt
        if self._stop:
            return
        self._stop, self._asked = True, now
        _interrupted = True
        more = "" if self._starter is not None else "; press Ctrl-C again to stop at once"
        self.message(f"stopping after this step{more}")
        if self._may_be_left and self.is_hurried():
            raise Cancelled

    def _end_line(self) -> None:
        if self._open_line:
            print(file=sys.stderr, flush=True)
            self._open_line = False


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
