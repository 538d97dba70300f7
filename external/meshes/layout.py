"""Which files of a folder are frames of whom: `find_meshes`, `named_canonical`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.core.errors import InputError, Notice, Remedy
from engine.core.files import natural_key
from engine.dataset.registered import CANONICAL_SEQUENCE
from engine.geometry.mesh_files import read_triangles
from external.meshes.canonical import is_canonical_name

ENDINGS = (".ply", ".obj", ".off", ".glb", ".gltf", ".stl")
"""Formats that are read; where the same frames are there in several, the first is taken."""
_NOT_READ = (
    ".fbx",
    ".abc",
    ".dae",
    ".usd",
    ".usda",
    ".usdc",
    ".usdz",
    ".blend",
    ".3ds",
    ".x3d",
    ".wrl",
    ".vtk",
    ".vtp",
)


@dataclass(frozen=True)
class FoundMeshes:
    """What `find_meshes` found."""

    files: dict[str, dict[str, list[Path]]]
    """Identity to sequence to frames; canonical meshes are no frames."""
    notices: tuple[Notice, ...]
    """What was left out, and what was decided."""


def find_meshes(folder: Path, canonical: str | None) -> FoundMeshes:
    """The mesh sequences in ``folder``; see `external.meshes.folder` for the layouts.

    Args:
        canonical: path of the canonical mesh inside the folder of each identity, if it was named.

    Raises:
        InputError: there are none, or it cannot be told which files are frames of whom.
    """
    notices: list[Notice] = []
    top = _one_format(folder, notices)
    if top and not all(is_canonical_name(path.stem) for path in top):
        beside = [
            child.name for child in _folders_in(folder) if not is_canonical_name(child.name) and _meshes_below(child)
        ]
        if beside:
            problem = f"holds {len(top)} meshes, such as {top[0].name}, beside folders with meshes, such as {beside[0]}"
            fix = "put frames into IDENTITY/SEQUENCE/FRAME.ply, and what does not belong to them elsewhere"
            raise InputError(folder, problem, fix)
        found = {folder.resolve().name: {"sequence": top}}
    else:
        found = {child.name: _sequences_in(child, notices) for child in _folders_in(folder)}
        if top and not any(found.values()):
            found = {folder.resolve().name: {"sequence": top}}
    doubles = _drop_doubles(found, notices)
    canonicals = set()
    for identity, sequences in found.items():
        base = folder / identity if (folder / identity).is_dir() else folder
        reference = named_canonical(base) if canonical is None else base / canonical
        canonicals.add(reference)
        for name, paths in list(sequences.items()):
            same = [path for path in paths if reference and path.with_suffix("") == reference.with_suffix("")]
            if same and (same[0].parent == base or len(paths) == 1):  # it stands beside the frames
                paths.remove(same[0])
            if not paths or name == CANONICAL_SEQUENCE:
                del sequences[name]
    found = {identity: sequences for identity, sequences in found.items() if sequences}
    if not found:
        others = _others(folder)
        held = f": it holds {others[0].suffix} files, which are not read" if others else ""
        fix = f"expected IDENTITY/SEQUENCE/FRAME.ply, or {', '.join(ENDINGS[1:])}"
        raise InputError(folder, f"holds no mesh sequences{held}", fix)
    used = {path for sequences in found.values() for paths in sequences.values() for path in paths}
    notices += _left_out(folder, used | canonicals | doubles)
    return FoundMeshes(found, tuple(notices))


def named_canonical(folder: Path) -> Path | None:
    """The file in ``folder``, or the first one in a folder of it, that is called as canonical meshes are."""
    for path in _one_format(folder):
        if is_canonical_name(path.stem):
            return path
    for child in _folders_in(folder):
        if is_canonical_name(child.name) and _meshes_in(child):
            return _one_format(child)[0]
    return None


def _sequences_in(folder: Path, notices: list[Notice]) -> dict[str, list[Path]]:
    """Sequence to frames of the identity in ``folder``."""
    sequences = {child.name: _one_format(child, notices) for child in _folders_in(folder)}
    sequences = {name: paths for name, paths in sequences.items() if paths}
    own = _one_format(folder, notices)
    frames = [path for path in own if not is_canonical_name(path.stem)]
    if not sequences:
        return {"sequence": own} if own else {}
    if frames:  # beside folders of frames
        name = "sequence" if "sequence" not in sequences else f"{folder.name}_sequence"
        text = f"{folder}: {len(frames)} meshes beside its folders, such as {frames[0].name}, are a sequence too"
        notices.append(Notice(text, Remedy("remove them where they are no frames")))
        sequences[name] = own
    return sequences


def _one_format(folder: Path, notices: list[Notice] | None = None) -> list[Path]:
    """The meshes in ``folder``, each frame once: where all are there in a second format, that is left out.

    Raises:
        InputError: some frames are there in several formats, others are not.
    """
    by_ending: dict[str, dict[str, Path]] = {}
    for path in _meshes_in(folder):
        by_ending.setdefault(path.suffix.lower(), {})[path.stem] = path
    usual, *others = sorted(by_ending, key=lambda ending: (-len(by_ending[ending]), ENDINGS.index(ending))) or [""]
    taken = dict(by_ending.get(usual, {}))
    for ending in others:
        again = [stem for stem in by_ending[ending] if stem in taken]
        if not again:
            taken |= by_ending[ending]
            continue
        new = [path.name for stem, path in by_ending[ending].items() if stem not in taken]
        if new and not all(is_canonical_name(Path(name).stem) for name in new):
            problem = f"has {len(again)} frames as {usual} and as {ending}, others such as {new[0]} in one format alone"
            raise InputError(folder, problem, "keep one format of each frame")
        taken |= {Path(name).stem: folder / name for name in new}
        if notices is not None:
            text = f"{folder}: left out: {len(again)} {ending} files of frames that are there as {usual}"
            notices.append(Notice(text))
    return sorted(taken.values(), key=natural_key)


def _drop_doubles(found: dict[str, dict[str, list[Path]]], notices: list[Notice]) -> set[Path]:
    """Take out sequences whose frames are there in another format, in another folder; the files of these."""
    kept: list[list[Path]] = []
    doubles: set[Path] = set()
    for sequences in found.values():
        for name, paths in list(sequences.items()):
            first = next((each for each in kept if _is_double(paths, each)), None)
            if first is None:
                kept.append(paths)
                continue
            del sequences[name]
            doubles.update(paths)
            text = f"left out: {len(paths)} meshes in {paths[0].parent}, which are those in {first[0].parent}"
            notices.append(Notice(text))
    return doubles


def _is_double(paths: list[Path], others: list[Path]) -> bool:
    """Whether files of the same names in two formats hold the same meshes, told by the first and the last of them."""
    if [path.stem for path in paths] != [path.stem for path in others] or not paths:
        return False
    if any(path.suffix.lower() == other.suffix.lower() for path, other in zip(paths, others, strict=True)):
        return False
    return all(_same_surface(paths[index], others[index]) for index in (0, -1))


def _same_surface(path: Path, other: Path) -> bool:
    """Whether the corners of all triangles agree as far as text files round."""
    (vertices, faces), (those, their_faces) = read_triangles(path), read_triangles(other)
    if len(faces) != len(their_faces):
        return False
    return bool(np.abs(vertices[faces] - those[their_faces]).max() <= 1e-4 * np.ptp(vertices[faces]))


def _left_out(folder: Path, used: Iterable[Path | None]) -> Iterator[Notice]:
    """Meshes below ``folder`` that are neither frames nor canonical, and files of formats that are not read."""
    taken = {(path.parent, path.stem) for path in used if path is not None}  # in any format
    beside = [path for path in _meshes_below(folder) if (path.parent, path.stem) not in taken]
    if beside:
        text = f"left out: {len(beside)} meshes that are no frames in IDENTITY/SEQUENCE, such as {beside[0]}"
        yield Notice(text, Remedy("put frames there, and a canonical mesh into the folder of its identity"))
    others = _others(folder)
    if others:
        text = f"left out: {len(others)} files of formats that are not read, such as {others[0]}"
        yield Notice(text, Remedy(f"export them as one of {', '.join(ENDINGS)}"))


def _meshes_in(folder: Path) -> list[Path]:
    found = (p for p in folder.iterdir() if p.suffix.lower() in ENDINGS and not p.name.startswith(".") and p.is_file())
    return sorted(found, key=natural_key)


def _folders_in(folder: Path) -> list[Path]:
    return sorted((p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")), key=natural_key)


def _meshes_below(folder: Path) -> list[Path]:
    return [path for path in _files_below(folder) if path.suffix.lower() in ENDINGS]


def _others(folder: Path) -> list[Path]:
    return [path for path in _files_below(folder) if path.suffix.lower() in _NOT_READ]


def _files_below(folder: Path) -> list[Path]:
    found = (p for p in folder.rglob("*") if p.suffix.lower() in (*ENDINGS, *_NOT_READ) and p.is_file())
    seen = [p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    return sorted(seen, key=lambda path: (str(path.parent), natural_key(path)))
