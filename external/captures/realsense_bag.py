"""RealSense recordings and other ROS 1 bags with a depth image topic, read by the package ``rosbags``.

Depth is a topic of ``sensor_msgs/Image`` with encoding 16UC1, mono16 or Z16 (units per metre from the option topic
``Depth_Units`` of the RealSense SDK, 1000 without) or 32FC1 (metres); its ``camera_info`` is the topic beside it.
"""

import bz2
import re
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice, Setting, remedy
from engine.geometry.camera import PinholeCamera
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import MAX_PIXELS, Recording
from external.captures import intrinsics
from external.captures.lens import RationalDistortion, Undistort

_REMEDY = "record it again; a bag that was not closed is mended by rosbag reindex"
_IMAGE, _INFO, _FLOAT = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo", "std_msgs/msg/Float32"
_ENCODINGS = {"16uc1": 2, "mono16": 2, "z16": 2, "32fc1": 4}
_MAX_CHUNK = 2**28
_DEFAULT_UNIT_M = 0.001


def read_realsense_bag(path: Path, options: CaptureOptions) -> Recording:
    """Reads the index, the calibration and the unit.

    Raises:
        InputError: ``rosbags`` is not installed, the file is no bag, or has no depth topic or no intrinsics.
    """
    try:
        import rosbags  # noqa: F401
    except ImportError:
        raise InputError(path, "needs the package rosbags to be read", "pip install rosbags") from None
    bag = _Bag(path)
    topic, shape, encoding = _depth_topic(bag)
    height, width = shape
    undistort, warnings = None, list[Notice]()
    if options.intrinsics is not None:
        camera, source = intrinsics.parse_intrinsics(options.intrinsics).camera(width, height), "the user"
    else:
        source = _info_topic(bag, topic)
        info = bag.message(source, 0)
        camera = intrinsics.from_matrix(np.reshape(info.K, (3, 3)), f"{path} topic {source}").camera(width, height)
        undistort, note = _distortion(info, camera)
        warnings += note
    units = 1.0
    if _ENCODINGS[encoding] == 2:
        units, note = _units_per_metre(bag)
        warnings += note

    def read_stored(index: int) -> NDArray[Any]:
        stored = _image(bag.message(topic, index), f"{path} frame {index:06d}")
        return stored if undistort is None or stored.shape != shape else undistort(stored)

    times = bag.times(topic)
    return Recording(
        path=path,
        origin=f"ROS 1 bag: topic {topic} ({encoding}) has {len(times)} frames, intrinsics from {source}",
        camera=camera,
        frame_names=tuple(f"{index:06d}" for index in range(len(times))),
        read_stored=read_stored,
        units_per_metre=units,
        times_s=np.array([time / 1e9 for time in times], np.float64),
        warnings=tuple(warnings),
    )


class _Bag:
    """Messages of an open bag by topic and number, with every failure of the third-party parser as an InputError."""

    def __init__(self, path: Path) -> None:
        from rosbags.rosbag1 import Reader
        from rosbags.typesys import Stores, get_typestore

        self.path = path
        self._lock = threading.Lock()
        self._times: dict[str, list[int]] = {}
        self._messages: Iterator[Any] = iter(())
        self._next: tuple[str, int] | None = None
        self._types = get_typestore(Stores.ROS1_NOETIC)
        self._reader = Reader(path)
        self._guard(self._reader.open)
        self._bound_chunks()
        self.topics: dict[str, str] = {c.topic: c.msgtype for c in self._reader.connections}

    def times(self, topic: str) -> list[int]:
        """Time stamps in nanoseconds of the messages of ``topic``, ascending."""
        if topic not in self._times:
            indexes = [self._reader.indexes[c.id] for c in self._reader.connections if c.topic == topic]
            self._times[topic] = sorted(entry.time for index in indexes for entry in index)
        return self._times[topic]

    def message(self, topic: str, number: int) -> Any:
        """The message of ``topic`` with that number in order of time."""
        with self._lock:
            return self._guard(lambda: self._message(topic, number), f"topic {topic} message {number}")

    def _message(self, topic: str, number: int) -> Any:
        if self._next != (topic, number):  # the parser looks through its whole index for the first message
            connections = [c for c in self._reader.connections if c.topic == topic]
            times = self.times(topic)
            self._messages = self._reader.messages(connections, times[number])
            for _ in range(number - bisect_left(times, times[number])):
                next(self._messages)
        self._next = None
        for connection, _, data in self._messages:
            message = self._types.deserialize_ros1(data, connection.msgtype)
            self._next = topic, number + 1
            return message
        raise ValueError("the index names a message that is not there")

    def _guard(self, work: Callable[[], Any], where: str = "") -> Any:
        try:
            return work()
        except InputError:
            raise
        except Exception as error:  # the parser raises whatever damaged bytes lead to: assertions, struct, index errors
            subject = f"{self.path} {where}".strip()
            detail = " ".join(str(a) for a in error.args) or error.__class__.__name__
            raise InputError(subject, f"cannot be read as a ROS 1 bag ({detail[:200]})", _REMEDY) from None

    def _bound_chunks(self) -> None:
        """Let no compressed chunk grow beyond what recorders write."""
        from rosbags.rosbag1.reader import decompressors

        names = {id(function): name for name, function in decompressors.items()}
        for position, chunk in self._reader.chunks.items():
            kind = names[id(chunk.decompressor)]
            if kind != "none":
                self._reader.chunks[position] = chunk._replace(decompressor=partial(_inflate, kind))


def _inflate(kind: str, data: bytes) -> bytes:
    if kind == "bz2":
        whole = bz2.BZ2Decompressor().decompress(data, _MAX_CHUNK + 1)
    else:
        import lz4.frame  # type: ignore[import-untyped]

        whole = lz4.frame.LZ4FrameDecompressor().decompress(data, _MAX_CHUNK + 1)
    if len(whole) > _MAX_CHUNK:
        raise ValueError(f"a chunk of {len(data)} bytes grows beyond {_MAX_CHUNK} bytes")
    return whole


def _depth_topic(bag: _Bag) -> tuple[str, tuple[int, int], str]:
    """Topic, shape (H, W) and encoding of the depth images; a topic with depth in its name comes first."""
    images = sorted(topic for topic, kind in bag.topics.items() if kind == _IMAGE)
    for topic in sorted(images, key=lambda topic: "depth" not in topic.lower()):
        if "infra" in topic.lower() or not bag.times(topic):
            continue
        first = bag.message(topic, 0)
        encoding = str(first.encoding).lower()
        if encoding in _ENCODINGS:
            if not 0 < first.width * first.height <= MAX_PIXELS:
                raise InputError(bag.path, f"declares depth images of {first.width}x{first.height} pixels", _REMEDY)
            return topic, (first.height, first.width), encoding
    has = ", ".join(images[:6]) or "no images at all"
    fix = "record it again with the depth stream switched on"
    raise InputError(bag.path, f"has no topic of 16-bit or 32-bit depth images (it has {has})", fix)


def _info_topic(bag: _Bag, topic: str) -> str:
    """The camera_info topic with the longest common beginning with ``topic``."""
    infos = [name for name, kind in bag.topics.items() if kind == _INFO and bag.times(name)]
    beside = topic.rsplit("/", 2 if topic.endswith("/image/data") else 1)[0]
    found = sorted(name for name in infos if name.startswith(f"{beside}/"))
    if not found:
        problem = f"has no camera_info beside the topic {topic}"
        raise InputError(bag.path, problem, intrinsics.GIVE)
    return found[0]


def _distortion(info: Any, camera: PinholeCamera) -> tuple[Undistort | None, list[Notice]]:
    coefficients = [float(value) for value in info.D][:8]
    if not np.any(np.abs(coefficients) > 1e-6):
        return None, []
    if str(info.distortion_model) in ("plumb_bob", "rational_polynomial") and np.isfinite(coefficients).all():
        return Undistort(camera, RationalDistortion(*coefficients)), []
    return None, [Notice(f"lens distortion of the model {info.distortion_model!r} is not corrected")]


def _units_per_metre(bag: _Bag) -> tuple[float, list[Notice]]:
    for topic, kind in sorted(bag.topics.items()):
        if kind == _FLOAT and re.search(r"/option/depth[ _]units/value$", topic, re.IGNORECASE) and bag.times(topic):
            unit = float(bag.message(topic, 0).data)
            if np.isfinite(unit) and unit > 0:
                return round(1 / unit, 6), []
    text = "the bag does not state the depth unit, millimetres are taken"
    return 1 / _DEFAULT_UNIT_M, [Notice(text, remedy("state {} if that is wrong", Setting.DEPTH_UNITS))]


def _image(message: Any, name: str) -> NDArray[Any]:
    """Stored depth (H, W) of an image message, whose rows may be padded."""
    size = _ENCODINGS.get(str(message.encoding).lower())
    width, height, step = int(message.width), int(message.height), int(message.step)
    data = np.asarray(message.data, np.uint8).reshape(-1)
    if size is None or not 0 < width * height <= MAX_PIXELS or step < width * size or len(data) < step * height:
        raise InputError(name, f"does not hold {width}x{height} depth pixels", _REMEDY)
    rows = data[: step * height].reshape(height, step)[:, : width * size]
    order = ">" if message.is_bigendian else "<"
    return np.ascontiguousarray(rows).view(f"{order}{'u2' if size == 2 else 'f4'}")


READER = RecordingReader(
    id="realsense-bag",
    title="RealSense",
    form="a ROS 1 bag .bag (RealSense)",
    read=read_realsense_bag,
    endings=(".bag",),
    magic=b"#ROSBAG V2.0",
)
