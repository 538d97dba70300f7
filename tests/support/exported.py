"""Moving boxes to be exported, and GLB files read by plain words."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from engine.exports.content import ExportContent
from engine.geometry.mesh import Mesh
from engine.sequences.mesh_sequence import MeshSequence, mesh_sequence

TIMES_S = np.array([3.0, 3.1, 3.2, 3.5])
NAMES = ("000000", "000001", "000002", "000005")
NUMBERS = {5126: "<f4", 5125: "<u4", 5123: "<u2"}
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


def moving_box(frames: int = 4) -> MeshSequence:
    """A box that walks, grows and bends; the third frame came late."""
    box = trimesh.creation.icosphere(1)
    start = np.asarray(box.vertices, np.float32)
    steps = [start * (1 + 0.1 * k) + (0.2 * k, 1.0, -0.1 * k * start[:, 0].mean()) for k in range(frames)]
    bent = np.stack([step + 0.05 * k * np.sin(3 * step[:, [1, 2, 0]]) for k, step in enumerate(steps)])
    faces = np.asarray(box.faces, np.int32)
    return mesh_sequence("box", bent.astype(np.float32), faces, NAMES[:frames], TIMES_S[:frames])


def changing_mesh() -> MeshSequence:
    """Two frames with triangles of their own."""
    shapes = [trimesh.creation.icosphere(1), trimesh.creation.box()]
    meshes = [Mesh(np.asarray(m.vertices, np.float32), np.asarray(m.faces, np.int32)) for m in shapes]
    return MeshSequence("changing", NAMES[:2], TIMES_S[:2], lambda index: meshes[index], one_topology=False)


def boxes(**others: Any) -> ExportContent:
    return ExportContent(moving_box(), **others)


class PlainGlb:
    """What a GLB file says, by the words of the specification alone; slow."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON" and size % 4 == 0
        self.json = json.loads(data[20 : 20 + size])
        binary, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert kind == b"BIN\0" and 28 + size + binary == length
        self._data = data[28 + size :]

    def array(self, accessor: int) -> np.ndarray:
        """(N, K)"""
        found = self.json["accessors"][accessor]
        view = self.json["bufferViews"][found["bufferView"]]
        width, kind = WIDTHS[found["type"]], NUMBERS[found["componentType"]]
        values = np.frombuffer(self._data, kind, found["count"] * width, view["byteOffset"]).reshape(-1, width)
        if "min" in found:
            assert found["min"] == values.min(axis=0).tolist() and found["max"] == values.max(axis=0).tolist()
        return values

    @property
    def primitive(self) -> dict[str, Any]:
        (primitive,) = self.json["meshes"][0]["primitives"]
        return dict(primitive)

    def weights(self, time_s: float) -> list[float]:
        """Of all targets at a time, by the linear sampler of the only animation."""
        (animation,) = self.json["animations"]
        (sampler,), (channel,) = animation["samplers"], animation["channels"]
        assert channel["target"] == {"node": 0, "path": "weights"} and sampler["interpolation"] == "LINEAR"
        keys = self.array(sampler["input"])[:, 0].tolist()
        rows = self.array(sampler["output"]).reshape(len(keys), -1).tolist()
        after = next((k for k, key in enumerate(keys) if key >= time_s), len(keys) - 1)
        before = max(after - 1, 0)
        gap = keys[after] - keys[before]
        share = min(max((time_s - keys[before]) / gap, 0.0), 1.0) if gap else 0.0
        return [a + share * (b - a) for a, b in zip(rows[before], rows[after], strict=True)]

    def shown(self, time_s: float, attribute: str = "POSITION") -> np.ndarray:
        """(V, 3) what a player shows at a time."""
        primitive = self.primitive
        total = self.array(primitive["attributes"][attribute]).astype(np.float64)
        for weight, target in zip(self.weights(time_s), primitive["targets"], strict=True):
            total = total + weight * self.array(target[attribute])
        return total
