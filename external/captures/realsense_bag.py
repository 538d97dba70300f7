"""RealSense recordings and other ROS 1 bags with a depth image topic, read by the package ``rosbags``."""

import bz2
from functools import partial
from pathlib import Path
from typing import Any

from engine.sequences.capture_options import CaptureOptions
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import Recording
from external.captures.ros_bag import RosBag, require_rosbags
from external.captures.ros_depth import read_ros_depth

_REMEDY = "record it again; a bag that was not closed is mended by rosbag reindex"
_MAX_CHUNK = 2**28


def read_realsense_bag(path: Path, options: CaptureOptions) -> Recording:
    """Reads the index, the calibration and the unit.

    Raises:
        InputError: ``rosbags`` is not installed, the file is no bag, or has no depth topic or no intrinsics.
    """
    require_rosbags(path)
    return read_ros_depth(_Bag(path), options)


class _Bag(RosBag):
    def __init__(self, path: Path) -> None:
        from rosbags.rosbag1 import Reader
        from rosbags.typesys import Stores, get_typestore

        super().__init__(path, Reader, get_typestore(Stores.ROS1_NOETIC), "ROS 1 bag", _REMEDY)
        self._bound_chunks()

    def stamps(self, connections: list[Any]) -> list[int]:
        return [entry.time for connection in connections for entry in self._reader.indexes[connection.id]]

    def parse(self, data: Any, message_type: str) -> Any:
        return self._types.deserialize_ros1(data, message_type)

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


READER = RecordingReader(
    id="realsense-bag",
    title="RealSense",
    form="a ROS 1 bag .bag (RealSense)",
    read=read_realsense_bag,
    endings=(".bag",),
    magic=b"#ROSBAG V2.0",
    has_streams=True,
)
