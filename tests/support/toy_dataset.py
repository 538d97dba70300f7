"""The training frames of the toy model as a registered dataset: meshes that its codes decode to."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.dataset.registered import write_description
from engine.surface.extract import extract_surface, pose_vertices
from tests.support.toy_model import DOLLS, SEQUENCES, toy_model


def write_dolls(root: Path, identities: Sequence[str] = tuple(DOLLS)) -> Path:
    """Dolls of these names, each with faces of its own, in all of their motions."""
    model = toy_model()
    assert model.pose_codes is not None
    root.mkdir(parents=True)
    counts: dict[str, dict[str, int]] = {}
    for name in identities:
        index = list(DOLLS).index(name)
        mesh = extract_surface(model, model.shape_codes[index], 32)
        (root / name).mkdir()
        np.save(root / name / "canonical.npy", mesh.vertices)
        np.save(root / name / "faces.npy", mesh.faces)
        rows = model.frames_of(index)
        counts[name] = {}
        for sequence in SEQUENCES:
            mine = [row for row in rows if model.info.frames[row].sequence == sequence]
            posed = [
                pose_vertices(model, model.shape_codes[index], model.pose_codes[row], mesh.vertices) for row in mine
            ]
            np.save(root / name / f"{sequence}.npy", np.stack(posed))
            counts[name][sequence] = len(posed)
    recipe = {"command": "test"}
    write_description(root, "dolls", "dolls", "CC0-1.0", model.info.similarity, 10.0, counts, recipe)
    return root
