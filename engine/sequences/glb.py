"""GLB files with a node per frame."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import InputError, in_words
from engine.core.files import natural_key
from engine.geometry.mesh import Mesh

_REMEDY = "export one node with a mesh per frame, named after the frames, without animation"
_MAGIC, _JSON = b"glTF", b"JSON"


def glb_frames(path: Path) -> dict[str, Mesh]:
    """The mesh of each node of a GLB file by its name, in natural order; transforms of nodes are applied.

    Raises:
        InputError: it is damaged, has no meshes, or moves them by morph targets, skins or animations.
    """
    import trimesh

    try:
        _refuse_what_is_not_read(path, _description(path))
        scene = trimesh.load(path, force="scene", process=False)
        placed = {name: scene.graph[name] for name in scene.graph.nodes_geometry}  # type: ignore[union-attr]
        found = {name: _placed(scene.geometry[of], pose) for name, (pose, of) in placed.items()}  # type: ignore[union-attr]
    except InputError:
        raise
    except Exception as error:  # a parser may fail in any way on a broken file
        raise InputError(path, f"cannot be read as a GLB file{in_words(error)}", _REMEDY) from None
    if not found:
        raise InputError(path, "has no meshes", _REMEDY)
    for name, mesh in found.items():
        if mesh.is_empty or not np.isfinite(mesh.vertices).all():
            raise InputError(f"{path}: {name}", "has no triangles, or vertices that are not finite", _REMEDY)
        if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
            raise InputError(f"{path}: {name}", "has triangles that name vertices which do not exist", _REMEDY)
    return dict(sorted(found.items(), key=lambda item: natural_key(Path(item[0].replace("/", "_")))))


def _refuse_what_is_not_read(path: Path, description: dict[str, Any]) -> None:
    meshes = description.get("meshes", [])
    if any("targets" in primitive for mesh in meshes for primitive in mesh.get("primitives", [])):
        raise InputError(path, "moves its mesh by morph targets, which are not read", _REMEDY)
    for key, what in (("skins", "a skeleton"), ("animations", "an animation")):
        if description.get(key):
            raise InputError(path, f"moves its meshes by {what}, which is not read", _REMEDY)
    if any(len(mesh.get("primitives", [])) > 1 for mesh in meshes):
        raise InputError(path, "has meshes of several parts", "join the parts of each frame")


def _placed(geometry: Any, pose: Any) -> Mesh:
    vertices = np.asarray(geometry.vertices) @ pose[:3, :3].T + pose[:3, 3]
    faces = np.asarray(geometry.faces, np.int32)
    mirrored = np.linalg.det(pose[:3, :3]) < 0
    return Mesh(vertices.astype(np.float32), np.ascontiguousarray(faces[:, ::-1]) if mirrored else faces)


def _description(path: Path) -> dict[str, Any]:
    """The JSON of a GLB file (glTF 2.0, 4.4)."""
    try:
        with path.open("rb") as file:
            magic, _, _ = struct.unpack("<4sII", file.read(12))
            length, kind = struct.unpack("<I4s", file.read(8))
            if magic != _MAGIC or kind != _JSON or length > path.stat().st_size:
                raise ValueError("another kind of file")
            value = json.loads(file.read(length))
        if not isinstance(value, dict):
            raise ValueError("no object")
        return value
    except FileNotFoundError:
        raise InputError(path, "no such file", _REMEDY) from None
    except (OSError, ValueError, struct.error, RecursionError) as error:
        raise InputError(path, f"cannot be read as a GLB file{in_words(error)}", _REMEDY) from None
