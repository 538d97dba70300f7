"""Swimming fish as a folder of PLY files: a class of one's own, in centimetres and with Z up."""

from pathlib import Path

import numpy as np
import trimesh

RINGS, AROUND = 24, 12
FRAMES = 5


def write_fish(folder: Path, name: str, size: float = 1.0, length_cm: float = 60.0) -> None:
    """One fish with a canonical mesh and two motions below ``folder/name``; it looks along -y, its head forward."""
    random = np.random.default_rng(sum(name.encode()))
    height, width = random.uniform(0.2, 0.32), random.uniform(0.1, 0.16)
    along = np.linspace(0, 1, RINGS)
    profile = np.sin(np.pi * along**0.8) ** 0.7 + 0.02
    angles = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    x = 0.5 * width * profile[:, None] * np.cos(angles)
    z = 0.5 * height * profile[:, None] * np.sin(angles)
    y = np.broadcast_to(along[:, None] - 0.5, x.shape)
    vertices = np.stack((x, y, z), -1).reshape(-1, 3)
    vertices = np.concatenate((vertices, [[0, -0.52, 0], [0, 0.52, 0]])) * size * length_cm
    faces = _faces()
    place = folder / name
    (place / "cruise").mkdir(parents=True)
    (place / "dart").mkdir()
    trimesh.Trimesh(vertices, faces, process=False).export(place / "canonical.ply")
    scale = size * length_cm
    for motion, amplitude in (("cruise", 0.08), ("dart", 0.16)):
        for frame, phase in enumerate(np.linspace(0, 1.7 * np.pi, FRAMES)):
            posed = vertices.copy()
            bend = amplitude * scale * (posed[:, 1] / scale + 0.5) ** 2
            posed[:, 0] += bend * np.sin(2.5 * posed[:, 1] / scale - phase)
            trimesh.Trimesh(posed, faces, process=False).export(place / motion / f"{frame:03d}.ply")


def _faces() -> np.ndarray:
    """Triangles of the rings and of both ends, outward."""
    faces = []
    for ring in range(RINGS - 1):
        for side in range(AROUND):
            a, b = ring * AROUND + side, ring * AROUND + (side + 1) % AROUND
            faces += [[a, a + AROUND, b], [b, a + AROUND, b + AROUND]]
    head, tail = RINGS * AROUND, RINGS * AROUND + 1
    for side in range(AROUND):
        after = (side + 1) % AROUND
        faces.append([head, side, after])
        faces.append([tail, (RINGS - 1) * AROUND + after, (RINGS - 1) * AROUND + side])
    found = np.array(faces)
    return found
