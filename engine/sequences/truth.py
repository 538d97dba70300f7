"""Truth: the true surface of each frame of a sequence, on disk in a folder ``truth``.

truth.json          version; unit of the files, ``canonical`` or a unit of length; frame, ``world`` or ``camera``;
                    similarity {scale, centre} between canonical units and metres, null where there is none; frames,
                    the names in order; timestamps_s, one for each frame, or null
meshes.npz          faces (T, 3), vertices/<frame> (V, 3) of any floating type, and where they are known canonical
                    (V, 3), the vertices in the canonical pose, in the same unit
<frame>.ply         instead, in folders of others and older ones: a mesh per frame, all of one topology

A folder without truth.json says nothing of its unit, and is refused unless its dataset is known, see
`engine.dataset.truth_origin`.
"""

import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.core.errors import InputError, Setting, remedy
from engine.core.files import check_name, natural_key, read_json, replacing_file, write_json
from engine.core.npz import NpzFile
from engine.geometry.mesh import Mesh, load_mesh
from engine.geometry.ply import compact_layout, load_compact_ply
from engine.geometry.similarity import Similarity
from engine.sequences.mesh_sequence import FrameOfReference, MeshSequence, in_metres

VERSION = 1
CANONICAL = "canonical"
METRES_PER_UNIT = {"m": 1.0, "metre": 1.0, "metres": 1.0, "meter": 1.0, "meters": 1.0, "cm": 0.01, "mm": 0.001}
ARRAYS, DESCRIPTION = "meshes.npz", "truth.json"
_REMEDY = "give a folder of PLY files, one per frame, with a truth.json"
_AGAIN = "copy or make the truth again"


@dataclass(frozen=True, eq=False)
class Truth:
    """True surfaces, and what is known of them."""

    meshes: MeshSequence
    """Metres; of one topology, but for mesh files of others."""
    similarity: Similarity | None
    """Between metres and the canonical units that metrics of this truth are given in; None where it names none."""
    canonical: NDArray[np.float64] | None = None
    """(V, 3) positions of the vertices in the canonical pose, metres; None where nobody said."""


class TruthFile(BaseModel):
    """``truth.json``; keys that others add are passed over."""

    model_config = ConfigDict(extra="ignore")

    version: Literal[1]
    unit: Literal["canonical", "m", "metre", "metres", "meter", "meters", "cm", "mm"]
    frame: FrameOfReference
    similarity: dict[str, Any] | None = None
    frames: Annotated[list[str], Field(min_length=1)]
    timestamps_s: list[Annotated[float, Field(allow_inf_nan=False)]] | None = None


@dataclass(frozen=True, eq=False)
class StoredTruth:
    """What is in the files, in their unit."""

    meshes: MeshSequence
    canonical: NDArray[np.float64] | None
    """(V, 3)"""
    description: TruthFile | None
    """None where there is no ``truth.json``."""


def load_truth(folder: Path) -> Truth:
    """The truth in ``folder`` in metres; meshes are read when they are asked for.

    Raises:
        InputError: there is none, it does not say its unit, or something is missing or damaged.
    """
    stored = read_stored_truth(folder)
    file, source = stored.description, folder / DESCRIPTION
    if file is None:
        problem = f"has no {DESCRIPTION}, which says the unit and the similarity of its meshes"
        fix = remedy("render the sequence again, or name {} that it was rendered from", Setting.DATASET)
        raise InputError(folder, problem, fix)
    similarity = None if file.similarity is None else Similarity.from_dict(file.similarity, source)
    if file.unit == CANONICAL:
        if similarity is None:
            raise InputError(source, "has canonical units and no similarity", "add its scale (1/m) and centre (m)")
        return canonical_truth(stored, similarity)
    unit = METRES_PER_UNIT[file.unit]
    meshes = stored.meshes if unit == 1 else in_metres(stored.meshes, Similarity(1 / unit))
    return Truth(meshes, similarity, None if stored.canonical is None else stored.canonical * unit)


def canonical_truth(stored: StoredTruth, similarity: Similarity) -> Truth:
    """The truth in metres whose files are in canonical units of ``similarity``."""
    in_pose = stored.canonical
    if in_pose is not None:
        in_pose = in_pose / similarity.scale + similarity.centre
    return Truth(in_metres(stored.meshes, similarity), similarity, in_pose)


def save_truth(
    folder: Path,
    vertices: Iterable[NDArray[np.floating]],
    faces: NDArray[np.integer],
    frame_names: Sequence[str],
    times_s: NDArray[np.float64],
    similarity: Similarity,
    canonical: NDArray[np.floating] | None = None,
) -> None:
    """Write truth of one topology in canonical units and world axes into ``folder``; numbers are stored as they are.

    Args:
        vertices: F times (V, 3) of any floating type
        faces: (T, 3)
        times_s: (F,)
        canonical: (V, 3) the vertices in the canonical pose
    """
    assert len(times_s) == len(frame_names)
    _write_arrays(folder, zip(frame_names, vertices, strict=True), faces, canonical)
    _write_description(folder, CANONICAL, "world", frame_names, times_s, similarity)


def save_metric_truth(folder: Path, truth: Truth) -> None:
    """Write ``truth`` into ``folder`` in metres and its own frame of reference, single precision."""
    meshes = truth.meshes
    assert meshes.one_topology, meshes.title
    moving = ((name, meshes.read(index).vertices) for index, name in enumerate(meshes.frame_names))
    canonical = None if truth.canonical is None else truth.canonical.astype(np.float32)
    _write_arrays(folder, moving, meshes.read(0).faces, canonical)
    _write_description(folder, "m", meshes.frame, meshes.frame_names, meshes.times_s, truth.similarity)


def _write_arrays(
    folder: Path,
    frames: Iterable[tuple[str, NDArray[np.floating]]],
    faces: NDArray[np.integer],
    canonical: NDArray[np.floating] | None,
) -> None:
    """``meshes.npz`` from the name and vertices (V, 3) of each frame."""
    with (
        replacing_file(folder / ARRAYS) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):

        def write(name: str, array: NDArray[Any]) -> None:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)

        write("faces", faces.astype(np.uint16 if faces.max() < 2**16 else np.int32))
        if canonical is not None:
            write("canonical", canonical)
        for name, positions in frames:
            write(f"vertices/{name}", positions)


def _write_description(
    folder: Path,
    unit: str,
    frame: FrameOfReference,
    frame_names: Sequence[str],
    times_s: NDArray[np.float64],
    similarity: Similarity | None,
) -> None:
    description = {
        "version": VERSION,
        "unit": unit,
        "frame": frame,
        "similarity": None if similarity is None else similarity.as_dict(),
        "frames": list(frame_names),
        "timestamps_s": times_s.tolist() if np.isfinite(times_s).all() else None,
    }
    write_json(folder / DESCRIPTION, description)


def read_stored_truth(folder: Path) -> StoredTruth:
    """What the files of ``folder`` hold; meshes are read when they are asked for.

    Raises:
        InputError: there are none, or something is missing or damaged.
    """
    if not folder.is_dir():
        raise InputError(folder, "is a file, not a folder" if folder.exists() else "no such folder", _REMEDY)
    file = _read_description(folder / DESCRIPTION)
    canonical = None
    if (folder / ARRAYS).is_file():
        names, read, canonical = _arrays(folder / ARRAYS, file)
    else:
        names, read = _ply_files(folder, file)
    times_s = np.full(len(names), np.nan)
    if file is not None and file.timestamps_s is not None:
        if len(file.timestamps_s) != len(names):
            problem = f"has {len(file.timestamps_s)} time stamps for {len(names)} frames"
            raise InputError(folder / DESCRIPTION, problem, _AGAIN)
        times_s = np.array(file.timestamps_s, np.float64)
    title = folder.resolve().parent.name if folder.name == "truth" else folder.name
    meshes = MeshSequence(f"Ground truth of {title}", names, times_s, read, True, file.frame if file else "world")
    return StoredTruth(meshes, canonical, file)


def _read_description(source: Path) -> TruthFile | None:
    if not source.is_file():
        return None
    try:
        file = TruthFile.model_validate(read_json(source, _AGAIN))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(source, f"does not describe truth ({place}: {first['msg']})", "correct it") from None
    for name in file.frames:
        check_name(name, source)
    if len(set(file.frames)) < len(file.frames):
        raise InputError(source, "names a frame twice", "correct it")
    return file


def _arrays(
    path: Path, file: TruthFile | None
) -> tuple[tuple[str, ...], Callable[[int], Mesh], NDArray[np.float64] | None]:
    """Frame names, a reader and the canonical positions (V, 3) of the compact form."""
    with NpzFile(path, _AGAIN) as arrays:
        found = tuple(name.removeprefix("vertices/") for name in arrays.names if name.startswith("vertices/"))
        names = found if file is None else tuple(file.frames)
        if not names:
            raise InputError(path, "has no frames", _AGAIN)
        faces = arrays.read("faces", "iu", (None, 3)).astype(np.int32)
        shape = arrays.shape(f"vertices/{names[0]}")
        canonical = None
        if "canonical" in arrays.names:
            canonical = arrays.read("canonical", "f", shape).astype(np.float64)
    if len(shape) != 2 or faces.min() < 0 or faces.max() >= shape[0]:
        raise InputError(path, "has faces of vertices that are not there", _AGAIN)

    def read(index: int) -> Mesh:
        with NpzFile(path, _AGAIN) as arrays:
            vertices = arrays.read(f"vertices/{names[index]}", "f", (shape[0], 3))
        return Mesh(vertices.astype(np.float32), faces)

    return names, read, canonical


def _ply_files(folder: Path, file: TruthFile | None) -> tuple[tuple[str, ...], Callable[[int], Mesh]]:
    """Frame names and a reader of a folder with a PLY file per frame."""
    if file is not None:
        paths = [folder / f"{name}.ply" for name in file.frames]
    else:
        paths = sorted((p for p in folder.glob("*.ply") if not p.name.startswith(".")), key=natural_key)
    if not paths:
        raise InputError(folder, "has no PLY files", _REMEDY)
    first = load_compact_ply(paths[0])

    def check(path: Path, vertices: int, faces: int) -> None:
        if (vertices, faces) != (len(first.vertices), len(first.faces)):
            raise InputError(path, f"has other triangles than {paths[0].name}", "all frames must share one topology")

    for path in paths:
        layout = compact_layout(path)
        if layout is not None:
            check(path, layout.vertices, layout.faces)
        else:  # not written by this program
            mesh = load_mesh(path)
            check(path, len(mesh.vertices), len(mesh.faces))

    def read(index: int) -> Mesh:
        mesh = load_compact_ply(paths[index])
        check(paths[index], len(mesh.vertices), len(mesh.faces) if np.array_equal(mesh.faces, first.faces) else -1)
        return Mesh(mesh.vertices, first.faces)

    return tuple(path.stem for path in paths), read
