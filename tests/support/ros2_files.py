"""ROS 2 recordings, by the writer of the package ``rosbags``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.capture_files import K, stored

DEPTH, INFO = "/camera/depth/image_rect_raw", "/camera/depth/camera_info"


def ros2_messages(frames: np.ndarray, topic: str = DEPTH, encoding: str = "16UC1") -> list[tuple[str, Any]]:
    """An image of every frame (F, H, W), metres."""
    types = _types()
    messages = []
    for index, frame in enumerate(frames):
        values = frame.astype("<f4") if encoding == "32FC1" else stored(frame, 1000).astype("<u2")
        height, width = frame.shape
        data = np.frombuffer(values.tobytes(), np.uint8)
        image = types["sensor_msgs/msg/Image"](_header(index), height, width, encoding, 0, values.strides[0], data)
        messages.append((topic, image))
    return messages


def ros2_compressed(pictures: Sequence[bytes], topic: str, kind: str = "16UC1; compressedDepth png") -> list[Any]:
    make = _types()["sensor_msgs/msg/CompressedImage"]
    return [(topic, make(_header(index), kind, np.frombuffer(data, np.uint8))) for index, data in enumerate(pictures)]


def ros2_camera_info(width: int, height: int, topic: str = INFO) -> tuple[str, Any]:
    types = _types()
    region = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    zeros = np.zeros(12)
    info = types["sensor_msgs/msg/CameraInfo"](
        _header(0), height, width, "plumb_bob", np.zeros(5), K.reshape(-1), np.eye(3).reshape(-1), zeros, 0, 0, region
    )
    return topic, info


def write_ros2(
    folder: Path, messages: Sequence[tuple[str, Any]], storage: str = "sqlite3", compress: bool = False
) -> Path:
    """The folder of a recording; messages of a topic are 50 ms apart."""
    from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
    writer = Writer(folder, version=9, storage_plugin=plugin)
    if compress:
        mode = CompressionMode.STORAGE if storage == "mcap" else CompressionMode.MESSAGE
        writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        connections: dict[str, Any] = {}
        counts: dict[str, int] = {}
        for topic, message in messages:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            number = counts[topic] = counts.get(topic, -1) + 1
            stamp = 1_700_000_000_000_000_000 + number * 50_000_000
            writer.write(connections[topic], stamp, store.serialize_cdr(message, kind))
    return folder


def _types() -> Any:
    from rosbags.typesys import Stores, get_typestore

    return get_typestore(Stores.ROS2_HUMBLE).types


def _header(index: int) -> Any:
    types = _types()
    return types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](100 + index, 0), "camera_depth")
