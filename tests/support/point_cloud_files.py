"""Point clouds as other programs write them, byte by byte."""

import struct

import numpy as np

from tests.support.capture_files import K


def ply_bytes(points: np.ndarray, text: bool = False, declared: int | None = None) -> bytes:
    kind = "ascii" if text else "binary_little_endian"
    header = f"ply\nformat {kind} 1.0\nelement vertex {len(points) if declared is None else declared}\n"
    header += "property float x\nproperty float y\nproperty float z\nproperty uchar red\nend_header\n"
    if text:
        return (header + "".join(f"{x:.9g} {y:.9g} {z:.9g} 200\n" for x, y, z in points)).encode()
    return header.encode() + b"".join(struct.pack("<3fB", *point, 200) for point in points)


def pcd_bytes(
    points: np.ndarray, data: str = "binary", declared: int | None = None, size: tuple[int, int] | None = None
) -> bytes:
    """``size`` (width, height) of the picture that the points were made from, row by row."""
    width, height = size or (len(points) if declared is None else declared, 1)
    number = len(points) if declared is None else declared
    header = "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS rgb x y z\nSIZE 4 4 4 4\nTYPE U F F F\n"
    header += f"COUNT 1 1 1 1\nWIDTH {width}\nHEIGHT {height}\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {number}\nDATA {data}\n"
    if data == "ascii":
        return (header + "".join(f"4278190080 {x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in points)).encode()
    return header.encode() + b"".join(struct.pack("<I3f", 255, *point) for point in points)


def lzf_bytes(data: bytes) -> bytes:
    """LZF with references to the nearest earlier place of the same three bytes, written out."""
    out, literals, place = b"", b"", 0
    while place < len(data):
        start = data.rfind(data[place : place + 3], max(0, place - 8192), place + 2) if place + 3 <= len(data) else -1
        if start < 0 or start >= place:
            literals += data[place : place + 1]
            place += 1
        else:
            length = 3
            while length < 264 and place + length < len(data) and data[start + length] == data[place + length]:
                length += 1
            out += lzf_literals(literals)
            literals = b""
            distance, code = place - start - 1, length - 2
            head = bytes([min(code, 7) << 5 | distance >> 8]) + (bytes([code - 7]) if code >= 7 else b"")
            out += head + bytes([distance & 255])
            place += length
    return out + lzf_literals(literals)


def lzf_literals(data: bytes) -> bytes:
    return b"".join(bytes([len(data[i : i + 32]) - 1]) + data[i : i + 32] for i in range(0, len(data), 32))


def pcd_compressed(points: np.ndarray) -> bytes:
    """PCD of data binary_compressed: field by field, colour first."""
    columns = [
        np.full(len(points), 255, "<u4").tobytes(),
        *(points[:, axis].astype("<f4").tobytes() for axis in range(3)),
    ]
    whole = b"".join(columns)
    packed = lzf_bytes(whole)
    header = pcd_bytes(points[:0], "binary_compressed", len(points))
    return header + struct.pack("<II", len(packed), len(whole)) + packed


def xyz_bytes(points: np.ndarray) -> bytes:
    return ("# x y z intensity\n" + "".join(f"{x:.9g} {y:.9g} {z:.9g} 7\n" for x, y, z in points)).encode()


def obj_bytes(points: np.ndarray) -> bytes:
    return ("# points\n" + "".join(f"v {x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in points)).encode()


def organised_points(depth_m: np.ndarray) -> np.ndarray:
    """Camera points (H * W, 3) of all pixels in rows, NaN where nothing was measured."""
    valid = depth_m > 0
    points = np.full((*depth_m.shape, 3), np.nan)
    points[valid] = backproject(depth_m)
    return points.reshape(-1, 3)


def backproject(depth_m: np.ndarray) -> np.ndarray:
    """Camera points (P, 3) of the valid pixels, one pixel after the other."""
    points = []
    for row, column in zip(*np.nonzero(depth_m), strict=True):
        z = float(depth_m[row, column])
        points.append(((column - K[0, 2]) / K[0, 0] * z, (row - K[1, 2]) / K[1, 1] * z, z))
    return np.array(points)
