"""A small clean dataset of ellipsoids, and what `dataset verify` says of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from engine.dataset.registered import write_description
from engine.dataset.verification.verify import Verification, verify_dataset
from engine.geometry.similarity import Similarity
from external.datasets import open_dataset

A, B, C = "ellipsoid_000", "ellipsoid_001", "ellipsoid_002"
FRAMES = 5


def write_clean_dataset(root: Path, shells: bool = False) -> Path:
    """Three ellipsoids of different shape that bend sideways, no two frames alike; the scale is 0.4 per metre.

    ``shells``: a small sphere inside each of them.
    """
    sphere = trimesh.creation.icosphere(3, 1.0)
    vertices, faces = np.asarray(sphere.vertices), np.asarray(sphere.faces, np.int32)
    if shells:
        faces = np.concatenate((faces, faces + len(vertices)))
        vertices = np.concatenate((vertices, 0.3 * vertices))
    root.mkdir(parents=True)
    np.save(root / "faces.npy", faces)
    counts: dict[str, dict[str, int]] = {}
    for number, name in enumerate((A, B, C)):
        canonical = (vertices * [0.12 + 0.04 * number, 0.4 - 0.05 * number, 0.15]).astype(np.float32)
        (root / name).mkdir()
        np.save(root / name / "canonical.npy", canonical)
        counts[name] = {}
        for sequence in ("slow", "fast"):
            posed = np.repeat(canonical[None], FRAMES, 0)
            bend = np.linspace(0.1, 0.4 if sequence == "fast" else 0.2, FRAMES)[:, None]
            posed[..., 0] += bend * posed[..., 1] ** 2
            np.save(root / name / f"{sequence}.npy", posed.astype(np.float16))
            counts[name][sequence] = FRAMES
    write_description(root, "ellipsoids", "ellipsoids", "CC0-1.0", Similarity(0.4), 10.0, counts, {"command": "test"})
    return root


def verify(root: Path) -> Verification:
    return verify_dataset(root, open_dataset)


def lines(root: Path) -> list[str]:
    return [str(problem) for problem in verify(root).problems]


def only_problem(root: Path, place: Path | str, *words: str) -> str:
    """The one line that is listed for ``root``; it must begin with ``place`` and hold all ``words``."""
    found = lines(root)
    assert len(found) == 1, "\n".join(found)
    assert found[0].startswith(f"{place}: "), found[0]
    for word in words:
        assert word in found[0], found[0]
    return found[0]


def change(path: Path, edit: Callable[[np.ndarray], np.ndarray | None]) -> Path:
    """Replace the array in ``path`` by what ``edit`` returns, or by what it did to it."""
    array = np.load(path)
    result = edit(array)
    np.save(path, array if result is None else result)
    return path


def relabel(path: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    """Apply ``edit`` to every entry of a label file."""
    entries = json.loads(path.read_text())
    for entry in entries:
        edit(entry)
    path.write_text(json.dumps(entries))
    return path
