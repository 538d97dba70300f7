"""Animated GLB files: one mesh that moves by morph targets, vertex for vertex (glTF 2.0, 3.7.2.2).

The mesh is that of the first frame. Each frame has a morph target, what its vertices and normals differ by, and at its
time the weight of this target is one and that of all others zero. Between frames weights are interpolated linearly, and
so are vertices.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import Cancelled, Choice, InputError, Setting, remedy
from engine.core.files import replacing_file
from engine.core.progress import Progress
from engine.exports.content import PROGRAM, ExportContent
from engine.exports.export_format import ExportFormat
from engine.exports.gltf_binary import INDICES, LARGEST_FILE, VERTICES, GltfBinary, write_glb
from engine.geometry.mesh import Mesh, vertex_normals

MOST_FRAMES = 500
"""Graphics cards keep morph targets as layers of a texture: they have 2048, some a quarter of that."""
_CLAY, _WHITE = (0.72, 0.58, 0.49, 1.0), (1.0, 1.0, 1.0, 1.0)
_CAMERA_UPRIGHT = (1.0, 0.0, 0.0, 0.0)
"""Half a turn around x as a quaternion: from x right, y down, z forward to the axes of glTF's cameras."""


def write_morph_glb(content: ExportContent, out: Path, progress: Progress) -> None:
    """Write ``content`` as one mesh with an animation; of a single frame the mesh alone.

    Raises:
        InputError: there are more frames than players take, or times that single precision does not tell apart.
        Cancelled: ``progress`` asked to stop; nothing is written.
    """
    meshes, count = content.meshes, len(content.meshes)
    first = meshes.read(0)
    if first.is_empty:
        raise InputError(f"{meshes.title}: {meshes.frame_names[0]}", "has no triangles")
    _check_size(content, len(first.vertices))
    progress.stage("export", count)
    with replacing_file(out) as temporary, tempfile.TemporaryFile(dir=out.parent) as file:
        binary = GltfBinary(file)
        primitive = _still(first, binary, content)
        base = first.vertices, _normals(first)
        targets = []
        for index in range(count if count > 1 else 0):
            if progress.cancelled():
                raise Cancelled
            mesh = meshes.read(index)
            targets.append(
                {
                    "POSITION": binary.add(mesh.vertices - base[0], VERTICES, bounds=True),
                    "NORMAL": binary.add(_normals(mesh) - base[1], VERTICES),
                }
            )
            progress.advance(index + 1)
        description = _description(content, primitive)
        if targets:
            description |= _motion(content, binary)
            primitive["targets"] = targets
            description["meshes"][0] |= {"weights": [0.0] * count, "extras": {"targetNames": list(meshes.frame_names)}}
        file.seek(0)
        write_glb(temporary, description, binary, file)
    progress.advance(count)


def _still(mesh: Mesh, binary: GltfBinary, content: ExportContent) -> dict[str, Any]:
    """The primitive of the first frame."""
    kind = np.uint16 if len(mesh.vertices) < 65536 else np.uint32
    attributes = {
        "POSITION": binary.add(mesh.vertices, VERTICES, bounds=True),
        "NORMAL": binary.add(_normals(mesh), VERTICES),
    }
    if content.colours is not None:
        attributes["COLOR_0"] = binary.add(_linear(content.colours.read(0)), VERTICES, normalized=True)
    indices = binary.add(mesh.faces.reshape(-1).astype(kind), INDICES)
    return {"attributes": attributes, "indices": indices, "material": 0}


def _motion(content: ExportContent, binary: GltfBinary) -> dict[str, Any]:
    """The animation, whose weights at the key of each frame are a row of the identity."""
    times = content.times_s().astype(np.float32)
    if not (np.diff(times) > 0).all():
        problem = "has frames at the same time, to single precision"
        raise InputError(content.meshes.title, problem, remedy("take fewer frames with {}", Setting.EVERY))
    keys = binary.add(times, bounds=True)
    weights = binary.add(np.eye(len(times), dtype=np.float32).reshape(-1))
    sampler = {"input": keys, "output": weights, "interpolation": "LINEAR"}
    channel = {"sampler": 0, "target": {"node": 0, "path": "weights"}}
    return {"animations": [{"name": content.meshes.title, "samplers": [sampler], "channels": [channel]}]}


def _description(content: ExportContent, primitive: dict[str, Any]) -> dict[str, Any]:
    meshes = content.meshes
    node: dict[str, Any] = {"name": meshes.title, "mesh": 0}
    if meshes.frame == "camera":
        node["rotation"] = _CAMERA_UPRIGHT
    colour = _CLAY if content.colours is None else _WHITE
    surface = {"baseColorFactor": colour, "metallicFactor": 0.0, "roughnessFactor": 0.7}
    return {
        "asset": {"version": "2.0", "generator": PROGRAM},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [node],
        "meshes": [{"name": meshes.title, "primitives": [primitive]}],
        "materials": [{"name": "surface", "pbrMetallicRoughness": surface}],
        "extras": {
            "source": meshes.title,
            "unit": "metres",
            "frame_of_reference": meshes.frame,
            "axes": content.axes,
            "frames_per_second": content.frame_rate,
            "frames": list(meshes.frame_names),
        },
    }


def _check_size(content: ExportContent, vertices: int) -> None:
    count = len(content.meshes)
    fix = remedy("take fewer with {}, or use {}", Setting.EVERY, Choice(Setting.EXPORT_FORMAT, "pc2"))
    if count > MOST_FRAMES:
        problem = f"has {count} frames, and players take {MOST_FRAMES} morph targets at most"
        raise InputError(content.meshes.title, problem, fix)
    if 24 * vertices * (count + 2) > LARGEST_FILE:
        raise InputError(content.meshes.title, "is too large for one GLB file", fix)


def _normals(mesh: Mesh) -> NDArray[np.float32]:
    """Unit normals (V, 3); of vertices without a triangle that has an area they point up, for glTF knows no others."""
    normals = vertex_normals(mesh.vertices, mesh.faces)
    normals[~(np.abs(normals).max(axis=1) > 0)] = (0.0, 1.0, 0.0)
    return normals


def _linear(colours: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Linear colours (V, 4) of those of sRGB (V, 3), as glTF has them (IEC 61966-2-1)."""
    share = colours.astype(np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    opaque = np.full((len(colours), 4), 65535, np.uint16)
    opaque[:, :3] = np.rint(65535 * linear)
    return opaque


GLB = ExportFormat(
    "glb",
    "an animated GLB file",
    ".glb",
    write_morph_glb,
    colours="one for all frames",
    one_topology=True,
    ups=("y",),
    why_up="is not for GLB files: Y is up in all of them, and programs with Z up turn them as they open them",
)
