"""Lines to other programs while a track runs: a reader that is slow loses lines, and nobody waits for it."""

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from engine.core.errors import InputError

_MOST_WAITING = 64
"""Lines; a reader that is so far behind is too slow."""
_GRACE_S = 1.0
"""Seconds at the end that a reader has for what still waits."""


class Sender(Protocol):
    """Somewhere that lines go."""

    @property
    def dropped(self) -> int:
        """Lines, or readers, that were given up."""

    def send(self, line: str) -> None:
        """Hand a line over; returns at once."""

    def close(self) -> None:
        """End, after what waits has been sent or a moment has passed."""


class _Reader:
    """One reader with a thread that writes to it."""

    def __init__(self, write: Callable[[bytes], None], on_gone: Callable[[], None]) -> None:
        self._lines: queue.Queue[str | None] = queue.Queue(_MOST_WAITING)
        self._write, self._on_gone = write, on_gone
        self._thread = threading.Thread(target=self._run, name="lines", daemon=True)
        self._thread.start()

    def offer(self, line: str) -> bool:
        """Whether there was room."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            return False
        return True

    def close(self) -> None:
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=_GRACE_S)
        self._thread.join(_GRACE_S)

    def _run(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # it went away, or was closed
            while (line := self._lines.get()) is not None:
                self._write(line.encode() + b"\n")
            return
        self._on_gone()


class StreamSender:
    """Lines to an open file, such as standard output; those that come while it does not keep up are left out."""

    def __init__(self, descriptor: int, on_gone: Callable[[], None] = lambda: None) -> None:
        """
        Args:
            on_gone: called, by another thread, when nobody reads any more
        """
        self._reader = _Reader(lambda data: _write_all(descriptor, data), on_gone)
        self.dropped = 0

    def send(self, line: str) -> None:
        self.dropped += not self._reader.offer(line)

    def close(self) -> None:
        self._reader.close()


class SocketSender:
    """Lines to all who connect to a local socket; whoever does not keep up is disconnected.

    A reader first gets what `greeting` says by then.
    """

    def __init__(self, address: int | Path, greeting: Callable[[], Sequence[str]]) -> None:
        """
        Args:
            address: a port of this machine, 0 for one that is free, or the path of a Unix socket

        Raises:
            InputError: it is taken, or cannot be used.
        """
        self._path = address if isinstance(address, Path) else None
        self._greeting, self._lock = greeting, threading.Lock()
        self._readers: dict[socket.socket, _Reader] = {}
        self.dropped = 0
        try:
            self._server = _listening(address)
        except OSError as error:
            raise InputError(f"socket {address}", f"cannot be used ({error.strerror})", "choose another one") from error
        threading.Thread(target=self._accept, name="connections", daemon=True).start()

    @property
    def port(self) -> int:
        """Of this machine; of a port alone."""
        return int(self._server.getsockname()[1])

    def send(self, line: str) -> None:
        with self._lock:
            slow = [connection for connection, reader in self._readers.items() if not reader.offer(line)]
            for connection in slow:
                del self._readers[connection]
                self.dropped += 1
                _end(connection)

    def close(self) -> None:
        _end(self._server)
        with self._lock:
            readers, self._readers = self._readers, {}
        for connection, reader in readers.items():
            reader.close()
            _end(connection)
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:  # closed
                return
            with self._lock:
                reader = _Reader(connection.sendall, lambda gone=connection: self._forget(gone))  # type: ignore[misc]
                for line in self._greeting():
                    reader.offer(line)
                self._readers[connection] = reader

    def _forget(self, connection: socket.socket) -> None:
        with self._lock:
            self._readers.pop(connection, None)


def _listening(address: int | Path) -> socket.socket:
    if isinstance(address, int):
        return socket.create_server(("127.0.0.1", address))
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(address))
    server.listen()
    return server


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
