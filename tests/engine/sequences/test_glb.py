"""GLB files with a node per frame, and what damaged ones are refused with."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from engine.core.errors import InputError
from engine.sequences.glb import glb_frames

BALL = trimesh.creation.icosphere(1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    scene = trimesh.Scene()
    for frame in range(2):
        part = trimesh.Trimesh(BALL.vertices + frame, BALL.faces, process=False)
        scene.add_geometry(part, node_name=f"frame{frame}", geom_name=f"frame{frame}")
    scene.export(tmp_path / "walk.glb")
    return tmp_path / "walk.glb"


def rewrite(path: Path, **changes: Any) -> None:
    """Other values in the JSON of a GLB file, whose length changes with it (glTF 2.0, 4.4)."""
    data = path.read_bytes()
    length = struct.unpack("<I", data[12:16])[0]
    text = json.dumps({**json.loads(data[20 : 20 + length]), **changes}).encode()
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    head = struct.pack("<4sIIII", b"glTF", 2, 20 + len(text) + len(rest), len(text), 0x4E4F534A)
    path.write_bytes(head + text + rest)


def test_each_node_is_a_frame(path: Path) -> None:
    frames = glb_frames(path)
    assert list(frames) == ["frame0", "frame1"]
    np.testing.assert_allclose(frames["frame1"].vertices, BALL.vertices + 1, atol=1e-6)


@pytest.mark.parametrize("changes", [{"meshes": [1, 2]}, {"meshes": 5}, {"nodes": "x"}, {"accessors": []}])
def test_a_description_of_something_else_is_refused(path: Path, changes: dict[str, Any]) -> None:
    rewrite(path, **changes)
    with pytest.raises(InputError, match=r"walk\.glb: (cannot be read as a GLB file|has no meshes)"):
        glb_frames(path)


def test_a_length_beyond_the_file_is_refused(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:12] + struct.pack("<I", 2**32 - 1) + data[16:])
    with pytest.raises(InputError, match="cannot be read as a GLB file"):
        glb_frames(path)


def test_triangles_of_vertices_that_are_not_there_are_refused(path: Path) -> None:
    data = path.read_bytes()
    faces = BALL.faces.astype("<u4").tobytes()
    assert faces in data
    path.write_bytes(data.replace(faces, b"\xff\xff\xff\x0f" + faces[4:], 1))
    with pytest.raises(InputError, match=r"frame\d: has triangles that name vertices which do not exist"):
        glb_frames(path)
