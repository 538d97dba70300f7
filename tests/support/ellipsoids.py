"""A small registered dataset of bending ellipsoids, for tests that need one in no time."""

from pathlib import Path

import numpy as np
import trimesh

from engine.dataset.registered import write_description
from engine.geometry.similarity import Similarity


def write_ellipsoids(root: Path, identities: int = 3, sequences: int = 2, frames: int = 4) -> Path:
    """Ellipsoids of different radii that bend sideways; world units are twice the canonical ones."""
    sphere = trimesh.creation.icosphere(3, 1.0)
    np_faces = np.asarray(sphere.faces, np.int32)
    root.mkdir(parents=True)
    np.save(root / "faces.npy", np_faces)
    counts: dict[str, dict[str, int]] = {}
    for identity in range(identities):
        name = f"ellipsoid_{identity:03d}"
        radii = np.array([0.12 + 0.03 * identity, 0.35, 0.15])
        canonical = (np.asarray(sphere.vertices) * radii).astype(np.float32)
        (root / name).mkdir()
        np.save(root / name / "canonical.npy", canonical)
        counts[name] = {}
        for sequence in range(sequences):
            phase = np.linspace(0, np.pi, frames)[:, None] + sequence
            posed = np.repeat(canonical[None], frames, 0).astype(np.float64)
            posed[..., 0] += 0.4 * np.sin(phase) * posed[..., 1] ** 2
            np.save(root / name / f"bend_{sequence}.npy", posed.astype(np.float16))
            counts[name][f"bend_{sequence}"] = frames
    write_description(root, "ellipsoids", "ellipsoids", "CC0-1.0", Similarity(0.5), 10.0, counts, {"command": "test"})
    return root
