"""Meshes that another program made, one per frame: their files, and which goes with which frame."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.core.errors import InputError, Notice
from engine.core.files import natural_key
from engine.geometry.mesh import Mesh, load_mesh
from engine.geometry.ply import load_compact_ply
from engine.sequences.glb import glb_frames

ENDINGS = (".ply", ".obj", ".stl", ".off", ".glb")
_REMEDY = f"give a folder of {', '.join(ENDINGS)} files, one per frame, one such file, or a .glb with a node per frame"


@dataclass(frozen=True, eq=False)
class NamedMeshes:
    """Meshes in the order of their names, read when they are asked for, in the unit of their files."""

    names: tuple[str, ...]
    read: Callable[[int], Mesh]
    first: Path
    """The file of the first."""


@dataclass(frozen=True)
class Matching:
    """Which meshes go with which frames."""

    meshes: tuple[int, ...]
    """In the order of the frames."""
    frames: tuple[int, ...]
    by: Literal["name", "order"]
    notice: Notice | None = None
    """What was decided, where names do not say it."""


def open_meshes(path: Path) -> NamedMeshes:
    """The meshes of a folder with a file per frame, of a GLB file with a node per frame, or of a single file.

    Raises:
        InputError: there are none, or it is none of these.
    """
    if path.is_dir():
        return _of_folder(path)
    if path.suffix.lower() == ".glb":
        meshes = glb_frames(path)
        frames = list(meshes.values())
        return NamedMeshes(tuple(meshes), lambda index: frames[index], path)
    if not path.is_file():
        raise InputError(path, "no such folder or file", _REMEDY)
    if path.suffix.lower() not in ENDINGS:
        raise InputError(path, "is neither a folder nor a mesh file", _REMEDY)
    return NamedMeshes((path.stem,), lambda _: _read(path), path)


def match(names: tuple[str, ...], frame_names: tuple[str, ...], path: Path) -> Matching:
    """Which of the meshes ``names`` of ``path`` go with which of the frames ``frame_names``.

    By name where all meshes are named after frames or all frames have a mesh of their name, otherwise one after the
    other.

    Raises:
        InputError: names do not tell, and there is another number of meshes than of frames.
    """
    positions = {name: index for index, name in enumerate(frame_names)}
    pairs = sorted((positions[name], index) for index, name in enumerate(names) if name in positions)
    if len(pairs) in (len(names), len(frame_names)):
        frames, meshes = zip(*pairs, strict=True)
        return Matching(meshes, frames, "name")
    if len(names) != len(frame_names):
        stranger = next(name for name in names if name not in positions)
        counts = (
            f"{len(names)} mesh{'es' * (len(names) > 1)} for {len(frame_names)} frame{'s' * (len(frame_names) > 1)}"
        )
        problem = f"has {counts}, and {stranger!r} is not the name of a frame"
        raise InputError(path, problem, f"name them after the frames, such as {frame_names[0]}")
    text = f"{path}: meshes are taken in order, {names[0]!r} for frame {frame_names[0]!r}, as their names differ"
    order = tuple(range(len(names)))
    return Matching(order, order, "order", Notice(text))


def _of_folder(folder: Path) -> NamedMeshes:
    endings = (path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith("."))
    paths = sorted(endings, key=natural_key)
    if not paths:
        raise InputError(folder, "has no meshes", _REMEDY)
    names = tuple(path.stem for path in paths)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(folder, f"has several meshes named {twice!r}", "keep one of each frame")
    return NamedMeshes(names, lambda index: _read(paths[index]), paths[0])


def _read(path: Path) -> Mesh:
    return load_compact_ply(path) if path.suffix.lower() == ".ply" else load_mesh(path)
