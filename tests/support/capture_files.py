"""Recordings written byte by byte after the published layouts, with nothing but struct, zlib and text.

They share no code with the readers, so that a test which reads one checks the reader against the format.
"""

import io
import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

WIDTH, HEIGHT = 40, 30
K = np.array([[50.0, 0, 19.5], [0, 51.0, 14.5], [0, 0, 1]])
"""As OpenCV has it: pixel centres at whole numbers."""


def depth_frames(count: int = 3, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Depth (F, H, W) in whole millimetres, in metres, different in every direction; 0 where nothing was measured."""
    rows, columns = np.mgrid[:height, :width]
    frames = np.zeros((count, height, width), np.float32)
    for index in range(count):
        millimetres = 1500 + 3 * columns + 7 * rows + 100 * index
        millimetres[:3, : width // 2] = 0
        frames[index] = np.float32(millimetres) / np.float32(1000)
    return frames


def png_bytes(values: np.ndarray, bits: int = 16, colour_type: int = 0) -> bytes:
    """A PNG of ``values`` (H, W) or (H, W, C), without filters (PNG specification, second edition)."""
    rows = np.ascontiguousarray(values.astype(">u2" if bits == 16 else "u1"))
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, colour_type, 0, 0, 0)
    palette = [(b"PLTE", bytes(range(30)))] if colour_type == 3 else []
    chunks = [(b"IHDR", header), *palette, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff_bytes(values: np.ndarray, pages: int = 1) -> bytes:
    """A TIFF of one strip, uncompressed, in the byte order and type of ``values`` (TIFF 6.0)."""
    order = ">" if values.dtype.byteorder == ">" else "<"
    mark = b"MM" if order == ">" else b"II"
    bits, kind = values.dtype.itemsize * 8, {"u": 1, "f": 3}[values.dtype.kind]
    height, width = values.shape
    data = np.ascontiguousarray(values).tobytes()
    out = mark + struct.pack(order + "HI", 42, 8 + len(data)) + data
    for page in range(pages):
        tags = {
            256: width,
            257: height,
            258: bits,
            259: 1,
            262: 1,
            273: 8,
            277: 1,
            278: height,
            279: len(data),
            339: kind,
        }
        ifd = struct.pack(order + "H", len(tags))
        ifd += b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
        after = len(out) + len(ifd) + 4
        out += ifd + struct.pack(order + "I", after if page < pages - 1 else 0)
    return out


def pgm_bytes(values: np.ndarray, largest: int = 65535) -> bytes:
    """A binary greyscale picture of netpbm, two bytes a pixel, most significant first."""
    height, width = values.shape
    return f"P5\n# a comment\n{width} {height}\n{largest}\n".encode() + values.astype(">u2").tobytes()


def stored(depth_m: np.ndarray, units_per_metre: float) -> np.ndarray:
    return np.rint(depth_m.astype(np.float64) * units_per_metre).astype(np.uint16)


def write_pngs(folder: Path, frames: np.ndarray, units_per_metre: float = 1000, name: str = "{}.png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(frames):
        (folder / name.format(index)).write_bytes(png_bytes(stored(frame, units_per_metre)))


def write_tum(folder: Path, frames: np.ndarray, units_per_metre: float = 5000) -> None:
    """``depth.txt``, ``depth/`` and ``groundtruth.txt`` of a camera at rest."""
    times = [1305031102.160407 + index / 25 for index in range(len(frames))]
    (folder / "depth").mkdir(parents=True)
    for time, frame in zip(times, frames, strict=True):
        (folder / "depth" / f"{time:.6f}.png").write_bytes(png_bytes(stored(frame, units_per_metre)))
    lines = ["# depth maps", "# file: 'rgbd_dataset.bag'", "# timestamp filename"]
    lines += [f"{time:.6f} depth/{time:.6f}.png" for time in times]
    (folder / "depth.txt").write_text("\n".join(lines) + "\n")
    poses = [f"{time:.4f} 1.2 0.6 1.5 0.6 0.5 -0.3 -0.55" for time in times]
    (folder / "groundtruth.txt").write_text("# timestamp tx ty tz qx qy qz qw\n" + "\n".join(poses) + "\n")


def open3d_json(width: int = WIDTH, height: int = HEIGHT) -> str:
    return json.dumps({"width": width, "height": height, "intrinsic_matrix": K.T.reshape(-1).tolist()})


def matrix_text(size: int = 4) -> str:
    matrix = np.eye(size)
    matrix[:3, :3] = K
    return "\n".join(" ".join(f"{value:.6f}" for value in row) for row in matrix) + "\n"


def sens_bytes(
    frames: np.ndarray,
    compression: int = 1,
    units_per_metre: float = 1000,
    declared: int | None = None,
    version: int = 4,
    size: tuple[int, int] | None = None,
    pictures: Sequence[bytes] = (),
    poses: Sequence[np.ndarray] = (),
    stamps: Sequence[int] = (),
) -> bytes:
    """ScanNet SensorData: ``pictures`` replaces the compressed depth of the first frames.

    ``poses`` (4, 4) camera to world, the identity without; ``stamps`` in microseconds, 25 frames per second without.
    """
    intrinsic = np.eye(4, dtype="<f4")
    intrinsic[:3, :3] = K
    eye = np.eye(4, dtype="<f4").tobytes()
    name = b"StructureSensor"
    out = struct.pack("<IQ", version, len(name)) + name + eye + eye + intrinsic.tobytes() + eye
    width, height = size or frames.shape[:0:-1]
    out += struct.pack("<iiIIII", 2, compression, 64, 48, width, height)
    out += struct.pack("<fQ", units_per_metre, len(frames) if declared is None else declared)
    for index, frame in enumerate(frames):
        if index < len(pictures):
            data = pictures[index]
        else:
            data = stored(frame, units_per_metre).astype("<u2").tobytes()
            data = zlib.compress(data) if compression == 1 else data
        colour = b"\xff\xd8 a jpeg \xff\xd9"
        out += poses[index].astype("<f4").tobytes() if index < len(poses) else eye
        stamp = stamps[index] if index < len(stamps) else index * 40000
        out += struct.pack("<QQQQ", index * 33333, stamp, len(colour), len(data)) + colour + data
    return out + struct.pack("<Q", 0)


# Matroska (RFC 9559) as the Azure Kinect recorder writes it


def element(identifier: int, payload: bytes) -> bytes:
    """One EBML element with an 8-byte size."""
    return (
        identifier.to_bytes((identifier.bit_length() + 7) // 8, "big")
        + struct.pack(">Q", len(payload) | 1 << 56)
        + payload
    )


def unsigned(identifier: int, value: int) -> bytes:
    return element(identifier, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def kinect_calibration(
    fx: float = 0.49, fy: float = 0.49, cx: float = 0.5, cy: float = 0.5, **distortion: float
) -> bytes:
    """``calibration.json`` of the device, parameters relative to the image size."""
    order = ("k1", "k2", "k3", "k4", "k5", "k6", "codx", "cody", "p2", "p1")
    parameters = [cx, cy, fx, fy, *(distortion.get(name, 0.0) for name in order)]

    def camera(letter: str, purpose: str, values: list[float]) -> dict:
        return {
            "Intrinsics": {
                "ModelParameterCount": 14,
                "ModelParameters": values,
                "ModelType": "CALIBRATION_LensDistortionModelBrownConrady",
            },
            "Location": f"CALIBRATION_CameraLocation{letter}0",
            "Purpose": f"CALIBRATION_CameraPurpose{purpose}",
            "SensorHeight": 1024,
            "SensorWidth": 1024,
        }

    cameras = [camera("PV", "PhotoVideo", [0.1] * 14), camera("D", "Depth", parameters)]
    return json.dumps({"CalibrationInformation": {"Cameras": cameras}}).encode() + b"\0"


def kinect_mkv(
    frames: np.ndarray,
    calibration: bytes | None = None,
    names: Sequence[str] = ("IR", "DEPTH"),
    blocks: Sequence[bytes] = (),
    size: tuple[int, int] | None = None,
) -> bytes:
    """Tracks of uncompressed big-endian 16-bit images; one named DEPTH or nothing holds depth in millimetres.

    ``blocks`` replaces the images of the first frames.
    """
    width, height = size or frames.shape[:0:-1]
    ebml = unsigned(0x4286, 1) + unsigned(0x42F7, 1) + unsigned(0x42F2, 4) + unsigned(0x42F3, 8)
    ebml += element(0x4282, b"matroska") + unsigned(0x4287, 4) + unsigned(0x4285, 2)
    info = unsigned(0x2AD7B1, 1_000_000) + element(0x4D80, b"by hand") + element(0x5741, b"k4arecorder")
    bitmap = struct.pack(
        "<IiiHH4sIiiII", 40, width, height, 1, 16, b"b16g", min(2 * width * height, 2**32 - 1), 0, 0, 0, 0
    )
    tracks = b""
    for number, name in enumerate(names, start=1):
        video = unsigned(0xB0, width) + unsigned(0xBA, height)
        entry = unsigned(0xD7, number) + unsigned(0x73C5, number) + unsigned(0x83, 1) + unsigned(0x9C, 0)
        entry += element(0x86, b"V_MS/VFW/FOURCC") + element(0x63A2, bitmap) + element(0x536E, name.encode())
        tracks += element(0xAE, entry + element(0xE0, video))
    segment = element(0x1549A966, info) + element(0x1654AE6B, tracks)
    if calibration is not None:
        attached = element(0x466E, b"calibration.json") + element(0x4660, b"application/octet-stream")
        attached += unsigned(0x46AE, 7) + element(0x465C, calibration)
        segment += element(0x1941A469, element(0x61A7, attached))
    for index, frame in enumerate(frames):
        cluster = unsigned(0xE7, 40 * index)
        for number, name in enumerate(names, start=1):
            values = stored(frame, 1000) if name in ("DEPTH", "") else np.full(frame.shape, 9)
            data = values.astype(">u2").tobytes()
            data = blocks[index] if index < len(blocks) and name == "DEPTH" else data
            cluster += element(0xA3, bytes([0x80 | number]) + struct.pack(">hB", 0, 0x80) + data)
        segment += element(0x1F43B675, cluster)
    return element(0x1A45DFA3, ebml) + element(0x18538067, segment)


# ROS 1 bag, version 2.0 (wiki.ros.org/Bags/Format/2.0)


def record(data: bytes, **fields: bytes) -> bytes:
    header = b"".join(struct.pack("<I", len(k) + 1 + len(v)) + k.encode() + b"=" + v for k, v in fields.items())
    return struct.pack("<I", len(header)) + header + struct.pack("<I", len(data)) + data


def ros_text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode()


def ros_header(index: int) -> bytes:
    return struct.pack("<III", index, 100, 0) + ros_text("camera_depth_frame")


def ros_image(values: np.ndarray, encoding: str = "16UC1", index: int = 0, padding: int = 0) -> bytes:
    """sensor_msgs/Image of ``values`` (H, W), rows padded with zeros."""
    height, width = values.shape
    rows = [row.tobytes() + bytes(padding) for row in np.ascontiguousarray(values)]
    data = b"".join(rows)
    out = ros_header(index) + struct.pack("<II", height, width) + ros_text(encoding) + b"\0"
    return out + struct.pack("<II", len(rows[0]), len(data)) + data


def ros_compressed(data: bytes, kind: str = "16UC1; compressedDepth", index: int = 0) -> bytes:
    """sensor_msgs/CompressedImage."""
    return ros_header(index) + ros_text(kind) + struct.pack("<I", len(data)) + data


def compressed_depth(frame_m: np.ndarray, a: float = 0, b: float = 0) -> bytes:
    """What the transport compressedDepth sends: a PNG of millimetres, or of a / depth + b, behind 12 bytes."""
    values = stored(frame_m, 1000)
    if a:
        values = np.zeros(frame_m.shape, np.uint16)
        valid = frame_m > 0
        values[valid] = np.rint(a / frame_m[valid] + b)
    return struct.pack("<iff", 0, a, b) + png_bytes(values)


def ros_camera_info(
    width: int = WIDTH,
    height: int = HEIGHT,
    distortion: Sequence[float] = (0.0,) * 5,
    rectified: np.ndarray | None = None,
) -> bytes:
    """sensor_msgs/CameraInfo with K, and ``rectified`` (3, 4) as P, zeros without."""
    out = ros_header(0) + struct.pack("<II", height, width) + ros_text("plumb_bob")
    out += struct.pack(f"<I{len(distortion)}d", len(distortion), *distortion)
    out += (
        struct.pack("<9d", *K.reshape(-1))
        + struct.pack("<9d", *np.eye(3).reshape(-1))
        + struct.pack("<12d", *([0.0] * 12 if rectified is None else rectified.reshape(-1)))
    )
    return out + struct.pack("<II", 0, 0) + struct.pack("<IIIIB", 0, 0, 0, 0, 0)


def bag_bytes(
    messages: Sequence[tuple[str, str, bytes]], compression: str = "none", chunk: bytes | None = None
) -> bytes:
    """A bag of one chunk: messages (topic, type, data), 1/20 s apart; ``chunk`` replaces the compressed chunk."""
    import bz2

    topics = sorted({(topic, kind) for topic, kind, _ in messages})
    connections = b""
    for number, (topic, kind) in enumerate(topics):
        inner = {"topic": topic, "type": kind, "md5sum": "0" * 32, "message_definition": ""}
        data = b"".join(struct.pack("<I", len(k) + 1 + len(v)) + f"{k}={v}".encode() for k, v in inner.items())
        connections += record(data, op=b"\x07", conn=struct.pack("<I", number), topic=topic.encode())
    body = io.BytesIO()
    body.write(connections)
    entries: dict[int, list[bytes]] = {number: [] for number in range(len(topics))}
    for index, (topic, kind, data) in enumerate(messages):
        number, time = topics.index((topic, kind)), struct.pack("<II", 1 + index // 20, index % 20 * 50_000_000)
        entries[number].append(time + struct.pack("<I", body.tell()))
        body.write(record(data, op=b"\x02", conn=struct.pack("<I", number), time=time))
    plain = body.getvalue()
    packed = chunk if chunk is not None else bz2.compress(plain) if compression == "bz2" else plain
    out = b"#ROSBAG V2.0\n"
    header_size = 4096
    position = len(out) + header_size
    content = record(packed, op=b"\x05", compression=compression.encode(), size=struct.pack("<I", len(plain)))
    for number, found in entries.items():
        count = struct.pack("<I", len(found))
        content += record(
            b"".join(found), op=b"\x04", ver=struct.pack("<I", 1), conn=struct.pack("<I", number), count=count
        )
    counts = b"".join(struct.pack("<II", number, len(found)) for number, found in entries.items())
    info = record(
        counts,
        op=b"\x06",
        ver=struct.pack("<I", 1),
        chunk_pos=struct.pack("<Q", position),
        start_time=struct.pack("<II", 1, 0),
        end_time=struct.pack("<II", 1 + len(messages), 0),
        count=struct.pack("<I", len(entries)),
    )
    fields = {
        "op": b"\x03",
        "index_pos": struct.pack("<Q", position + len(content)),
        "conn_count": struct.pack("<I", len(topics)),
        "chunk_count": struct.pack("<I", 1),
    }
    padding = header_size - len(record(b"", **fields))
    return out + record(b" " * padding, **fields) + content + connections + info


DEPTH_TOPIC = "/device_0/sensor_0/Depth_0/image/data"
INFO_TOPIC = "/device_0/sensor_0/Depth_0/info/camera_info"
UNIT_TOPIC = "/device_0/sensor_0/option/Depth_Units/value"
INFRARED_TOPIC = "/device_0/sensor_0/Infrared_1/image/data"


def realsense_messages(
    frames: np.ndarray, unit_m: float | None = 0.001, encoding: str = "mono16"
) -> list[tuple[str, str, bytes]]:
    """What the RealSense SDK records, with an infrared stream beside the depth."""
    messages = [(INFO_TOPIC, "sensor_msgs/CameraInfo", ros_camera_info(frames.shape[2], frames.shape[1]))]
    if unit_m is not None:
        messages.append((UNIT_TOPIC, "std_msgs/Float32", struct.pack("<f", unit_m)))
    for index, frame in enumerate(frames):
        infrared = ros_image(np.full(frame.shape, 7, "<u2"), "mono16", index)
        messages.append((INFRARED_TOPIC, "sensor_msgs/Image", infrared))
        values = frame.astype("<f4") if encoding == "32FC1" else stored(frame, 1 / (unit_m or 0.001)).astype("<u2")
        messages.append((DEPTH_TOPIC, "sensor_msgs/Image", ros_image(values, encoding, index)))
    return messages
