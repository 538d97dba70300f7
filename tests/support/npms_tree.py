"""A processed dataset tree in the layout of the published NPM code, written by hand: balls that bend sideways.

Two datasets: ``balls`` (ASCII PLY, identities ``one`` and ``two``) and ``beads`` (binary PLY, another topology,
identity ``two``, who is somebody else than the ``two`` of ``balls``).
"""

import json
import math
import random
import struct
from pathlib import Path

import numpy as np

Points = list[tuple[float, float, float]]
Triangles = list[tuple[int, int, int]]

IDENTITIES = [("balls", "one", 0.2, (8, 12)), ("balls", "two", 0.3, (8, 12)), ("beads", "two", 0.25, (6, 10))]
"""Dataset, name, radius, and rows and columns of the mesh."""
ANIMATIONS = ("bend", "sway")
FRAMES = 3
SIGMAS = (0.01, 0.002)
FLOW_POINTS = 60
SPLIT = "MIX-POSE__balls-2id__beads-1id"


def ball(radius: float, rows: int, columns: int) -> tuple[Points, Triangles]:
    """A closed ball with outward faces, poles on the y axis."""
    vertices: Points = [(0.0, radius, 0.0)]
    for row in range(1, rows):
        polar = math.pi * row / rows
        for column in range(columns):
            around = 2 * math.pi * column / columns
            ring = radius * math.sin(polar)
            vertices.append((ring * math.sin(around), radius * math.cos(polar), ring * math.cos(around)))
    vertices.append((0.0, -radius, 0.0))
    faces: Triangles = []
    for column in range(columns):
        right = (column + 1) % columns
        faces.append((0, 1 + column, 1 + right))
        for row in range(rows - 2):
            upper, lower = 1 + row * columns, 1 + (row + 1) * columns
            faces.append((upper + column, lower + column, lower + right))
            faces.append((upper + column, lower + right, upper + right))
        last = 1 + (rows - 2) * columns
        faces.append((last + column, len(vertices) - 1, last + right))
    return vertices, faces


def bent(vertices: Points, amount: float) -> Points:
    return [(x + amount * y * y, y, z) for x, y, z in vertices]


def frame_amount(animation: str, frame: int) -> float:
    return (1.0 if animation == "bend" else -1.0) * 0.5 * (frame + 1)


def write_ascii_ply(path: Path, vertices: Points, faces: Triangles) -> None:
    lines = ["ply", "format ascii 1.0", f"element vertex {len(vertices)}"]
    lines += [f"property float {axis}" for axis in "xyz"]
    lines += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header"]
    lines += [" ".join(f"{c:.9g}" for c in vertex) for vertex in vertices]
    lines += ["3 " + " ".join(str(i) for i in face) for face in faces]
    path.write_text("\n".join(lines) + "\n")


def write_binary_ply(path: Path, vertices: Points, faces: Triangles) -> None:
    header = "ply\nformat binary_little_endian 1.0\n"
    header += f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
    header += f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    body = b"".join(struct.pack("<3f", *vertex) for vertex in vertices)
    body += b"".join(struct.pack("<B3i", 3, *face) for face in faces)
    path.write_bytes(header.encode() + body)


def write_rows(path: Path, rows: list[tuple[float, ...]]) -> None:
    path.write_bytes(b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows))


def write_pools(folder: Path, radius: float, chance: random.Random) -> None:
    def on_sphere() -> tuple[float, float, float]:
        x, y, z = (chance.gauss(0, 1) for _ in range(3))
        length = math.sqrt(x * x + y * y + z * z)
        return x / length, y / length, z / length

    near, uniform, surface = [], [], []
    for _ in range(600):
        normal, offset = on_sphere(), chance.uniform(-0.05, 0.05)
        near.append((*((radius + offset) * c for c in normal), offset))
    for _ in range(400):
        point = [chance.uniform(-0.5, 0.5) for _ in range(3)]
        uniform.append((*point, math.dist(point, (0, 0, 0)) - radius))
    for _ in range(300):
        normal = on_sphere()
        surface.append((*(radius * c for c in normal), *normal))
    write_rows(folder / "samples_near.sdf", near)
    write_rows(folder / "samples_uniform.sdf", uniform)
    write_rows(folder / "samples_surface.pts", surface)


def slow_flow_points(
    vertices: Points, faces: Triangles, picks: list[int], weights: Points, noise: list[float]
) -> list[list[float]]:
    """Points on triangles ``picks`` moved along their unit normals, one by one."""
    points = []
    for pick, weight, offset in zip(picks, weights, noise, strict=True):
        a, b, c = (vertices[i] for i in faces[pick])
        u, v = [b[k] - a[k] for k in range(3)], [c[k] - a[k] for k in range(3)]
        normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
        length = math.sqrt(sum(n * n for n in normal))
        inside = [weight[0] * a[k] + weight[1] * b[k] + weight[2] * c[k] for k in range(3)]
        points.append([inside[k] + offset * normal[k] / length for k in range(3)])
    return points


def write_tree(root: Path, meshes: bool = True, pools: bool = True, flow: bool = True) -> Path:
    """Write the tree; identity folders that lack meshes keep their samples."""
    chance = random.Random(7)
    labels, tposes = [], []
    for index, (dataset, identity, radius, (rows, columns)) in enumerate(IDENTITIES):
        folder = root / dataset / identity
        vertices, faces = ball(radius, rows, columns)
        common = {"dataset": dataset, "identity_id": index, "identity_name": identity}
        tposes.append({**common, "animation_name": "a_t_pose", "sample_id": "000000"})
        shapes = {("a_t_pose", "000000"): vertices}
        for animation in ANIMATIONS:
            for frame in range(FRAMES):
                shapes[animation, f"{frame:06d}"] = bent(vertices, frame_amount(animation, frame))
                labels.append({**common, "animation_name": animation, "sample_id": f"{frame:06d}"})
        sampling = {}
        for sigma in SIGMAS:
            picks = [chance.randrange(len(faces)) for _ in range(FLOW_POINTS)]
            weights = []
            for _ in range(FLOW_POINTS):
                u, v = sorted((chance.random(), chance.random()))
                weights.append((u, v - u, 1 - v))
            sampling[sigma] = picks, weights, [sigma * chance.uniform(-1, 1) for _ in range(FLOW_POINTS)]
        for (animation, sample), shape in shapes.items():
            place = folder / animation / sample
            place.mkdir(parents=True)
            if meshes:
                write = write_ascii_ply if dataset == "balls" else write_binary_ply
                write(place / "mesh_normalized.ply", shape, faces)
            if flow:
                for sigma, (picks, weights, noise) in sampling.items():
                    points = np.array(slow_flow_points(shape, faces, picks, weights, noise))
                    np.savez(place / f"flow_samples_{sigma}.npz", points=points)
        if pools:
            write_pools(folder / "a_t_pose" / "000000", radius, chance)
    split = root / "ZSPLITS_HUMAN" / SPLIT
    split.mkdir(parents=True)
    (split / "labels.json").write_text(json.dumps(labels))
    (split / "labels_tpose.json").write_text(json.dumps(tposes))
    return root
