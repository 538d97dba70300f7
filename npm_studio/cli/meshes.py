"""What the commands that turn codes into meshes share."""

import argparse
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from npm_studio.cli.console import ConsoleProgress, add_device, add_json, add_model

if TYPE_CHECKING:
    from engine.geometry.mesh import Mesh
    from engine.models.model import NeuralParametricModel

MESH_SUFFIXES = (".ply", ".obj", ".stl", ".off")
FRAMES_PER_SECOND = 24.0
CANONICAL_UNITS = "canonical units"
NO_SURFACE = "has no surface inside the cube", "use the codes of a trained shape"
"""What is wrong with a shape code, and the remedy."""
T = TypeVar("T")


def add_resolution(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--resolution", type=int, default=128, metavar="N", help="nodes per axis of the grid, 16 to 1024 (default: 128)"
    )


def add_common(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_resolution(parser)
    add_device(parser)
    add_json(parser)


def add_unit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--unit",
        choices=("canonical", "m", "source"),
        default="canonical",
        help="of the files: canonical; m: metres, Y up; source: as the files that the dataset was made from "
        "(default: canonical)",
    )


def open_model(options: argparse.Namespace) -> "NeuralParametricModel":
    """The model of ``--model`` on ``--device``, after a look at ``--resolution``."""
    from engine.core.devices import resolve_device
    from engine.core.errors import InputError
    from engine.models.checkpoint import load_model

    if not 16 <= options.resolution <= 1024:
        raise InputError(f"--resolution {options.resolution}", "is out of range", "use 16 to 1024")
    device = resolve_device(options.device)
    return load_model(options.model, device)


def placing(unit: str, model: "NeuralParametricModel") -> "tuple[Callable[[Mesh], Mesh], str]":
    """From canonical meshes to meshes in ``unit``, and what to call that in their files.

    Raises:
        InputError: the model does not say what its files were like.
    """
    from engine.core.errors import InputError
    from engine.dataset.source_axes import SourceAxes, source_axes
    from engine.geometry.mesh import Mesh

    if unit == "canonical":
        return lambda mesh: mesh, CANONICAL_UNITS
    axes = SourceAxes("m", "y") if unit == "m" else source_axes(model.info.training.get("recipe"))
    if axes is None:
        remedy = "use --unit m, or train it on a dataset of `npm-studio dataset meshes`"
        raise InputError(f"model {model.info.name}", "does not say in what unit its files were", remedy)
    placed = model.info.similarity.to_world
    return lambda mesh: Mesh(axes.from_world(placed(mesh.vertices)), mesh.faces), str(axes)


def is_file_target(path: Path, suffixes: tuple[str, ...]) -> bool:
    """Whether ``path`` names a file with one of ``suffixes`` (True) or a folder (False).

    Raises:
        InputError: it has another ending, or there is a file where a folder should be (or the other way round).
    """
    from engine.core.errors import InputError

    wants_file = path.suffix.lower() in suffixes
    if suffixes and path.suffix and not wants_file and not path.is_dir():
        raise InputError(path, "unknown ending", f"use a folder or {', '.join(suffixes)}")
    if wants_file and path.is_dir():
        raise InputError(path, "is a folder", "remove it or choose another name")
    if not wants_file and path.exists() and not path.is_dir():
        raise InputError(path, "is a file, a folder is needed", "choose another name")
    return wants_file


def write_meshes(
    meshes: Iterable[tuple[Path, "Mesh"]],
    total: int,
    progress: ConsoleProgress,
    stage: str,
    unit: str = CANONICAL_UNITS,
    cure: str = NO_SURFACE[1],
) -> list[dict[str, Any]]:
    """Write each mesh to its path until all are done or the user stops; returns a summary of each, in order.

    Args:
        unit: of the coordinates, for the comments of PLY files.
        cure: of codes that have no surface.

    Raises:
        InputError: some were empty; all others have been written.
    """
    from engine.core.errors import InputError

    progress.stage(stage, total)
    written: list[dict[str, Any]] = []
    empty: list[Path] = []
    problem, _ = NO_SURFACE

    def with_surface() -> "Iterator[tuple[Path, Mesh]]":
        for path, mesh in _until_cancelled(meshes, progress):
            if mesh.is_empty:
                empty.append(path)
                if total > 1:
                    progress.message(f"{path}: {problem}")
            else:
                yield path, mesh

    for path, mesh in stream_meshes(with_surface(), unit=unit):
        written.append({"path": str(path), "vertices": len(mesh.vertices), "triangles": len(mesh.faces)})
        progress.advance(len(written) + len(empty))
    if empty and not progress.cancelled():
        missing = f"{len(empty)} of {total} meshes are missing: no surface inside the cube"
        raise InputError(empty[0].parent, missing, cure) if total > 1 else InputError(empty[0], problem, cure)
    return written


def stream_meshes(
    meshes: Iterable[tuple[Path, "Mesh"]], threads: int = 2, waiting: int = 8, unit: str = CANONICAL_UNITS
) -> Iterator[tuple[Path, "Mesh"]]:
    """Write meshes while the next ones are computed; yields each, in order, once its file is whole.

    Computing pauses while ``waiting`` meshes are not yet written, so that memory stays bounded. When ``meshes`` or a
    file fails, the files under way are finished before the error is raised.
    """
    from engine.geometry.mesh import save_mesh
    from engine.geometry.ply import save_compact_ply

    def write(path: Path, mesh: "Mesh") -> None:
        if path.suffix.lower() == ".ply":
            save_compact_ply(mesh, path, unit)
        else:
            save_mesh(mesh, path)

    pending: deque[tuple[Path, Mesh, Future[None]]] = deque()
    with ThreadPoolExecutor(threads, "mesh-writer") as pool:
        for path, mesh in meshes:
            pending.append((path, mesh, pool.submit(write, path, mesh)))
            while pending and (len(pending) >= waiting or pending[0][2].done()):
                yield _whole(pending)
        while pending:
            yield _whole(pending)


def _whole(pending: "deque[tuple[Path, Mesh, Future[None]]]") -> "tuple[Path, Mesh]":
    """Wait for the first file of ``pending`` and take it out."""
    path, mesh, file = pending.popleft()
    file.result()
    return path, mesh


def _until_cancelled(items: Iterable[T], progress: ConsoleProgress) -> Iterator[T]:
    """``items`` until the user stops, also where that is noticed while one of them is made."""
    from engine.core.errors import Cancelled

    with suppress(Cancelled):
        for item in items:
            yield item
            if progress.cancelled():
                return


def counted(items: Iterable[T], total: int, progress: ConsoleProgress, stage: str) -> Iterator[T]:
    """``items`` with progress, ending early when the user stops."""
    progress.stage(stage, total)
    for done, item in enumerate(items, start=1):
        yield item
        progress.advance(done)
        if progress.cancelled():
            return
