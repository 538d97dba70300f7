"""An open ROS recording: messages by topic and number, whatever the version that wrote it."""

import re
import threading
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.core.errors import InputError, in_words

_OF_PYTHON = re.compile(r"\s*\b\w+Error\((.*)\)")


class RosBag(ABC):
    """What the package ``rosbags`` reads, with every failure of its parsers as an InputError."""

    def __init__(self, path: Path, reader: Callable[[Path], Any], types: Any, title: str, remedy: str) -> None:
        self.path, self.title, self.remedy = path, title, remedy
        self._reader, self._types = self.guard(lambda: reader(path)), types
        self._lock = threading.Lock()
        self._times: dict[str, list[int]] = {}
        self._messages: Iterator[Any] = iter(())
        self._next: tuple[str, int] | None = None
        self.guard(self._reader.open)
        self.topics: dict[str, str] = {c.topic: c.msgtype for c in self._reader.connections}
        """Type of the messages of every topic, such as ``sensor_msgs/msg/Image``."""

    @abstractmethod
    def stamps(self, connections: list[Any]) -> list[int]:
        """Time stamps in nanoseconds of all messages of ``connections``, in any order."""

    @abstractmethod
    def parse(self, data: Any, message_type: str) -> Any:
        """A message from its bytes."""

    def has_messages(self, topic: str) -> bool:
        """Whether there is any message of ``topic``."""
        return bool(self.times(topic))

    def times(self, topic: str) -> list[int]:
        """Time stamps in nanoseconds of the messages of ``topic``, ascending."""
        if topic not in self._times:
            with self._lock:
                self._next = None
                self._times[topic] = sorted(self.guard(lambda: self.stamps(self._connections(topic)), f"topic {topic}"))
        return self._times[topic]

    def message(self, topic: str, number: int) -> Any:
        """The message of ``topic`` with that number in order of time."""
        times = self.times(topic) if number else []
        with self._lock:
            return self.guard(lambda: self._message(topic, number, times), f"topic {topic} message {number}")

    def _message(self, topic: str, number: int, times: list[int]) -> Any:
        if self._next != (topic, number):  # the parser looks through its whole index for the first message
            start = times[number] if number else None
            self._messages = self._reader.messages(self._connections(topic), start)
            for _ in range(number - bisect_left(times, start) if start is not None else 0):
                next(self._messages)
        self._next = None
        for connection, _, data in self._messages:
            message = self.parse(data, connection.msgtype)
            self._next = topic, number + 1
            return message
        raise ValueError("the index names a message that is not there")

    def _connections(self, topic: str) -> list[Any]:
        return [c for c in self._reader.connections if c.topic == topic]

    def guard(self, work: Callable[[], Any], where: str = "") -> Any:
        """What ``work`` returns."""
        try:
            return work()
        except InputError:
            raise
        except Exception as error:  # the parser raises whatever damaged bytes lead to: assertions, struct, index errors
            subject = f"{self.path} {where}".strip()
            said = in_words(error)
            if type(error).__module__.startswith("rosbags"):  # behind a colon, they repeat what Python says
                first = _OF_PYTHON.sub(r": \1", str(error).split(": ")[0].rstrip("."))
                said = f" ({first[:200]})"
            said = said or " (it is damaged or ends too early)"
            raise InputError(subject, f"cannot be read as a {self.title}{said}", self.remedy) from None


def require_rosbags(path: Path) -> None:
    """Raises InputError where the package ``rosbags`` is not installed."""
    try:
        import rosbags  # noqa: F401
    except ImportError:
        raise InputError(path, "needs the package rosbags to be read", "pip install rosbags") from None
