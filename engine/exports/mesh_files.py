"""PLY, OBJ and STL files, one for each frame."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.core.files import replacing_file
from engine.core.progress import Progress
from engine.exports.content import ExportContent
from engine.exports.export_format import ExportFormat, write_frames
from engine.geometry.mesh import Mesh
from engine.geometry.obj import write_obj
from engine.geometry.ply import save_compact_ply
from engine.geometry.stl import write_stl

Save = Callable[[ExportContent, int, Mesh, NDArray[np.uint8] | None, Path], None]


def _ply(content: ExportContent, index: int, mesh: Mesh, colours: NDArray[np.uint8] | None, path: Path) -> None:
    save_compact_ply(mesh, path, content.unit, colours, content.about(index))


def _obj(content: ExportContent, index: int, mesh: Mesh, colours: NDArray[np.uint8] | None, path: Path) -> None:
    with replacing_file(path) as temporary:
        write_obj(temporary, mesh.vertices, mesh.faces, colours, [*content.about(index), f"unit: {content.unit}"])


def _stl(content: ExportContent, index: int, mesh: Mesh, colours: NDArray[np.uint8] | None, path: Path) -> None:
    program, reference, _, *time = content.about(index)
    with replacing_file(path) as temporary:
        write_stl(temporary, mesh.vertices, mesh.faces, "; ".join([program, content.unit, *time, reference]))


def _write(save: Save, suffix: str, content: ExportContent, out: Path, progress: Progress) -> None:
    def one(index: int, path: Path) -> None:
        mesh = content.meshes.read(index)
        if mesh.is_empty:
            raise InputError(f"{content.meshes.title}: {content.meshes.frame_names[index]}", "has no triangles")
        save(content, index, mesh, None if content.colours is None else content.colours.read(index), path)

    write_frames(content, out, suffix, one, progress)


PLY = ExportFormat("ply", "PLY files", ".ply", partial(_write, _ply, ".ply"), per_frame=True, colours="of each frame")
OBJ = ExportFormat("obj", "OBJ files", ".obj", partial(_write, _obj, ".obj"), per_frame=True, colours="of each frame")
STL = ExportFormat("stl", "STL files", ".stl", partial(_write, _stl, ".stl"), per_frame=True)
