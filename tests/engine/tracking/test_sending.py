"""Lines of JSON to other programs while a track runs."""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera
from engine.geometry.mesh import Mesh
from engine.tracking.announcing import Announcer
from engine.tracking.lines import start_line
from engine.tracking.sending import SocketSender, StreamSender
from engine.tracking.tracker import TrackedFrame

MESH = Mesh(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.123456]], np.float32), np.array([[0, 1, 2]], np.int32))
START = start_line("room", "M.npm", PinholeCamera(4, 3, 2.0, 2.0, 2.0, 1.5))


def tracked(version: int, name: str = "f") -> TrackedFrame:
    code = np.array([0.25], np.float32)
    return TrackedFrame(name, 1.5, np.eye(4), 2 * np.eye(4), code, code, version, 0.9, False, True, 1, 0.0125)


class Noting:
    """A sender that notes."""

    dropped = 3

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.greeting: Callable[[], Sequence[str]] = lambda: []

    def made(self, greeting: Callable[[], Sequence[str]]) -> "Noting":
        self.greeting = greeting
        return self

    def send(self, line: str) -> None:
        self.lines.append(json.loads(line))

    def close(self) -> None:
        self.lines.append({"type": "closed"})


@contextlib.contextmanager
def server(address: int | Path, *greeting: str) -> Iterator[SocketSender]:
    sender = SocketSender(address, lambda: greeting)
    try:
        yield sender
    finally:
        sender.close()


def eventually(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + 5
    while not holds() and time.monotonic() < until:
        time.sleep(0.005)
    return holds()


def test_a_shape_is_told_once_and_before_its_first_frame() -> None:
    sender = Noting()
    announcer = Announcer(START, sender.made)
    for version in (0, 1, 1, 2):
        announcer.tell(tracked(version))
    announcer.end({"frames": 4})
    kinds = [line["type"] for line in sender.lines]
    assert kinds == ["start", "frame", "shape", "frame", "frame", "shape", "frame", "end", "closed"]
    assert sender.lines[-2] == {"type": "end", "frames": 4, "dropped_lines": 3}
    assert [json.loads(line)["type"] for line in sender.greeting()] == ["start", "shape"]


def test_a_frame_says_pose_place_and_confidence() -> None:
    sender = Noting()
    Announcer(START, sender.made).tell(tracked(1, "000007"))
    frame = sender.lines[-1]
    assert (frame["name"], frame["timestamp_s"], frame["confidence"], frame["lost"]) == ("000007", 1.5, 0.9, False)
    assert frame["subject_to_world"] == (2 * np.eye(4)).tolist()
    assert (frame["pose"], frame["latency_ms"], frame["others"]) == ([0.25], 12.5, 1)
    assert "vertices" not in frame


def test_meshes_are_sent_where_they_are_wanted() -> None:
    sender = Noting()
    announcer = Announcer(START, sender.made, lambda frame: MESH)
    announcer.tell(tracked(0))
    announcer.tell(tracked(1))
    _, nobody, shape, frame = sender.lines
    assert "vertices" not in nobody
    assert shape["faces"] == [[0, 1, 2]]
    assert frame["vertices"][2] == [0.0, 1.0, 0.1235]


def test_whoever_connects_later_is_greeted_with_what_was_missed() -> None:
    with server(0, "hello") as sender, socket.create_connection(("127.0.0.1", sender.port)) as reader:
        lines = reader.makefile()
        assert lines.readline() == "hello\n"
        sender.send("news")
        assert lines.readline() == "news\n"


def test_a_reader_that_is_too_slow_is_disconnected_and_nobody_waits() -> None:
    with server(0, "hello") as sender, socket.create_connection(("127.0.0.1", sender.port)) as slow:
        slow.recv(6)
        line = "x" * 200_000

        def gone() -> bool:
            sender.send(line)
            return sender.dropped == 1

        assert eventually(gone)


def test_a_reader_that_goes_away_is_forgotten() -> None:
    with server(0, "hello") as sender:
        with socket.create_connection(("127.0.0.1", sender.port)) as reader:
            reader.recv(6)

        def forgotten() -> bool:
            sender.send("news")
            return not sender._readers

        assert eventually(forgotten)
        assert sender.dropped == 0


def test_a_unix_socket_is_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "track"
    with server(path, "hello"), socket.socket(socket.AF_UNIX) as reader:
        reader.connect(str(path))
        assert reader.makefile().readline() == "hello\n"
    assert not path.exists()


def test_a_socket_that_is_taken_is_refused(tmp_path: Path) -> None:
    with server(tmp_path / "track"), pytest.raises(InputError, match="choose another one"):
        SocketSender(tmp_path / "track", list)


def test_a_stream_that_nobody_reads_loses_lines_and_blocks_nobody() -> None:
    reading, writing = os.pipe()
    try:
        sender = StreamSender(writing)
        for _ in range(200):
            sender.send("x" * 10_000)
        assert sender.dropped > 0
    finally:
        os.close(reading)
        sender.close()
        os.close(writing)


def test_a_stream_whose_reader_goes_away_says_so() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    gone = threading.Event()
    sender = StreamSender(writing, gone.set)
    sender.send("anybody?")
    assert gone.wait(5)
    sender.close()
    os.close(writing)
